"""Text of others in tables: shown as it is, wherever the table goes."""

import re

import pytest

from jova_bench.formatting.text import code, difference_text, escaped, one_line, spreadsheet, with_interval
from jova_bench.report.latex import escaped as tex
from jova_bench.report.latex import latex
from jova_bench.report.leaderboard import leaderboard
from jova_bench.summary import Summary
from support.estimates import estimate
from support.made_runs import blank_manifest


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("![x](http://evil/a.png)", r"!\[x\](http\://evil/a.png)"),
        ("[x]: http://evil", r"\[x\]: http\://evil"),
        ("see https://evil or www.evil.com", r"see https\://evil or www\.evil.com"),
        ("<http://evil> <img src=x onerror=y>", r"\<http\://evil\> \<img src=x onerror=y\>"),
        ("a\\|b", r"a\\\|b"),
        ("`c` *b* ~~d~~ $m$", r"\`c\` \*b\* \~\~d\~\~ \$m\$"),
        ("_it_ but mouth_audio_corr", r"\_it\_ but mouth_audio_corr"),
        ("&lt;b&gt; &#60; a & b", r"\&lt;b\&gt; \&#60; a & b"),
        ("# head", r"\# head"),
        ("- item", r"\- item"),
        ("---", r"\---"),
        ("1. item", r"1\. item"),
        ("-0.5 +0.3 = #1", "-0.5 +0.3 = #1"),
        ("a\n\n# b\r\u2028c\x85d", "a # b c d"),
        ("\x1b]0;title\x07 \u202etxt", "\ufffd]0;title\ufffd \ufffdtxt".replace("]", r"\]")),
        ("日本 ünïcode – →", "日本 ünïcode – →"),
    ],
)
def test_markdown_shows_text_as_it_is(text, shown):
    assert escaped(text) == shown


@pytest.mark.parametrize(
    ("value", "ci", "shown"),
    [
        (1e-7, None, "1.00e-7"),
        (3e-7, (2e-7, 4e-7), "3.00e-7 [2.00e-7, 4.00e-7]"),
        (-1e-12, (-2e-12, 0.0), "-1.00e-12 [-2.00e-12, 0.0000]"),
        (4.9e-5, (4e-5, 6e-5), "4.90e-5 [4.00e-5, 6.00e-5]"),
        (5.1e-5, (4e-5, 6e-5), "0.0001 [0.0000, 0.0001]"),
        (5e-324, None, "4.94e-324"),
        # Its interval, not the limit of four, says how many decimals it deserves.
        (1e-5, (-0.02, 0.03), "0.000 [-0.020, 0.030]"),
        (0.0, None, "0.00"),
        (0.0, (0.0, 0.0), "0.00 [0.00, 0.00]"),
        (0.25, None, "0.250"),
        (-12.345, (-13.0, -11.0), "-12.3 [-13.0, -11.0]"),
    ],
)
def test_only_zero_reads_as_zero_with_four_decimals(value, ci, shown):
    assert with_interval(value, ci) == shown


def test_small_differences_are_told_from_none():
    assert difference_text(2e-7, (1e-7, 3e-7)) == "+2.00e-7 [+1.00e-7, +3.00e-7]"
    assert difference_text(0.0, (0.0, 0.0)) == "0.00 [0.00, 0.00]"


def test_code_cannot_be_left():
    assert code("wer@2/standard:x[ab]{a=1}") == "`wer@2/standard:x[ab]{a=1}`"
    # The fence is longer than any run of backticks inside of it, and there is no other line.
    assert code("a`b``c\n<img>") == "``` a`b``c <img> ```"


def test_no_cell_is_a_formula():
    assert [spreadsheet(text) for text in ("=1+1", "+1", "-1+1", "@SUM(A1)", "\t=1", "\n=1")] == [
        "'=1+1", "'+1", "'-1+1", "'@SUM(A1)", "'=1", "'=1",
    ]  # fmt: skip
    assert [spreadsheet(text) for text in ("jova", "a=1", "voice=deep", "")] == ["jova", "a=1", "voice=deep", ""]


def test_rows_of_latex_cannot_be_taken_for_what_ends_the_row_before():
    # `\\` looks for a star and a length in brackets, also on the next line.
    assert tex("[1cm] *x |y") == r"{[}1cm{]} {*}x \textbar{}y"


HOSTILE = "x\n\\input{/etc/passwd}\n\\write18{id}\r![i](http://evil/i.png)|`<b>`"
OF_PARAMETER = "wer@1/standard:b{of=" + re.sub(r"[\n\r]", " ", HOSTILE) + "}"
"""The one part of an identity in which almost any text may stand."""


def test_texts_of_others_in_every_view():
    found = Summary(
        schema=1,
        suite=HOSTILE,
        profile="standard",
        estimates=(
            estimate("=m", HOSTILE, OF_PARAMETER),
            estimate("=m", HOSTILE, OF_PARAMETER, slice=f"={HOSTILE}=1"),
            estimate("n", "other", "other@1/standard:b", n=(0, 1, 0), value=None, ci=None, reasons={HOSTILE: 1}),
        ),
        cost=(),
    )
    board = leaderboard(found, blank_manifest(suite_digest=HOSTILE, device=HOSTILE))
    for line in latex(board).splitlines():
        assert line.startswith("%") or ("\\input" not in line and "\\write" not in line), line
        assert not re.match(r"\s*\\(input|write)", line)
    outside_of_code = re.sub(r"``.*?``", "", board.markdown())
    assert not re.search(r"(?<!\\)!?\[i\]|(?<!\\)<b>|https?://", outside_of_code)
    for part in board.markdown().split("\n\n"):
        if part.startswith("|"):
            assert len({len(re.findall(r"(?<!\\)\|", line)) for line in part.splitlines()}) == 1, part
    rows = board.csv().splitlines()
    assert not [cell for row in rows for cell in re.findall(r'(?:^|,)"?([=+@])', row)]


def test_one_line_has_nothing_that_is_not_seen():
    assert one_line("a \x00 b\x9b c\u2066d") == "a \ufffd b\ufffd c\ufffdd"
