"""Inception score of sound: how sure a network of AudioSet's classes is of each clip, and how much clips differ.

The exponential of the mean KL divergence of a clip's class probabilities from their mean over clips (Salimans et al.
2016, arXiv 1606.03498). It compares with no real clip: noise that the network is sure of scores high, and so does a
model of many sounds that no prompt names. Published columns only; `kl_panns` and `fd_panns` are what to read.

- `avbenchmark@050a5cd` (av_bench/metrics/isc.py): a softmax of the logits of the first 8 s; clips shuffled by a seed
  and cut into ten parts, the mean of whose scores it is. A part has a tenth of the clips, and no score is larger than
  the number of clips in it: more clips score higher.
- `mova@595a976` (evaluation/metrics/audio_is_clap/IS.py): the network for 32 kHz, 10 s, padded with zeros; a softmax
  of the logits of its probabilities in single precision; all clips at once (of each of its categories, whose mean it
  publishes: `score` a folder of each).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from jova_bench.arrays import FloatArray
from jova_bench.errors import Unavailable, Undefined
from jova_bench.media.clip import Clip
from jova_bench.metrics.base import MetricContext
from jova_bench.metrics.distances.base import PublishedFrechet, SetDistance
from jova_bench.metrics.distances.fd_kl import (
    AVBENCHMARK,
    PANNS,
    PANNS_32K,
    PASST,
    Network,
    TaggerVariant,
    embedder,
    log_softmax,
    version,
)
from jova_bench.metrics.distances.features import features_of
from jova_bench.metrics.signal.audio import Audio
from jova_bench.metrics.signal.sinc_resample import sinc_resample
from jova_bench.records import MetricSpec

PARTS, SEED = 10, 2020
MOVA_S = 10


def mova_windows(clip: Clip, network: Network) -> list[Audio]:
    """Returns the first 10 s, padded with zeros."""
    heard = sinc_resample(clip.mono(), clip.sample_rate_hz, network.rate_hz)[: MOVA_S * network.rate_hz]
    return [np.pad(heard, (0, MOVA_S * network.rate_hz - len(heard)))]


MOVA = TaggerVariant("mova@595a976", mova_windows, {"length_s": MOVA_S}, "prompts", PublishedFrechet, 0.0, "10 s", "")


@dataclass(frozen=True)
class Choice:
    """How a bench computes it."""

    hear: TaggerVariant
    number: Callable[[FloatArray], float]
    """(n, K) logits -> score."""
    least: int
    """Clips that it takes."""
    params: Mapping[str, str | int]
    says: str
    source: str


class InceptionScore(SetDistance):
    """A number of a set of clips alone."""

    def distance(self, features: FloatArray) -> float:
        """Returns the score of (n, K) logits. Undefined for fewer clips than the bench takes."""
        features, choice = features_of(features, axes=(2,)), CHOICES[self.spec.identity.bench or ""]
        self._enough(features, choice.least, f"{choice.least}")
        found = choice.number(features)
        if not np.isfinite(found):
            raise Unavailable(f"not finite: {found}")
        return found


def avbenchmark(logits: FloatArray) -> float:
    """Returns the mean score of ten parts of (n, K) logits, shuffled."""
    shuffled = logits[np.random.RandomState(SEED).permutation(len(logits))]
    cuts = [len(logits) * part // PARTS for part in range(1, PARTS)]
    return float(np.mean([score(part) for part in np.split(shuffled, cuts)]))


def score(logits: FloatArray) -> float:
    """Returns the exponential of the mean KL of each row's shares from the mean of all: (n, K) to a score of 1 to n."""
    log_shares = np.stack([log_softmax(row) for row in logits])
    shares = np.exp(log_shares)
    return float(np.exp((shares * (log_shares - np.log(shares.mean(axis=0)))).sum(axis=1).mean()))


def mova(logits: FloatArray) -> float:
    """Returns the score of (n, K) logits in single precision, with 1e-10 added in each logarithm."""
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):  # A class without doubt is no number upstream.
        sure = np.clip(1 / (1 + np.exp(-logits.astype(np.float32))), np.float32(1e-8), np.float32(1))
        again = np.log(sure) - np.log(1 - sure)
        shares = np.exp(again - again.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
    mean = shares.mean(axis=0)
    return float(np.exp((shares * (np.log(shares + 1e-10) - np.log(mean + 1e-10))).sum(axis=1).mean()))


CHOICES = {
    "avbenchmark": Choice(
        AVBENCHMARK,
        avbenchmark,
        PARTS,
        {"parts": PARTS, "seed": SEED},
        "the first 8 s: compares with no real clip; of a tenth of the clips at a time, so that more clips score higher",
        "hkchengrex/av-benchmark av_bench/metrics/isc.py, evaluate.py",
    ),
    "mova": Choice(
        MOVA,
        mova,
        1,
        {},
        "10 s, zeros at the end: compares with no real clip; of all clips at once, where the bench averages categories",
        "OpenMOSS/MOVA evaluation/metrics/audio_is_clap/IS.py",
    ),
}


def is_panns(context: MetricContext, variant: str) -> InceptionScore:
    """Builds the inception score of Cnn14's classes."""
    return _metric(context, PANNS if variant == "avbenchmark" else PANNS_32K, variant)


def is_passt(context: MetricContext, variant: str) -> InceptionScore:
    """Builds the inception score of PaSST's classes."""
    return _metric(context, PASST, variant)


def _metric(context: MetricContext, network: Network, protocol: str) -> InceptionScore:
    choice = CHOICES[protocol]
    embed = embedder(network, choice.hear, context, "logits")
    spec = MetricSpec(
        name=f"is_{network.name}",
        version=version(choice.hear),
        profile="standard",
        backend=network.backend,
        protocol=choice.hear.name,
        weights=context.assets.digest(network.asset),
        params={**choice.hear.params, **choice.params},
        level="set",
        direction="up",
        needs=("audio",),
        domain="any sound of at least 0.5 s",
        description=f"inception score of what {network.name} names in {choice.says}",
        source=choice.source,
    )
    missing = context.assets.missing(network.asset)
    return InceptionScore(spec, lambda clip: embed(clip, context.cache), _no_reference, missing)


def _no_reference() -> FloatArray:
    raise Undefined("an inception score compares with no real clips")
