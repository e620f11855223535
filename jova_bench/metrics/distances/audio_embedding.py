"""One vector per clip for FAD and KAD: the voice, the words and how clean the audio is.

The embedder was trained to name voices, words and the damage done to real clips (noise, filtering, clipping,
smearing, reverberation, pitch), never to generate. Silence has an embedding too: far from speech.
"""

from __future__ import annotations

import numpy as np

from jova_bench.arrays import FloatArray
from jova_bench.cache import FeatureCache
from jova_bench.errors import Undefined
from jova_bench.media.clip import Clip
from jova_bench.metrics.base import require_embedded_domain
from jova_bench.metrics.networks import shipped_weights
from jova_bench.metrics.signal.audio import RATE_HZ, log_mel, mono_16k

NAME = "audio-embedder"
MIN_SECONDS = 0.5


def embed_audio(clip: Clip, cache: FeatureCache, device: str = "cpu") -> FloatArray:
    """Returns the (32,) embedding of the audio of a clip. Raises Undefined or Unavailable."""
    require_embedded_domain(clip)
    audio = mono_16k(clip, "embedded")
    if len(audio) < MIN_SECONDS * RATE_HZ:
        raise Undefined(f"too short: {len(audio) / RATE_HZ:.2f} s of sound, at least {MIN_SECONDS} s needed")

    def compute() -> dict[str, FloatArray]:
        import torch

        from jova_bench.metrics.networks import embedded as nets

        with torch.inference_mode():
            embedded = nets.load(NAME, device)(torch.from_numpy(log_mel(audio, nets.MELS)).to(device)[None])[0]
        return {"embedding": embedded.double().cpu().numpy()}

    return np.asarray(cache.get(clip.digest, shipped_weights.extractor(NAME), compute)["embedding"], dtype=np.float64)
