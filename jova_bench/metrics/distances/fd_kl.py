"""FD and KL of audio, by networks that classify sounds (AudioSet): PANNs' Cnn14 and PaSST.

FD is the Fréchet distance of their embeddings, one per clip, from those of real clips. KL compares their classes of a
clip with those of its prompt's own clip. AudioSet's classes do not exclude each other, so that a softmax over
their logits is no probability of anything; it is the convention of the field, and kept. Protocols:

- `clean`: the mean of the channels; PaSST takes up to 10 s as they are, and longer audio in pieces of 10 s, the last
  of them ending with it, averaged. KL of the real clip from the made one, natural logarithm.
- `avbenchmark@050a5cd` (av_bench/extract.py, metrics/): offset removed, cut to 8 s, for PaSST padded with zeros to
  10 s; the same KL. FD against the prompts' own clips, of however few; where its arithmetic fails it returns -1.
- `versebench@5645a09` (kl/kld_inferencer.py): PaSST; peak at -1 dB, windows of 10 s every 5 s, padded with zeros
  (unless the whole clip is under 1.5 s), logits averaged, 1e-6 added to what is named in the made clip.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from jova_bench.arrays import Arrays, FloatArray
from jova_bench.cache import CacheKey
from jova_bench.errors import Unavailable, Undefined
from jova_bench.media.clip import Clip
from jova_bench.metrics.base import ClipMetric, MetricContext
from jova_bench.metrics.distances import listening
from jova_bench.metrics.distances.base import FrechetMetric, PublishedFrechet, SetDistance
from jova_bench.metrics.distances.references import set_distance
from jova_bench.metrics.networks.network_cache import cached_network
from jova_bench.metrics.real_clips import Embedder, Kind
from jova_bench.metrics.signal.audio import Audio
from jova_bench.prompts import Prompt
from jova_bench.records import MetricSpec

MIN_S = 0.5
"""Both networks accept shorter audio, but their outputs for it mean nothing."""
PASST_S, VERSEBENCH_HOP_S = 10, 5
VERSEBENCH_PADDED_S = 1.5
VERSEBENCH_PEAK_DB = -1.0
VERSEBENCH_EPSILON = 1e-6


@dataclass(frozen=True)
class Network:
    """One of the two."""

    name: str
    asset: str
    rate_hz: int
    backend: str
    published: str


PANNS = Network("panns", "panns-cnn14-16k", 16_000, "panns-cnn14-16k", "arXiv 1912.10211")
PANNS_32K = Network("panns", "panns-cnn14-32k", 32_000, "panns-cnn14-32k", "arXiv 1912.10211")
PASST = Network("passt", "passt", 32_000, "passt-s-swa", "arXiv 2110.05069")


@dataclass(frozen=True)
class TaggerVariant:
    """What a network is given of a clip, and how two clips are compared."""

    name: str
    hear: Callable[[Clip, Network], list[Audio]]
    """The windows of a clip, over which embeddings and logits are averaged."""
    params: Mapping[str, str | int | float]
    kind: Kind
    frechet: type[FrechetMetric]
    epsilon: float
    words: str
    source: str


def clean_windows(clip: Clip, network: Network) -> list[Audio]:
    """Returns all audio, in windows of the longest input of PaSST."""
    audio = listening.clean(clip, network.rate_hz)
    longest = PASST_S * network.rate_hz
    if network is PANNS or len(audio) <= longest:
        return [audio]
    starts = np.linspace(0, len(audio) - longest, -(-len(audio) // longest)).astype(int)
    return [audio[start : start + longest] for start in starts]


def avbenchmark_windows(clip: Clip, network: Network) -> list[Audio]:
    """Returns the first 8 s; for PaSST always padded to 10 s."""
    audio = listening.avbenchmark(clip, network.rate_hz)
    return [audio if network is PANNS else np.pad(audio, (0, PASST_S * network.rate_hz - len(audio)))]


def versebench_windows(clip: Clip, network: Network) -> list[Audio]:
    """Returns windows of 10 s every 5 s, after peak normalisation."""
    audio = listening.clean(clip, network.rate_hz)
    peak = np.abs(audio).max(initial=0)
    if not peak:
        raise Undefined("silent")
    audio = audio * np.float32(10 ** (VERSEBENCH_PEAK_DB / 20) / peak)
    size, hop = PASST_S * network.rate_hz, VERSEBENCH_HOP_S * network.rate_hz
    windows = [audio[start : start + size] for start in range(0, max(hop, len(audio) - hop), hop)]
    padded_from = VERSEBENCH_PADDED_S * network.rate_hz
    return [np.pad(one, (0, size - len(one))) if len(one) > padded_from else one for one in windows]


CLEAN = TaggerVariant(
    "clean",
    clean_windows,
    {},
    "suite",
    FrechetMetric,
    0.0,
    "the whole clip",
    "",
)
AVBENCHMARK = TaggerVariant(
    listening.AVBENCHMARK,
    avbenchmark_windows,
    {"offset": "removed", "cut_s": listening.AVBENCHMARK_S, "resampling": "sinc-hann"},
    "prompts",
    PublishedFrechet,
    0.0,
    "the first 8 s",
    "hkchengrex/av-benchmark av_bench/extract.py, evaluate.py",
)
VERSEBENCH = TaggerVariant(
    "versebench@5645a09",
    versebench_windows,
    {"peak_db": VERSEBENCH_PEAK_DB, "hop_s": VERSEBENCH_HOP_S, "epsilon": VERSEBENCH_EPSILON},
    "prompts",
    PublishedFrechet,
    VERSEBENCH_EPSILON,
    "10 s every 5 s, padded with zeros, at equal peaks",
    "Dorniwang/Verse-Bench kl/kld_inferencer.py",
)
VARIANTS = {"clean": CLEAN, "avbenchmark": AVBENCHMARK, "versebench": VERSEBENCH}


def mean_outputs(windows: list[Audio], network: Network, context: MetricContext) -> Arrays:
    """Returns `embedding` and `logits` of a clip: the means over its windows. Raises Undefined or Unavailable."""
    if (seconds := max(map(len, windows)) / network.rate_hz) < MIN_S:
        raise Undefined(f"too short: {seconds:.2f} s of sound, {MIN_S} s needed")
    import torch

    from jova_bench.metrics.networks import shaped

    digest, device = context.assets.digest(network.asset), context.device
    net = cached_network(f"{network.asset}[{digest}]@{device}", lambda: load(network, context))
    with shaped.inference():
        found = [net(torch.from_numpy(np.ascontiguousarray(one))[None].to(device)) for one in windows]
    embeddings, logits = (torch.cat(one).mean(dim=0).float().cpu().numpy() for one in zip(*found, strict=True))
    return {"embedding": embeddings, "logits": logits}


def load(network: Network, context: MetricContext) -> Callable[..., tuple[object, object]]:
    """Loads the network with its weights. Raises Unavailable when they are missing or of another kind."""
    from jova_bench.metrics.networks import panns, passt, shaped

    path, device = context.assets.find(network.asset), context.device
    if network in (PANNS, PANNS_32K):
        return shaped.load(panns.Cnn14, path, device, "model")
    return shaped.load(passt.PaSST, path, device)


def version(protocol: TaggerVariant) -> int:
    """Returns the version: 1 of audio resampled by `resample` used a shorter filter."""
    return 1 if protocol.name == listening.AVBENCHMARK else 2


def embedder(network: Network, protocol: TaggerVariant, context: MetricContext, name: str) -> Embedder:
    """Builds the function that extracts what FD (`embedding`) or KL (`logits`) needs, in one pass for both."""
    key = CacheKey(network.backend, version(protocol), context.assets.digest(network.asset), {"variant": protocol.name})
    return Embedder(key, lambda clip: mean_outputs(protocol.hear(clip, network), network, context), name)


def divergence(real: FloatArray, made: FloatArray, epsilon: float) -> float:
    """Returns KL(real, generated) of (K,) logits after a softmax, in nats; epsilon is added to the generated shares."""
    log_real, log_made = (log_softmax(logits) for logits in (real, made))
    if epsilon:
        log_made = np.log(np.exp(log_made) + epsilon)
    return float((np.exp(log_real) * (log_real - log_made)).sum())


def log_softmax(logits: FloatArray) -> FloatArray:
    """Returns (K,) logarithms of shares that add up to 1."""
    shifted = np.asarray(logits, dtype=np.float64) - np.max(logits)
    return np.asarray(shifted - np.log(np.exp(shifted).sum()), dtype=np.float64)


@dataclass(frozen=True)
class Divergence(ClipMetric):
    """KL of what is named in a prompt's own clip from what is named in a made one."""

    spec: MetricSpec
    network: Network
    embed: Embedder
    epsilon: float
    context: MetricContext

    def check(self) -> str | None:
        """Returns which weights are missing; None if none is."""
        return self.context.assets.missing(self.network.asset)

    def measure(self, clip: Clip, prompt: Prompt | None, reference: Clip | None) -> float:
        """Compares the clip with the reference, of any timing."""
        return self._compare(clip, reference)

    def _compare(self, clip: Clip, reference: Clip | None) -> float:
        if reference is None:
            raise Undefined("no reference clip")
        if clip.timing == "reference" and self.spec.protocol == "clean":
            raise Undefined("is the reference")
        made = self.embed(clip, self.context.cache)
        try:
            real = self.embed(reference, self.context.cache)
        except Undefined as why:
            raise Undefined(f"the reference is {why}" if str(why) == "silent" else f"the reference: {why}") from why
        if not (np.isfinite(made).all() and np.isfinite(real).all()):
            raise Unavailable("not finite: the logits of this clip or of its reference")
        return divergence(real, made, self.epsilon)


