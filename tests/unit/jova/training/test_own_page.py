"""The page that leads from ten videos to a clip: its commands are read as they stand, and its training file, too."""

import shlex

import pytest

from jova.data import shards
from jova.text import TextEncoder, untrained
from jova.training import wan_vae
from jova.training.runfile import read_run_file
from jova_bench.cli import main
from support.shown import ROOT, fenced

pytest.importorskip("silero_vad", reason="preparing videos needs jova-bench[data]")

PAGE = (ROOT / "docs" / "train-your-own.md").read_text(encoding="utf-8")
FIRST = PAGE.partition("## Ten videos")[2].partition("\n## ")[0]
MODULES = {"jova.training.wan_vae": wan_vae.main, "jova.data.shards": shards.main}
STOPS = {
    "data prepare": "expected a folder of videos, got videos/train",
    "jova.training.wan_vae": "expected two clips or more in work/train/clips, got 0",
    "jova.data.shards": "expected a local folder of a text encoder, got no work/text/config.json",
    "train": "expected finished shards in work/train/shards",
    "sample": "expected a trained model in work/mine/joint",
}
"""What each command misses in a folder without videos: all that comes before was understood."""


def commands():
    """Lines of the section that run our programs, each with its name; of a loop, those of its first turn."""
    for line in "\n".join(fenced(FIRST, "text")).splitlines():
        words = shlex.split(line.replace("$split", "train"), comments=True)
        if words[:1] == ["jova-bench"] and words[1] != "assets":
            yield " ".join(words[1 : 3 if words[1] == "data" else 2]), words[1:]
        elif words[:2] == ["python", "-m"] and words[2] in MODULES:
            yield words[2], words[3:]


def test_every_command_of_the_section_is_read_and_stops_where_the_one_before_is_missing(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "train.toml").write_text(*fenced(FIRST, "toml"))
    found = list(commands())
    assert {name for name, _ in found} == {*STOPS}
    for name, words in found:
        without_weights = ["--faces", "opencv-haar"] if name == "data prepare" else []
        assert MODULES.get(name, main)([*words, *without_weights]) == 2
        assert STOPS[name] in capsys.readouterr().err


def test_every_training_file_of_the_page_is_read(tmp_path):
    found = fenced(PAGE, "toml")
    for text in found:
        (tmp_path / "train.toml").write_text(text)
        assert read_run_file(tmp_path / "train.toml").samples
    assert len(found) == 2


def test_an_untrained_encoder_tells_texts_apart_and_nothing_is_overwritten(tmp_path, capsys):
    pytest.importorskip("transformers", reason="text encoders need jova-bench[diffusers]")
    folder = tmp_path / "text"
    assert untrained.main([str(folder)]) == 0
    encoder = TextEncoder(folder)
    states = encoder.encode("Guten Tag, мир")
    assert states.shape == (len("Guten Tag, мир".encode()) + 1, encoder.channels)
    assert not states.equal(encoder.encode("Guten Tag, мор"))
    capsys.readouterr()
    assert untrained.main([str(folder)]) == 2
    assert "expected a new folder" in capsys.readouterr().err
    assert untrained.main([str(tmp_path / "again")]) == 0
    assert TextEncoder(tmp_path / "again").fingerprint == encoder.fingerprint
