"""A page of a run that goes on: what it says at each moment, that no file of it is torn, and how it ends."""

import errno
import shutil
from html.parser import HTMLParser

import pytest

from jova_bench.errors import BenchError
from jova_bench.progress import Quiet
from jova_bench.report.html.folder import MARK
from jova_bench.report.html.site import write_html
from jova_bench.report.live import watch as watching
from jova_bench.report.live.page import SILENT_S, times, what_to_do
from jova_bench.report.live.watch import EVERY_S, SHARE, watch
from jova_bench.runs.following import Followed
from jova_bench.runs.store import SAMPLES, SCORES, SUMMARY
from support.commands import call
from support.growing import GrowingRun


@pytest.fixture
def run(tmp_path):
    return GrowingRun(tmp_path / "run")


def followed(run, steps, write=None):
    """Watches a run while one step after the other is taken, each in the time between two looks."""
    steps = iter(steps)

    def pause(seconds):
        assert seconds >= EVERY_S
        next(steps)()

    write = write or (lambda target, progress: write_html(run.folder, target, workers=0, progress=progress))
    return watch(run.folder, None, write, Quiet(), pause)


def test_a_run_from_its_beginning_to_its_pages(run):
    seen = []

    def see(*expected):
        found = run.page()
        seen.append(found["beat"])
        words = " ".join(text_of(found["parts"][part]) for part in ("progress", "numbers", "clips"))
        for one in expected:
            assert one in f"{found['state']} {found['says']} {words}", one
        return found

    def samples():
        see("making", "0 of 4", "not begun", "Nothing is scored yet", "No clip to show yet")
        run.add(SAMPLES, 6)

    def scores():
        found = see("making", "ours 4 of 4", "real 2 of 4")
        assert found["title"] == "6 of 8: made"
        assert "<img" not in found["parts"]["clips"]
        assert len(list((run.folder / "report" / "clips").iterdir())) == 6
        run.add(SAMPLES, 2)
        run.write(specs=run.specs)
        run.add(SCORES, 3)

    def stop():
        # (1 + 2) / 2 over what is scored, one prompt of which has no answer.
        see("scoring", "3 of 4", "1.50", "2 of 4, 1 undefined", "not yet", "1 failed: it crashed", "real 3 of 4")
        run.end()

    def go_on():
        see("stopped", "no process writes this run any more", "1.50")
        run.begin()
        run.add(SCORES, 1)

    def tear():
        see("scoring", "2.67", "3 of 4, 1 undefined")
        with (run.folder / SCORES).open("a") as file:
            file.write(run.lines[SCORES][0][:40])  # Half of a line is none yet.

    def heal():
        see("scoring", "2.67")
        text = (run.folder / SCORES).read_text()
        (run.folder / SCORES).write_text(text[: text.rfind("\n") + 1])
        (run.folder / "manifest.json").write_text("{")

    def finish():
        see("broken", "manifest.json: expected JSON", "2.67")
        run.write(specs=run.specs)
        run.add(SCORES, 4)
        (run.folder / SUMMARY).write_text(run.summary)
        run.end()

    run.begin()
    page = followed(run, [samples, scores, stop, go_on, tear, heal, finish])
    assert page == run.folder / "report" / "index.html"
    assert "leaderboard</title>" in page.read_text()
    assert "location.reload" in page.with_name("state.js").read_text()  # What makes a live page show it.
    assert not page.with_name("live.js").exists()
    assert seen == sorted(set(seen))


def text_of(html):
    """The words of a piece of a page."""
    found = []
    parser = HTMLParser()
    parser.handle_data = found.append
    parser.feed(html)
    return " ".join(" ".join(found).split())


