"""A model that does what a script says, and what a run says of it."""

import json

import numpy as np

from jova_bench import Refused, Unavailable
from jova_bench.models.base import Generated
from jova_bench.progress import Quiet
from jova_bench.runs.store import SAMPLES
from jova_bench.summary import AttemptCounts
from support.tiny_runs import Tones

SCRIPT = {
    "p1": ["refuses", "refuses"], "p2": ["crashes", "works"], "p3": ["not a number", "works"],
    "p4": ["has no weights", "works"],
}  # fmt: skip
"""What the model does whenever it comes to a prompt; at p0, and in the end, it works."""


class Scripted(Tones):
    """Does what a script says, one act a time; batches of one."""

    def __init__(self, script, **options):
        super().__init__("scripted", **{"batch_size": 1} | options)
        self.script = {prompt_id: list(acts) for prompt_id, acts in script.items()}

    def generate(self, prompts, seed, suite):
        for prompt, made in zip(prompts, super().generate(prompts, seed, suite), strict=True):
            acts = self.script.get(prompt.id)
            match acts.pop(0) if acts else "works":
                case "works":
                    yield made
                case "refuses":
                    yield Refused("no faces of\npoliticians")
                case "ends the batch":
                    raise Refused("nothing of this kind")
                case "crashes":
                    yield RuntimeError("CUDA out of memory")
                case "has no weights":
                    yield Unavailable("weights missing: x")
                case "not a number":
                    yield Generated(louder(made.media, np.nan), "free")
                case KeyboardInterrupt() as stop:
                    raise stop
                case "is loud":
                    yield Generated(louder(made.media, 0.5), "free")


def louder(media, level):
    return media.__class__(None, media.fps, np.full((1, 1000), level, np.float32), media.sample_rate_hz)


class Said:
    """Keeps what a run says."""

    def __init__(self):
        self.lines = []

    def say(self, line):
        self.lines.append(line)

    phase = Quiet.phase


def lines(tmp_path, prompt_id):
    """What `samples.jsonl` says of a prompt, line by line."""
    records = map(json.loads, (tmp_path / "run" / SAMPLES).read_text().splitlines())
    return [(r["attempt"], r["status"], r["answered"]) for r in records if r["prompt_id"] == prompt_id]


def counts(**changes):
    return (AttemptCounts(**{"model": "scripted", "redrawn": 0, "refused": 0} | changes),)
