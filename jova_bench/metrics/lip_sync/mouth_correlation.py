"""A third measure of lip sync: the correlation of the mouth opening in the video with the one in the audio.

Two small networks that never saw each other's modality read the opening of the mouth, one from the pixels,
one from the sound; the value is their Pearson correlation over the frames of a clip.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jova_bench.arrays import FloatArray
from jova_bench.cache import CacheKey, FeatureCache
from jova_bench.errors import Undefined
from jova_bench.media.clip import Clip
from jova_bench.metrics.base import ClipMetric, MetricContext, require_embedded_domain
from jova_bench.metrics.lip_sync.curves import SAMPLES_PER_FRAME
from jova_bench.metrics.networks import shipped_weights
from jova_bench.metrics.signal.audio import is_silent, log_mel, mono_16k
from jova_bench.prompts import Prompt
from jova_bench.records import MetricSpec

READER, HEARER = "mouth-reader", "mouth-hearer"
STILL = 0.02
"""Standard deviation of the opening below which a mouth is still: the reader's own error on a closed mouth."""
MIN_FRAMES = 20


def correlation(seen: FloatArray, heard: FloatArray) -> float:
    """Returns the Pearson correlation of two (T,) curves. Raises Undefined when one of them is constant."""
    if seen.std() < STILL:
        raise Undefined("the mouth does not move")
    if heard.std() < STILL:
        raise Undefined("no speech that would move a mouth")
    return float(np.corrcoef(seen, heard)[0, 1])


def openings(clip: Clip, cache: FeatureCache, device: str) -> tuple[FloatArray, FloatArray]:
    """Returns the (T,) openings in [0, 1] seen in the pixels and heard in the audio, at 25 a second."""
    require_embedded_domain(clip)
    if clip.frames is None:
        raise Undefined("no video stream")
    audio = mono_16k(clip, "embedded")
    count = min(len(clip.frames), len(audio) // SAMPLES_PER_FRAME)
    if count < MIN_FRAMES:
        raise Undefined(f"too short: {count} frames with sound, at least {MIN_FRAMES} needed")
    if is_silent(audio):
        raise Undefined("silent")
    frames = clip.frames[:count]

    def compute() -> dict[str, FloatArray]:
        import torch

        from jova_bench.metrics.networks import embedded as nets

        mel = log_mel(audio, nets.MELS)[: nets.MELS_PER_FRAME * count]
        with torch.inference_mode():
            seen = nets.load(READER, device)(nets.pictures(frames, device))
            heard = nets.load(HEARER, device)(torch.from_numpy(mel).to(device)[None])[0]
        return {"seen": seen.double().cpu().numpy(), "heard": heard.double().cpu().numpy()}

    weights = f"{shipped_weights.digest(READER)}+{shipped_weights.digest(HEARER)}"
    found = cache.get(clip.digest, CacheKey(f"{READER}+{HEARER}", 1, weights), compute)
    return np.asarray(found["seen"], dtype=np.float64), np.asarray(found["heard"], dtype=np.float64)


def opening_seen(clip: Clip, cache: FeatureCache, device: str) -> FloatArray:
    """Returns the (T,) opening in [0, 1] seen in the pixels alone. Raises Undefined."""
    require_embedded_domain(clip)
    if clip.frames is None:
        raise Undefined("no video stream")
    frames = clip.frames

    def compute() -> dict[str, FloatArray]:
        import torch

        from jova_bench.metrics.networks import embedded as nets

        with torch.inference_mode():
            return {"seen": nets.load(READER, device)(nets.pictures(frames, device)).double().cpu().numpy()}

    return np.asarray(cache.get(clip.digest, shipped_weights.extractor(READER), compute)["seen"], dtype=np.float64)


@dataclass(frozen=True)
class MouthAudioCorrelation(ClipMetric):
    """Correlation of the opening seen and the opening heard."""

    spec: MetricSpec
    cache: FeatureCache
    device: str

    def check(self) -> str | None:
        """Returns which weights are missing; None if none is."""
        return shipped_weights.missing(READER, HEARER)

    def measure(self, clip: Clip, prompt: Prompt | None, reference: Clip | None) -> float:
        """Scores the clip's audio and video; `prompt` and `reference` are ignored."""
        return correlation(*openings(clip, self.cache, self.device))


def mouth_audio_corr(context: MetricContext) -> MouthAudioCorrelation:
    """Builds the correlation of the mouth opening seen in the pixels with the one heard in the audio."""
    spec = MetricSpec(
        name="mouth_audio_corr",
        version=1,
        profile="embedded",
        backend="mouth-reader+hearer",
        weights=shipped_weights.digest(READER) and f"{shipped_weights.digest(READER)}+{shipped_weights.digest(HEARER)}",
        direction="up",
        needs=("video", "audio"),
        domain="clips of the embedded corpus: drawn faces, 64x64, 25 fps",
        description="correlation over frames of the mouth opening seen in the pixels and heard in the sound",
    )
    return MouthAudioCorrelation(spec, context.cache, context.device)
