"""What is printed never ends a command: any encoding of stdout, a closed one, a reader that leaves, a full disk."""

import io
import json
import os
import subprocess
import sys

import numpy as np
import pytest

from jova_bench import cli
from jova_bench.errors import BenchError
from jova_bench.output import PLAIN, show, show_json, show_table, tell
from support.made_runs import Clips, made_run

VALUES = {"模型": {"quality": np.arange(12.0)}, "café": {"quality": np.arange(12.0) + 1}}
QUALITY = Clips("quality", direction="up")


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A run with models whose names are not ASCII, and one that is worse."""
    folder = tmp_path_factory.mktemp("läufe")
    worse = {name: {"quality": column["quality"] - 3} for name, column in VALUES.items()}
    return made_run(folder / "a", VALUES, [QUALITY]), made_run(folder / "b", worse, [QUALITY])


class Stream(io.TextIOWrapper):
    """A stdout of an encoding, as strict as a real one."""

    def __init__(self, encoding):
        super().__init__(io.BytesIO(), encoding=encoding, errors="strict", newline="\n")

    def text(self):
        return self.buffer.getvalue().decode(self.encoding)


VERBS = {
    "compare": (["compare", "{a}", "{b}"], 3),
    "compare --json": (["compare", "{a}", "{b}", "--json"], 3),
    "gate": (["gate", "{a}", "{b}"], 3),
    "report": (["report", "{a}"], 0),
    "report json": (["report", "{a}", "--format", "json"], 0),
    "report csv": (["report", "{a}", "--format", "csv"], 0),
    "report tex": (["report", "{a}", "--format", "tex"], 0),
    "freeze": (["freeze", "{a}"], 0),
    "ls": (["ls", "metrics"], 0),
    "ls --json": (["ls", "metrics", "--json"], 0),
    "sweep": (["sweep", "guidance", "--dry-run"], 0),
}
JSON = {"compare --json", "report json", "freeze", "ls --json"}


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "latin-1", "cp437", "utf-8", "utf-16"])
@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_prints_in_any_encoding(runs, verb, encoding, monkeypatch):
    a, b = runs
    words, expected = VERBS[verb]
    stream = Stream(encoding)
    monkeypatch.setattr(sys, "stdout", stream)
    code = cli.main([word.format(a=a, b=b) for word in words])
    monkeypatch.undo()
    assert code == expected
    text = stream.text()
    assert len(text) > 20
    if verb in JSON:
        json.loads(text)
        if encoding != "utf-16":
            json.loads(stream.buffer.getvalue().decode("utf-8"))  # JSON is UTF-8 wherever it goes.
    if verb in ("compare", "gate", "report") and encoding in ("ascii", "latin-1", "cp1252"):
        assert "quality ^" in text
        assert "U+6A21U+578B" in text
        assert ("cafe" if encoding == "ascii" else "café") in text
    if verb in ("compare", "gate", "report") and encoding.startswith("utf"):
        assert "quality ↑" in text
        assert "模型" in text


def test_our_own_signs_have_an_ascii_of_their_own(monkeypatch):
    stream = Stream("ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    show("↑ ↓ → real 1–3 n → ∞ R² … Fréchet 日 😀 \udce9 ½\n")
    assert stream.text() == "^ v -> real 1-3 n -> inf R2 ... Frechet U+65E5 U+1F600 \\udce9 U+00BD\n"
    assert all(sign.isascii() for sign in PLAIN.values())
    assert all(len(PLAIN[sign]) == 1 for sign in "↑↓–²")  # Columns that line up stay so.


def test_json_keeps_every_character(monkeypatch):
    value = {"é": "日本 😀 → \u2028", "b": "plain"}
    for encoding in ("ascii", "cp1252", "utf-8"):
        stream = Stream(encoding)
        monkeypatch.setattr(sys, "stdout", stream)
        show_json(json.dumps(value, ensure_ascii=False))
        assert json.loads(stream.buffer.getvalue()) == value


class Broken(io.StringIO):
    """A stream whose reader has gone, or whose disk is full."""

    def __init__(self, error):
        super().__init__()
        self.error = error

    def write(self, text):
        raise self.error

    def fileno(self):
        raise io.UnsupportedOperation


def test_a_reader_that_leaves_changes_no_exit_code_and_a_full_disk_is_told(runs, monkeypatch, capsys):
    a, b = runs
    for error, expected in ((BrokenPipeError(32, "Broken pipe"), 3), (OSError(28, "No space left on device"), 2)):
        monkeypatch.setattr(sys, "stdout", Broken(error))
        assert cli.main(["gate", str(a), str(b)]) == expected
        monkeypatch.undo()
    assert "cannot write to stdout: No space left on device" in capsys.readouterr().err
    monkeypatch.setattr(sys, "stdout", Broken(OSError(28, "No space left on device")))
    with pytest.raises(BenchError, match="No space left"):
        show("text")


def test_nobody_listening_to_talk_ends_nothing(runs, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stderr", Broken(BrokenPipeError(32, "Broken pipe")))
    tell("a line")
    assert cli.main(["report", "no/such/run"]) == 2


def shell(command, runs, **env):
    a, b = runs
    words = command.format(jb=f"{sys.executable} -m jova_bench", a=a, b=b)
    found = subprocess.run(["bash", "-c", words], capture_output=True, env=os.environ | env, check=False)
    return found.returncode, found.stdout, found.stderr.decode()


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("{jb} compare {a} {b} >&-", 3),
        ("{jb} compare {a} {b} >&- 2>&-", 3),
        ("{jb} report {a} <&- >&- 2>&-", 0),
        ("set -o pipefail; {jb} ls metrics | head -c 1 >/dev/null", 0),
        ("set -o pipefail; {jb} --help | true", 0),
        ("{jb} gate {a} {b} | true; exit ${{PIPESTATUS[0]}}", 3),
        ("{jb} report {a} > /dev/full", 2),
    ],
)
def test_streams_that_a_shell_closes(runs, command, code):
    found, _, err = shell(command, runs)
    assert found == code
    assert "Traceback" not in err
    assert "Exception ignored" not in err


def test_a_command_of_its_own_prints_in_the_encoding_that_is_asked_for(runs):
    code, out, err = shell("{jb} compare {a} {b}", runs, PYTHONIOENCODING="cp1252")
    assert (code, err) == (3, "")
    assert "quality ^" in out.decode("cp1252")
    assert "U+6A21U+578B" in out.decode("cp1252")


@pytest.mark.parametrize("columns", [14, 60])
def test_a_narrow_terminal_breaks_no_word_of_a_header(capsys, monkeypatch, columns):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("TERM", "dumb")
    show_table(("Model", "Download", "GPU memory"), [["a-long-name " * 4, "1 GB", "at least 8 GB"]])
    out = capsys.readouterr().out
    assert all(word in out for word in ("Model", "Download", "GPU", "memory", "1 GB"))
    assert ("Model: " in out) == (columns == 14)
