"""FAD as JavisBench publishes it: 10,000 times the Fréchet distance of AudioCLIP's audio embeddings.

`javisbench@b505b37` (eval/javisbench/src/metrics.py calc_fvd_kvd_fad, AudioCLIP/get_embedding.py), from the prompts'
own clips, of however few. No VGGish, and not AudioCLIP's own input either: it was trained at 44.1 kHz between
-32,768 and 32,767, and is given 16 kHz between -1 and 1, which single precision rounds to about 9 bits on the way to
its scale.
"""

from __future__ import annotations

import numpy as np

from jova_bench.arrays import Arrays, FloatArray
from jova_bench.cache import CacheKey
from jova_bench.errors import Undefined
from jova_bench.media.clip import Clip
from jova_bench.metrics.base import MetricContext, SetMetric
from jova_bench.metrics.distances import listening
from jova_bench.metrics.distances.base import PublishedFrechet, SetDistance
from jova_bench.metrics.distances.references import set_distance
from jova_bench.metrics.networks.network_cache import cached_network
from jova_bench.metrics.real_clips import Embedder
from jova_bench.metrics.signal.audio import RATE_HZ
from jova_bench.records import MetricSpec

ASSET = "audioclip"
SCALE = 10_000


class ScaledFrechet(PublishedFrechet):
    """Multiplied, as it is published."""

    def distance(self, features: FloatArray) -> float:
        """Returns the distance of an (n, d) set of at least 2 clips."""
        return SCALE * super().distance(features)

    # The inherited form measures another distance than the one above.
    distances = SetMetric.distances


def embed(clip: Clip, context: MetricContext) -> Arrays:
    """Returns `embedding`, (D,), of all audio of a clip. Raises Undefined, or Unavailable without the weights."""
    audio = listening.clean(clip, RATE_HZ)
    if not len(audio):
        raise Undefined("no sound")
    import torch

    from jova_bench.metrics.networks import shaped
    from jova_bench.metrics.networks.audioclip import AudioEncoder

    assets, device = context.assets, context.device
    key = f"{ASSET}[{assets.digest(ASSET)}]@{device}"
    net = cached_network(key, lambda: shaped.load(AudioEncoder, assets.find(ASSET), device, prefix="audio."))
    with shaped.inference():
        found = net(torch.from_numpy(np.ascontiguousarray(audio, dtype=np.float32))[None].to(device))
    return {"embedding": found[0].float().cpu().numpy()}


def build(context: MetricContext, name: str, variant: str) -> SetDistance:
    """Builds FAD as JavisBench publishes it: the only name and variant there is."""
    spec = MetricSpec(
        name=name,
        version=2,  # Version 1 resampled with a short filter.
        profile="standard",
        backend="audioclip",
        protocol="javisbench@b505b37",
        weights=context.assets.digest(ASSET),
        params={"rate_hz": RATE_HZ, "scale": SCALE},
        level="set",
        direction="down",
        needs=("audio", "reference_set"),
        domain="what the bench was made for",
        description="departs from its name: 10,000 times the Fréchet distance of AudioCLIP's embeddings from the "
        "prompts' own clips, of audio 90 dB too quiet and at 16 kHz, where the network was trained at 44.1 kHz",
        source="JavisVerse/JavisDiT eval/javisbench/src/metrics.py, AudioCLIP",
    )
    key = CacheKey("audioclip", 2, context.assets.digest(ASSET))
    embedder = Embedder(key, lambda clip: embed(clip, context), "embedding")
    return set_distance(ScaledFrechet, spec, embedder, context, "prompts", context.assets.missing(ASSET))
