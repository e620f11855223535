"""Makes changed clips as a model does, so that a run keeps, scores and resumes them like any other."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from jova_bench.calibration.changes import UNCHANGED, Change
from jova_bench.errors import BenchError
from jova_bench.media import files as media
from jova_bench.media.clip import Clip
from jova_bench.media.editing import derangement
from jova_bench.media.encode import LOSSLESS
from jova_bench.models.base import Generated, Plan, Setting
from jova_bench.prompts import Prompt
from jova_bench.suites.loading import Suite

VERSION = 1
"""Raised whenever a change would make another clip."""
PARTNER_SEED = 20260607
"""Chooses whose sound each clip gets."""


class Planted:
    """Real clips with one change, or without any, stored without loss."""

    batch_size = 1
    needs: tuple[str, ...] = ("reference",)
    edits_files = True

    def __init__(self, change: Change | None) -> None:
        """Sets the change; None for the clips as they are, which go through the same encoder."""
        self.change = change
        self.name = UNCHANGED if change is None else change.name

    def check(self) -> str | None:
        """Returns None: nothing is loaded."""
        return None

    def plan(self, prompt: Prompt, suite: Suite) -> Plan:
        """Returns a plan without a format, which follows the real clip's."""
        about: Mapping[str, Setting] = {"version": VERSION}
        if self.change is not None:
            about = {**about, "axis": str(self.change.axis), "strength": self.change.strength}
        return Plan(note="real clip with one planted change, stored without loss", settings=about)

    def generate(self, prompts: Sequence[Prompt], seed: int, suite: Suite) -> Iterator[Generated]:
        """Yields the clips as files; ignores the seed."""
        with tempfile.TemporaryDirectory(prefix="jova-bench-") as folder:
            for prompt in prompts:
                clip = media.read(_path(prompt, suite))
                if self.change is not None:
                    clip = self.change.kind.plant(clip, self.change.strength, partial(_partner, prompt, suite))
                path = Path(folder) / ("clip.wav" if clip.frames is None else "clip.mp4")
                media.write(path, clip.frames, clip.fps, clip.audio, clip.sample_rate_hz, clip.layout, LOSSLESS)
                aligned = self.change is None or self.change.kind.aligned
                yield Generated(path, "aligned" if aligned else "free", timed=False)


def _path(prompt: Prompt, suite: Suite) -> Path:
    if prompt.reference is None:
        raise BenchError(f"expected a prompt with a real clip, got {prompt.id!r} without one")
    return suite.path(prompt.reference)


def _partner(prompt: Prompt, suite: Suite) -> Clip:
    """Reads the sound of the clip's partner, drawn among all of the suite: a limit changes no clip."""
    place = next(index for index, other in enumerate(suite.prompts) if other.id == prompt.id)
    return media.read(_path(suite.prompts[derangement(len(suite.prompts), PARTNER_SEED)[place]], suite), pictures=False)
