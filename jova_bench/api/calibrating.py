"""Measures how metrics respond to planted changes, as the command `calibrate` does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from jova_bench.api.arguments import (
    AnyMetric,
    Device,
    PathLike,
    assets_of,
    device_of,
    metrics_of,
    path_of,
    progress_of,
    several,
    whole_or_none,
)
from jova_bench.calibration import run as calibration
from jova_bench.errors import BenchError
from jova_bench.files.paths import at_home
from jova_bench.formatting.messages import shown
from jova_bench.records import Profile
from jova_bench.runs.request import Options
from jova_bench.suites.loading import Suite

if TYPE_CHECKING:
    from jova_bench.calibration.result import Calibration
    from jova_bench.progress import Progress


def calibrate(
    metrics: str | AnyMetric | Sequence[str | AnyMetric],
    clips: PathLike | Suite,
    *,
    changes: str | Sequence[str] | None = None,
    profile: Profile | None = None,
    limit: int | None = None,
    device: Device = "auto",
    workers: int | None = None,
    out: PathLike | None = None,
    assets: PathLike | None = None,
    progress: bool | Progress | None = None,
) -> Calibration:
    """Plants known changes on real clips and tests, paired, which of them metrics notice.

    The same call again continues a calibration that was stopped.

    Args:
        metrics: one or several: names (`list_metrics()`), or metric objects.
        clips: a folder of real clips; a run folder, whose clips are those of `real` or of its only model; or a suite
            whose prompts name their real clips.
        changes: one or several, such as `h264` or `h264-28`; None for all.
        profile: as in `run`; None for that of the suite or run, and `standard` for a folder of clips.
        limit: the first so many clips, or None for all.
        device: as in `run`.
        workers: processes that score, 0 for none; None for one per core.
        out: run folder, which also gets calibration.json, .md, .svg and .html; None for
            `runs/calibrate-<clips>-<digest>`.
        assets: as in `run`.
        progress: as in `run`.

    Returns:
        The calibration; `.table()` is a pandas DataFrame, `.exit_code` what the command would return.

    Raises:
        BenchError: bad input, or no room for the changed clips.
    """
    named = None if changes is None else several(changes)
    if named is not None and not all(isinstance(one, str) for one in named):
        raise BenchError(f"expected changes= as one name or a list of names, got {shown(changes)}")
    if not isinstance(clips, Suite):
        path_of("a folder of clips, a run or a suite", clips)
        clips = at_home(clips) if str(clips).startswith("~") else clips
    found, _ = calibration.calibrate(
        metrics_of(metrics) or (),
        clips,
        named,
        Options(
            profile=profile,
            limit=whole_or_none("limit", limit),
            device=device_of(device),
            workers=whole_or_none("workers", workers),
            out=None if out is None else path_of("out=", out),
            assets=assets_of(assets),
            progress=progress_of(progress),
        ),
    )
    return found
