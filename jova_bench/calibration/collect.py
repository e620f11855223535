"""Reads a run of planted changes back and tests each change against the unchanged clips, paired."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from jova_bench.assets.table import AssetTable
from jova_bench.calibration.changes import UNCHANGED, Change
from jova_bench.calibration.planted import VERSION
from jova_bench.calibration.result import Calibration, Level, MetricCalibration, Response, resolution_of
from jova_bench.comparison.compare import compared, set_metrics
from jova_bench.comparison.pairing import ALPHA, Sides
from jova_bench.comparison.results import Results, read_results
from jova_bench.comparison.verdicts import Comparison
from jova_bench.errors import Incomplete
from jova_bench.identity import Identity
from jova_bench.keys import ColumnKey
from jova_bench.metrics.base import Metric, SetMetric
from jova_bench.metrics.labels import labelled
from jova_bench.metrics.responses import Expected, expected
from jova_bench.records import MetricSpec
from jova_bench.runs.features import is_set_metric
from jova_bench.runs.store import read_run
from jova_bench.suites.loading import Suite
from jova_bench.summary import Estimate

SIDES = Sides("the unchanged clips", "the changed clips")
Levels = Mapping[ColumnKey, Estimate]


def collected(
    folder: Path,
    suite: Suite,
    changes: Sequence[Change],
    wanted: Collection[str],
    own: Sequence[Metric],
    assets: AssetTable,
    failed: int,
) -> Calibration:
    """Returns the responses of metrics to changes.

    Args:
        folder: of the run.
        suite: the real clips.
        changes: whose clips the run has, beside the unchanged ones.
        wanted: names of metrics, as users type them.
        own: metric objects that the catalogue does not know.
        assets: weights of metrics.
        failed: changed clips that could not be made.
    """
    results, summary = read_results(folder), read_run(folder).summary
    if summary is None:
        raise Incomplete(f"expected a finished run, got {folder}, which has no summary; repeat the command")
    levels = {one.column: one for one in summary.estimates if one.slice is None}
    specs = [spec for spec in results.specs.values() if spec.identity.select in wanted]
    sets = set_metrics(specs, [results], [one for one in own if is_set_metric(one)], assets)
    labels = labelled(spec.identity for spec in specs)
    return Calibration(
        schema=1,
        planted=VERSION,
        suite=suite.name,
        suite_digest=suite.digest,
        profile=results.profile,
        clips=len(results.cells(UNCHANGED)),
        failed=failed,
        metrics=tuple(
            _of_metric(results.specs[one.identity], one.text, changes, results, levels, sets) for one in labels
        ),
    )


def _of_metric(
    spec: MetricSpec,
    label: str,
    changes: Sequence[Change],
    results: Results,
    levels: Levels,
    sets: Mapping[Identity, SetMetric],
) -> MetricCalibration:
    """Tests the changes of one metric, which share one error rate: every metric is a question of its own."""
    rows = compared(results, results, [(UNCHANGED, one.name) for one in changes], [spec], sets, SIDES)
    responses = tuple(
        _response(one, expected(spec, one.axis, one.strength), _level(levels[ColumnKey(one.name, spec.identity)]), row)
        for one, row in zip(changes, rows, strict=True)
    )
    tests = sum(one.p is not None for one in responses)
    return MetricCalibration(
        metric=spec.name,
        identity=spec.identity,
        label=label,
        unit=spec.unit,
        direction=spec.direction,
        unchanged=_level(levels[ColumnKey(UNCHANGED, spec.identity)]),
        tests=tests,
        clips_needed=clips_needed(tests),
        resolution=resolution_of(responses),
        responses=responses,
    )


def clips_needed(tests: int) -> int:
    """Returns the number of clips from which so many tests can show a difference.

    Of P clips, the smallest p-value of the paired test is 2 / 2^P; Holm's first step compares it with ALPHA / tests.
    """
    clips = 1
    while 2 / 2**clips > ALPHA / max(tests, 1):
        clips += 1
    return clips


def _level(found: Estimate) -> Level:
    return Level(
        value=found.value,
        ci=found.ci,
        n_ok=found.n_ok,
        n_undefined=found.n_undefined,
        n_failed=found.n_failed,
        reasons=found.reasons,
    )


def _response(change: Change, claim: Expected | None, level: Level, row: Comparison) -> Response:
    return Response(
        change=change.name,
        axis=change.axis,
        strength=change.strength,
        expected=claim,
        level=level,
        n=row.n,
        lost=row.lost,
        difference=row.delta,
        ci=row.ci,
        p=row.p,
        p_holm=row.p_holm,
        min_detectable=row.min_detectable,
        why_not=None if row.p is not None else row.reason or "no value",
    )
