"""The harness as the callback of a training: scores a folder of samples in process."""

import json
import math
from fractions import Fraction

import numpy as np

from jova.data.folder import write_clip
from jova.training.samples import load_callback
from jova_bench.api.samples import scores


def test_samples_are_scored_where_they_are(tmp_path):
    # A tone of full scale over its root mean square of sqrt(1/2): -3 dB or so, whatever weighs it.
    for name in ("001", "002"):
        frames = np.full((25, 32, 32, 3), 90, np.uint8)
        sound = np.sin(2 * np.pi * 997 * np.arange(16_000) / 16_000).astype(np.float32)
        write_clip(tmp_path / f"{name}.mp4", frames, sound, Fraction(25), 16_000)
    prompt = {"video_caption": "a face", "audio_caption": "a tone", "transcript": "one"}
    lines = [json.dumps(prompt | {"id": name}) + "\n" for name in ("001", "002")]
    (tmp_path / "prompts.jsonl").write_text("".join(lines))
    found = scores(tmp_path, "standard", ["loudness"])
    assert list(found) == ["loudness"]
    assert math.isfinite(found["loudness"])
    assert abs(found["loudness"] + 3) < 1  # LUFS of a full-scale sine of 997 Hz in one channel: -3.01 (BS.1770)
    assert (tmp_path / "scores" / "summary.json").is_file()
    assert callable(load_callback("jova_bench.api.samples:standard"))
    assert callable(load_callback("jova_bench.api.samples:embedded"))
