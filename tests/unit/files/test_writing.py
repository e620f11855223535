"""Files appear complete or not at all, and a writer that failed leaves nothing."""

import os
from pathlib import Path

import numpy as np
import pytest

from jova_bench.errors import BenchError
from jova_bench.files.writing import replaced, replacing, write_file
from jova_bench.media import files as media


def test_the_old_file_stays_until_the_new_one_is_whole(tmp_path):
    path = tmp_path / "new folder" / "a.json"
    write_file(path, "é")
    with replacing(path) as file:
        file.write(b"one ")
        assert path.read_bytes() == "é".encode()
        file.write(b"two")
    assert [(one.name, one.read_bytes()) for one in path.parent.iterdir()] == [("a.json", b"one two")]


def test_a_writer_that_fails_leaves_the_old_file_alone(tmp_path):
    path = tmp_path / "a.json"
    write_file(path, b"old")

    with pytest.raises(TypeError), replacing(path) as file:
        file.writelines([b"half", "text"])
    assert [(one.name, one.read_bytes()) for one in tmp_path.iterdir()] == [("a.json", b"old")]


def test_a_link_is_replaced_as_a_file_is(tmp_path):
    link = tmp_path / "snapshots" / "main"
    for target in ("one", "two"):
        with replaced(link) as fresh:
            fresh.symlink_to(target)
        assert link.readlink() == Path(target)
    link.unlink()
    (link / "in the way").mkdir(parents=True)
    with pytest.raises(OSError, match="main"), replaced(link) as fresh:
        fresh.symlink_to("three")
    assert [one.name for one in link.parent.iterdir()] == ["main"]


@pytest.mark.parametrize("name", ["a.mp4", "a.wav", "a.flac"])
def test_a_clip_that_does_not_reach_the_disk_leaves_nothing(tmp_path, monkeypatch, name):
    frames = np.zeros((2, 16, 16, 3), np.uint8) if name == "a.mp4" else None
    clip = (frames, 25, np.zeros((1, 1600), np.float32), 16_000)
    media.write(tmp_path / name, *clip)
    before = (tmp_path / name).read_bytes()

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(BenchError, match=f"cannot write .*{name}.*No space left"):
        media.write(tmp_path / name, *clip)
    assert [(one.name, one.read_bytes()) for one in tmp_path.iterdir()] == [(name, before)]
