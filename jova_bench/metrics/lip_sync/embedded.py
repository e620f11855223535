"""Lip synchronisation by the two shipped evaluators: LSE-C, LSE-D, the offset, and whether it is within a frame.

The evaluators embed on a unit sphere, so distances lie in [0, 2], not on the scale of published LSE. They
were trained to keep silence at a distance of sqrt(2) from everything: pauses prove nothing, clips with swapped
sound score at chance, and a mouth that moves in a pause is `mouth_audio_corr`'s to notice. Cutting silent windows
at the edges raises the confidence of a shifted clip a little (0.47 to 0.49 at 5 frames on real clips).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from jova_bench.arrays import FloatArray
from jova_bench.cache import CacheKey, FeatureCache
from jova_bench.errors import Undefined
from jova_bench.media.clip import Clip
from jova_bench.metrics.base import ClipMetric, MetricContext, require_embedded_domain
from jova_bench.metrics.lip_sync.curves import MAX_SHIFT, MIN_WINDOWS, NUMBERS, shift_curve, window_count
from jova_bench.metrics.networks import shipped_weights
from jova_bench.metrics.signal.audio import is_silent, log_mel, mono_16k
from jova_bench.prompts import Prompt
from jova_bench.records import MetricSpec


def embedded_curve(clip: Clip, cache: FeatureCache, judge: str, device: str) -> FloatArray:
    """Returns the (31,) masked shift curve of a clip by a shipped evaluator. Raises Undefined or Unavailable."""
    require_embedded_domain(clip)
    if clip.frames is None:
        raise Undefined("no video stream")
    audio = mono_16k(clip, "embedded")
    count = window_count(len(clip.frames), len(audio))
    if count < MIN_WINDOWS:
        raise Undefined(f"too short: {count} windows of 5 frames, at least {MIN_WINDOWS} needed")
    if is_silent(audio):
        raise Undefined("silent")
    frames, name = clip.frames, f"syncnet-{judge}"
    key = CacheKey(name, 1, shipped_weights.digest(name), {"edges": "masked"})

    def compute() -> dict[str, FloatArray]:
        video, sound = embeddings(frames[: count + 4], audio, name, device)
        return {"curve": shift_curve(video, sound, "masked")}

    return np.asarray(cache.get(clip.digest, key, compute)["curve"], dtype=np.float64)


def embeddings(frames: np.ndarray, audio: np.ndarray, name: str, device: str) -> tuple[FloatArray, FloatArray]:
    """Returns (N, D) embeddings of the windows of (T, 64, 64, 3) frames and 16 kHz samples, N = T - 4."""
    import torch

    from jova_bench.metrics.networks import embedded as nets

    net = nets.load(name, device)
    assert isinstance(net, nets.SyncNet)
    mel = log_mel(audio, nets.MELS)[: nets.MELS_PER_FRAME * len(frames)]
    with torch.inference_mode():
        video = net.encode_video(nets.pictures(frames, device)[None])[0]
        sound = net.encode_audio(torch.from_numpy(mel).to(device)[None])[0]
    return video.double().cpu().numpy(), sound.double().cpu().numpy()


@dataclass(frozen=True)
class LipSync(ClipMetric):
    """One number of the shift curve of one evaluator."""

    spec: MetricSpec
    judge: str
    read: Callable[[FloatArray], float]
    cache: FeatureCache
    device: str

    def check(self) -> str | None:
        """Returns which weights are missing; None if none is."""
        return shipped_weights.missing(f"syncnet-{self.judge}")

    def measure(self, clip: Clip, prompt: Prompt | None, reference: Clip | None) -> float:
        """Scores the clip's audio and video; `prompt` and `reference` are ignored."""
        return self.read(embedded_curve(clip, self.cache, self.judge, self.device))


def build(context: MetricContext, name: str, judge: str) -> LipSync:
    """Builds one of `NUMBERS` as the shipped evaluator `a` or `b` measures it."""
    number = NUMBERS[name]
    spec = MetricSpec(
        name=name,
        version=1,
        profile="embedded",
        backend=f"syncnet-{judge}",
        weights=shipped_weights.digest(f"syncnet-{judge}"),
        params={"edges": "masked", "shifts": MAX_SHIFT},
        unit=number.unit,
        direction=number.direction,
        needs=("video", "audio"),
        domain="clips of the embedded corpus: drawn faces, 64x64, 25 fps",
        description=number.says,
        source="Chung and Zisserman 2016; syncnet_python SyncNetInstance.py",
        proportion=name == "sync_within_1",
    )
    return LipSync(spec, judge, number.read, context.cache, context.device)