def test_ctrl_c_ends_the_watch_and_the_page_says_so(run, monkeypatch, capsys):
    run.begin()

    def interrupted(seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr(watch, "__defaults__", (interrupted,))
    code, out, err = call(capsys, "report", run.folder, "--html", "--watch")
    assert (code, out) == (130, "")
    assert "Ctrl-C ends the watch, not the run" in err
    found = run.page()
    assert (found["state"], found["watched"]) == ("left", False)
    assert "No longer watched. This page is of " in (run.folder / "report" / "index.html").read_text()
    assert not list(run.folder.rglob("*.part"))


def test_nothing_is_read_or_rendered_twice(run, monkeypatch):
    run.begin()
    run.add(SAMPLES, 8)
    run.write(specs=run.specs)
    run.add(SCORES, 6)
    follower = Followed(run.folder)
    first = follower.look()
    assert follower.look() is first
    means = []
    monkeypatch.setattr("jova_bench.runs.following.clip_mean", lambda column, asked: means.append(column.model))
    run.add(SCORES, 1)
    second = follower.look()
    assert second is not first
    assert means == ["real"]  # The one column to which a score came.
    run.end()


def test_a_folder_that_became_another_run_is_read_anew(run):
    run.begin()
    run.add(SAMPLES, 8)
    follower = Followed(run.folder)
    assert [one.made for one in follower.look().models] == [4, 3]
    content = (run.folder / SAMPLES).read_text().splitlines(keepends=True)
    (run.folder / SAMPLES).unlink()
    (run.folder / SAMPLES).write_text(content[0])
    assert [one.made for one in follower.look().models] == [1, 0]
    run.end()


def test_an_earlier_report_makes_room_and_nothing_else_does(run, tmp_path):
    pages = run.folder / "report"
    pages.mkdir()
    (pages / MARK).touch()
    (pages / "old.html").touch()
    run.begin()

    def stop():
        assert not (pages / "old.html").exists()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        followed(run, [stop])
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").touch()
    with pytest.raises(BenchError, match="expected a new folder or an earlier report"):
        watch(run.folder, tmp_path / "mine", None, Quiet())
    run.end()


@pytest.mark.parametrize("gone", ["", "report"])
def test_what_was_deleted_is_not_made_anew(run, gone):
    run.begin()

    def delete():
        shutil.rmtree(run.folder / gone)

    with pytest.raises(BenchError, match="expected the folder of the page to stay"):
        followed(run, [delete, lambda: None])
    run.end()
    assert not (run.folder / gone).exists()


def test_a_fault_of_the_disk_is_waited_for(run, monkeypatch):
    full, write = [], watching.rewrite_file

    def limited(path, content):
        if full:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        write(path, content)

    def fill():
        full.append(True)
        run.add(SAMPLES, 6)

    def free():
        full.clear()

    def block():
        assert "ours 4 of 4" in text_of(run.page()["parts"]["progress"])  # Of the look that could not be shown.
        (run.folder / SAMPLES).rename(run.folder / "kept")
        (run.folder / SAMPLES).mkdir()

    def heal():
        found = run.page()
        assert (found["state"], found["watched"]) == ("broken", True)
        assert "samples.jsonl" in found["says"]
        (run.folder / SAMPLES).rmdir()
        (run.folder / "kept").rename(run.folder / SAMPLES)

    def finish():
        assert run.page()["state"] == "making"
        raise KeyboardInterrupt

    monkeypatch.setattr(watching, "rewrite_file", limited)
    run.begin()
    with pytest.raises(KeyboardInterrupt):
        followed(run, [fill, lambda: None, free, block, heal, finish])
    run.end()


def test_pages_that_cannot_be_written_leave_the_reason(run):
    def fail(target, progress):
        raise BenchError("expected a tag")

    def finish():
        run.add(SAMPLES, 8)
        run.add(SCORES, 8)
        (run.folder / SUMMARY).write_text(run.summary)
        run.end()

    run.begin()
    with pytest.raises(BenchError, match="expected a tag"):
        followed(run, [finish], fail)
    assert "expected a tag" in run.page()["says"]


def test_a_run_may_be_about_to_begin(run, tmp_path, capsys):
    later = tmp_path / "later"

    def begin():
        assert not later.exists()  # A page in it would keep the run from beginning.
        run.folder.rename(later)
        run.folder = later
        (later / SUMMARY).write_text(run.summary)

    page = watch(later, None, lambda target, progress: target, Quiet(), lambda seconds: begin())
    assert page == later / "report"
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "a.txt").touch()
    assert "expected a run folder" in call(capsys, "report", tmp_path / "thesis", "--html", "--watch")[2]
    assert "expected --html with" in call(capsys, "report", later, "--watch")[2]


def test_a_run_that_was_generated_alone_says_what_scores_it(run):
    run.add(SAMPLES, 7)
    follower = Followed(run.folder)
    assert what_to_do(follower.look()).startswith("The same command continues it")
    run.add(SAMPLES, 1)
    assert what_to_do(follower.look()).startswith("All clips are there and none is scored")


def test_silence_is_told_and_a_large_run_is_looked_at_less_often(run):
    run.begin()
    look = Followed(run.folder).look()
    assert "records nothing" not in times(look, look.written_at + SILENT_S)
    assert "7 min before. A process holds the run and records nothing" in times(look, look.written_at + 420)
    run.end()
    page = watching._Page(None, run.folder, run.folder, look)
    assert (page.rest(0.1), page.rest(3.0)) == (EVERY_S, 3.0 * SHARE)
