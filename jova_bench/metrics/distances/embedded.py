"""FVD, FAD, KVD and KAD: how far a set of clips is from a fixed set of real clips, in an embedder's space."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np

from jova_bench.arrays import FloatArray
from jova_bench.digests import file_digest, shortened
from jova_bench.errors import Unavailable
from jova_bench.metrics.base import MetricContext
from jova_bench.metrics.distances import audio_embedding as audio_embed
from jova_bench.metrics.distances import video_embedding as video
from jova_bench.metrics.distances.base import KAD_SCALE, FrechetMetric, KernelMetric, SetDistance
from jova_bench.metrics.networks import shipped_weights
from jova_bench.metrics.real_clips import REFERENCE, ReferenceSet
from jova_bench.records import MetricSpec

FOLDER = Path(__file__).parents[2] / "suites" / "data"


Stream = Literal["video", "audio"]
_EMBEDDERS = {"video": (video.NAME, video.embed_video), "audio": (audio_embed.NAME, audio_embed.embed_audio)}
_KINDS: Mapping[str, tuple[type[SetDistance], Stream, Mapping[str, str | int]]] = {
    "fvd": (FrechetMetric, "video", {}),
    "fad": (FrechetMetric, "audio", {}),
    "kvd": (KernelMetric, "video", {"kernel": "cubic"}),
    "kad": (KernelMetric, "audio", {"kernel": "rbf", "bandwidth": "median", "scale": KAD_SCALE}),
}
"""How sets are compared, what is embedded, and the kernel."""
_WORDS = {
    "fvd": ("Fréchet distance of the clips' pictures from real clips", "Unterthiner et al. 2018, arXiv 1812.01717"),
    "fad": ("Fréchet distance of the clips' sound from real clips", "Kilgour et al. 2019, arXiv 1812.08466"),
    "kvd": ("unbiased kernel distance of the clips' pictures from real clips", "kernel of arXiv 1801.01401"),
    "kad": ("unbiased kernel distance of the clips' sound from real clips", "arXiv 2502.15602"),
}


def build(context: MetricContext, name: str, reference: str) -> SetDistance:
    """Builds `fvd`, `fad`, `kvd` or `kad` against the embeddings of a shipped set of real clips.

    KVD has KID's polynomial kernel, KAD a Gaussian one of the reference set's median distance.
    """
    kind, stream, params = _KINDS[name]
    embedder, embed = _EMBEDDERS[stream]
    description, source = _WORDS[name]
    spec = MetricSpec(
        name=name,
        version=1,
        profile="embedded",
        backend=embedder,
        weights=shipped_weights.digest(embedder),
        params={REFERENCE: str(ReferenceSet(reference, reference_digest(reference) or "missing")), **params},
        level="set",
        direction="down",
        needs=(stream, "reference_set"),
        domain="drawn talking heads of the shipped corpus",
        description=description,
        source=source,
    )
    return kind(
        spec,
        lambda clip: embed(clip, context.cache, context.device),
        lambda: load_reference(reference, stream),
        _missing(reference, embedder),
        cache=context.cache,
    )


def _file(reference: str) -> Path:
    return FOLDER / f"{reference}.safetensors"


@cache
def reference_digest(reference: str) -> str | None:
    """Returns the first 12 hex digits of the sha256 of a shipped reference set; None when there is no such file."""
    file = _file(reference)
    return shortened(file_digest(file)) if file.exists() else None


def _missing(reference: str, embedder: str) -> str | None:
    if reason := shipped_weights.missing(embedder):
        return reason
    return None if reference_digest(reference) else f"weights missing: {_file(reference)}"


def load_reference(reference: str, stream: Stream) -> FloatArray:
    """Reads the (m, d) embeddings of a shipped reference set. Raises Unavailable when another embedder made them."""
    embedder, _ = _EMBEDDERS[stream]
    if reason := _missing(reference, embedder):
        raise Unavailable(reason)
    from safetensors import safe_open

    with safe_open(_file(reference), "numpy") as stored:
        made_with = stored.metadata()[f"{stream}_weights"]
        features = np.asarray(stored.get_tensor(stream), dtype=np.float64)
    if made_with != shipped_weights.digest(embedder):
        raise Unavailable(
            f"{_file(reference)} was made with {embedder} {made_with}, not {shipped_weights.digest(embedder)}"
        )
    return features
