"""The voices of a clip without its music and noise, as `Kim_Vocal_2` separates them, for metrics that hear speech."""

from __future__ import annotations

from functools import partial
from importlib.util import find_spec

import numpy as np

from jova_bench.arrays import Arrays, Audio
from jova_bench.assets.table import AssetTable
from jova_bench.cache import CacheKey
from jova_bench.errors import Undefined
from jova_bench.media.clip import Clip
from jova_bench.metrics.base import MetricContext
from jova_bench.metrics.networks.network_cache import cached_network
from jova_bench.metrics.signal.audio import RATE_HZ, audio_digest, is_silent, resample

WEIGHTS = "kim-vocal-2"
SEPARATED_HZ = 44_100
SETTINGS = "audio-separator@99840ee"
"""Code whose arithmetic is followed; see `mdx_net`."""


def packages() -> str | None:
    """Returns how to install the runtime; None if it is there."""
    return None if find_spec("onnxruntime") else "not installed: pip install 'jova-bench[standard]'"


def parameter(assets: AssetTable) -> str:
    """Returns what the voices depend on beside the sound, for identities."""
    return f"{WEIGHTS}[{assets.digest(WEIGHTS)}]{{{SETTINGS}}}"


def heard(clip: Clip, context: MetricContext) -> Audio:
    """Returns the voices in a clip's sound, mixed to (N,) at 16 kHz.

    Mono is heard on both sides, as upstream does; upstream fails for more than two channels, of which here the mix is.

    Raises:
        Undefined: there is no sound, or no voice in it.
        Unavailable: weights cannot be read.
    """
    sides = clip.audio if clip.audio is not None and len(clip.audio) == 2 else clip.mono()[None]
    each = np.stack([resample(side, clip.sample_rate_hz, SEPARATED_HZ) for side in sides])
    sound = np.broadcast_to(each, (2, each.shape[1]))
    assets = context.assets

    def compute() -> Arrays:
        from jova_bench.metrics.networks.mdx_net import MdxNet

        net = cached_network(parameter(assets), partial(MdxNet, assets.find(WEIGHTS)))
        mixed = net.voices(sound).mean(axis=0)
        return {"vocals": resample(mixed, SEPARATED_HZ, RATE_HZ)}

    key = CacheKey("vocals", 1, assets.digest(WEIGHTS), {"as": SETTINGS})
    found = np.asarray(context.cache.get(audio_digest(sound), key, compute)["vocals"], dtype=np.float32)
    if is_silent(found):
        raise Undefined("no voice: what is left of the sound without music and noise is silent")
    return found
