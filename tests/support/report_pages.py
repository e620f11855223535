"""A report with everything that its pages show, for tests in a real browser."""

import json
from fractions import Fraction
from pathlib import Path

import numpy as np

from jova_bench.media import files as media
from jova_bench.report.html.figures import read_sweep
from jova_bench.report.html.site import write_html
from jova_bench.votes.fit import fit_votes
from support.made_runs import made_run, undefined
from support.voting import simulated

COUNT = 30
HOSTILE = "</script><img src=x onerror=alert(1)>"
MODELS = ("good", "bad", "real", "still")
SCORES = {
    "good": [float(i) for i in range(COUNT)],
    "bad": [undefined("nobody speaks")] * 3 + [i / 2 for i in range(3, COUNT)],
    "real": [30.0 + i for i in range(COUNT)],
    "still": [undefined("the mouth does not move")] * COUNT,
}


def report_pages(folder: Path) -> Path:
    """Makes a run of four models and thirty prompts with a clip of two seconds, and returns the folder of its pages."""
    values = {model: {"score": SCORES[model], "other": [1.0, 2.0] * (COUNT // 2)} for model in MODELS}
    made_run(folder, values, transcripts=[f"say word {i} {HOSTILE}" for i in range(COUNT)])
    manifest = json.loads((folder / "manifest.json").read_text())
    for place, prompt in enumerate(manifest["prompts"]):
        prompt["tags"] = {"hair": "red" if place < 10 else "blue"}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    summary = json.loads((folder / "summary.json").read_text())
    summary["cost"] = [
        {
            "model": model,
            "seconds_per_clip": cost,
            "real_time_factor": cost,
            "peak_memory_bytes": None,
            "function_evals": 4,
        }
        for model, cost in (("good", 2.0), ("bad", 1.0))
    ]
    (folder / "summary.json").write_text(json.dumps(summary))
    frames = np.zeros((50, 64, 64, 3), np.uint8)
    for k, frame in enumerate(frames):
        frame[:, k : k + 14] = 200
    tone = np.sin(np.arange(32_000) * 0.1).astype(np.float32)[None] / 2
    media.write(folder / "c.mp4", frames, Fraction(25), tone, 16_000)
    sweeps = [read_sweep(f"results/{name}.json") for name in ("fusion", "mouth-loss")]
    votes = fit_votes(simulated({"good": 0.5, "bad": -0.5}))
    return write_html(folder, reported="results/as-reported.toml", sweeps=sweeps, votes=votes, workers=0).parent
