"""Plants changes on real clips, scores all of them as one run, and pairs each with the unchanged clips.

The folder is a run, with a model for each change: the same command continues it, and `report` shows the clips.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from jova_bench.cache import NoCache
from jova_bench.calibration.changes import UNCHANGED, chosen
from jova_bench.calibration.clips import real_suite
from jova_bench.calibration.collect import collected
from jova_bench.calibration.page import page
from jova_bench.calibration.planted import Planted
from jova_bench.calibration.result import Calibration
from jova_bench.calibration.tables import markdown, picture
from jova_bench.errors import BenchError
from jova_bench.formatting.doors import listing, option
from jova_bench.ids import file_stem, safe_id
from jova_bench.metrics.base import Metric, MetricContext
from jova_bench.metrics.build import build
from jova_bench.models.base import Generator
from jova_bench.progress import Advance, Progress, Quiet
from jova_bench.report.texts import write_texts
from jova_bench.runs.features import take_features
from jova_bench.runs.request import Options
from jova_bench.runs.run import run
from jova_bench.runs.store import read_run
from jova_bench.suites.loading import Suite


@dataclass(frozen=True)
class _OneBar:
    """Shows the changes as one phase, where each is planted in a phase of its own."""

    progress: Progress
    advance: Advance

    def say(self, line: str) -> None:
        """Prints one line."""
        self.progress.say(line)

    @contextmanager
    def phase(self, title: str, total: int) -> Iterator[Advance]:
        """Counts the phase when it has ended."""
        yield lambda: None
        self.advance()


def calibrate(
    metrics: Sequence[str | Metric],
    clips: str | os.PathLike[str] | Suite,
    changes: Sequence[str] | None,
    options: Options,
) -> tuple[Calibration, Path]:
    """Measures how metrics respond to changes planted on real clips.

    Args:
        metrics: names, or metric objects.
        clips: as `real_suite` takes them.
        changes: axes or names of changes; None for all.
        options: of the run; `out` is the folder, by default `runs/calibrate-<clips>-<digest>`.

    Returns:
        What was found, and the folder.

    Raises:
        BenchError: bad input, or no room on the disk. An error of a single clip or metric is in its counts instead.
    """
    if not metrics:
        raise BenchError(f"expected one or more metrics, got none; `{listing('metrics')}` has names")
    planted = chosen(changes)
    suite, usual = real_suite(clips)
    profile = usual if options.profile is None else options.profile
    assets, progress = options.assets, options.progress or Quiet()
    if assets is None:
        raise BenchError("expected a table of weights, got none")
    own = [one for one in metrics if not isinstance(one, str)]
    names = [one for one in metrics if isinstance(one, str)]
    built = build(names, profile, MetricContext(NoCache(), assets=assets)) if names else []
    folder = Path(options.out) if options.out is not None else _default_folder(suite, profile)
    if options.out is None:
        take_features(folder)
    options = replace(options, profile=profile, metrics=tuple(metrics), out=folder, seeds=(0,), progress=progress)
    models: list[Generator | str] = [Planted(None), *map(Planted, planted)]
    _plant(models, suite, options, progress)
    result = run(models, suite, options)
    wanted = {one.spec.identity.select for one in (*built, *own)}
    found = collected(folder, suite, planted, wanted, own, assets, len(result.failed))
    _write(found, folder, progress)
    return found, folder


def _write(found: Calibration, folder: Path, progress: Progress) -> None:
    """Writes the result beside the run: as data, as Markdown, as curves, and as a page where its packages are there."""
    record = {"json": found.model_dump_json(by_alias=True, indent=1) + "\n", "md": markdown(found)}
    _write_texts(folder, record)  # Before what shows it, which must not cost it.
    texts: dict[str, str] = {}
    if (curves := picture(found)) is not None:
        texts["svg"] = curves
    try:
        texts["html"] = page(found)
    except BenchError as error:
        progress.say(f"no page: {error}")
    _write_texts(folder, texts)
    progress.say(f"in {folder}: calibration.{', .'.join((*record, *texts))}")


def _write_texts(folder: Path, texts: Mapping[str, str]) -> None:
    write_texts(folder, {f"calibration.{suffix}": text for suffix, text in texts.items()})


def _plant(models: Sequence[Generator | str], suite: Suite, options: Options, progress: Progress) -> None:
    """Makes the clips: first the unchanged ones, whose size says whether there is room for all."""
    with progress.phase("plant", len(models)) as advance:
        once = replace(options, scoring=False, progress=_OneBar(progress, advance))
        run(models[:1], suite, once)
        folder = Path(str(options.out))
        samples = read_run(folder).samples
        sizes = [(folder / one.clip).stat().st_size for one in samples if one.clip and one.model == UNCHANGED]
        there = sum(one.clip is not None for one in samples)
        needed = int(sum(sizes) * len(models) * max(0.0, 1 - there / max(1, len(sizes) * len(models))))
        room = shutil.disk_usage(folder).free
        if needed > room:
            raise BenchError(
                f"expected room for {needed / 1e9:.1f} GB of changed clips, stored without loss, got "
                f"{room / 1e9:.1f} GB in {folder}; give fewer {option('changes')}, a {option('limit')} or another "
                f"{option('out')}"
            )
        if needed > 1e9:
            progress.say(f"changed clips, stored without loss, take about {needed / 1e9:.0f} GB in {folder}")
        if len(models) > 1:
            run(models[1:], suite, once)


def _default_folder(suite: Suite, profile: str) -> Path:
    digest = hashlib.sha256(f"{suite.digest} {profile}".encode()).hexdigest()
    return Path("runs") / f"calibrate-{file_stem(safe_id(suite.name))}-{digest[:8]}"