def fd_panns(context: MetricContext, variant: str) -> SetDistance:
    """Builds the Fréchet distance of Cnn14's embeddings."""
    return _frechet(context, PANNS, VARIANTS[variant])


def fd_passt(context: MetricContext, variant: str) -> SetDistance:
    """Builds the Fréchet distance of PaSST's embeddings."""
    return _frechet(context, PASST, VARIANTS[variant])


def kl_panns(context: MetricContext, variant: str) -> Divergence:
    """Builds the KL divergence of Cnn14's classes."""
    return _divergence(context, PANNS, VARIANTS[variant])


def kl_passt(context: MetricContext, variant: str) -> Divergence:
    """Builds the KL divergence of PaSST's classes."""
    return _divergence(context, PASST, VARIANTS[variant])


def _frechet(context: MetricContext, network: Network, protocol: TaggerVariant) -> SetDistance:
    against = "real clips" if protocol is CLEAN else "the prompts' own clips, however few"
    words = f"Fréchet distance of {network.name}'s embedding of {protocol.words} from {against}"
    spec = _spec(context, f"fd_{network.name}", network, protocol, words, "reference_set")
    embed = embedder(network, protocol, context, "embedding")
    return set_distance(protocol.frechet, spec, embed, context, protocol.kind, context.assets.missing(network.asset))


def _divergence(context: MetricContext, network: Network, protocol: TaggerVariant) -> Divergence:
    words = f"KL of what {network.name} names in the prompt's own clip from what it names in {protocol.words}"
    spec = _spec(context, f"kl_{network.name}", network, protocol, words, "reference")
    return Divergence(spec, network, embedder(network, protocol, context, "logits"), protocol.epsilon, context)


def _spec(
    context: MetricContext, name: str, network: Network, protocol: TaggerVariant, words: str, needs: str
) -> MetricSpec:
    paired = needs == "reference"
    return MetricSpec(
        name=name,
        version=version(protocol),
        profile="standard",
        backend=network.backend,
        protocol=protocol.name,
        weights=context.assets.digest(network.asset),
        params=protocol.params,
        level="clip" if paired else "set",
        unit="nats" if paired else "",
        direction="down",
        needs=("audio", "reference") if paired else ("audio", "reference_set"),
        domain="any sound of at least 0.5 s" + (" whose prompt has a clip of its own" if paired else ""),
        description=words,
        source=protocol.source or network.published,
    )
