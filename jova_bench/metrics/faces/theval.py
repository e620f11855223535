"""THEval's measures of a talking head, as Newbyl/THEval computes them at cfe23fe (arXiv 2511.04520).

Each is scored there by its closeness to the mean of real videos, so the real clips' value is the target. What upstream
writes as NaN is undefined here.

Two of its habits move values. `lip_sync.py` hands MediaPipe pictures with red and blue swapped, in which it misses
faces. And one tracker serves all videos of a run, so that the first frames of a video are searched where the face of
the one before it was; here every clip begins with a detection, as the first video does there. Sound goes to its 44.1
kHz and 16 kHz by another filter than ffmpeg's and torchaudio's.

Letters: T frames at the clip's own rate, N samples.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from jova_bench.arrays import Arrays, Audio, FloatArray, Frames
from jova_bench.assets.table import AssetTable
from jova_bench.cache import CacheKey
from jova_bench.errors import Unavailable, Undefined
from jova_bench.media.clip import Clip
from jova_bench.metrics.base import ClipMetric, MetricContext, join_reasons
from jova_bench.metrics.faces import litert, mesh, opencv
from jova_bench.metrics.faces.blaze_decoding import detect
from jova_bench.metrics.signal.audio import mono_16k, resample
from jova_bench.metrics.speech import activity
from jova_bench.prompts import Prompt
from jova_bench.records import MetricSpec

PROTOCOL = "theval@cfe23fe"
VAD = "silero-vad-5"
"""Name in the table of weights of Silero VAD's network in package 5.1.2, which it pins."""
RATE_HZ = 44_100
"""Rate to which moviepy brings the sound."""
STEP_S = 0.05
RIGHT_EYE, LEFT_EYE = (33, 133), (362, 263)
LEAST_SPEECH = 0.1
"""Share of the frames."""


def followed(frames: Frames, assets: AssetTable) -> FloatArray:
    """Puts the mesh on the face of (T, H, W, 3) frames as MediaPipe does with `static_image_mode=False`.

    Returns:
        (T, 468, 2) x as a share of the width, y of the height; NaN where MediaPipe gives nothing.
    """
    found = np.full((len(frames), 468, 2), np.nan)
    size = np.array(frames.shape[2:0:-1], dtype=np.float64)
    region = None
    for k, frame in enumerate(frames):
        if region is None:
            faces = detect(frame, litert.SHORT_RANGE, assets)
            region = mesh.region(faces[0]) if len(faces) else None
        face = None if region is None else mesh.at(frame, region, assets)
        region = None if face is None else mesh.next_region(face.points)
        if face is not None:
            found[k] = face.points / size
    return found


def volumes(audio: Audio, rate_hz: int, times_s: FloatArray) -> FloatArray:
    """Returns the level of (N,) samples at some times: root mean squares of 50 ms around every 50 ms, interpolated.

    As librosa's `feature.rms` with zeros beyond both ends.
    """
    length = int(rate_hz * STEP_S)
    padded = np.pad(audio.astype(np.float64), length // 2)
    count = 1 + (len(padded) - length) // length
    squares = padded[: count * length].reshape(count, length) ** 2
    return np.interp(times_s, np.arange(count) * length / rate_hz, np.sqrt(squares.mean(axis=1)))


def spoken_frames(stretches: activity.Stretches, fps: float, count: int) -> npt.NDArray[np.bool_]:
    """Returns which of `count` frames lie in stretches of speech, (T,); a stretch's last frame counts."""
    spoken = np.zeros(count, dtype=np.bool_)
    for start_s, stop_s in stretches:
        spoken[int(start_s * fps) : int(stop_s * fps) + 1] = True
    return spoken


def lip_sync(points: FloatArray, level: FloatArray, spoken: npt.NDArray[np.bool_]) -> float:
    """Returns the mean difference of opening and volume, each stretched to [0, 1], over frames with speech and a face.

    Args:
        points: (T, 468, 2) as shares of width and height.
        level: (T,) volume.
        spoken: (T,) whether there is speech.

    Raises:
        Undefined: speech in less than a tenth of the frames, or a face in fewer than two of them.
    """
    if spoken.mean() < LEAST_SPEECH:
        raise Undefined(f"speech in {spoken.mean():.0%} of the frames, at least {LEAST_SPEECH:.0%} needed")
    gap = np.abs(points[:, mesh.UPPER, 1].mean(axis=1) - points[:, mesh.LOWER, 1].mean(axis=1))
    eyes = np.abs(points[:, LEFT_EYE, 0].mean(axis=1) - points[:, RIGHT_EYE, 0].mean(axis=1))
    opening = gap / np.where(eyes > 0, eyes, np.nan)
    used = spoken & np.isfinite(opening)
    if used.sum() < 2:
        raise Undefined(f"a face in {used.sum()} of the frames with speech, at least 2 needed")
    return float(np.abs(_stretched(opening[used]) - _stretched(level[used])).mean())


def _stretched(values: FloatArray) -> FloatArray:
    return (values - values.min()) / (np.ptp(values) + 1e-8)


@dataclass(frozen=True)
class LipSync(ClipMetric):
    """THEval's lip-sync."""

    spec: MetricSpec
    context: MetricContext

    def check(self) -> str | None:
        """Returns what of packages and networks is missing; None if nothing is."""
        files = self.context.assets.missing(litert.SHORT_RANGE.asset, litert.MESH.asset, VAD)
        return join_reasons(opencv.missing(), litert.not_installed(), activity.missing(), files)

    def measure(self, clip: Clip, prompt: Prompt | None, reference: Clip | None) -> float:
        """Compares the clip's mouth and sound; `prompt` and `reference` are ignored."""
        if clip.frames is None:
            raise Undefined("no video stream")
        audio = mono_16k(clip)
        if not len(audio):
            raise Undefined("no sound")
        if reason := self.check():
            raise Unavailable(reason)
        fps, count = float(clip.fps), len(clip.frames)
        spoken = spoken_frames(activity.stretches(audio, self.context.assets.find(VAD), decimals=1), fps, count)
        level = volumes(resample(clip.mono(), clip.sample_rate_hz, RATE_HZ), RATE_HZ, np.arange(count) / fps)
        return lip_sync(self._points(clip, clip.frames), level, spoken)

    def _points(self, clip: Clip, frames: Frames) -> FloatArray:
        def compute() -> Arrays:
            return {"points": followed(np.asarray(frames[..., ::-1]), self.context.assets)}

        key = CacheKey("face-mesh-video", 1, _weights(), {"channels": "bgr"})
        return np.asarray(self.context.cache.get(clip.digest, key, compute)["points"])


def _weights() -> str:
    return f"{litert.SHORT_RANGE.digest}+{litert.MESH.digest}"


def mouth_audio_corr(context: MetricContext) -> LipSync:
    """Builds THEval's lip-sync."""
    spec = MetricSpec(
        name="mouth_audio_corr",
        version=1,
        profile="standard",
        backend="face-mesh+loudness",
        protocol=PROTOCOL,
        weights=(digest := context.assets.digest(VAD)) and f"{_weights()}+{digest}",
        direction="target",
        needs=("video", "audio"),
        domain="one face that speaks",
        description="THEval's lip-sync: mean difference of the lips' opening and the volume, each stretched to [0, 1]"
        " over the frames with speech; 0.2528 for the paper's real videos; the mesh is given red and blue swapped",
        source="Newbyl/THEval Synchronization/lip_sync.py",
    )
    return LipSync(spec, context)
