"""Puts decoded streams on one time base: only here does container time become frame and sample indices.

Video is the clock. Frame 0 is time 0; the audio is padded or cut at its start so that sample n is played
n / rate seconds after frame 0 is shown, which is exact to the sample and leaves every frame as it was decoded.
Every correction, or failure to correct, is a finding of the clip.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np

from jova_bench.arrays import Audio, Frames
from jova_bench.media.decode import Video
from jova_bench.media.decode_audio import MAX_START_S, Sound, joined, resized
from jova_bench.media.limits import Decoded
from jova_bench.media.rates import ROUNDED, Source, grid_rate, nearest_rate, shown_at, stated_rate
from jova_bench.records import Finding

SILENT_PEAK = 10 ** (-60 / 20)
"""Peak below which audio counts as silent: -60 dBFS."""
FROZEN_LEVELS = 8
"""Levels (of 255) by which frames of a still video may differ from the first after `write`; motion exceeds it."""


def resampled(video: Video, size: Decoded) -> tuple[Frames | None, Fraction, list[Finding]]:
    """Resamples the frames to a constant rate: the stated one, else one with lost frames, else a common one."""
    frames, tick = video.frames, video.tick
    if frames is None:
        return None, Fraction(0), [Finding(code="no_video", detail="no picture stream, or one without frames")]
    times = [time - video.times[0] for time in video.times]
    count, span = len(times), times[-1]
    if any(later <= earlier for earlier, later in pairwise(times)):
        raise ValueError("the frames' timestamps do not increase")
    findings = list(video.findings)
    fps = stated_rate(times, video.declared, tick)
    if fps is None:
        if count == 1:
            raise ValueError("one frame and no frame rate")
        steps = [float(later - earlier) for earlier, later in pairwise(times)]
        fps = grid_rate(times, video.declared, tick)
        if fps is None:
            fps = nearest_rate(times)
        else:
            times = [round(time * fps) / fps for time in times]
        size.frames = int(span * fps + ROUNDED) + 1
        size.check()
        frames = _rearranged(frames, shown_at(times, fps, size.frames, tick))
        findings.append(
            Finding(
                code="vfr",
                detail=f"{count} frames {min(steps) * 1000:.1f} to {max(steps) * 1000:.1f} ms apart, on average "
                f"{float((count - 1) / span):.3f} fps; resampled to {len(frames)} frames at {float(fps):.3f} fps",
            )
        )
    if count > 1 and all(_distance(frame, frames[0]) < FROZEN_LEVELS for frame in frames[1:]):
        findings.append(Finding(code="frozen", detail=f"all {len(frames)} frames equal within {FROZEN_LEVELS} of 255"))
    return frames, fps, findings


def _rearranged(frames: Frames, source: Source) -> Frames:
    """Moves frame `source[k]` to index k, in place; `source` never decreases.

    An index is written only after all that read it. Indices that read ahead are written from the front and only read
    indices not yet written; those that read behind are written from the back, likewise. The two do not interfere:
    if k reads m < k, then m, which reads no later place than k does, does not read ahead.
    """
    frames = resized(frames, max(len(frames), len(source)))
    for k, m in enumerate(source):
        if m > k:
            frames[k] = frames[m]
    for k in reversed(range(len(source))):
        if source[k] < k:
            frames[k] = frames[source[k]]
    return resized(frames, len(source))


def _distance(image: Frames, other: Frames) -> int:
    """Returns the largest difference of two images in levels."""
    return int((np.maximum(image, other) - np.minimum(image, other)).max())


def aligned(
    sound: Sound, zero: Fraction | None, video_tick: Fraction, family: str
) -> tuple[Audio | None, list[Finding]]:
    """Joins the channels and moves their start to `zero`, the time of the first frame (None without video)."""
    if not sound.length:
        return None, [Finding(code="no_audio", detail="no sound stream, or one without samples")]
    rate, findings = sound.rate, list(sound.findings)
    lead = Fraction(0) if zero is None else sound.start - zero
    if abs(lead) > MAX_START_S:
        raise ValueError(f"the streams start {float(lead):.1f} s apart")
    # Timestamps in coarse ticks (Matroska: 1 ms) are rounded; half a tick is no offset.
    shift = 0 if abs(lead) <= max(sound.tick, video_tick) / 2 else round(lead * rate)
    if shift:
        what = f"{shift} samples of silence put before it" if shift > 0 else f"its first {-shift} samples dropped"
        side = "after" if shift > 0 else "before"
        detail = f"the sound starts {abs(shift) / rate:.4f} s {side} the first frame at {rate} Hz: {what}"
        findings.append(Finding(code="start_offset", detail=detail))
    audio = joined(sound, skip=-shift)
    if not audio.size:
        findings.append(Finding(code="no_audio", detail="all sound ends before the first frame"))
        return None, findings
    if sound.gaps:
        detail = f"{sound.gaps / rate:.3f} s of holes in the sound's timestamps filled with silence"
        findings.append(Finding(code="audio_gap", detail=detail))
    starts = lead if sound.lead is None else sound.lead
    if sound.unstated_delay and not _made_up_for(starts, sound.unstated_delay[1], rate, max(sound.tick, video_tick)):
        code, (codec, late) = "no_edit_list" if "mp4" in family else "codec_delay", sound.unstated_delay
        detail = (
            f"{codec} without a stated delay: the sound may be late by it, usually {late} samples ({late / rate:.3f} s)"
        )
        findings.append(Finding(code=code, detail=detail))
    peak = max(float(audio.max()), -float(audio.min()))
    if peak < SILENT_PEAK:
        loudest = f"the loudest sample is {20 * np.log10(peak):.0f} dBFS, below -60" if peak else "every sample is zero"
        findings.append(Finding(code="silent", detail=loudest))
    return audio, findings


def _made_up_for(lead: Fraction, late: int, rate: int, tick: Fraction) -> bool:
    """Returns whether audio starts before video by its codec's delay, as in MPEG-TS, FLV and older Matroska files."""
    return abs(lead * rate + late) <= min(tick * rate, Fraction(late, 4))


def length_mismatch(video_s: Fraction, audio_s: Fraction, fps: Fraction) -> list[Finding]:
    """Reports streams that differ in length by more than a frame; nothing is cut."""
    if abs(video_s - audio_s) <= 1 / fps:
        return []
    detail = f"video {float(video_s):.3f} s, audio {float(audio_s):.3f} s, difference {float(audio_s - video_s):+.3f} s"
    return [Finding(code="length_mismatch", detail=detail)]
