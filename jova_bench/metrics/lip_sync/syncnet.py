"""LSE-C, LSE-D and the other values of lip synchronisation by SyncNet v2 (standard profile).

The clip at 25 frames a second, its sound at 16 kHz as 16-bit numbers; faces are found and followed (`faces`), each is
cut out and embedded window by window (`models.syncnet`), and the distances at shifts of -15 .. 15 frames make its
curve (`lipsync.shift_curve`). What a bench does otherwise is in its `LipSyncVariant`.

Letters: N windows, D = 1024.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from jova_bench.arrays import Arrays, FloatArray
from jova_bench.assets.table import AssetTable
from jova_bench.cache import CacheKey
from jova_bench.errors import Unavailable, Undefined
from jova_bench.media.clip import Clip
from jova_bench.metrics import faces
from jova_bench.metrics.base import ClipMetric, MetricContext, join_reasons
from jova_bench.metrics.faces import opencv
from jova_bench.metrics.faces.crop import SIDE
from jova_bench.metrics.lip_sync.curves import MAX_SHIFT, NUMBERS, SAMPLES_PER_FRAME, shift_curve
from jova_bench.metrics.lip_sync.mfcc import mfcc
from jova_bench.metrics.lip_sync.variants import MIN_FACE, VARIANTS, FaceCurve, LipSyncVariant
from jova_bench.metrics.networks.network_cache import cached_network
from jova_bench.metrics.signal.audio import Audio, is_silent, mono_16k
from jova_bench.metrics.speech import vocals
from jova_bench.prompts import Prompt
from jova_bench.records import MetricSpec

if TYPE_CHECKING:
    from jova_bench.metrics.networks.syncnet import Towers

WEIGHTS = "syncnet"
DOMAIN = "one person who speaks, whose face is seen"
EPSILON = 1e-6
"""Epsilon that torch's `pairwise_distance` adds to every difference, as in published scores."""
TAIL = 240
"""Samples by which the cepstra of a window reach beyond its 5 frames: 20 windows of 25 ms, 10 ms apart."""


@dataclass(frozen=True)
class LipSync(ClipMetric):
    """One number of a clip as one protocol reads it."""

    spec: MetricSpec
    protocol: LipSyncVariant
    context: MetricContext

    def check(self) -> str | None:
        """Returns which packages and weights are missing; None if none is."""
        return missing(self.protocol, self.context.assets)

    def measure(self, clip: Clip, prompt: Prompt | None, reference: Clip | None) -> float:
        """Scores the clip's audio and video; `prompt` and `reference` are ignored."""
        return self._measure(clip)

    def _measure(self, clip: Clip) -> float:
        curves = face_curves(clip, self.protocol, self.context)
        return self.protocol.over(NUMBERS[self.spec.name].read, curves)


def face_curves(clip: Clip, protocol: LipSyncVariant, context: MetricContext) -> list[FaceCurve]:
    """Returns the shift curve of every face that a variant scores, at least one.

    Raises:
        Undefined: no picture, no sound, silence, no face, or too little of one.
        Unavailable: weights or a package are missing.
    """
    if clip.frames is None:
        raise Undefined("no video stream")
    sound = mono_16k(clip)
    if not protocol.silence_counts and is_silent(sound):
        raise Undefined("silent")
    assets, device = context.assets, context.device
    if why_not := missing(protocol, assets):
        raise Unavailable(why_not)
    file = assets.find(WEIGHTS)
    weights = assets.digest(WEIGHTS)
    key = CacheKey("syncnet", 2, weights, {"variant": protocol.name, **parameters(protocol, assets)})

    def compute() -> Arrays:
        heard = scored(clip, vocals.heard(clip, context) if protocol.separated else sound, protocol, context)
        towers = cached_network(
            f"syncnet@2[{weights}] {protocol.dtype} on {device}", partial(_towers, file, device, protocol.dtype)
        )
        curves = [curve_of(towers, _pictures(clip, one.track, protocol), one, protocol) for one in heard]
        where = [(one.windows, one.track.first, one.track.stop) for one in heard]
        return {"curves": np.array(curves), "where": np.array(where)}

    kept = context.cache.get(clip.digest, key, compute)
    curves, where = np.asarray(kept["curves"], dtype=np.float64), np.asarray(kept["where"], dtype=np.int64)
    return [FaceCurve(curve, *map(int, row)) for curve, row in zip(curves, where, strict=True)]


@dataclass(frozen=True)
class Heard:
    """A face and the audio of its frames."""

    track: faces.Track
    sound: FloatArray
    """(n,) at 16 kHz, full scale 32768."""
    windows: int
    """How many windows of 5 frames have both."""


