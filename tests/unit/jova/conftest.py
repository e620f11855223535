"""Folders of tiny real clips."""

import json
import shutil

import numpy as np
import pytest

from jova.data.folder import FORMAT, write_clip
from jova.data.vocabulary import CORPUS


@pytest.fixture
def folder(tmp_path):
    """Six tiny real clips of 9 frames, 32 x 32."""
    root, random = tmp_path / "train", np.random.default_rng(0)
    (root / "clips").mkdir(parents=True)
    (root / "tracks").mkdir()
    lines = []
    for index in range(6):
        name = f"train-{index:05d}"
        frames = np.clip(random.normal(100 + 20 * index, 30, (9, 32, 32, 3)), 0, 255).astype(np.uint8)
        write_clip(root / "clips" / f"{name}.mp4", frames, random.normal(0, 0.1, 9 * 640).astype(np.float32))
        boxes, times = np.tile(np.float32([8, 16, 24, 24]), (9, 1)), np.float32([[0.1, 0.2], [0.2, 0.3]])
        np.savez(root / "tracks" / f"{name}.npz", mouth_box=boxes, phoneme_times=times)
        captions = {"video_caption": "red hair", "audio_caption": "low voice", "transcript": "place red now"}
        lines.append(json.dumps({"id": name, **captions}) + "\n")
    (root / "prompts.jsonl").write_text("".join(lines))
    about = {"format": FORMAT, "corpus": CORPUS, "split": "train", "count": 6}
    (root / "dataset.json").write_text(json.dumps(about))
    return root


@pytest.fixture
def both(folder, monkeypatch):
    """A folder with both splits, of six clips each."""
    held_out = folder.with_name("validation")
    shutil.copytree(folder, held_out)
    (held_out / "dataset.json").write_text((folder / "dataset.json").read_text().replace("train", "validation"))
    monkeypatch.setattr("jova.data.splits.VALIDATION_CLIPS", 6)
    return folder.parent
