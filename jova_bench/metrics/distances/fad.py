"""FAD and KAD as in the papers: VGGish's 128 numbers for each 0.96 s of sound (Kilgour et al. 2019, arXiv 1812.08466).

A clip has as many vectors as whole patches, and counts once. Protocols:

- `clean`: the mean of the channels at 16 kHz.
- `avbenchmark@050a5cd` (av_bench/vggish, metrics/fad.py): its offset removed, cut to 8 s; against the prompts' own
  clips. It returns -1 where the arithmetic fails; here that is `failed`.
- `gudgud96@55971f6` (frechet_audio_distance/fad.py): as ours, of however few clips. It resamples with resampy, here
  replaced by ours, so that only sound that has 16 kHz already gives its numbers to the last digit.
- `fadtk@ec74b1f` (fadtk/fad.py --inf): resampled with a Kaiser window, quantised to 16 bits, padded to 1 s, vectors
  in half precision (and with them the means); then FAD-inf, a line over 1/n through sizes from 500 up to the number
  of vectors, drawn WITH replacement: its limit is not infinitely many clips but the clips at hand, bias included.
  It draws without a seed; here the seed is fixed.

Silence has an embedding, too: far from speech.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from jova_bench.arrays import Arrays, FloatArray
from jova_bench.cache import CacheKey
from jova_bench.errors import Undefined
from jova_bench.media.clip import Clip
from jova_bench.metrics.base import MetricContext, SetMetric
from jova_bench.metrics.distances import frechet_kernel as dist
from jova_bench.metrics.distances import listening
from jova_bench.metrics.distances.base import KAD_SCALE, FrechetMetric, KernelMetric, PublishedFrechet, SetDistance
from jova_bench.metrics.distances.features import features_of
from jova_bench.metrics.distances.references import set_distance
from jova_bench.metrics.networks.network_cache import cached_network
from jova_bench.metrics.real_clips import Embedder, Kind
from jova_bench.metrics.signal.audio import RATE_HZ, Audio
from jova_bench.metrics.signal.sinc_resample import sinc_resample
from jova_bench.records import MetricSpec

ASSET = "vggish"
MIN_SAMPLES = 15_600
"""0.975 s: one patch."""
BATCH = 64


@dataclass(frozen=True)
class FadVariant:
    """Describes how the audio is prepared, and how sets are compared."""

    name: str
    hear: Callable[[Clip], Audio]
    """Clip -> (N,) at 16 kHz."""
    params: Mapping[str, str | int]
    kind: Kind
    frechet: type[FrechetMetric]
    description: str
    source: str


def fadtk_audio(clip: Clip) -> Audio:
    """Returns (N,) audio at 16 kHz in 65,536 levels (cut downwards, as libsndfile writes them), at least 1 s.

    Source: fadtk/fad.py load_audio, model_loader.py load_wav.
    """
    mono = clip.mono()
    resampled = sinc_resample(mono, clip.sample_rate_hz, RATE_HZ, 64, 0.9475937167399596, 14.769656459379492)
    levels = np.clip(np.floor(resampled * 32768), -32768, 32767) / 32768
    return np.pad(levels, (0, max(0, RATE_HZ - len(levels)))).astype(np.float32)


class FadtkInfinity(PublishedFrechet):
    """FAD-inf of fadtk."""

    MIN_N, STEPS = 500, 25

    def distance(self, features: FloatArray) -> float:
        """Returns the distance of an (n, d) or (n, p, d) set of at least 2 vectors."""
        features = self._two_or_more(features)
        rows = _half(dist.clustered(features).rows)
        draws = np.random.RandomState(0)
        sizes = np.linspace(self.MIN_N, len(rows), self.STEPS).astype(int)
        found = [self._of(rows[draws.choice(len(rows), size)]) for size in sizes]
        return float(np.polyfit(1 / sizes, found, 1)[1])

    # The inherited form measures another distance than the one above.
    distances = SetMetric.distances

    def details(self, features: FloatArray) -> Mapping[str, float]:
        """Returns `n`, `d` and the distance without extrapolation."""
        features = features_of(features)
        return {**super().details(features), "measured": self._of(_half(dist.clustered(features).rows))}

    def _of(self, rows: npt.NDArray[np.float16]) -> float:
        # The mean of half precision is in half precision.
        fitted = dist.Gaussian(rows.mean(axis=0).astype(np.float64), np.cov(rows, rowvar=False))
        return dist.frechet_gaussians(self._online, fitted)

    @cached_property
    def _online(self) -> dist.Gaussian:
        """Moments of the reference set, gathered clip by clip from means in half precision (utils.py)."""
        reference = dist.clustered(self._reference)
        d = reference.rows.shape[1]
        mean, scatter, seen = np.zeros(d), np.zeros((d, d)), 0
        for clip in np.unique(reference.owner):
            rows = _half(reference.rows[reference.owner == clip])
            shift = rows.mean(axis=0).astype(np.float64) - mean
            own = np.cov(rows, rowvar=False) * (len(rows) - 1) if len(rows) > 1 else 0.0
            mean += len(rows) / (seen + len(rows)) * shift
            scatter += own + np.outer(shift, shift) * seen * len(rows) / (seen + len(rows))
            seen += len(rows)
        return dist.Gaussian(mean, scatter / (seen - 1))


def _half(rows: FloatArray) -> npt.NDArray[np.float16]:
    return rows.astype(np.float16)


CLEAN = FadVariant(
    "clean",
    lambda clip: listening.clean(clip, RATE_HZ),
    {},
    "suite",
    FrechetMetric,
    "of the clips' sound from real clips: VGGish of every 0.96 s",
    "arXiv 1812.08466; network of harritaylor/torchvggish",
)
VARIANTS = {
    "clean": CLEAN,
    "avbenchmark": FadVariant(
        listening.AVBENCHMARK,
        lambda clip: listening.avbenchmark(clip, RATE_HZ),
        {"offset": "removed", "cut_s": listening.AVBENCHMARK_S, "resampling": "sinc-hann"},
        "prompts",
        PublishedFrechet,
        "from the prompts' own clips: VGGish of every 0.96 s of the first 8 s, however few there are",
        "hkchengrex/av-benchmark av_bench/evaluate.py, FD-VGG",
    ),
    "gudgud96": FadVariant(
        "gudgud96@55971f6",
        CLEAN.hear,
        {},
        "suite",
        PublishedFrechet,
        "as ours, of however few clips (exact for sound at 16 kHz; upstream resamples with resampy)",
        "gudgud96/frechet-audio-distance frechet_audio_distance/fad.py",
    ),
    "fadtk": FadVariant(
        "fadtk@ec74b1f",
        fadtk_audio,
        {"resampling": "sinc-kaiser", "bits": 16, "precision": "float16", "replacement": "yes", "seed": 0},
        "suite",
        FadtkInfinity,
        "called FAD-inf: a linear fit over subset sizes drawn with replacement, whose limit keeps the bias of "
        "the full set",
        "microsoft/fadtk fadtk/fad.py score_inf",
    ),
}


def embeddings(audio: Audio, context: MetricContext) -> npt.NDArray[np.float32]:
    """Embeds (N,) audio at 16 kHz as (p, 128). Raises Undefined when it is too short, Unavailable without weights."""
    if len(audio) < MIN_SAMPLES:
        raise Undefined(f"too short: {len(audio) / RATE_HZ:.4f} s of sound, {MIN_SAMPLES / RATE_HZ} s needed")
    import torch

    from jova_bench.metrics.networks import shaped
    from jova_bench.metrics.networks.vggish import VGGish, patches

    assets, device = context.assets, context.device
    key = f"{ASSET}[{assets.digest(ASSET)}]@{device}"
    net = cached_network(key, lambda: shaped.load(VGGish, assets.find(ASSET), device))
    heard = torch.from_numpy(patches(audio)).to(device)
    with shaped.inference():
        found = [net(heard[start : start + BATCH]) for start in range(0, len(heard), BATCH)]
    return np.asarray(torch.cat(found).cpu().numpy(), dtype=np.float32)


KERNEL: Mapping[str, str | int] = {"kernel": "rbf", "bandwidth": "median", "scale": KAD_SCALE}


def build(context: MetricContext, name: str, variant: str) -> SetDistance:
    """Builds FAD, or KAD with a Gaussian kernel of the reference set's median distance."""
    protocol = VARIANTS[variant]
    kernel = name == "kad"
    of: type[SetDistance] = KernelMetric if kernel else protocol.frechet
    params = KERNEL if kernel else {}
    words = "unbiased kernel distance" if kernel else "Fréchet distance"

    def compute(clip: Clip) -> Arrays:
        return {"patches": embeddings(protocol.hear(clip), context)}

    spec = MetricSpec(
        name=name,
        version=2 if protocol.hear is CLEAN.hear else 1,  # Version 1 of ours resampled with a short filter.
        profile="standard",
        backend="vggish",
        protocol=protocol.name,
        weights=context.assets.digest(ASSET),
        params={**protocol.params, **params},
        level="set",
        direction="down",
        needs=("audio", "reference_set"),
        domain="any sound of at least 0.975 s",
        description=f"{words} {protocol.description}",
        source=protocol.source,
    )
    key = CacheKey("vggish", spec.version, context.assets.digest(ASSET), {"variant": protocol.name})
    missing = context.assets.missing(ASSET)
    return set_distance(of, spec, Embedder(key, compute, "patches"), context, protocol.kind, missing)
