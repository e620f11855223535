"""Paths in messages: whole where they can exist, cut where none can, and never obeyed by a terminal."""

from pathlib import Path

import pytest

import jova_bench as jb
from jova_bench import cli
from jova_bench.files.paths import shown_path
from jova_bench.formatting.text import visible

LONG = "x" * 300 + ".mp4"
HOSTILE = "a\x1b[31mred\u202egnp.mp4"
CALLS = (
    lambda path, tmp_path: jb.read_clip(path),
    lambda path, tmp_path: jb.read_clip(path, suite="embedded"),
    lambda path, tmp_path: jb.score(path, out=tmp_path),
    lambda path, tmp_path: jb.compare(path, path),
    lambda path, tmp_path: jb.gate(path, path),
    lambda path, tmp_path: jb.load_suite(f"{path}.jsonl"),
    lambda path, tmp_path: jb.metric("wer", assets=path),
    lambda path, tmp_path: jb.torch_metric("kvd", reference=path),
    lambda path, tmp_path: jb.run(f"clips:{path}", metrics="loudness", limit=1, out=tmp_path),
    lambda path, tmp_path: jb.load_suite("embedded").path(path),
)


@pytest.mark.parametrize("call", CALLS[:-1])
def test_a_name_that_no_file_system_takes_is_cut(call, tmp_path):
    with pytest.raises(jb.BenchError) as found:
        call(LONG, tmp_path)
    assert "xxx..." in str(found.value)
    assert len(str(found.value)) < 300


@pytest.mark.parametrize("call", CALLS[:-1])
def test_a_name_that_a_terminal_would_obey_is_shown(call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(jb.BenchError) as found:
        call(HOSTILE, tmp_path)
    said = str(found.value)
    assert r"\x1b[31mred\u202egnp.mp4" in said
    assert said == visible(said)


def test_a_command_shows_such_names_too(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for words in (["report", HOSTILE], ["compare", HOSTILE, HOSTILE], ["score", HOSTILE], ["freeze", HOSTILE]):
        assert cli.main(words) == 2
        err = capsys.readouterr().err
        assert r"\x1b[31mred\u202e" in err
        assert not {"\x1b", "\u202e"} & set(err)
    for words in (["report", LONG], ["compare", LONG, LONG], ["score", LONG], ["freeze", LONG]):
        assert cli.main(words) == 2
        err = capsys.readouterr().err
        assert "xxx..." in err
        assert len(err) < 300


def test_a_path_that_can_exist_is_shown_whole():
    deep = str(Path(*["folder of clips"] * 60) / f"{'é' * 125}.mp4")
    assert shown_path(deep) == deep
    assert shown_path(f"{'é' * 130}.mp4") == f"'{'é' * 76}..."  # 264 bytes.
    assert visible("one\n\ttwo é 日本") == "one\n\ttwo é 日本"