def hear(track: faces.Track, sound: Audio, protocol: LipSyncVariant) -> Heard:
    """Returns the audio of a face.

    Args:
        track: where the face is.
        sound: (N,) of the clip at 16 kHz, nominal range [-1, 1].
        protocol: says how windows at the edges are treated.
    """
    start, stop = track.first * SAMPLES_PER_FRAME, track.stop * SAMPLES_PER_FRAME
    if protocol.sound == "short":
        # As written upstream, in floats, so that it rounds as there.
        start, stop = (int(frame / 25 * 16000) for frame in (track.first, track.stop - 1))
    count = min(len(track.boxes), len(sound[start:stop]) // SAMPLES_PER_FRAME)
    part = sound[start : stop + TAIL if protocol.sound == "clip" else stop]
    samples = np.clip(np.rint(part.astype(np.float64) * 32768), -32768, 32767)
    return Heard(track, samples, max(0, count - (4 if protocol.last_window == "kept" else 5)))


def scored(clip: Clip, sound: Audio, protocol: LipSyncVariant, context: MetricContext) -> list[Heard]:
    """Finds the faces to score, at least one."""
    tracks = protocol.find(clip, protocol.detector, context)
    heard = [hear(track, sound, protocol) for track in tracks]
    longest = max(one.windows for one in heard)
    if longest < protocol.min_windows:
        raise Undefined(f"too short: {longest} windows of 5 frames of one face, at least {protocol.min_windows} needed")
    if protocol.name == "clean":
        long = [one for one in heard if one.windows >= protocol.min_windows]
        heard = [one for one in long if not is_silent((one.sound / 32768).astype(np.float32))]
        if not heard:
            raise Undefined("silent while a face is seen")
    elif min(one.windows for one in heard) < protocol.min_windows:
        raise Undefined("too short: a face without a window of 5 frames with sound; this bench crashes on the clip")
    return heard


def _pictures(clip: Clip, track: faces.Track, protocol: LipSyncVariant) -> npt.NDArray[np.uint8]:
    """Crops frames of a face as (n, 224, 224, 3) BGR."""
    if protocol.crop is not None:
        return faces.crops(faces.at_25_fps(clip), track, protocol.crop, protocol.smooth)
    assert clip.frames is not None
    cv2 = opencv.cv2()
    return np.stack([cv2.resize(frame, (SIDE, SIDE))[..., ::-1] for frame in clip.frames])


def curve_of(towers: Towers, pictures: npt.NDArray[np.uint8], heard: Heard, protocol: LipSyncVariant) -> FloatArray:
    """Computes the (31,) shift curve of one face.

    Args:
        towers: SyncNet.
        pictures: (n, 224, 224, 3) BGR, at least `heard.windows + 4`.
        heard: its sound.
        protocol: says what happens at the edges.
    """
    video = towers.encode_video(pictures[: heard.windows + 4])
    # Cepstra that reach beyond the sound hear silence; only the last window of `kept` has one.
    audio = towers.encode_audio(mfcc(np.pad(heard.sound, (0, TAIL))))[: heard.windows]
    return shift_curve(video + EPSILON if protocol.edges == "padded" else video, audio, protocol.edges)


def _towers(file: Path, device: str, dtype: str) -> Towers:
    import torch

    from jova_bench.metrics.networks import syncnet

    return syncnet.Towers(syncnet.load(file), device, getattr(torch, dtype))


def missing(protocol: LipSyncVariant, assets: AssetTable) -> str | None:
    """Returns what of OpenCV, SyncNet, the detector and the separator is missing; None if nothing is."""
    packages, files = [opencv.missing()], [WEIGHTS]
    if protocol.crop is not None:
        detector = faces.detector(protocol.detector, assets)
        packages, files = [*packages, detector.packages()], [*files, *detector.files]
    if protocol.separated:
        packages, files = [*packages, vocals.packages()], [*files, vocals.WEIGHTS]
    return join_reasons(*packages, assets.missing(*files))


def parameters(protocol: LipSyncVariant, assets: AssetTable) -> dict[str, str | int | float]:
    """Returns the parameters that change the score, for the identity."""
    found: dict[str, str | int | float] = {"edges": protocol.edges, "shifts": MAX_SHIFT}
    if protocol.crop is not None:
        found |= {"crop": protocol.crop, "detector": faces.detector(protocol.detector, assets).key}
    if protocol.name == "clean":
        found |= {"every": faces.EVERY, "min_face": MIN_FACE, "min_windows": protocol.min_windows}
    if protocol.separated:
        found |= {"voice": vocals.parameter(assets)}
    if protocol.dtype != "float32":
        found |= {"dtype": protocol.dtype}
    return found


def build(context: MetricContext, name: str, variant: str) -> LipSync:
    """Builds one of `NUMBERS` as one of `VARIANTS` measures it."""
    chosen, number = VARIANTS[variant], NUMBERS[name]
    spec = MetricSpec(
        name=name,
        version=2,  # Version 1 resampled with a short filter.
        profile="standard",
        backend="syncnet-v2",
        protocol=chosen.name,
        weights=context.assets.digest(WEIGHTS),
        params=parameters(chosen, context.assets),
        unit=number.unit,
        direction=number.direction,
        needs=("video", "audio"),
        domain=DOMAIN,
        description=f"{number.says}; {chosen.says}",
        source=chosen.source,
        proportion=name == "sync_within_1",
    )
    return LipSync(spec, chosen, context)
