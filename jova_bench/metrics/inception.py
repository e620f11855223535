"""Inception score of sound: how sure a network of AudioSet's classes is of each clip, and how much clips differ.

exp of the mean KL divergence of what is named in a clip from what is named on average (Salimans et al. 2016, arXiv
1606.03498). It compares with no real clip: noise that the network is sure of scores high, and so does a model of many
sounds that nobody asked for. Published columns only; `kl_panns` and `fd_panns` are what to read.

- `avbenchmark@050a5cd` (av_bench/metrics/isc.py): a softmax of the logits of the first 8 s, clips shuffled by a seed
  and cut into ten parts, the mean of whose scores it is. A part has a tenth of the clips, and a score can't be larger
  than the number of clips in it: more clips score higher.
"""

from __future__ import annotations

import numpy as np

from jova_bench import assets
from jova_bench.metrics.base import FeatureCache, FloatArray
from jova_bench.metrics.sets import SetDistance
from jova_bench.metrics.tagging import AVBENCHMARK, NETWORKS, embedder, log_softmax
from jova_bench.types import MetricSpec, Undefined

PARTS, SEED = 10, 2020


class InceptionScore(SetDistance):
    """A number of a set of clips alone."""

    def distance(self, features: FloatArray) -> float:
        """Of (n, K) logits, n at least ten."""
        self._enough(features, PARTS, f"{PARTS}, one for each part")
        return avbenchmark(features)


def avbenchmark(logits: FloatArray) -> float:
    """Mean score of ten parts of (n, K) logits, shuffled."""
    shuffled = logits[np.random.RandomState(SEED).permutation(len(logits))]
    cuts = [len(logits) * part // PARTS for part in range(1, PARTS)]
    return float(np.mean([score(part) for part in np.split(shuffled, cuts)]))


def score(logits: FloatArray) -> float:
    """The exponential of the mean KL of each row's shares from the mean of all rows' shares, (n, K) -> 1 to n."""
    log_shares = np.stack([log_softmax(row) for row in logits])
    shares = np.exp(log_shares)
    return float(np.exp((shares * (log_shares - np.log(shares.mean(axis=0)))).sum(axis=1).mean()))


def inception_score(cache: FeatureCache, device: str, network: str) -> InceptionScore:
    """Inception score by one of tagging's networks, as av-benchmark computes it."""
    chosen = NETWORKS[network]
    embed = embedder(chosen, AVBENCHMARK, device, "logits")
    spec = MetricSpec(
        name=f"is_{chosen.name}",
        version=1,
        profile="standard",
        backend=chosen.backend,
        protocol=AVBENCHMARK.name,
        weights=assets.digest(chosen.asset),
        params={**AVBENCHMARK.params, "parts": PARTS, "seed": SEED},
        level="set",
        direction="up",
        needs=("audio",),
        domain="any sound of at least 0.5 s",
        description=f"inception score of what {chosen.name} names in the first 8 s: compares with no real clip; "
        f"of a tenth of the clips at a time, so that more clips score higher",
        source="hkchengrex/av-benchmark av_bench/metrics/isc.py, evaluate.py",
    )
    return InceptionScore(spec, lambda clip: embed(clip, cache), _no_reference, assets.missing(chosen.asset))


def _no_reference() -> FloatArray:
    raise Undefined("an inception score compares with no real clips")
