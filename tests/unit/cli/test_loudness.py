"""How much commands tell: -q, -v and --log-level, wherever they stand, through `logging`."""

import logging

import pytest

from jova_bench.cli.loudness import split
from jova_bench.logs import LOG, at_level
from jova_bench.progress import Terminal, meter
from support.commands import call
from support.made_runs import made_run

NOTE = "licence of the prompts"


@pytest.fixture
def sheet(tmp_path):
    (tmp_path / "mine.csv").write_text("id,video_caption,audio_caption,transcript\na,a dog,barks,\n")
    return tmp_path / "mine.csv"


def words(sheet, before=(), after=()):
    return (*before, "suites", "import", "csv", sheet, "--out", sheet.with_name("new.jsonl"), *after)


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ((), (), [NOTE]),
        (("-q",), (), []),
        ((), ("--quiet",), []),
        ((), ("-v",), [NOTE, "suites took"]),
        (("--log-level", "debug"), (), [NOTE, "suites took"]),
        (("--log-level=warning",), (), []),
        (("-q",), ("-v",), [NOTE, "suites took"]),
        (("-v",), ("--log-level", "info"), [NOTE]),
    ],
)
def test_flags_before_and_after_a_verb(capsys, sheet, before, after, told):
    code, out, err = call(capsys, *words(sheet, before, after))
    assert code == 0
    assert out == f"{sheet.with_name('new.jsonl')}\n"
    assert [part for part in (NOTE, "suites took") if part in err] == told
    assert len(err.splitlines()) == len(told)


@pytest.mark.parametrize("flags", [("-q",), ("--log-level", "error"), ()])
def test_what_went_wrong_is_always_told_in_one_line(capsys, flags):
    code, _, err = call(capsys, *flags, "report", "no/such/run")
    assert (code, len(err.splitlines())) == (2, 1)
    assert "expected a run folder" in err


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two runs of one model, of which the second is worse."""
    top = tmp_path_factory.mktemp("loud")
    for name, worse in (("a", 0.0), ("b", 2.0)):
        made_run(top / name, {"ours": {"lse_c": [5.0 - worse + 0.1 * (k % 3) for k in range(8)]}})
    return top


@pytest.mark.parametrize(
    ("verb", "code"), [(("report", "a"), 0), (("report", "a", "--format", "csv"), 0), (("compare", "a", "b"), None)]
)
def test_loudness_leaves_results_and_exit_codes_as_they_are(capsys, monkeypatch, runs, verb, code):
    monkeypatch.chdir(runs)
    usual = call(capsys, *verb)
    assert usual.out
    assert code is None or usual.code == code
    quiet, verbose = call(capsys, *verb, "-q"), call(capsys, "-v", *verb)
    assert quiet[:2] == verbose[:2] == usual[:2]
    assert (quiet.err, "took" in verbose.err) == ("", True)


def test_a_verbose_command_says_where_an_error_was_raised(capsys):
    code, _, err = call(capsys, "report", "no/such/run", "-v")
    assert code == 2
    assert "Traceback" in err
    assert err.splitlines()[-1].startswith("jova-bench: expected a run folder")


def test_a_level_that_there_is_none_of(capsys):
    code, _, err = call(capsys, "ls", "models", "--log-level", "loud")
    assert code == 2
    assert "expected one of debug, info, warning, error, got 'loud'" in err


def test_flags_before_a_verb_of_two_words():
    assert split(["-q", "--log-level", "debug", "-v", "gate", "init", "-q"]) == (
        ["-q", "--log-level", "debug", "-v"], ["gate", "init", "-q"],
    )  # fmt: skip
    assert split(["--log-level=info", "train"]) == (["--log-level=info"], ["train"])
    assert split(["--help"]) == ([], ["--help"])


def progress():
    shown = Terminal()
    shown.say("a note")
    with shown.phase("clips", 2) as advance:
        advance()
        advance()
    with meter("weights", 0, 1000) as arrived:
        arrived(1000)


def test_progress_follows_the_level(capsys):
    told = {}
    for level in ("warning", None, "debug"):
        with at_level(level):
            progress()
        told[level] = capsys.readouterr().err.splitlines()
    assert told["warning"] == []
    usual = [line.split(",")[0] for line in told[None]]
    assert usual == ["a note", "clips: 1 of 2", "clips: 2 of 2", "weights: 0.0 MB"]
    assert next(line for line in told["debug"] if line not in told[None]).startswith("clips: 2 items took")


def test_libraries_are_shown_where_a_level_is_named_and_all_is_left_as_it_was(capsys):
    library, root = logging.getLogger("some.library"), logging.getLogger()
    before = (LOG.level, list(LOG.handlers), root.level, list(root.handlers), logging.getLogger("jova").level)
    with at_level("debug"):
        library.info("of a library")
    assert capsys.readouterr().err == ""
    with at_level("info", libraries=True):
        library.info("of a library")
        library.debug("too much")
    assert capsys.readouterr().err == "some.library: of a library\n"
    assert (LOG.level, LOG.handlers, root.level, root.handlers, logging.getLogger("jova").level) == before


def test_a_training_is_silent_where_its_logger_is(capsys):
    from jova.training.state import progress as steps

    for level, told in (("warning", ""), ("info", "steps 3/3 loss 0.1\n")):
        with at_level(level), steps("steps", 0, 3) as show:
            show(3, "loss 0.1")
        assert capsys.readouterr().err == told
