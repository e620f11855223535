"""Gives kept clips their texts: the user's own, else what Whisper hears and what a server sees."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jova_bench.assets.table import AssetTable
from jova_bench.data.captions import Captioner
from jova_bench.data.judge import OURS
from jova_bench.data.records import ClipRecord, Reason
from jova_bench.data.speech import stretches
from jova_bench.data.store import CLIPS
from jova_bench.data.texts import Given, Texts
from jova_bench.errors import BenchError
from jova_bench.execution.base import WorkerContext
from jova_bench.media import files as media
from jova_bench.metrics.signal.audio import RATE_HZ, mono_16k, resample
from jova_bench.metrics.speech.whisper import Whisper

SLACK_S = 0.1
"""Seconds of speech outside a clip that do not matter: a detector's margin."""
NOT_USED = "transcript_not_used"


@dataclass(frozen=True)
class Describers:
    """What texts come from, beside the user."""

    whisper: str | None
    """OpenAI's name of a checkpoint; None without one."""
    language: str
    """BCP 47 tag of what is said."""
    captioner: Captioner | None

    def check(self, assets: AssetTable) -> None:
        """Raises BenchError where a package or weights are missing."""
        if self.whisper is None:
            return
        name = f"whisper-{self.whisper.replace('.', '-')}"
        assets.get(name)
        if why_not := Whisper(self.whisper, assets, "cpu").check():
            raise BenchError(why_not)


@dataclass(frozen=True)
class ToDescribe:
    """One kept clip, and what is known for it."""

    clip: ClipRecord
    own: Given | None
    """Texts of the clip itself."""
    of_video: Given | None
    """Texts of its whole video."""
    alone: bool
    """Whether the video has no other clip."""


def wanted(clip: ClipRecord, texts: Texts, alone: bool, by: Describers) -> ToDescribe | None:
    """Returns what is to be done about a clip; None where nothing is."""
    if clip.status != "kept":
        return None
    task = ToDescribe(clip, texts.clips.get(clip.id), texts.videos.get(clip.source), alone)
    seen, _ = _given(task, "video_caption")
    captioned = seen == clip.video_caption if seen else bool(clip.video_caption) or by.captioner is None
    heard, _ = _given(task, "audio_caption")
    return None if _transcribed(task, by.whisper is None) and captioned and heard in ("", clip.audio_caption) else task


def _transcribed(task: ToDescribe, deaf: bool) -> bool:
    """Returns whether a clip has the best transcript that there can be.

    Args:
        task: the clip.
        deaf: whether nothing transcribes.
    """
    clip = task.clip
    if task.own and task.own.transcript:
        return clip.transcript == task.own.transcript
    said = task.of_video.transcript if task.of_video else None
    if task.of_video and clip.transcript_by == task.of_video.by:
        return clip.transcript == said
    if clip.transcript_by:
        return True
    return deaf and (not said or any(reason.code == NOT_USED for reason in clip.reasons))


@dataclass(frozen=True)
class DescribeWork:
    """Makes the function with which a worker describes clips."""

    folder: Path
    out: Path
    by: Describers
    assets: AssetTable

    def __call__(self, context: WorkerContext) -> Callable[[ToDescribe], ClipRecord]:
        """Returns it."""
        whisper = Whisper(self.by.whisper, self.assets, context.device) if self.by.whisper else None
        return lambda task: self._describe(task, whisper)

    def _describe(self, task: ToDescribe, whisper: Whisper | None) -> ClipRecord:
        clip = task.clip
        changes = self._transcript(task, whisper)
        for name in ("video_caption", "audio_caption"):
            text, by = _given(task, name)
            if text:
                changes |= {name: text, f"{name}_by": by}
        if self.by.captioner and not changes.get("video_caption", clip.video_caption):
            frames = media.read(self.out / CLIPS / f"{clip.id}.mp4").frames
            assert frames is not None
            changes["video_caption"] = self.by.captioner.caption(frames)
            changes["video_caption_by"] = self.by.captioner.by
        return clip.model_copy(update=changes)

    def _transcript(self, task: ToDescribe, whisper: Whisper | None) -> dict[str, Any]:
        """Returns the changes that the best source of a transcript makes."""
        clip, changes = task.clip, dict[str, Any]()
        kept = tuple(reason for reason in clip.reasons if reason.code != NOT_USED)
        if task.own and task.own.transcript:
            return {"transcript": task.own.transcript, "transcript_by": task.own.by, "reasons": kept}
        if _transcribed(task, deaf=whisper is None):
            return {}
        if task.of_video and task.of_video.transcript:
            if not (outside := self._said_outside(task)):
                return {"transcript": task.of_video.transcript, "transcript_by": task.of_video.by, "reasons": kept}
            detail = f"{task.of_video.by} is what is said in the whole video, and {outside}"
            changes["reasons"] = (*kept, Reason(code=NOT_USED, by=OURS, detail=detail))
        if whisper:
            sound = media.read(self.out / CLIPS / f"{clip.id}.mp4", pictures=False)
            changes["transcript"] = whisper.transcribe(mono_16k(sound), self.by.language).text
            changes["transcript_by"] = str(whisper.key)
        return changes

    def _said_outside(self, task: ToDescribe) -> str:
        """Returns why the text of the whole video is not the clip's; empty where it is."""
        if not task.alone:
            return "there are several clips of it"
        clip = task.clip
        whole = media.read(self.folder / clip.source, pictures=False)
        spoken = stretches(resample(whole.mono(), whole.sample_rate_hz, RATE_HZ))
        out = [one for one in spoken if one[0] < clip.start_s - SLACK_S or one[1] > clip.end_s + SLACK_S]
        return f"speech from {out[0][0]:.2f} to {out[0][1]:.2f} s is not all in the clip" if out else ""


def _given(task: ToDescribe, name: str) -> tuple[str, str]:
    """Returns a caption of the user's and its file, of the clip before that of its video; empty without one."""
    found = ((getattr(given, name), given.by) for given in (task.own, task.of_video) if given)
    return next(((text, by) for text, by in found if text), ("", ""))
