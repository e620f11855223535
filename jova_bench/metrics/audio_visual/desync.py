"""DeSync: the offset between a clip's audio and video in seconds, as Synchformer estimates it.

The network names one of 21 offsets, -2.0 .. 2.0 s in steps of 0.2 s, for 14 segments of 0.64 s, one every 0.32 s:
4.8 s. `clean` takes the likeliest offset of each window of 4.8 s, without its sign, and averages over windows that are
spread evenly from the first frame to the last, so that no part of a clip is left out. (The expected offset would be
near 0, the best value, where the network is unsure; the likeliest of an unsure network averages 22/21 s.)

Seven benches define it in seven ways; each is a `DesyncVariant`. All run in float32 here, where some benches run
in half precision on a GPU, and on frames as they were decoded, where some first encode the clip again.

Letters: S segments, W windows.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from jova_bench.arrays import Audio, FloatArray, Indices
from jova_bench.cache import CacheKey
from jova_bench.errors import Unavailable, Undefined
from jova_bench.media.clip import Clip
from jova_bench.metrics.audio_visual.desync_variants import SEGMENTS, SIDE, VARIANTS, DesyncVariant
from jova_bench.metrics.base import ClipMetric, MetricContext
from jova_bench.metrics.networks.network_cache import cached_network
from jova_bench.metrics.signal.audio import is_silent, resample
from jova_bench.metrics.signal.sinc_resample import sinc_resample
from jova_bench.prompts import Prompt
from jova_bench.records import MetricSpec

if TYPE_CHECKING:
    from jova_bench.metrics.networks.synchformer import Synchformer

WEIGHTS = "synchformer"
FPS, SAMPLES_PER_FRAME = 25, 640
WINDOW_SEGMENTS = 15
"""Segments between the first of a window and the first that begins after it."""
GRID_S = np.linspace(-2, 2, 21)
"""The offsets that the network can name; positive: the sound is early."""
AT_ONCE = 2
"""Segments per batch of the network; each is 1569 tokens."""


def windows(protocol: DesyncVariant, seen: int, heard: int) -> list[tuple[Indices, Indices]]:
    """Returns which segments of video and audio are compared, one pair per window.

    `spread`: windows that cover both streams from end to end, evenly, none apart from the next. `ends`: the first
    and the last, each stream by its own end. `cycle`: one, repeated from its start where the segments run out.
    `first`: one.

    Args:
        protocol: says how.
        seen: segments of picture.
        heard: segments of sound.
    """
    size = protocol.segments
    first = np.arange(size)
    if protocol.windows == "cycle":
        return [(first % seen, first % heard)]
    if protocol.windows == "first":
        return [(first, first)]
    if protocol.windows == "ends":
        return [(first, first), (first + seen - size, first + heard - size)]
    last = min(seen, heard) - size
    starts = np.linspace(0, last, 1 + -(-last // WINDOW_SEGMENTS)).round().astype(np.int64)
    return [(start + first, start + first) for start in starts]


def offset_of(logits: FloatArray, signed: bool) -> float:
    """Returns the mean in seconds of each window's likeliest offset, with or without its sign, from (W, 21) logits."""
    offsets = GRID_S[logits.argmax(axis=1)]
    return float((offsets if signed else np.abs(offsets)).mean())


@dataclass(frozen=True)
class DeSync(ClipMetric):
    """The offset of a clip as one protocol reads it."""

    spec: MetricSpec
    protocol: DesyncVariant
    context: MetricContext

    def check(self) -> str | None:
        """Returns which weights are missing; None if none is."""
        return self.context.assets.missing(WEIGHTS)

    def measure(self, clip: Clip, prompt: Prompt | None, reference: Clip | None) -> float:
        """Scores the clip's audio and video; `prompt` and `reference` are ignored."""
        return self._measure(clip)

    def _measure(self, clip: Clip) -> float:
        frames = clip.frames
        if frames is None:
            raise Undefined("no video stream")
        indices, audio = stretch(clip, self.protocol)
        if self.protocol.name == "clean" and is_silent(audio):
            raise Undefined("silent")
        if reason := self.check():
            raise Unavailable(reason)
        device, file = self.context.device, self.context.assets.find(WEIGHTS)
        weights = self.context.assets.digest(WEIGHTS)
        key = CacheKey("synchformer", self.spec.version, weights, {"variant": self.protocol.name})

        def compute() -> dict[str, FloatArray]:
            from jova_bench.metrics.networks import synchformer

            net = cached_network(f"synchformer@1[{weights}] on {device}", partial(synchformer.load, file, device))
            return {"logits": logits(net, frames, indices, audio, self.protocol, device)}

        stored = self.context.cache.get(clip.digest, key, compute)
        return offset_of(np.asarray(stored["logits"], dtype=np.float64), self.protocol.signed)


