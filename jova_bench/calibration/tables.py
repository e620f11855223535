"""Formats a calibration: one row per metric, what moves a metric that should not, and every change."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from jova_bench.calibration.changes import KINDS
from jova_bench.calibration.result import Calibration, Level, MetricCalibration, Response
from jova_bench.formatting.text import decimals, escaped, signed, table, with_interval
from jova_bench.metrics.labels import ARROWS
from jova_bench.metrics.responses import Axis
from jova_bench.report.curves import curves

SHOWN_OFFSETS = (1, 2, 3, 5, 10, 15)
"""Offsets of each side in the table; the JSON and the page have all."""
ABOUT = (
    "Each change is planted alone and stored without loss; unchanged clips go through the same encoder. Differences "
    "are paired, changed less unchanged, clip by clip; **bold** ones differ from 0 (paired test, Holm over all "
    "changes of the metric, error rate {alpha:g}). Values are means over clips with 95 % intervals. An offset "
    "keeps the length of the sound: silence fills the end that becomes free."
)
UNKNOWN = "unknown: too few clips"
EARLY, CHANCE = "frames that the sound is early", "chance"
GLANCE = ("Metric", "Unchanged", "Sound of another clip", "Smallest offset noticed", "Should notice and does not",
          "Moves and should not")  # fmt: skip
UNWANTED = ("Metric", "Moved by", "Difference", "p (Holm)", "n", "Of the way to chance")
Text = Callable[[str], str]
"""Prepares a text of others for where it stands."""


def markdown(found: Calibration) -> str:
    """Formats all of a calibration as Markdown."""
    parts = [overview(found)]
    parts += [f"## {escaped(one.label)} {ARROWS[one.direction]}\n\n{_of_metric(one)}" for one in found.metrics]
    return "\n\n".join(parts) + "\n"


def overview(found: Calibration) -> str:
    """Formats what a terminal shows: one row per metric, and what moves a metric that should not."""
    count = f"{found.clips} clip{'s' * (found.clips != 1)}"
    parts = [f"# Calibration on {escaped(found.suite)}, {count}", ABOUT.format(alpha=found.alpha)]
    parts += [*few(found), *incomplete(found)]
    parts.append(table(GLANCE, [glance(one) for one in found.metrics]))
    if rows := unwanted(found):
        parts += ["What moves a metric that should not:", table(UNWANTED, rows)]
    return "\n\n".join(parts)


def few(found: Calibration) -> list[str]:
    """Returns a paragraph where there are too few clips for a metric; none otherwise."""
    short = [one for one in found.metrics if one.too_few]
    if not short:
        return []
    most = max(short, key=lambda one: one.clips_needed)
    return [
        f"**Too few clips.** {most.clips_needed} clips with a value are needed before {most.tests} tests can show any "
        f"difference, however large: nothing can be said of {', '.join(escaped(one.label) for one in short)}. What "
        "stands below of them describes these clips and is no claim about the metric."
    ]


def incomplete(found: Calibration) -> list[str]:
    """Returns a line on changed clips that could not be made; none where all were."""
    return [f"{found.failed} changed clips could not be made: the reasons are in the counts."] if found.failed else []


def picture(found: Calibration) -> str | None:
    """Draws each metric's value against the offset as SVG; None where no offset was planted, or none has a value."""
    offsets = sorted({0, *(r.strength for one in found.metrics for r in one.of(Axis.OFFSET))})
    values: list[tuple[MetricCalibration, str, Level]] = []
    moved = [one for one in found.metrics if any(r.level.value is not None for r in one.of(Axis.OFFSET))]
    for one in moved:
        values += [(one, str(r.strength), r.level) for r in one.of(Axis.OFFSET)] + [(one, "0", one.unchanged)]
        if one.chance is not None:
            values.append((one, CHANCE, one.chance.level))
    if not moved:
        return None
    record = {
        "base": {EARLY: 0},
        "arms": [{"arm": str(at), "changed": {EARLY: at} if at else {}} for at in offsets],
        "metrics": [{"identity": one.identity, "direction": one.direction} for one in moved],
        "values": [
            {"arm": arm, "control": arm == CHANCE, "training_seed": None, "identity": one.identity,
             "value": here.value, "interval": here.ci}
            for one, arm, here in values
        ],
    }  # fmt: skip
    return curves(record, "A point for each offset, with its 95 % interval over clips; dashed: sound of another clip.")


def verdict(responses: Sequence[Response]) -> str:
    """Says how a metric responds along an axis, against what is claimed of it."""
    claimed = [one for one in responses if one.expected is not None] or responses
    differ = [one.differs for one in claimed]
    if all(one is None for one in differ):
        return UNKNOWN if any(one.p is not None for one in claimed) else "no value"
    moved = sum(one is True for one in differ)
    of = f" ({moved} of {len(differ)})" if len(differ) > 1 else ""
    what = claimed[0].expected
    if what == "ignore":
        return f"moves{of}" if moved else "steady"
    if what == "notice":
        return f"noticed{of}" if moved else "not noticed"
    return f"moves{of}" if moved else "no difference shown"


