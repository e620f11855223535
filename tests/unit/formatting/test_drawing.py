"""Pages on a terminal: as wide as that, with every word and number of the Markdown, whole."""

import re

import pytest
from rich.cells import cell_len

from jova_bench.formatting.drawing import drawn
from jova_bench.formatting.fitting import parts, wrapped
from jova_bench.formatting.text import escaped, table

HEADER = ["Model", "Metric", "A", "B - A", "p (Holm)", "Note", "B is"]
BODY = [
    ["jova", "LSE-C ↑", "2.886", "-0.917 [-0.962, -0.872]", "0.0012", "", "worse"],
    ["a|b_*c*", "AV offset (frames) → real", "1,234.5", "+0.010 [-0.034, +0.055]", "1", "<b> & `c`", "undefined[^1]"],
    ["模型模型", "WER ↓", "3.05", "-0.911 [-0.952, -0.871] (16/2/1)", "0.31", "no speech " * 9, "no difference shown"],
]


def page(header=HEADER, body=BODY):
    rows = [[escaped(cell) if "[^" not in cell else cell for cell in row] for row in body]
    return f"# Title\n\nA **bold** word.\n- an item\n\n{table(header, rows)}\n\n[^1]: why {'long' * 30}\n"


@pytest.fixture(autouse=True)
def plain(monkeypatch):
    monkeypatch.setenv("TERM", "dumb")


@pytest.mark.parametrize("width", [28, 40, 60, 80, 100, 160, 300])
def test_no_line_is_too_wide_and_nothing_is_lost(width):
    text = drawn(page(), width, ascii_only=False)
    assert max(map(cell_len, text.splitlines())) <= width
    assert "…" not in text
    words = text.split()
    for cell in (cell for row in BODY for cell in row):
        for number in re.findall(r"[-+]?\d[\d.,]*\d", cell):
            assert any(number in word for word in words), number
    wanted = "worse undefined[1] a|b_*c* [-0.962, 模型模型 shown (16/2/1) Title bold [1]:"
    assert set(wanted.split()) <= set(words)
    # A table of several parts has the name of a row in each; one of no room has each row for itself.
    assert text.count("jova") == len(parts(HEADER, BODY, width) or "1")


def test_a_table_of_several_parts_begins_with_the_verdict_and_breaks_no_interval():
    found = parts(HEADER, BODY, 60)
    assert [column.name for column in found[0]][:3] == ["Model", "Metric", "B is"]
    assert all([column.name for column in one][:2] == ["Model", "Metric"] for one in found)
    assert {column.name for one in found for column in one} == set(HEADER)
    assert [[column.name for column in one] for one in parts(HEADER, BODY, 300)] == [HEADER]


def test_rows_are_named_by_as_many_columns_as_tell_them_apart():
    header = ["voice", "speaker", *(f"Quantity {i}" for i in range(9))]
    body = [[voice, one, *["0.123 [0.100, 0.150] (100)"] * 9] for voice in ("deep", "high") for one in "ab"]
    found = parts(header, body, 80)
    assert all([column.name for column in one][:2] == ["voice", "speaker"] for one in found)
    assert len(found) == 5
    assert {column.width for one in found for column in one[2:]} == {26}


def test_cells_break_between_their_parts_alone():
    cell = "0.123 [0.100, 0.150] (16/2/1)[1] 12 GB and words"
    assert list(wrapped(cell, 16)) == ["0.123", "[0.100, 0.150]", "(16/2/1)[1]", "12 GB and words"]
    assert list(wrapped("a-very-long-name", 6)) == ["a-very", "-long-", "name"]
    assert list(wrapped("", 6)) == [""]


def test_colours_and_bold_are_of_terminals_that_have_them(monkeypatch):
    assert "\x1b" not in drawn(page(), 100, ascii_only=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    coloured = drawn(page(), 100, ascii_only=False)
    assert "\x1b[31mworse" in coloured
    monkeypatch.setenv("NO_COLOR", "1")
    bold = drawn(page(), 100, ascii_only=False)
    assert set(re.findall(r"\x1b\[[\d;]*m", bold)) == {"\x1b[1m", "\x1b[2m", "\x1b[0m"}
    assert re.sub(r"\x1b\[[\d;]*m", "", bold) == re.sub(r"\x1b\[[\d;]*m", "", coloured)


@pytest.mark.parametrize("width", [30, 100])
def test_names_of_models_command_no_terminal(width, monkeypatch):
    names = [
        "\x1b[31mred\x1b]0;title\x07",
        "[bold]b[/bold] [link=http://x]",
        "\u202eabc\u2067",
        ":smile: \x9b2J",
        "\ra\x08",
    ]
    body = [[name, *BODY[0][1:]] for name in names]
    for term in ("dumb", "xterm-256color"):
        monkeypatch.setenv("TERM", term)
        text = re.sub(r"\x1b\[[\d;]*m", "" if term != "dumb" else r"\g<0>", drawn(page(body=body), width, False))
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]", text)
        words = "".join(text.split())
        for name in ("[31mred", "[bold]b[/bold]", "abc", ":smile:"):
            assert name in words, name


def test_a_name_has_no_style_of_its_own(monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    assert "\x1b[31m" not in drawn(page(body=[["\x1b[31mred", *BODY[0][1:-1], "better"]]), 100, False)


def test_lines_are_ascii_where_a_terminal_has_no_others():
    assert drawn("| a | b |\n| --- | --- |\n| 1 | x |\n", 60, ascii_only=True) == "a | b\n--+--\n1 | x\n"
