"""The page over many runs: whose numbers share a column, what is said of runs that are broken, and where links lead."""

import json
import re
from html.parser import HTMLParser
from urllib.parse import unquote

import pytest

from jova_bench import cli
from jova_bench.files.locks import acquire
from jova_bench.report.html.folder import MARK
from jova_bench.runs.store import LOCK
from support.commands import call
from support.made_runs import Clips, made_run

HOSTILE = "<img src=x onerror=alert(1)>"


class Tables(HTMLParser):
    """The text of every cell, by table, and all links."""

    def __init__(self, text):
        super().__init__()
        self.tables, self.links, self.tags = [], [], []
        self._inside = False
        self.feed(text)
        self.tables = [[[" ".join(cell.split()) for cell in row] for row in table] for table in self.tables]

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [value for key, value in attrs if key in ("href", "src")]
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")
            self._inside = True

    def handle_endtag(self, tag):
        self._inside = self._inside and tag not in ("td", "th")

    def handle_data(self, data):
        if self._inside:
            self.tables[-1][-1][-1] += f" {data}"


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Three finished runs, of which one measured by another version; one of other prompts; and what is broken."""
    folder = tmp_path_factory.mktemp("many") / "runs"
    made_run(folder / "a", {"ours": {"lse_c": [1.0, 2.0, 3.0]}, "real": {"lse_c": [5.0, 5.0, 5.0]}})
    made_run(folder / "deep" / HOSTILE, {"their": {"lse_c": [4.0, 4.0]}}, failed=[("their", "p01", 0)])
    made_run(folder / "c", {"ours": {"lse_c": [7.0, 8.0, 9.0]}}, [Clips("lse_c", version=2)])
    made_run(folder / "other", {"ours": {"lse_c": [70.0, 80.0]}}, question="q2")
    made_run(folder / "torn", {"ours": {"lse_c": [1.0]}})
    (folder / "torn" / "scores.jsonl").write_text("{]\n")
    made_run(folder / "lost", {"ours": {"lse_c": [1.0]}})
    (folder / "lost" / "manifest.json").unlink()
    made_run(folder / "stopped", {"ours": {"lse_c": [1.0]}})
    (folder / "stopped" / "summary.json").unlink()
    (folder / "notes").mkdir()
    (folder / "notes" / "todo.txt").write_text("")
    return folder


@pytest.fixture(scope="module")
def pages(runs):
    with acquire(runs / "a" / LOCK):  # As if the run was being continued.
        assert cli.main(["report", str(runs), "--html"]) == 0
    return runs / "report"


@pytest.fixture(scope="module")
def index(pages):
    return Tables((pages / "index.html").read_text(encoding="utf-8"))


def test_each_run_has_a_line_with_its_state_and_what_is_wrong(index):
    lines = {row[0]: row for row in index.tables[0][1:]}
    assert list(lines) == ["a", "c", f"deep/{HOSTILE}", "lost", "other", "stopped", "torn"]
    assert lines["a"][1:7] == ["going on", "made", "standard", "ours, real", "3", "6"]
    assert lines["c"][1:7] == ["finished", "made", "standard", "ours", "3", "3"]
    assert lines[f"deep/{HOSTILE}"][4:7] == ["their", "2", "1 1 failed"]
    assert lines["stopped"][1] == "not finished no summary: it was stopped, or generated alone"
    assert lines["torn"][1].startswith("broken torn/scores.jsonl:1: ")
    assert lines["lost"][1].startswith("broken expected a run folder with a manifest.json, got lost")
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d", row[-1]) for row in lines.values())


def test_numbers_of_other_identities_or_prompts_share_no_column(index):
    _, same, other = index.tables
    first, second = same[0][1:]  # One label would be two metrics.
    assert first != second
    assert [row[:1] if len(row) == 1 else [row[0], *(cell.split()[0] for cell in row[1:])] for row in same[1:]] == [
        ["a · going on: numbers are those of its last summary"], ["ours", "2.0", "not"], ["real", "5.00", "not"],
        ["c"], ["ours", "not", "8.0"],
        [f"deep/{HOSTILE}"], ["their", "4.00", "not"],
    ]  # fmt: skip
    assert "3 prompts" in same[2][1]
    assert [row[0] for row in other[1:]] == ["other", "ours"]
    assert other[2][1].startswith("75 [")


def test_links_lead_to_pages_of_finished_runs_inside(pages, index):
    links = {unquote(link) for link in index.links if link.endswith("index.html")}
    assert len(links) == 4  # None of broken runs, nor of one without a summary.
    assert {"a/index.html", "c/index.html", "other/index.html"} < links
    for link in links:
        path = pages / link
        assert path.resolve().is_relative_to(pages)
        assert (path.parent / MARK).is_file()
        assert path.with_name("plotly.min.js").samefile(pages / "plotly.min.js")
    assert "img" not in index.tags


def test_the_page_can_be_written_again_and_is_no_run_itself(runs, pages, tmp_path, capsys):
    code, out, _ = call(capsys, "report", runs / "a", runs / "deep" / HOSTILE, "--html", tmp_path / "two")
    assert (code, out) == (0, f"{tmp_path / 'two' / 'index.html'}\n")
    names = [row[0] for row in Tables((tmp_path / "two" / "index.html").read_text()).tables[0][1:]]
    assert names == ["a", f"deep/{HOSTILE}"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["{runs}/a", "{runs}/c"], "expected one RUN, or several with --html, got 2"),
        (["{runs}/a", "{runs}/c", "--html"], "expected the folder to write"),
        (["{runs}", "--html", "--sweep", "x.json"], "expected one RUN with --sweep, got several"),
        (["{runs}/a", "{runs}/notes", "--html", "{runs}/x"], "notes, which has none"),
        (["{runs}/a", "{runs}/none", "--html", "{runs}/x"], "none: No such file or directory"),
        (["{runs}/a", "{runs}/c", "--html", "{runs}/notes"], "expected a new folder or an earlier report"),
    ],
)
def test_a_mistake_is_told(runs, words, said, capsys):
    code, _, err = call(capsys, "report", *(word.format(runs=runs) for word in words))
    assert code == 2
    assert said in err
    assert not (runs / "x").exists()


def test_a_run_whose_pages_cannot_be_made_keeps_its_numbers(tmp_path, capsys):
    for name in ("fine", "odd"):
        made_run(tmp_path / name, {"ours": {"lse_c": [1.0, 2.0]}})
    samples = (tmp_path / "odd" / "samples.jsonl").read_text()
    (tmp_path / "odd" / "samples.jsonl").write_text(samples + json.dumps({"model": "x"}) + "\n")
    assert call(capsys, "report", tmp_path, "--html")[0] == 0
    index = Tables((tmp_path / "report" / "index.html").read_text())
    assert [row[1].split()[0] for row in index.tables[0][1:]] == ["finished", "broken"]
