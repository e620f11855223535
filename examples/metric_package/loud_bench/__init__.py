"""A metric of one clip: the share of audio samples at full scale."""

import numpy as np

from jova_bench.cache import FeatureCache
from jova_bench.errors import Undefined
from jova_bench.media.clip import Clip
from jova_bench.metrics.base import measured
from jova_bench.records import MetricSpec, Outcome, Prompt


class ClippedShare:
    """Counts samples at or above 0.999 of full scale, over all channels."""

    spec = MetricSpec(
        name="clipped_share",
        version=1,
        profile="standard",
        backend="count",
        params={"least": 0.999},
        direction="down",
        needs=("audio",),
        domain="any audio",
        description="share of samples at full scale",
    )

    def __init__(self, cache: FeatureCache, device: str) -> None:
        self.cache, self.device = cache, device

    def check(self) -> str | None:
        """Returns None: it always runs."""
        return None

    def score(self, clip: Clip, prompt: Prompt | None, reference: Clip | None) -> Outcome:
        """Returns the share, or `undefined` without audio."""
        return measured(lambda: clipped_share(clip))


def clipped_share(clip: Clip) -> float:
    """Returns the share of samples with a magnitude of at least 0.999, in [0, 1]. Raises Undefined without audio."""
    if clip.audio is None or not clip.audio.size:
        raise Undefined("no audio stream")
    return float(np.mean(np.abs(clip.audio) >= 0.999))