def claim(responses: Sequence[Response]) -> str:
    """Says what a metric should do along an axis, with the strengths where that is not claimed of all."""
    claimed = [one for one in responses if one.expected is not None]
    if not claimed:
        return ""
    at = "" if len(claimed) == len(responses) else f" {', '.join(str(one.strength) for one in claimed)}"
    return f"{claimed[0].expected}{at}"


def glance(one: MetricCalibration, text: Text = escaped) -> list[str]:
    """Returns the cells of `GLANCE`."""
    missed = [KINDS[axis].title for axis in Axis if (here := one.of(axis)) and verdict(here) == "not noticed"]
    moved = [
        f"{KINDS[axis].title} ({count})" if count > 1 else KINDS[axis].title
        for axis, count in Counter(r.axis for r in one.responses if r.unwanted).items()
    ]
    return [
        f"{text(one.label)} {ARROWS[one.direction]}", level(one, text), _chance(one), _resolution(one),
        UNKNOWN if one.too_few else ", ".join(missed) or "-", UNKNOWN if one.too_few else ", ".join(moved) or "-",
    ]  # fmt: skip


def unwanted(found: Calibration, text: Text = escaped) -> list[list[str]]:
    """Returns the cells of `UNWANTED` for every change that moves a metric and should not."""
    return [
        [
            text(one.label), r.title, difference(r), "" if r.p_holm is None else f"{r.p_holm:.2g}", str(r.n),
            "" if (share := one.share_of_range(r)) is None else f"{100 * share:.0f} %",
        ]
        for one in found.metrics for r in one.responses if r.unwanted
    ]  # fmt: skip


def level(one: MetricCalibration, text: Text = escaped, unit: str = "") -> str:
    """Formats the value of the unchanged clips in a unit, or why there is none."""
    found = one.unchanged
    if found.value is None:
        return text("; ".join(found.reasons))
    total = found.n_ok + found.n_undefined + found.n_failed
    some = f" ({found.n_ok} of {total})" if found.n_ok < total else ""
    return f"{with_interval(found.value, found.ci)}{unit and ' '}{unit}{some}"


def _chance(one: MetricCalibration) -> str:
    chance = one.chance
    if chance is None:
        return "not planted"
    if chance.level.value is None:
        return "no value"
    text = with_interval(chance.level.value, chance.level.ci)
    return text + {True: ", differs", False: ", no difference shown", None: ""}[chance.differs]


def _resolution(one: MetricCalibration) -> str:
    offsets = one.of(Axis.OFFSET)
    if one.resolution is None:
        return "not planted"
    if all(r.differs is None for r in offsets):
        return verdict(offsets)
    early, late = one.resolution.early, one.resolution.late
    found = [f"{frames} {side}" for frames, side in ((early, "early"), (late, "late")) if frames is not None]
    return ", ".join(found) or "none"


def _of_metric(one: MetricCalibration) -> str:
    """Formats one row per axis: the difference at each strength, and what that says."""
    body = []
    for axis in Axis:
        here = one.of(axis)
        if not here:
            continue
        shown = [r for r in here if axis != Axis.OFFSET or abs(r.strength) in SHOWN_OFFSETS]
        unit = KINDS[axis].unit
        cells = ", ".join(_cell(r, bool(unit)) for r in shown)
        body.append([KINDS[axis].title + (f" ({unit})" if unit else ""), claim(here), cells, verdict(here)])
    lines = [f"Unchanged: {level(one, unit=escaped(one.unit))}. `{one.identity}`"]
    lines.append(table(["Change", "Should", "Difference", "Response"], body))
    reasons = Counter[str]()
    for r in one.responses:
        reasons.update(r.level.reasons)
    if reasons:
        lines.append("Without a value: " + "; ".join(f"{escaped(why)} ({n} clips)" for why, n in reasons.items()) + ".")
    return "\n\n".join(lines)


def _cell(response: Response, several: bool) -> str:
    if response.difference is None:
        value = f"none of {_total(response)}"
    else:
        lost = f" ({response.lost} lost)" if response.lost else ""
        value = signed(response.difference, _places(response))
        value = (f"**{value}**" if response.differs else value) + lost
    return f"{response.strength}: {value}" if several else value


def difference(response: Response) -> str:
    """Formats a difference with its interval; empty where there is none."""
    if response.difference is None:
        return ""
    places = _places(response)
    ends = "" if response.ci is None else f" [{signed(response.ci[0], places)}, {signed(response.ci[1], places)}]"
    return f"{signed(response.difference, places)}{ends}"


def _places(response: Response) -> int:
    """Returns the decimals by the interval, or by the values where it has no width."""
    width = response.ci is not None and response.ci[1] > response.ci[0]
    return decimals(response.level.value or response.difference or 0.0, response.ci if width else None)


def _total(response: Response) -> int:
    return response.level.n_ok + response.level.n_undefined + response.level.n_failed
