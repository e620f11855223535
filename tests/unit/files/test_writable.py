"""What cannot be written is told before anything is read, made or measured."""

from pathlib import Path

import pytest

from jova_bench import cli
from jova_bench.errors import BenchError
from jova_bench.files.writing import check_writable
from support.tiny_runs import Level, Tones, go

UNWRITABLE = Path("/proc/nothing")
"""Not even root can make this folder."""


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs a folder that no user can write")
def test_a_folder_that_takes_nothing_is_told_before_any_work(tmp_path, capsys):
    with pytest.raises(BenchError, match="expected a folder that can be written, got /proc/nothing/a: "):
        check_writable(UNWRITABLE / "a")
    (tmp_path / "file").write_text("")
    with pytest.raises(BenchError, match="file/below: Not a directory"):
        check_writable(tmp_path / "file" / "below")
    check_writable(tmp_path / "new" / "deep")
    assert [one.name for one in tmp_path.iterdir()] == ["file"]  # Nothing is made.


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs a folder that no user can write")
@pytest.mark.parametrize(
    "verb",
    [
        ("run", "--model", "real", "--limit", "1", "--out"),
        ("generate", "--model", "real", "--limit", "1", "--out"),
        ("score", "{clips}", "--out"),
        ("report", "{run}", "--html"),
        ("suites", "import", "csv", "{missing}", "--out"),
        ("sweep", "steps", "--limit", "1", "--out"),
        ("sample", "--video-caption", "v", "--audio-caption", "a", "--transcript", "t", "--out"),
        ("train", "--preset", "tiny", "--out"),
    ],
    ids=lambda verb: verb[0],
)
def test_every_command_that_writes_asks_first(verb, tmp_path, capsys, monkeypatch):
    """None of them reads a clip, loads a network or plans a training first: each would fail here, or take a while."""
    monkeypatch.chdir(tmp_path)
    clips = tmp_path / "clips"
    clips.mkdir()
    (clips / "a.wav").write_bytes(b"no sound")
    made = go(tmp_path, [Tones()], [Level()]).folder
    for clip in made.glob("clips/**/*.wav"):
        clip.unlink()
    words = [word.format(clips=clips, run=made, missing=tmp_path / "none.csv") for word in verb]
    assert cli.main([*words, str(UNWRITABLE / "x")]) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"jova-bench: expected a folder that can be written, got {UNWRITABLE}")
    assert len(err.splitlines()) == 1
