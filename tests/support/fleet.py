"""A package of models and metrics for tests of workers: found by entry points, as a stranger's, in every process.

Its metrics need no network and no filter, whose libraries take longer to start than all else that a worker does.
"""

import hashlib
import os
from fractions import Fraction
from pathlib import Path

import numpy as np

import jova_bench
from jova_bench.metrics.entry import MetricEntry
from jova_bench.models.base import Generated, Media, Plan
from support.tiny_runs import Level, Spread

MODELS = ("noise", "dies-once", "dies")
FRAMES, SIZE, FPS, RATE_HZ = 16, 64, 25, 16_000
IDS = tuple(f"test-{k:05d}" for k in range(5))
"""Prompts of each run here."""
MARK = "JOVA_TEST_MARK"
"""Variable that names a file, which is there once a worker has died."""


class Noise:
    """Noise of (prompt, seed, size of the batch): another batch or seed would show."""

    batch_size = 2
    needs = ()

    def __init__(self, name):
        self.name = name

    def check(self):
        return None

    def plan(self, prompt, suite):
        return Plan(FRAMES, FPS, SIZE, SIZE, RATE_HZ, FRAMES / FPS, "noise")

    def generate(self, prompts, seed, suite):
        for prompt in prompts:
            self.before(prompt)
            digest = hashlib.sha256(f"{prompt.id} {seed} {len(prompts)}".encode()).digest()
            rng = np.random.default_rng(list(digest))
            frames = rng.integers(0, 256, (FRAMES, SIZE, SIZE, 3), np.uint8)
            audio = rng.uniform(-0.5, 0.5, (1, FRAMES * RATE_HZ // FPS)).astype(np.float32)
            yield Generated(Media(frames, Fraction(FPS), audio, RATE_HZ), "free", function_evals=1)

    def before(self, prompt):
        pass


class Mortal(Noise):
    """Takes its process with it at one prompt: whenever it comes there, or the first time only."""

    def __init__(self, name, always):
        super().__init__(name)
        self.always = always

    def before(self, prompt):
        mark = Path(os.environ[MARK])
        if prompt.id == IDS[2] and (self.always or not mark.exists()):
            mark.touch()
            os._exit(3)


def noise(device):
    return Noise("noise")


def dies_once(device):
    # The same name: its clips have to be the same.
    return Mortal("noise", always=False)


def dies(device):
    return Mortal("noise", always=True)


LEVEL = MetricEntry("level", "Level", "Made up", "standard", lambda context: Level())
SPREAD = MetricEntry("spread", "Spread", "Made up", "standard", lambda context: Spread())


def install(folder):
    """Puts the package's record into a folder of `sys.path`, as pip would."""
    record = folder / "fleet-1.dist-info"
    record.mkdir(parents=True)
    (record / "METADATA").write_text("Metadata-Version: 2.1\nName: fleet\nVersion: 1\n")
    points = "\n".join(f"{name} = support.fleet:{name.replace('-', '_')}" for name in MODELS)
    metrics = "level = support.fleet:LEVEL\nspread = support.fleet:SPREAD"
    (record / "entry_points.txt").write_text(f"[jova_bench.models]\n{points}\n[jova_bench.metrics]\n{metrics}\n")


def go(out, models, **options):
    """A run of some of them, measured by the package's metrics."""
    fixed = {"profile": "standard", "metrics": ["level", "spread"], "limit": len(IDS), "device": "cpu"}
    options = fixed | options
    return jova_bench.run(models, "embedded", out=out, **options)
