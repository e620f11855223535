"""A model that moves its mouth to a hum: what a class needs to be run by jova_bench."""

from collections.abc import Iterator, Sequence
from fractions import Fraction

import numpy as np

from jova_bench.plugins import Generated, Media, Plan, Prompt, Suite

FPS, RATE_HZ, SIZE = 25, 16_000, 64


class Hum:
    """A grey square whose lower half brightens with the loudness of a hum."""

    name = "hum"
    batch_size = 1
    needs: tuple[str, ...] = ()

    def __init__(self, device: str) -> None:
        self.device = device

    def check(self) -> str | None:
        """Returns None: there is nothing to load."""
        return None

    def plan(self, prompt: Prompt, suite: Suite) -> Plan:
        """Returns the format of the clip: a third of a second per word, at least one second."""
        frames = max(FPS, FPS * len(prompt.transcript.split()) // 3)
        return Plan(frames, FPS, SIZE, SIZE, RATE_HZ, frames / FPS, settings={"version": 1})

    def generate(self, prompts: Sequence[Prompt], seed: int, suite: Suite) -> Iterator[Generated]:
        """Yields one clip per prompt; the pitch depends on the seed."""
        for prompt in prompts:
            frames = self.plan(prompt, suite).frames or FPS
            seconds = np.arange(frames * RATE_HZ // FPS) / RATE_HZ
            loudness = 0.5 - 0.5 * np.cos(2 * np.pi * 3 * seconds)
            audio = (0.5 * loudness * np.sin(2 * np.pi * (110 + seed) * seconds)).astype(np.float32)
            video = np.full((frames, SIZE, SIZE, 3), 128, np.uint8)
            video[:, SIZE // 2 :] += (100 * loudness[:: RATE_HZ // FPS, None, None, None]).astype(np.uint8)
            yield Generated(Media(video, Fraction(FPS), audio[None], RATE_HZ), timing="free")
