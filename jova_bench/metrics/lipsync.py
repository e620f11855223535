"""Lip synchronisation by two towers: LSE-C, LSE-D, the offset, and whether it is right.

The windowing is SyncNet's (Chung and Zisserman 2016; joonson/syncnet_python, SyncNetInstance.py): windows of
5 frames against 0.2 s of sound, shifts -15 .. 15 frames. Two things differ here, and are in the identity:
windows that a shift moves past the end of the clip are left out of its mean (`edges=masked`; upstream pads
with zeros, which pulls the distances at large shifts to a constant), and the last window is kept
(N = min(frames, samples // 640) - 4; upstream drops it).

The shipped judges embed on a unit sphere, so distances lie in [0, 2], not on the scale of published LSE. They
were trained to keep silence at a distance of sqrt(2) from everything: pauses prove nothing, clips with swapped
sound score at chance, and a mouth that moves in a pause is `mouth_audio_corr`'s to notice. Cutting silent windows
at the edges raises the confidence of a shifted clip a little (0.47 to 0.49 at 5 frames on real clips).

Letters: N windows, D embedding size, S = 31 shifts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from jova_bench.metrics import frozen
from jova_bench.metrics.base import FeatureCache, FloatArray, measured, require_embedded_domain
from jova_bench.metrics.features import is_silent, log_mel, mono_16k
from jova_bench.types import Clip, Direction, MetricSpec, Outcome, Prompt, Undefined

MAX_SHIFT = 15
"""Frames by which the sound is moved to either side: 0.6 s at 25 fps."""
SAMPLES_PER_FRAME = 640
"""16 kHz at 25 fps."""
MIN_WINDOWS = MAX_SHIFT + 1
"""Fewer, and some shifts have no window left."""

Edges = Literal["masked", "padded"]


def window_count(frames: int, samples: int) -> int:
    """How many 5-frame windows have both picture and sound (25 fps, 16 kHz)."""
    return max(0, min(frames, samples // SAMPLES_PER_FRAME) - 4)


def shift_curve(video: FloatArray, audio: FloatArray, edges: Edges) -> FloatArray:
    """Mean distance between picture and sound at each shift.

    Entry j is the mean over windows i of |v_i - a_{i + s}| with s = j - 15. Where i + s is outside the clip the
    window is left out (`masked`) or compared with a zero vector (`padded`, as upstream).

    Args:
        video: (N, D) embeddings, N >= 16.
        audio: (N, D) embeddings.
        edges: what to do where a shift leaves the clip.

    Returns:
        (S,).
    """
    count = len(video)
    if edges == "padded":
        padded = np.pad(audio, ((MAX_SHIFT, MAX_SHIFT), (0, 0)))
        moved = [np.linalg.norm(video - padded[j : j + count], axis=1).mean() for j in range(2 * MAX_SHIFT + 1)]
    else:
        moved = [
            np.linalg.norm(video[max(0, -s) : count - max(0, s)] - audio[max(0, s) : count + min(0, s)], axis=1).mean()
            for s in range(-MAX_SHIFT, MAX_SHIFT + 1)
        ]
    return np.array(moved, dtype=np.float64)


def lse_d_of(curve: FloatArray) -> float:
    """Smallest mean distance over the shifts."""
    return float(curve.min())


def lse_c_of(curve: FloatArray) -> float:
    """Median minus minimum: how far the best shift stands out."""
    return float(np.median(curve) - curve.min())


def lse_d_at_0_of(curve: FloatArray) -> float:
    """Mean distance as the clip is, with no shift forgiven."""
    return float(curve[MAX_SHIFT])


def offset_frames_of(curve: FloatArray) -> float:
    """Frames by which the sound comes before its picture (positive: audio leads)."""
    return float(MAX_SHIFT - int(curve.argmin()))


def sync_within_1_of(curve: FloatArray) -> float:
    """1 when the offset is at most one frame, else 0. Chance is 3/31."""
    return float(abs(offset_frames_of(curve)) <= 1)


@dataclass(frozen=True)
class Number:
    """What is read off a shift curve."""

    read: Callable[[FloatArray], float]
    direction: Direction
    unit: str
    says: str


NUMBERS = {
    "lse_c": Number(
        lse_c_of, "up", "", "lip-sync confidence: median minus minimum of the mean distance over +-15 frames"
    ),
    "lse_d": Number(lse_d_of, "down", "", "lip-sync distance at the best of +-15 frames"),
    "lse_d_at_0": Number(lse_d_at_0_of, "down", "", "lip-sync distance with no shift forgiven"),
    "av_offset_frames": Number(
        offset_frames_of,
        "target",
        "frames",
        "frames by which the sound comes before the picture (positive: audio leads)",
    ),
    "sync_within_1": Number(
        sync_within_1_of, "up", "", "share of clips whose best shift is at most 1 frame (chance 3/31)"
    ),
}
"""By name of the metric; SyncNet's (`lse`) are the same."""


