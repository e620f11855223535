"""Writes one page about a prepared folder, to look over before GPU days are spent: counts, distributions, samples.

It opens from disk, loads nothing from elsewhere, and every text in it is escaped by the template engine.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from jova_bench.data.records import ClipRecord, Reason, Settings
from jova_bench.data.store import SAMPLES, TRACKS, keep_page, read_manifest
from jova_bench.errors import BenchError
from jova_bench.files.paths import shown_path
from jova_bench.metrics.lip_sync.curves import MAX_SHIFT
from jova_bench.report.html.pages import environment
from jova_bench.report.html.site import STATIC

KEPT, REJECTED = 60, 12
"""Samples of kept clips, and of each reason for which clips are rejected, at most."""
MEASURED = 2000
"""Clips whose boxes are read, at most, evenly among all."""
BINS = 20


@dataclass(frozen=True)
class Bar:
    """One bar of a histogram."""

    label: str
    count: int
    share: float
    """Height over that of the highest bar."""


@dataclass(frozen=True)
class Histogram:
    """One distribution over clips."""

    title: str
    says: str
    bars: Sequence[Bar]

    @property
    def ends(self) -> tuple[str, str]:
        """Beginning of the first bar's label, and end of the last's."""
        return self.bars[0].label.split(" to ")[0], self.bars[-1].label.split(" to ")[-1]


def write_page(folder: Path, settings: Settings, name: str) -> None:
    """Writes `report.html` into a prepared folder. The same folder gives the same bytes.

    Args:
        folder: the prepared folder.
        settings: what its clips were made with.
        name: of the folder of videos, for the title.

    Raises:
        BenchError: jinja2 is not installed, or the manifest is damaged.
    """
    clips = list(read_manifest(folder).values())
    kept = [clip for clip in clips if clip.status == "kept"]
    codes = Counter(code for clip in clips for code in {reason.code: None for reason in clip.rejected_for})
    text = (
        environment()
        .get_template("data.html")
        .render(
            css=(STATIC / "report.css").read_text(encoding="utf-8"),
            name=name,
            settings=[(key, str(value)) for key, value in settings.model_dump(mode="json").items()],
            clips=clips,
            kept=kept,
            seconds=sum(clip.end_s - clip.start_s for clip in kept),
            videos=len({clip.source for clip in clips}),
            reasons=[(code, count, *_example(clips, code)) for code, count in codes.most_common()],
            notes=Counter(reason.code for clip in kept for reason in clip.reasons).most_common(),
            histograms=[one for one in _histograms(folder, clips, kept) if one.bars],
            groups=[("kept", evenly(kept, KEPT)), *((code, _rejected(folder, clips, code)) for code in sorted(codes))],
            texts=[(name, sum(bool(getattr(clip, name)) for clip in kept)) for name in TEXTS],
        )
    )
    keep_page(folder, text)


TEXTS = ("transcript", "video_caption", "audio_caption")


def evenly(clips: Sequence[ClipRecord], most: int) -> list[ClipRecord]:
    """Returns at most so many clips, evenly among all, the first and the last included."""
    if len(clips) <= most:
        return list(clips)
    return [clips[round(k)] for k in np.linspace(0, len(clips) - 1, most)]


def _rejected(folder: Path, clips: Iterable[ClipRecord], code: str) -> list[ClipRecord]:
    """Returns clips that a reason rejected, be there others or not, and of which there is an image."""
    found = [clip for clip in clips if code in {reason.code for reason in clip.rejected_for}]
    return evenly([clip for clip in found if (folder / SAMPLES / f"{clip.id}.jpg").is_file()], REJECTED)


def _example(clips: Iterable[ClipRecord], code: str) -> tuple[ClipRecord, Reason]:
    """Returns the first clip that a reason rejected, and what it says of it."""
    return next((clip, reason) for clip in clips for reason in clip.rejected_for if reason.code == code)


def _histograms(folder: Path, clips: Sequence[ClipRecord], kept: Sequence[ClipRecord]) -> list[Histogram]:
    lengths = Counter(clip.frames for clip in kept)
    sizes = Counter(f"{clip.height} x {clip.width}" for clip in kept)
    judged = [clip.sync for clip in clips if clip.sync]
    offsets = Counter(sync.offset_frames for sync in judged)
    spread = range(-MAX_SHIFT, MAX_SHIFT + 1) if judged else ()
    speech = [sum(end - start for start, end in clip.speech) / (clip.end_s - clip.start_s) for clip in kept]
    wide, seen, sure = _faces(folder, evenly(kept, MEASURED))
    return [
        Histogram("Length", "frames of kept clips", _bars([(str(n), lengths[n]) for n in sorted(lengths)])),
        Histogram("Size", "height x width of kept clips", _bars(sorted(sizes.items()))),
        Histogram(
            "Offset",
            "frames by which the sound leads, of all clips that were judged",
            _bars([(f"{n:+d}" if n else "0", offsets[n]) for n in spread]),
        ),
        Histogram("Confidence", "LSE-C on the judge's scale", binned([sync.confidence for sync in judged])),
        Histogram("Speech", "share of a kept clip in which there is speech", binned(speech, 0, 1)),
        Histogram("Mouth", "width of the mouth box over that of the clip, mean over frames", binned(wide)),
        Histogram("Face found", "share of the frames of a kept clip", binned(seen, 0, 1)),
        Histogram(
            "Face confidence", "mean over frames of a kept clip, where the finder states one", binned(sure, 0, 1)
        ),
    ]


def _faces(folder: Path, kept: Iterable[ClipRecord]) -> tuple[list[float], list[float], list[float]]:
    """Returns of each clip the mean width of its mouth box, the share of frames with one, and the mean confidence."""
    wide, seen, sure = [], [], []
    for clip in kept:
        path = folder / TRACKS / f"{clip.id}.npz"
        if not path.is_file():
            continue
        try:
            with np.load(path, allow_pickle=False) as arrays:
                boxes, confidence = arrays["mouth_box"], arrays["confidence"]
        except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
            what = f"expected the boxes of a clip, got {type(error).__name__}"
            raise BenchError(f"{shown_path(path)}: {what}; delete it to have the clip made again") from error
        there = np.isfinite(boxes).all(axis=1)
        seen.append(float(there.mean()))
        if there.any():
            wide.append(float((boxes[there, 2] - boxes[there, 0]).mean()) / clip.width)
        if np.isfinite(confidence[there]).any():
            sure.append(float(np.nanmean(confidence[there])))
    return wide, seen, sure


def binned(values: Sequence[float], low: float | None = None, high: float | None = None) -> list[Bar]:
    """Returns a histogram of equal bins between two values, by default the smallest and the largest; none of none."""
    if not values:
        return []
    low, high = min(values) if low is None else low, max(values) if high is None else high
    counts, edges = np.histogram(np.clip(values, low, high), bins=BINS, range=(low, high))
    return _bars([(f"{a:.2g} to {b:.2g}", int(count)) for (a, b), count in zip(pairwise(edges), counts, strict=True)])


def _bars(counts: Iterable[tuple[str, int]]) -> list[Bar]:
    rows = list(counts)
    most = max((count for _, count in rows), default=0) or 1
    return [Bar(label, count, count / most) for label, count in rows]
