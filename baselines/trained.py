"""Alternatives to JoVA, trained by us at one budget: the arms of `sweep fusion`, and a cascade of two models.

| model | how sound and picture meet |
|---|---|
| `jova-ablation` | as in JoVA: one self-attention over both |
| `twin-towers` | two towers that exchange by cross-attention, as in Ovi |
| `independent-towers` | two models side by side that share the prompt alone |
| `cascade` | speech by the sound's half of `independent-towers`, then a picture driven by it, as Wan-S2V's |

Their weights are not shipped: `python -m jova_bench sweep fusion` trains the first three, `python -m baselines.trained`
the picture model of the cascade.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from baselines.arms import DONE, JovaArms
from baselines.jova import JovaGenerator, digest, missing_weights, parts, peak_memory_bytes
from jova_bench.models import Generated, Media, Plan
from jova_bench.suites import Suite
from jova_bench.types import BenchError, Prompt

if TYPE_CHECKING:
    from jova import sample

SWEEPS = Path("runs/sweeps")
"""Where sweeps leave their trainings; the environment variable JOVA_BENCH_SWEEPS names another folder."""
DRIVEN = "audio-driven"
"""Task of the cascade's picture model, and name of its folder among the trainings."""


def trainings() -> Path:
    """The folder of all trainings."""
    return Path(os.environ.get("JOVA_BENCH_SWEEPS", SWEEPS)) / "trained"


def arm(fusion: str) -> Path | None:
    """The folder of the finished arm of this fusion at the full budget, of the smallest training seed."""
    wanted = _settings(JovaArms()) | {"fusion": fusion}
    free = ("precision", "task")
    found = []
    for path in sorted(trainings().glob(f"*/{DONE}")):
        said = json.loads(path.read_text(encoding="utf-8"))
        own = all(said.get(name) == value for name, value in wanted.items() if name in said and name not in free)
        if own and said.get("task", "joint") == "joint":
            found.append((said["seed"], path.parent))
    return min(found)[1] if found else None


class TrainedArm(JovaGenerator):
    """JoVA with the weights of an arm."""

    def __init__(self, device: str, name: str, fusion: str) -> None:
        super().__init__(device, arm(fusion) or trainings() / fusion, name)

    def check(self) -> str | None:
        """What is missing and which command makes it."""
        from jova.sample import FILES

        missing = missing_weights(self.folder, FILES)
        return missing and f"weights missing in {trainings()}: run python -m jova_bench sweep fusion"


class Cascade:
    """Speech first, then a picture for it: two models, neither of which knows the other."""

    name = "cascade"
    batch_size = 8
    needs: tuple[str, ...] = ()

    def __init__(self, device: str) -> None:
        self.device = device
        self.speech = TrainedArm(device, "independent-towers", "none")
        self.picture = trainings() / DRIVEN

    def check(self) -> str | None:
        """What is missing and which command makes it."""
        from jova.sample import FILES

        missing = missing_weights(self.picture, FILES)
        return self.speech.check() or (
            missing and f"weights missing in {self.picture}: run python -m baselines.trained"
        )

    def plan(self, prompt: Prompt, suite: Suite) -> Plan:
        """The format of both stages, which is JoVA's."""
        from dataclasses import replace

        from jova.sample import FILES

        one = self.speech.plan(prompt, suite)
        return replace(one, note=f"speech: {one.note}; picture driven by it: weights {digest(self.picture, FILES)}")

    def generate(self, prompts: Sequence[Prompt], seed: int, suite: Suite) -> Iterator[Generated]:
        """Both stages for a batch; the picture of the first and the sound of the second are those of the other."""
        asked, seeds = [parts(prompt) for prompt in prompts], [seed] * len(prompts)
        spoken = self.speech._pipeline.sample(asked, seeds)
        seen = self._picture.sample(asked, seeds, sounds=list(spoken.audio))
        clock, memory = self._picture.config.timeline, peak_memory_bytes(self.device)
        evals = spoken.function_evals + seen.function_evals
        for frames, audio in zip(seen.frames, seen.audio, strict=True):
            made = Media(frames, Fraction(clock.fps), audio[None], clock.sample_rate_hz)
            yield Generated(made, timing="free", function_evals=evals, peak_memory_bytes=memory)

    @cached_property
    def _picture(self) -> sample.Pipeline:
        from jova.sample import Pipeline

        return Pipeline.load(self.picture, self.device)


def jova_ablation(device: str) -> TrainedArm:
    """JoVA at the budget of the others."""
    return TrainedArm(device, "jova-ablation", "joint")


def twin_towers(device: str) -> TrainedArm:
    """Two towers and cross-attention."""
    return TrainedArm(device, "twin-towers", "cross")


def independent_towers(device: str) -> TrainedArm:
    """Two models side by side."""
    return TrainedArm(device, "independent-towers", "none")


def cascade(device: str) -> Cascade:
    """Two models one after the other."""
    return Cascade(device)


def main(argv: Sequence[str] | None = None) -> int:
    """Trains the picture model of the cascade, with the recipe of the other arms; the same command goes on."""
    parser = argparse.ArgumentParser(prog="python -m baselines.trained", description=main.__doc__)
    parser.add_argument("--out", type=Path, default=trainings().parent, help="folder of sweeps (default: %(default)s)")
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    arguments = parser.parse_args(argv)
    arms, shared = JovaArms(), arguments.out / "shared"
    settings = _settings(arms) | {"precision": arguments.precision, "task": DRIVEN}
    try:
        arms.prepare(settings, shared, threads=1)
        arms.train(settings, 0, arguments.out / "trained" / DRIVEN, shared, threads=1)
    except BenchError as error:
        print(f"baselines.trained: {error}", file=sys.stderr)
        return 2
    return 0


def _settings(arms: JovaArms) -> dict[str, str | int | float | bool]:
    """The base arm of `sweep fusion`: what a setting is unless told otherwise."""
    return {setting.name: setting.default for setting in arms.settings if not setting.sampling}


if __name__ == "__main__":
    sys.exit(main())
