"""Prepares all videos of a folder: scans each, cuts pieces, judges every piece, in parallel and resumable."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from jova_bench.assets.table import AssetTable
from jova_bench.data import speech
from jova_bench.data.describe import Describers, DescribeWork, wanted
from jova_bench.data.faces import finder
from jova_bench.data.judge import OURS, Judge
from jova_bench.data.page import write_page
from jova_bench.data.pieces import Piece, pieces
from jova_bench.data.records import ClipRecord, Reason, ScannedVideo, Settings
from jova_bench.data.scan import missing, scan
from jova_bench.data.store import PreparedFolder
from jova_bench.data.sync import sync_judge
from jova_bench.data.texts import read_texts
from jova_bench.data.videos import clip_id, videos
from jova_bench.errors import BenchError
from jova_bench.execution.base import Executor, TaskFailed, WorkerContext
from jova_bench.execution.processes import available_cores
from jova_bench.files.paths import shown_path
from jova_bench.formatting.messages import shown
from jova_bench.media.limits import available_bytes
from jova_bench.metrics.base import join_reasons
from jova_bench.progress import Progress
from jova_bench.report.html.pages import environment

WORKER_BYTES = 1_250_000_000
"""Memory of a worker at most, measured with 121 frames of 1920 x 1080."""


def default_workers() -> int:
    """Returns as many workers as there are cores, and as the memory that is free now takes; at least one."""
    return max(1, min(available_cores(), available_bytes() // WORKER_BYTES))


@dataclass(frozen=True)
class Prepared:
    """What came of a command."""

    kept: int
    rejected: Counter[str]
    """Clips and videos by each reason for which they are rejected: one with two reasons is counted twice."""
    seconds: float
    """Length of all kept clips."""
    noted: Counter[str]
    """Kept clips by each note that they have."""
    failed: tuple[str, ...]
    """What could not be judged: a worker died or raised an error. The same command tries it again."""
    hidden: tuple[str, ...] = ()
    """Hidden files with the names of videos, which are left out."""
    unknown: tuple[str, ...] = ()
    """Ids in the table of texts that no clip has."""


@dataclass(frozen=True)
class ScanWork:
    """Makes the function with which a worker scans videos."""

    folder: Path

    def __call__(self, context: WorkerContext) -> Callable[[str], ScannedVideo]:
        """Returns it."""
        return lambda source: scan(self.folder, source)


@dataclass(frozen=True)
class JudgeWork:
    """Makes the judge of a worker."""

    folder: Path
    out: Path
    settings: Settings
    assets: AssetTable

    def __call__(self, context: WorkerContext) -> Callable[[Piece], ClipRecord]:
        """Returns it."""
        judge = sync_judge(self.settings.sync, self.assets)
        return Judge(self.folder, self.out, self.settings, finder(self.settings.faces, self.assets), judge)


def prepare(
    folder: Path,
    out: Path,
    settings: Settings,
    describers: Describers,
    table: Path | None,
    executor: Executor,
    assets: AssetTable,
    progress: Progress,
) -> Prepared:
    """Prepares a folder of videos; the same call continues one that was stopped.

    Args:
        folder: of the videos; folders in it are searched, too.
        out: folder to write, new or of an earlier call with the same settings; not inside `folder`.
        settings: what decides which clips come out.
        describers: what gives kept clips their texts, beside the user.
        table: CSV of the user's texts, see `texts.read_texts`; None without one.
        executor: runs the work.
        assets: weights.
        progress: shows progress.

    Raises:
        BenchError: there are no videos, a package or weights are missing, or `out` is something else or of others.
    """
    if out.resolve().is_relative_to(folder.resolve()):
        raise BenchError(f"expected --out outside of the videos, got {shown_path(out)}; clips would become videos")
    judge = sync_judge(settings.sync, assets)
    faces = finder(settings.faces, assets)
    if why_not := join_reasons(missing(), speech.missing(), faces.missing, judge.missing if judge else None):
        raise BenchError(why_not)
    describers.check(assets)
    environment()  # What the page at the end needs.
    sources, hidden = videos(folder)
    texts = read_texts(table, folder, sources)
    with PreparedFolder(out, settings) as store:
        # First, so that a damaged line is found before any work.
        known = {clip.id for clip in store.clips().values() if store.whole(clip)}
        failed = _scan(folder, sources, store, executor, progress)
        scanned = store.videos()
        asked: list[Piece] = []
        order: list[str] = []
        for source in sources:
            if source not in scanned:
                continue
            found = [] if scanned[source].fault else pieces(scanned[source], settings)
            whole = _without_clips(scanned[source], settings) if not found else None
            order += [whole.id] if whole else [piece.id for piece in found]
            asked += [piece for piece in found if piece.id not in known]
            if whole and whole.id not in known:
                store.add_clip(whole)
        judged = JudgeWork(folder, out, settings, assets)
        failed += _map(asked, judged, "judge clips", lambda piece: piece.id, store, executor, progress)
        clips = store.clips()
        siblings = Counter(clip.source for clip in clips.values())
        tasks = [wanted(clip, texts, siblings[clip.source] == 1, describers) for clip in clips.values()]
        todo = [task for task in tasks if task]
        described = DescribeWork(folder, out, describers, assets)
        failed += _map(todo, described, "describe clips", lambda task: task.clip.id, store, executor, progress)
        store.put_in_order(sources, order)
        write_page(out, settings, folder.name)
        unknown = sorted(texts.clips.keys() - clips.keys())
        return replace(_summary(store.clips().values(), failed), hidden=tuple(hidden), unknown=tuple(unknown))


def _scan(folder: Path, sources: list[str], store: PreparedFolder, executor: Executor, progress: Progress) -> list[str]:
    """Scans the videos that are not yet. Returns what failed.

    Raises:
        BenchError: a video changed since, or the folder has none of those that were scanned: it is another.
    """
    known, failed = store.videos(), []
    if known and not known.keys() & {*sources}:
        what = f"got {len(sources)} others; give the folder that it was begun with, or another --out"
        raise BenchError(
            f"expected the videos of {shown_path(store.folder)}, such as {shown(next(iter(known)))}, {what}"
        )
    for source in sources:
        if source in known and (size := (folder / source).stat().st_size) != known[source].size_bytes:
            was = known[source].size_bytes
            raise BenchError(f"{source}: expected the {was} bytes that were scanned, got {size}; give another --out")
    todo = [source for source in sources if source not in known]
    with progress.phase("scan videos", len(todo)) as advance:
        for source, result in executor.map(todo, ScanWork(folder)):
            if isinstance(result, TaskFailed):
                failed.append(f"{source}: {result.reason}")
            else:
                store.add_video(result)
            advance()
    return failed


def _map(
    tasks: Sequence[Any],
    work: Callable[[WorkerContext], Callable[[Any], ClipRecord]],
    title: str,
    name: Callable[[Any], str],
    store: PreparedFolder,
    executor: Executor,
    progress: Progress,
) -> list[str]:
    """Runs tasks that make lines of the manifest, and appends each. Returns what failed."""
    failed = []
    with progress.phase(title, len(tasks)) as advance:
        for task, result in executor.map(tasks, work):
            if isinstance(result, TaskFailed):
                failed.append(f"{name(task)}: {result.reason}")
            else:
                store.add_clip(result)
            advance()
    return failed


def _without_clips(video: ScannedVideo, settings: Settings) -> ClipRecord:
    """Returns the line of a video that gives no clip: it is damaged, or all its shots are too short."""
    seconds = 0.0
    if video.fault:
        reason = Reason(code="undecodable", by=OURS, detail=video.fault)
    else:
        num, den = map(int, video.tick.split("/"))
        lengths = [(end - start) * num / den for start, end in video.shots]
        seconds = sum(lengths)
        least = settings.lengths[-1] / settings.rate
        detail = f"{len(lengths)} shots, the longest of {max(lengths):.2f} s; a clip takes {float(least):.2f} s"
        reason = Reason(code="too_short", by=video.by, detail=detail)
    return ClipRecord(
        id=clip_id(video.source, None),
        source=video.source,
        start_s=0.0,
        end_s=seconds,
        status="rejected",
        reasons=(reason,),
    )


def _summary(clips: Collection[ClipRecord], failed: Sequence[str]) -> Prepared:
    """Counts what came of all clips."""
    kept = [clip for clip in clips if clip.status == "kept"]
    rejected = Counter(code for clip in clips for code in {reason.code for reason in clip.rejected_for})
    noted = Counter(code for clip in kept for code in {reason.code for reason in clip.reasons})
    seconds = sum(clip.end_s - clip.start_s for clip in kept)
    return Prepared(len(kept), rejected, seconds, noted, tuple(failed))
