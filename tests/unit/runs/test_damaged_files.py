"""Files that a run wrote and something damaged: each message says which file, and what makes it good again."""

import pytest

from jova_bench import cli
from jova_bench.errors import BenchError
from jova_bench.runs.store import read_run
from support.tiny_runs import Level, Spread, Tones, content, go

READERS = ("report", "freeze", "compare", "gate")
REPEAT = "repeat the command of the run, which writes it again from the records"
RESTORE = "put back a copy of it, or make the run again in another folder: what made the clips here stood in it alone"
DAMAGES = {
    "truncated": lambda text: text[: len(text) // 2],
    "empty": lambda text: b"",
    "zeroed": lambda text: b"\0" * len(text),
    "no text": lambda text: b"\xff\x00\xfe" * 9,
    "another shape": lambda text: b"[]",
    "another type": lambda text: text.replace(b'"suite": "tiny"', b'"suite": 3'),
}


def made(tmp_path):
    return go(tmp_path, [Tones()], [Level(), Spread()])


def damage(tmp_path, name, kind):
    path = tmp_path / "run" / name
    path.write_bytes(DAMAGES[kind](path.read_bytes()))
    return path


@pytest.mark.parametrize("kind", DAMAGES)
def test_a_damaged_summary_is_written_again_by_the_same_command(tmp_path, kind, capsys):
    made(tmp_path)
    before = content(tmp_path / "run")
    path = damage(tmp_path, "summary.json", kind)
    for verb in READERS:
        words = [verb, str(path.parent), str(path.parent)]
        assert cli.main(words[: 3 if verb in ("compare", "gate") else 2]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith(f"jova-bench: {path}:")
        assert line.endswith(f"; {REPEAT}")
        assert "save it" not in line  # No user wrote it.
    made(tmp_path)
    assert content(tmp_path / "run") == before


@pytest.mark.parametrize("kind", DAMAGES)
def test_a_damaged_manifest_is_told_and_nothing_is_lost(tmp_path, kind, capsys):
    made(tmp_path)
    whole = (tmp_path / "run" / "manifest.json").read_bytes()
    path = damage(tmp_path, "manifest.json", kind)
    there = {one: one.read_bytes() for one in path.parent.rglob("*") if one.is_file() and one.name != ".lock"}
    for verb in READERS:
        words = [verb, str(path.parent), str(path.parent)]
        assert cli.main(words[: 3 if verb in ("compare", "gate") else 2]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith(f"jova-bench: {path}:")
        assert line.endswith(f"; {RESTORE}")
    with pytest.raises(BenchError, match=RESTORE):
        made(tmp_path)
    assert {one: one.read_bytes() for one in there} == there
    path.write_bytes(whole)
    assert made(tmp_path).exit_code == 0


@pytest.mark.parametrize("name", ["manifest.json", "samples.jsonl", "scores.jsonl", "summary.json"])
def test_a_folder_in_the_place_of_a_file_is_told_before_any_work(tmp_path, name):
    path = tmp_path / "run" / name
    made(tmp_path)
    path.unlink()
    path.mkdir()
    model = Tones("second")
    with pytest.raises(BenchError, match=f"{name}: expected a file, got something else; move it away, or give another"):
        go(tmp_path, [model], [Level()])
    assert model.calls == []


def test_a_folder_in_the_place_of_a_clip_is_told_by_its_path(tmp_path, capsys):
    clips, out = tmp_path / "clips", tmp_path / "scored"
    made(tmp_path)
    clips.mkdir()
    first = tmp_path / "run" / read_run(tmp_path / "run").samples[0].clip
    (clips / "a.wav").write_bytes(first.read_bytes())
    words = ["score", str(clips), "--metrics", "loudness", "--out", str(out), "--workers", "0"]
    assert cli.main(words) == 0
    kept = out / read_run(out).samples[0].clip
    kept.unlink()
    kept.mkdir()
    capsys.readouterr()
    assert cli.main(words) == 2
    said = f"{kept}: Is a directory; remove the cause and repeat the command: nothing that was recorded is lost"
    assert said in capsys.readouterr().err
    kept.rmdir()
    assert cli.main(words) == 0


@pytest.mark.parametrize("kind", ["truncated", "empty"])
def test_a_cut_clip_is_made_again_by_the_command_that_made_it(tmp_path, kind):
    made(tmp_path)
    before = content(tmp_path / "run")
    name = read_run(tmp_path / "run").samples[1].clip
    damage(tmp_path, name, kind)
    result = made(tmp_path)
    (sample,) = result.failed
    start = f"the clip changed on disk after it was recorded: cannot decode {tmp_path / 'run' / name}: "
    assert result.exit_code == 5
    assert sample.reason.startswith(start)
    assert sample.reason.endswith("; repeat the command that made it, or put the old file back")
    assert made(tmp_path).exit_code == 0
    assert content(tmp_path / "run") == before
