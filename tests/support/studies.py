"""Runs with real clips, to vote on."""

from fractions import Fraction

import numpy as np

from jova_bench.files.lines import records
from jova_bench.media import files as media
from jova_bench.records import Sample
from support.made_runs import made_run

MODELS = ("ovi", "jova", "real", "still", "shuffled")
PROMPTS = 3


def voted_run(folder):
    """A run whose clips tell their model by name, size, rate and how they were made: as many frames as a name has."""
    made_run(folder, {model: {"score": [1.0] * PROMPTS} for model in MODELS}, transcripts=["say <b>red</b>"] * PROMPTS)
    path = folder / "samples.jsonl"
    samples = list(records(path, Sample))
    lines = []
    for k, one in enumerate(samples):
        name = f"clips/{one.model}-{one.prompt_id}.mp4"
        (folder / "clips").mkdir(exist_ok=True)
        number = MODELS.index(one.model)
        frames = np.full((25, 48 + 2 * number, 65, 3), 60 + 40 * number, np.uint8)
        for t, frame in enumerate(frames):
            frame[:, t : t + 8] = 20 * k % 255
        tone = np.sin(np.arange(16_000) * (0.05 + 0.02 * number)).astype(np.float32)[None] / 3
        media.write(folder / name, frames[:, :, :64], Fraction(25), tone, 16_000)
        lines.append(one.model_copy(update={"clip": name}).model_dump_json() + "\n")
    path.write_text("".join(lines))
    return folder