def embedded_curve(clip: Clip, cache: FeatureCache, judge: str, device: str) -> FloatArray:
    """(31,) masked shift curve of a clip by one of the shipped judges. Raises Undefined or Unavailable."""
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

    def compute() -> dict[str, FloatArray]:
        video, sound = embeddings(frames[: count + 4], audio, name, device)
        return {"curve": shift_curve(video, sound, "masked")}

    return np.asarray(cache.get(clip.digest, frozen.extractor(f"{name}-masked"), compute)["curve"], dtype=np.float64)


def embeddings(frames: np.ndarray, audio: np.ndarray, name: str, device: str) -> tuple[FloatArray, FloatArray]:
    """(N, D) embeddings of the windows of (T, 64, 64, 3) frames and 16 kHz samples, N = T - 4."""
    import torch

    from jova_bench.metrics import nets

    net = nets.load(name, device)
    assert isinstance(net, nets.SyncNet)
    mel = log_mel(audio, nets.MELS)[: nets.MELS_PER_FRAME * len(frames)]
    with torch.inference_mode():
        video = net.look(nets.pictures(frames, device)[None])[0]
        sound = net.listen(torch.from_numpy(mel).to(device)[None])[0]
    return video.double().cpu().numpy(), sound.double().cpu().numpy()


@dataclass(frozen=True)
class LipSync:
    """One number of the shift curve of one judge."""

    spec: MetricSpec
    judge: str
    read: Callable[[FloatArray], float]
    cache: FeatureCache
    device: str

    def check(self) -> str | None:
        """None when the judge's weights are there."""
        return frozen.missing(f"syncnet-{self.judge}")

    def score(self, clip: Clip, prompt: Prompt | None, reference: Clip | None) -> Outcome:
        """Looks and listens; needs neither prompt nor reference."""
        return measured(lambda: self.read(embedded_curve(clip, self.cache, self.judge, self.device)))


def _metric(name: str, cache: FeatureCache, device: str, judge: str) -> LipSync:
    number = NUMBERS[name]
    spec = MetricSpec(
        name=name,
        version=1,
        profile="embedded",
        backend=f"syncnet-{judge}",
        weights=frozen.digest(f"syncnet-{judge}"),
        params={"edges": "masked", "shifts": MAX_SHIFT},
        unit=number.unit,
        direction=number.direction,
        needs=("video", "audio"),
        domain="clips of the embedded corpus: drawn faces, 64x64, 25 fps",
        description=number.says,
        source="Chung and Zisserman 2016; syncnet_python SyncNetInstance.py",
        proportion=name == "sync_within_1",
    )
    return LipSync(spec, judge, number.read, cache, device)


def lse_c(cache: FeatureCache, device: str, judge: str) -> LipSync:
    """Confidence that picture and sound belong together."""
    return _metric("lse_c", cache, device, judge)


def lse_d(cache: FeatureCache, device: str, judge: str) -> LipSync:
    """Distance of picture and sound at the best shift."""
    return _metric("lse_d", cache, device, judge)


def lse_d_at_0(cache: FeatureCache, device: str, judge: str) -> LipSync:
    """Distance of picture and sound as they are."""
    return _metric("lse_d_at_0", cache, device, judge)


def av_offset_frames(cache: FeatureCache, device: str, judge: str) -> LipSync:
    """Best shift, in frames."""
    return _metric("av_offset_frames", cache, device, judge)


def sync_within_1(cache: FeatureCache, device: str, judge: str) -> LipSync:
    """Whether the best shift is at most one frame."""
    return _metric("sync_within_1", cache, device, judge)
