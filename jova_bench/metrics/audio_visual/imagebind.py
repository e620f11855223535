"""ImageBind score: how well audio and video fit in content, as the cosine of their ImageBind embeddings.

ImageBind takes 2 s of sound and a pair of frames from 2 s of picture at once, so it detects that a dog barks where a
cat is seen, but not that it barks half a second late. `clean` prepares a clip as its own repository does: five pairs of
frames in three crops each, three stretches of audio, the vectors averaged. Two things differ: all channels are used,
where upstream takes the first, and overlapping stretches stay as they are, where upstream shifts them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING, Literal

import numpy as np

from jova_bench.arrays import Audio, FloatArray
from jova_bench.cache import CacheKey
from jova_bench.errors import Unavailable, Undefined
from jova_bench.media.clip import Clip
from jova_bench.metrics.base import ClipMetric, MetricContext
from jova_bench.metrics.networks.network_cache import cached_network
from jova_bench.metrics.signal.audio import is_silent, mono_16k
from jova_bench.metrics.signal.sinc_resample import sinc_resample
from jova_bench.prompts import Prompt
from jova_bench.records import MetricSpec

if TYPE_CHECKING:
    from torch import Tensor

    from jova_bench.metrics.networks.imagebind import ImageBind

WEIGHTS = "imagebind-huge"
RATE_HZ = 16_000
STRETCH_S = 2
"""Seconds of one input of ImageBind; a shorter clip would be padded with silence that it does not have."""
MIN_SAMPLES = 400
"""One step of a spectrogram."""
AT_ONCE = 8
"""Frames per batch of the network."""
SOURCE = "Girdhar et al. 2023, arXiv 2305.05665"


Params = Mapping[str, str | int | bool]
"""How the input of an encoder is made: parameters of a cache key."""


@dataclass(frozen=True)
class Embedder:
    """ImageBind, with the embeddings of each clip cached."""

    context: MetricContext

    def check(self) -> str | None:
        """Returns which weights are missing; None if none is."""
        return self.context.assets.missing(WEIGHTS)

    def encode_video(self, clip: Clip, how: Params, show: Callable[[], Tensor]) -> FloatArray:
        """Returns (B, E) embeddings of frames or pairs (`inputs.normalised`), named by how they are made."""

        def compute(net: ImageBind) -> FloatArray:
            import torch

            from jova_bench.metrics.networks.imagebind import inputs

            pictures = show()
            parts = [pictures[k : k + AT_ONCE].to(self.context.device) for k in range(0, len(pictures), AT_ONCE)]
            with torch.inference_mode():
                return torch.cat([net.encode_video(inputs.normalised(part)) for part in parts]).double().cpu().numpy()

        return self._cached(clip, "imagebind-video", how, compute)

    def encode_stretches(self, clip: Clip) -> FloatArray:
        """Returns (15, E) embeddings of five pairs of frames in three crops, as ImageBind's own example shows it."""
        frames, fps = clip.frames, float(clip.fps)
        assert frames is not None

        def show() -> Tensor:
            from jova_bench.metrics.networks.imagebind import inputs

            indices = np.array(inputs.pairs(len(frames), fps)).reshape(-1)
            pictures = inputs.crops(inputs.linear(frames[indices]))  # (3, 10, 3, 224, 224)
            return pictures.reshape(-1, 2, *pictures.shape[2:]).transpose(1, 2)

        return self.encode_video(clip, {"frames": "stretches", "seconds": "None"}, show)

    def encode_audio(self, clip: Clip, how: Params, play: Callable[[], Tensor]) -> FloatArray:
        """Returns (B, E) embeddings of (B, 1, 128, 204) spectrograms."""

        def compute(net: ImageBind) -> FloatArray:
            import torch

            with torch.inference_mode():
                return net.encode_audio(play().to(self.context.device)).double().cpu().numpy()

        return self._cached(clip, "imagebind-audio", how, compute)

    def _cached(
        self, clip: Clip, extractor: str, how: Params, compute: Callable[[ImageBind], FloatArray]
    ) -> FloatArray:
        if reason := self.check():
            raise Unavailable(reason)
        device, file = self.context.device, self.context.assets.find(WEIGHTS)
        key = CacheKey(extractor, 1, self.context.assets.digest(WEIGHTS), how)

        def embed() -> dict[str, FloatArray]:
            from jova_bench.metrics.networks import imagebind

            net = cached_network(f"imagebind@1[{key.weights}] on {device}", partial(imagebind.load, file, device))
            return {"vectors": compute(net)}

        return np.asarray(self.context.cache.get(clip.digest, key, embed)["vectors"], dtype=np.float64)


