"""THEval's measures of a talking head as clip metrics: its formulas are in `theval_formulas`.

Three of its habits move values. `lip_sync.py` hands MediaPipe pictures with red and blue swapped, in which it misses
faces. `lip_dynamics.py` squeezes pictures into a square of 256 pixels and measures in these, so that a larger face
moves more. And one tracker serves all videos of a run, so that the first frames of a video are searched where the face
of the one before it was; here every clip begins with a detection, as the first video does there. Where upstream writes
0 for a video in which it found no face, or one face once, the value is undefined here, as where it writes NaN. Sound
goes to its 44.1 kHz and 16 kHz by another filter than ffmpeg's and torchaudio's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from jova_bench.arrays import Arrays, FloatArray, Frames
from jova_bench.assets.table import AssetTable
from jova_bench.cache import CacheKey
from jova_bench.errors import Unavailable, Undefined
from jova_bench.media.clip import Clip
from jova_bench.metrics.base import ClipMetric, MetricContext, join_reasons
from jova_bench.metrics.faces import attention, litert, mesh, opencv
from jova_bench.metrics.faces import theval_formulas as formulas
from jova_bench.metrics.faces.blaze_decoding import detect
from jova_bench.metrics.faces.litert import Network
from jova_bench.metrics.signal.audio import mono_16k, resample
from jova_bench.metrics.speech import activity
from jova_bench.prompts import Prompt
from jova_bench.records import MetricSpec

PROTOCOL = "theval@cfe23fe"
VAD = "silero-vad-5"
"""Name in the table of weights of Silero VAD's network in package 5.1.2, which it pins."""
RATE_HZ = 44_100
"""Rate to which moviepy brings the sound."""


def followed(frames: Iterable[Frames], assets: AssetTable, network: Network) -> FloatArray:
    """Puts a mesh on the face of T frames, (H, W, 3) each, as MediaPipe does with `static_image_mode=False`.

    Returns:
        (T, 468, 2) x as a share of the width, y of the height; NaN where MediaPipe gives nothing.
    """
    net = (attention if network is litert.ATTENTION else network).load(assets)
    found: list[FloatArray] = []
    region = None
    for frame in frames:
        if region is None:
            faces = detect(frame, litert.SHORT_RANGE, assets)
            region = mesh.region(faces[0]) if len(faces) else None
        face = None if region is None else mesh.at(frame, region, net)
        region = None if face is None else mesh.next_region(face.points)
        height, width = frame.shape[:2]
        found.append(np.full((468, 2), np.nan) if face is None else face.points / [width, height])
    return np.array(found)


def swapped(frame: Frames) -> Frames:
    """Returns a frame with red and blue exchanged."""
    return np.ascontiguousarray(frame[..., ::-1])


def squeezed(frame: Frames) -> Frames:
    """Returns a frame as (256, 256, 3)."""
    return np.asarray(opencv.cv2().resize(frame, (formulas.SIDE, formulas.SIDE)), dtype=np.uint8)


@dataclass(frozen=True)
class TheVal(ClipMetric):
    """One of its measures."""

    spec: MetricSpec
    context: MetricContext
    network: Network
    hears: bool
    number: Callable[[Clip, Frames, MetricContext], float]
    """Measures a clip that has what it needs; its frames stand apart for they are there."""

    def check(self) -> str | None:
        """Returns what of packages and networks is missing; None if nothing is."""
        heard = (VAD,) if self.hears else ()
        files = self.context.assets.missing(litert.SHORT_RANGE.asset, self.network.asset, *heard)
        package = activity.missing() if self.hears else None
        return join_reasons(opencv.missing(), litert.not_installed(), package, files)

    def measure(self, clip: Clip, prompt: Prompt | None, reference: Clip | None) -> float:
        """Measures the clip; `prompt` and `reference` are ignored."""
        if clip.frames is None:
            raise Undefined("no video stream")
        if self.hears and not len(clip.mono()):
            raise Undefined("no sound")
        if reason := self.check():
            raise Unavailable(reason)
        return self.number(clip, clip.frames, self.context)


def _points(clip: Clip, network: Network, how: str, frames: Iterable[Frames], context: MetricContext) -> FloatArray:
    """Returns the points of a clip's frames, prepared in one of the ways of upstream, from the cache where it can."""

    def compute() -> Arrays:
        return {"points": followed(frames, context.assets, network)}

    key = CacheKey("face-mesh-video", 1, _weights(network), {"frames": how})
    return np.asarray(context.cache.get(clip.digest, key, compute)["points"], dtype=np.float64)


