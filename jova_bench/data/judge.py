"""Judges one piece of a video, and writes it as a clip if it is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import jova_bench
from jova_bench.arrays import Audio, Frames
from jova_bench.data.faces import Finder, Seen
from jova_bench.data.framing import at_rate, crop_of, cropped, size_for
from jova_bench.data.mouth import tracks
from jova_bench.data.pieces import Piece
from jova_bench.data.records import ClipRecord, Reason, Settings
from jova_bench.data.sheet import sample_image
from jova_bench.data.speaker import SMALLEST, NoSpeaker, Speaker, one_speaker
from jova_bench.data.speech import LEAST, stretches
from jova_bench.data.speech import by as speech_by
from jova_bench.data.store import CLIPS, SAMPLES, TRACKS, keep_arrays, keep_image
from jova_bench.data.sync import SyncJudge
from jova_bench.errors import BenchError, Undefined
from jova_bench.media import files as media
from jova_bench.media.clip import CANCEL, Clip
from jova_bench.metrics.signal.audio import RATE_HZ, is_silent, resample

OURS = f"jova-bench {jova_bench.__version__}"
JUDGED = ("no_audio", "silent", CANCEL)
"""Findings of a file for which a piece is rejected here, anyway."""
MISSING_S = 0.1
"""Seconds of sound that may lack at the end; they become silence."""


@dataclass
class Verdict:
    """Collects what is found of one piece."""

    piece: Piece
    settings: Settings
    reasons: list[Reason] = field(default_factory=list)
    """Why it is rejected."""
    notes: list[Reason] = field(default_factory=list)
    """What was noticed beside that."""
    found: dict[str, Any] = field(default_factory=dict)
    """Further fields of the record."""

    def reject(self, code: str, detail: str, by: str = OURS) -> None:
        """Adds a reason."""
        self.reasons.append(Reason(code=code, by=by, detail=detail))

    def note(self, code: str, detail: str, by: str = OURS) -> None:
        """Adds a note."""
        self.notes.append(Reason(code=code, by=by, detail=detail))

    def record(self) -> ClipRecord:
        """Returns the line of the manifest."""
        piece, rate = self.piece, self.settings.rate
        start_s = float(piece.start_s)
        return ClipRecord(
            id=piece.id,
            source=piece.source,
            start_s=start_s,
            end_s=float(piece.start_s + piece.frames / rate),
            status="rejected" if self.reasons else "kept",
            reasons=(*self.reasons, *self.notes),
            fps=f"{rate.numerator}/{rate.denominator}",
            frames=piece.frames,
            **self.found,
        )


@dataclass(frozen=True)
class Judge:
    """Everything that judges a piece, as one worker has it."""

    videos: Path
    out: Path
    settings: Settings
    finder: Finder
    sync: SyncJudge | None

    def __call__(self, piece: Piece) -> ClipRecord:
        """Judges a piece; a kept one has its files when this returns."""
        verdict = Verdict(piece, self.settings)
        try:
            clip = media.read(self.videos / piece.source, span=piece.span)
        except BenchError as error:
            verdict.reject("undecodable", str(error))
            return verdict.record()
        if clip.frames is None:
            verdict.reject("no_picture", "no frame in this part of the file")
            return verdict.record()
        for finding in clip.findings:
            if finding.code == "frozen":
                verdict.reject("still_picture", finding.detail)
            elif finding.code not in JUDGED:
                verdict.note(finding.code, finding.detail)
        frames = at_rate(clip.frames, clip.fps, self.settings.rate, piece.frames)
        if clip.fps != self.settings.rate:
            given, wanted = float(clip.fps), float(self.settings.rate)
            verdict.note("rate_converted", f"{given:.5g} to {wanted:.5g} frames a second, each the nearest in time")
        audio = self._sound(clip, verdict)
        if audio is not None:
            self._speech(audio, clip.sample_rate_hz, verdict)
        seen = [self.finder.find(frame) for frame in frames]
        speaker = self._speaker(frames, seen, verdict)
        if speaker and audio is not None and not verdict.reasons:
            self._sync(frames, audio, clip.sample_rate_hz, speaker, verdict)
            if not verdict.reasons:
                self._keep(frames, audio, clip.sample_rate_hz, speaker, verdict)
        middle = len(frames) // 2
        keep_image(self.out / SAMPLES / f"{piece.id}.jpg", sample_image(frames[middle], seen[middle], speaker, middle))
        return verdict.record()

    def _sound(self, clip: Clip, verdict: Verdict) -> Audio | None:
        """Returns the (N,) sound of exactly the piece, mixed to mono at its own rate; None where there is none."""
        try:
            mono = clip.mono()
        except Undefined as reason:
            verdict.reject("no_sound" if clip.audio is None else "channels_cancel", str(reason))
            return None
        wanted = round(verdict.piece.frames / self.settings.rate * clip.sample_rate_hz)
        lacking = (wanted - len(mono)) / clip.sample_rate_hz
        if lacking > MISSING_S:
            verdict.reject("short_sound", f"the sound ends {lacking:.2f} s before the picture")
        audio = np.pad(mono[:wanted], (0, max(0, wanted - len(mono))))
        if is_silent(resample(audio, clip.sample_rate_hz, RATE_HZ)):
            verdict.reject("silent", "no 25 ms of the sound are above -60 dBFS")
        return audio

    def _speaker(self, frames: Frames, seen: Sequence[Sequence[Seen]], verdict: Verdict) -> Speaker | None:
        """Returns the one person on screen, whose face is large enough; None where there is none."""
        height, width = frames.shape[1:3]
        size = size_for(height, width, self.settings.sizes)
        verdict.found |= {"height": size[0], "width": size[1]}
        speaker = one_speaker(seen)
        if isinstance(speaker, NoSpeaker):
            verdict.reject(speaker.code, speaker.detail, self.finder.by)
            return None
        crop = crop_of(height, width, size, speaker.middle)
        verdict.found["crop"] = crop
        got, least = min(crop[2] - crop[0], crop[3] - crop[1]), min(size)
        if got < least:
            verdict.reject("small_picture", f"its shorter side is {got} pixels, a clip's {least}")
        if speaker.size < SMALLEST * got:
            detail = f"the face is {speaker.size:.0f} pixels of {got}, at least {SMALLEST:.1%} are asked"
            verdict.reject("small_face", detail, self.finder.by)
        return speaker

    def _speech(self, audio: Audio, rate_hz: int, verdict: Verdict) -> None:
        """Finds when there is speech, and rejects a clip that has hardly any."""
        found = stretches(resample(audio, rate_hz, RATE_HZ))
        verdict.found["speech"] = found
        share = sum(end - start for start, end in found) / (len(audio) / rate_hz)
        if share < LEAST:
            verdict.reject(
                "no_speech", f"speech in {share:.0%} of the clip, at least {LEAST:.0%} are asked", speech_by()
            )

    def _sync(self, frames: Frames, audio: Audio, rate_hz: int, speaker: Speaker, verdict: Verdict) -> None:
        """Rejects a clip whose lips and sound do not belong together; notes where no judge can tell."""
        rules = self.settings
        if self.sync is None:
            verdict.note("sync_not_judged", "no judge was asked for, or its weights are not here")
            return
        try:
            found = self.sync.judge(frames, rules.rate, audio, rate_hz, speaker.middle)
        except Undefined as reason:
            verdict.note("sync_not_judged", str(reason), self.sync.by)
            return
        verdict.found["sync"] = found
        if abs(found.offset_frames) > rules.max_offset:
            side = "before" if found.offset_frames > 0 else "after"
            detail = (
                f"the sound comes {abs(found.offset_frames)} frames {side} the lips, {rules.max_offset} are allowed"
            )
            verdict.reject("out_of_sync", detail, self.sync.by)
        elif found.confidence < rules.min_confidence:
            detail = f"confidence {found.confidence:.2f}, at least {rules.min_confidence:g} is asked"
            verdict.reject("weak_sync", detail, self.sync.by)

    def _keep(self, frames: Frames, audio: Audio, rate_hz: int, speaker: Speaker, verdict: Verdict) -> None:
        """Writes the clip and its boxes."""
        piece, crop, size = verdict.piece, verdict.found["crop"], (verdict.found["height"], verdict.found["width"])
        keep_arrays(self.out / TRACKS / f"{piece.id}.npz", tracks(speaker, crop, size))
        verdict.found["boxes"] = f"{TRACKS}/{piece.id}.npz"
        pictures = cropped(frames, crop, size)
        media.write(self.out / CLIPS / f"{piece.id}.mp4", pictures, self.settings.rate, audio[None], rate_hz)