def whole_audio(clean: bool, version: int, mono: bool) -> Params:
    """Returns what names the encoded stretches of a clip's whole audio; metrics that encode the same ones share it.

    Args:
        clean: resampled as ours, else as torchaudio does.
        version: of that preparation.
        mono: whether the channels are averaged.
    """
    return {"audio": "stretches", "clean": clean, "mono": mono, "version": version}


def cosine(a: FloatArray, b: FloatArray) -> FloatArray:
    """Returns (...) cosines of (..., E) vectors."""
    return (a * b).sum(axis=-1) / (np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1))


def channels_16k(clip: Clip) -> Audio:
    """Returns (C, N), each channel resampled as torchaudio does. Raises Undefined without audio."""
    if clip.audio is None:
        raise Undefined("no audio stream")
    wave = np.stack([sinc_resample(channel, clip.sample_rate_hz, RATE_HZ) for channel in clip.audio])
    if wave.shape[1] < MIN_SAMPLES:
        raise Undefined(f"too short: {wave.shape[1]} samples at 16 kHz, {MIN_SAMPLES} needed")
    return wave


@dataclass(frozen=True)
class ImageBindVariant:
    """Describes ImageBind's inputs from a clip."""

    name: str
    """`clean`, or `BENCH@COMMIT`."""
    pictures: Literal["stretches", "slow"] = "stretches"
    """First and last frames of five stretches of 2 s; or neighbours among frames at 0.5 per second."""
    seconds: float | None = None
    """Seconds from the start that are used of a clip with slow frames."""
    hold: bool = False
    """The last frame of a shorter picture is held; otherwise it is undefined."""
    mono: bool = False
    """All channels are used, not the first alone."""
    says: str = ""
    """Description in `ls metrics`."""


VARIANTS = {
    protocol.name.partition("@")[0]: protocol
    for protocol in (
        ImageBindVariant(
            "clean", mono=True, says="cosine of ImageBind's embeddings of video and audio: semantic agreement"
        ),
        ImageBindVariant(
            "avbenchmark@050a5cd",
            pictures="slow",
            seconds=8.0,
            says="MMAudio's IB-Score: frames at 1, 3, 5, 7 s in pairs; the first channel; clips under 8 s are dropped",
        ),
        ImageBindVariant(
            "mova@595a976",
            pictures="slow",
            seconds=7.9,
            hold=True,
            says="as av-benchmark, frames at 1, 3, 5 s; the last frame of a short video is repeated, clips with "
            "short sound are dropped",
        ),
        ImageBindVariant("javisbench@b505b37", says="IB-AV: ImageBind's own example; the first channel"),
        ImageBindVariant("t2av@b726966", mono=True, says="ImageBind's own example, all channels"),
        ImageBindVariant(
            "vabench@0b1fe7c", says="ImageBind's own example; the first channel; the bench scores failures 0"
        ),
    )
}
"""Ours, and those of av-benchmark (extract_video.py), MOVA (evaluation/metrics/av_quality), JavisBench (JavisDiT
eval/javisbench/src/metrics.py `calc_imagebind_score`), T2AV-Compass (scripts/eval_audio_video_alignment.sh) and VABench
(vabench/second_imagebind.py)."""