def _speech(clip: Clip, context: MetricContext) -> activity.Stretches:
    return activity.stretches(mono_16k(clip), context.assets.find(VAD), decimals=1)


def _lip_sync(clip: Clip, frames: Frames, context: MetricContext) -> float:
    fps, count = float(clip.fps), len(frames)
    spoken = formulas.spoken_frames(_speech(clip, context), fps, count)
    sound = resample(clip.mono(), clip.sample_rate_hz, RATE_HZ)
    level = formulas.volumes(sound, RATE_HZ, np.arange(count) / fps)
    return formulas.lip_sync(_points(clip, litert.MESH, "bgr", map(swapped, frames), context), level, spoken)


def _silent_lips(clip: Clip, frames: Frames, context: MetricContext) -> float:
    spoken = formulas.spoken_frames(_speech(clip, context), float(clip.fps), len(frames))
    quiet = np.flatnonzero(formulas.long_pauses(spoken, float(clip.fps)))
    if not len(quiet):
        raise Undefined(f"no pause of {formulas.PAUSE_S} s")
    which = f"256x256 in pauses by {context.assets.digest(VAD)}"
    shown = (squeezed(frames[k]) for k in quiet)
    return formulas.silent_lip_stability(_points(clip, litert.ATTENTION, which, shown, context))


def _lip_dynamics(clip: Clip, frames: Frames, context: MetricContext) -> float:
    return formulas.lip_dynamics(_points(clip, litert.ATTENTION, "256x256", map(squeezed, frames), context))


def _brow_dynamics(clip: Clip, frames: Frames, context: MetricContext) -> float:
    found = _points(clip, litert.ATTENTION, "rgb", frames, context)
    return formulas.brow_dynamics(found * [frames.shape[2], frames.shape[1]])


def _weights(network: Network) -> str:
    return f"{litert.SHORT_RANGE.digest}+{network.digest}"


@dataclass(frozen=True)
class _Measure:
    """What differs between its measures."""

    network: Network
    hears: bool
    number: Callable[[Clip, Frames, MetricContext], float]
    says: str
    script: str


MEASURES = {
    "mouth_audio_corr": _Measure(
        litert.MESH,
        True,
        _lip_sync,
        "THEval's lip-sync: mean difference of the lips' opening and the volume, each stretched to [0, 1] over the"
        " frames with speech; 0.2528 for the paper's real videos; the mesh is given red and blue swapped",
        "Synchronization/lip_sync.py",
    ),
    "silent_lip_stability": _Measure(
        litert.ATTENTION,
        True,
        _silent_lips,
        "median of the differences of the lips' opening from its mean, in pauses of 0.3 s or more; 0.0263 for the"
        " paper's real videos",
        "Synchronization/silent_lip_stability.py",
    ),
    "lip_dynamics": _Measure(
        litert.ATTENTION,
        False,
        _lip_dynamics,
        "standard deviation over time of the distances between 40 points on the lips, mean over pairs, in pixels of the"
        " picture squeezed into 256x256; 1.7166 for the paper's real videos",
        "Naturalness/lip_dynamics.py",
    ),
    "brow_dynamics": _Measure(
        litert.ATTENTION,
        False,
        _brow_dynamics,
        "mean change of the distance from brow to eye, over that of the eyes, from a frame with a face to the next one;"
        " 0.0068 for the paper's real videos",
        "Naturalness/eyebrow_dynamics.py",
    ),
}
"""Name of the metric to how THEval measures it."""


def build(context: MetricContext, name: str) -> TheVal:
    """Builds one of `MEASURES`."""
    chosen = MEASURES[name]
    digest = context.assets.digest(VAD) if chosen.hears else None
    spec = MetricSpec(
        name=name,
        version=1,
        profile="standard",
        backend="face-mesh+loudness" if name == "mouth_audio_corr" else "face-mesh-attention",
        protocol=PROTOCOL,
        weights="+".join(filter(None, (_weights(chosen.network), digest))),
        direction="target",
        needs=("video", "audio") if chosen.hears else ("video",),
        domain="one face that speaks",
        description=chosen.says,
        source=f"Newbyl/THEval {chosen.script}",
    )
    return TheVal(spec, context, chosen.network, chosen.hears, chosen.number)
