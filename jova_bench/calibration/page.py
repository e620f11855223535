"""Writes a calibration as one page that stands alone: curves, every response, and the reasons for missing values."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from typing import Any

from jova_bench.calibration.changes import KINDS
from jova_bench.calibration.result import Calibration, MetricCalibration, Response
from jova_bench.calibration.tables import (
    ABOUT,
    GLANCE,
    UNKNOWN,
    UNWANTED,
    difference,
    few,
    glance,
    incomplete,
    level,
    unwanted,
)
from jova_bench.metrics.labels import ARROWS
from jova_bench.metrics.responses import Axis
from jova_bench.report.html.pages import environment
from jova_bench.report.html.site import STATIC, plotly_script


def page(found: Calibration) -> str:
    """Renders the page. Raises BenchError where the packages of a report are missing."""
    env = environment()
    library = plotly_script().read_text(encoding="utf-8")
    ours = (STATIC / "calibration.js").read_text(encoding="utf-8")
    return env.get_template("calibration.html").render(
        found=found,
        about=ABOUT.format(alpha=found.alpha).replace("**bold** ones", "filled points"),
        warnings=[line.replace("**", "") for line in (*few(found), *incomplete(found))],
        glance_head=GLANCE,
        glance=[glance(one, str) for one in found.metrics],
        unwanted_head=UNWANTED,
        unwanted=unwanted(found, str),
        metrics=[_metric(one) for one in found.metrics],
        css=(STATIC / "report.css").read_text(encoding="utf-8"),
        scripts=(library, ours),
        # The page runs these two scripts and no other, whatever a name or a reason in it says.
        hashes=[base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (library, ours)],
        data={"figures": [figure for one in found.metrics for figure in _figures(one)]},
    )


def _metric(one: MetricCalibration) -> dict[str, Any]:
    """Returns what the section of a metric shows."""
    return {
        "title": f"{one.label} {ARROWS[one.direction]}",
        "unchanged": level(one, str, one.unit),
        "identity": one.identity,
        "axes": [str(axis) for axis in KINDS if _is_curve(one, axis)],
        "rows": [_row(r) for r in one.responses],
    }


def _row(r: Response) -> list[str]:
    """Returns the cells of one change."""
    differs = {True: "differs", False: "no difference shown", None: UNKNOWN if r.p is not None else ""}
    counts = {"undefined": r.level.n_undefined, "failed": r.level.n_failed}
    missing = [f"{count} {what}" for what, count in counts.items() if count]
    why = [f"{reason} ({count})" for reason, count in r.level.reasons.items()] or ([r.why_not] if r.why_not else [])
    return [
        r.title, r.expected or "", "" if r.level.value is None else f"{r.level.value:.4g}", difference(r),
        "" if r.p is None else f"{r.p:.2g}", "" if r.p_holm is None else f"{r.p_holm:.2g}", str(r.n),
        differs[r.differs], "; ".join([", ".join(missing), *why] if missing else why),
    ]  # fmt: skip


def _is_curve(one: MetricCalibration, axis: Axis) -> bool:
    return sum(r.level.value is not None for r in one.of(axis)) > 1


def _figures(one: MetricCalibration) -> list[dict[str, Any]]:
    """Returns one curve per axis of several strengths: the value against the strength, with levels to compare."""
    levels = [("unchanged", one.unchanged.value), ("another clip's sound", one.chance and one.chance.level.value)]
    return [
        {
            "title": KINDS[axis].title,
            "x": KINDS[axis].unit,
            "y": one.unit or one.label,
            "levels": [{"name": name, "value": value} for name, value in levels if value is not None],
            "points": sorted(_points(one, axis), key=lambda point: point["x"]),
        }
        for axis in KINDS if _is_curve(one, axis)
    ]  # fmt: skip


def _points(one: MetricCalibration, axis: Axis) -> Iterator[dict[str, Any]]:
    """Yields the points of a curve; no offset is one of them."""
    if axis == Axis.OFFSET and one.unchanged.value is not None:
        yield {"x": 0, "y": one.unchanged.value, "ci": one.unchanged.ci, "differs": False, "says": "unchanged"}
    for r in one.of(axis):
        if r.level.value is not None:
            says = f"difference {difference(r)}" if r.p is not None else ""
            yield {"x": r.strength, "y": r.level.value, "ci": r.level.ci, "differs": bool(r.differs), "says": says}