@dataclass(frozen=True)
class ImageBindScore(ClipMetric):
    """The cosine of a clip's picture and sound as one protocol shows them."""

    spec: MetricSpec
    protocol: ImageBindVariant
    embedder: Embedder

    def check(self) -> str | None:
        """Returns which weights are missing; None if none is."""
        return self.embedder.check()

    def measure(self, clip: Clip, prompt: Prompt | None, reference: Clip | None) -> float:
        """Scores the clip's audio and video; `prompt` and `reference` are ignored."""
        return self._measure(clip)

    def _measure(self, clip: Clip) -> float:
        from jova_bench.metrics.networks.imagebind import inputs

        if clip.frames is None:
            raise Undefined("no video stream")
        clean = self.protocol.name == "clean"
        wave = mono_16k(clip)[None] if clean else channels_16k(clip)
        if clean:
            check_stretch(clip, wave)
        elif self.protocol.mono:
            wave = wave.mean(axis=0, keepdims=True)
        if self.protocol.pictures == "stretches":
            seen = self.embedder.encode_stretches(clip)
        else:
            how = {"frames": self.protocol.pictures, "seconds": str(self.protocol.seconds)}
            seen = self.embedder.encode_video(clip, how, self._slow(clip, wave))
        heard = self.embedder.encode_audio(
            clip,
            whole_audio(clean, self.spec.version, self.protocol.mono),
            lambda: inputs.spectrograms(wave, inputs.spans(wave.shape[1]), in_place=not clean),
        )
        return float(cosine(seen.mean(axis=0), heard.mean(axis=0)))

    def _slow(self, clip: Clip, wave: Audio) -> Callable[[], Tensor]:
        """Pairs neighbouring frames at 0.5 per second, in three crops. Raises Undefined if the bench drops a clip."""
        from jova_bench.metrics.signal.frames import resample_frame_indices, short_side

        frames, seconds = clip.frames, self.protocol.seconds
        assert frames is not None
        assert seconds is not None
        wanted = int(seconds / 2)
        indices = resample_frame_indices(len(frames), clip.fps, Fraction(1, 2))[:wanted]
        # The bench reads the clip for DeSync at once, and what is too short for that has no score at all.
        length_s = len(resample_frame_indices(len(frames), clip.fps, Fraction(25))) / 25
        if self.protocol.hold:
            length_s = wave.shape[1] / RATE_HZ
            indices = np.append(indices, np.repeat(indices[-1:], wanted - len(indices)))
        if len(indices) < wanted or length_s < seconds:
            raise Undefined(f"too short: {length_s:.2f} s, {seconds:g} s needed")

        def show() -> Tensor:
            import torch

            from jova_bench.metrics.networks.imagebind import inputs

            crops = inputs.crops(short_side(frames, inputs.SIDE, indices))  # (3, wanted, 3, 224, 224)
            return torch.stack((crops[:, :-1], crops[:, 1:]), dim=3).flatten(0, 1)

        return show


def check_stretch(clip: Clip, wave: Audio) -> None:
    """Raises Undefined unless (C, N) sound at 16 kHz and picture last 2 s, and the sound is not silent."""
    assert clip.frames is not None
    seconds = min(float(len(clip.frames) / clip.fps), wave.shape[1] / RATE_HZ)
    if seconds < STRETCH_S:
        raise Undefined(f"too short: {seconds:.2f} s of picture and sound, {STRETCH_S} s needed")
    if is_silent(wave.mean(axis=0)):
        raise Undefined("silent")


def imagebind_score(context: MetricContext, variant: str) -> ImageBindScore:
    """Builds the score by one of the `VARIANTS`."""
    chosen = VARIANTS[variant]
    spec = MetricSpec(
        name="imagebind_score",
        version=2 if variant == "clean" else 1,  # Version 1 of ours resampled with a short filter.
        profile="standard",
        backend="imagebind",
        protocol=chosen.name,
        weights=context.assets.digest(WEIGHTS),
        params={"pictures": chosen.pictures},
        unit="cosine",
        direction="up",
        needs=("video", "audio"),
        domain="clips of at least 2 s in which what is seen can be heard",
        description=chosen.says,
        source=SOURCE,
    )
    return ImageBindScore(spec, chosen, Embedder(context))