def stretch(clip: Clip, protocol: DesyncVariant) -> tuple[Indices, Audio]:
    """Returns the compared part of a clip: its frames at 25 fps, as indices, and its audio at 16 kHz.

    An index of -1 is a black frame. Raises Undefined for clips that are too short.
    """
    from jova_bench.metrics.signal.frames import resample_frame_indices

    assert clip.frames is not None
    indices = resample_frame_indices(len(clip.frames), clip.fps, Fraction(FPS), protocol.picking)
    # Ours is the same filter as everywhere; the benches have torchaudio's (ffmpeg's, where they re-encode).
    to_16k = resample if protocol.name == "clean" else sinc_resample
    audio = to_16k(clip.mono(), clip.sample_rate_hz, FPS * SAMPLES_PER_FRAME)
    if protocol.seconds is None:
        needed_frames = segment_end(SEGMENTS)
        needed_samples = needed_frames * SAMPLES_PER_FRAME
    else:
        needed_frames = int(FPS * protocol.seconds)
        needed_samples = int(FPS * SAMPLES_PER_FRAME * protocol.seconds)
        indices, audio = indices[:needed_frames], audio[:needed_samples]
    missing_frames, missing_samples = needed_frames - len(indices), needed_samples - len(audio)
    if protocol.short != "refuse" and missing_frames > 0:
        filler = indices[-1] if protocol.short == "hold" else -1
        indices = np.append(indices, np.full(missing_frames, filler))
    if protocol.short == "blank" and missing_samples > 0:
        audio = np.append(audio, np.zeros(missing_samples, np.float32))
    if len(indices) < needed_frames or len(audio) < needed_samples:
        seconds = min(len(indices) / FPS, len(audio) / (FPS * SAMPLES_PER_FRAME))
        raise Undefined(f"too short: {seconds:.2f} s of picture and sound, {needed_frames / FPS:g} s needed")
    return indices, audio


def segment_end(count: int) -> int:
    """Returns the frames from the start of the first of `count` segments to the end of the last."""
    return 8 * (count + 1)


def logits(
    net: Synchformer,
    frames: npt.NDArray[np.uint8],
    indices: Indices,
    audio: Audio,
    protocol: DesyncVariant,
    device: str,
) -> FloatArray:
    """Computes (W, 21) scores of the offsets, one row per window.

    Args:
        net: of any size.
        frames: (T, H, W, 3) uint8.
        indices: which of them to show, at 25 fps; -1 for black.
        audio: (N,) at 16 kHz.
        protocol: which segments to compare.
        device: where the network is.
    """
    import torch

    from jova_bench.metrics.networks.synchformer import inputs
    from jova_bench.metrics.signal.frames import centre, short_side

    shown = short_side(frames, protocol.side, np.maximum(indices, 0))
    if protocol.side != SIDE:  # An encoder takes even sides.
        shown = shown[..., : shown.shape[2] // 2 * 2, : shown.shape[3] // 2 * 2]
    shown = centre(shown, SIDE).masked_fill(torch.from_numpy(indices < 0)[:, None, None, None], 0)
    shown = shown[protocol.first_frame :]
    samples = torch.from_numpy(audio)[protocol.first_frame * SAMPLES_PER_FRAME :]
    with torch.inference_mode():
        parts = inputs.segments_of(shown)
        looks = [
            net.encode_video(inputs.scaled(parts[k : k + AT_ONCE].to(device))) for k in range(0, len(parts), AT_ONCE)
        ]
        seen = torch.cat(looks)
        heard = net.encode_audio(inputs.spectrograms(samples.to(device)))
        rows = [
            net.compare(seen[torch.from_numpy(i)][None], heard[torch.from_numpy(j)][None])
            for i, j in windows(protocol, len(seen), len(heard))
        ]
    return torch.cat(rows).double().cpu().numpy()


def desync(context: MetricContext, variant: str) -> DeSync:
    """Builds DeSync by one of the `VARIANTS`."""
    chosen = VARIANTS[variant]
    spec = MetricSpec(
        name="desync",
        version=2 if variant == "clean" else 1,  # Version 1 of ours resampled with a short filter.
        profile="standard",
        backend="synchformer",
        protocol=chosen.name,
        weights=context.assets.digest(WEIGHTS),
        params={"windows": chosen.windows, "offset": "argmax"},
        unit="s",
        direction="target" if chosen.signed else "down",
        needs=("video", "audio"),
        domain="clips of at least 4.8 s in which what is seen can be heard",
        description=chosen.says,
        source="Iashin et al. 2024, arXiv 2401.16423; Cheng et al. 2024, arXiv 2412.15322",
    )
    return DeSync(spec, chosen, context)
