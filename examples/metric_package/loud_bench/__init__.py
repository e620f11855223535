"""A metric of one clip: the share of audio samples at full scale."""

import numpy as np

from jova_bench.plugins import Clip, ClipMetric, MetricEntry, MetricSpec, Prompt, Undefined


class ClippedShare(ClipMetric):
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

    def measure(self, clip: Clip, prompt: Prompt | None, reference: Clip | None) -> float:
        """Returns the share of samples with a magnitude of at least 0.999. Raises Undefined without audio."""
        if clip.audio is None or not clip.audio.size:
            raise Undefined("no audio stream")
        return float(np.mean(np.abs(clip.audio) >= 0.999))


CLIPPED_SHARE = MetricEntry("clipped_share", "Clipped", "Speech and sound", "standard", ClippedShare)
