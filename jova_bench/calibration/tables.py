"""Formats a calibration: what can be told at a glance, what moves a metric that should not, and every change."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from jova_bench.calibration.changes import KINDS
from jova_bench.calibration.result import Calibration, MetricCalibration, Response
from jova_bench.formatting.text import decimals, escaped, signed, table, with_interval
from jova_bench.metrics.labels import ARROWS
from jova_bench.metrics.responses import Axis
from jova_bench.report.curves import Panel, Point, curves

SHOWN_OFFSETS = (1, 2, 3, 5, 10, 15)
"""Offsets of each side in the table; the JSON and the page have all."""
ABOUT = (
    "Each change is planted alone and stored without loss; unchanged clips go through the same encoder. Differences "
    "are paired, changed less unchanged, clip by clip; **bold** ones are told apart from 0 (paired test, Holm over all "
    "changes of the metric, error rate {alpha:g}). Values are means over clips with 95 % intervals. An offset "
    "keeps the length of the sound: silence fills the end that becomes free."
)
NOTHING = "cannot be told"


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
    head = ["Metric", "Unchanged", "Sound of another clip", "Offset told apart from", "Should notice and does not",
            "Moves and should not"]  # fmt: skip
    parts.append(table(head, [_glance(one) for one in found.metrics]))
    unwanted = [(one, response) for one in found.metrics for response in one.responses if response.unwanted]
    if unwanted:
        head = ["Metric", "Moved by", "Difference", "p (Holm)", "n", "Of the way to chance"]
        parts += ["What moves a metric that should not:", table(head, [_unwanted(*one) for one in unwanted])]
    return "\n\n".join(parts)


def few(found: Calibration) -> list[str]:
    """Returns a paragraph where there are too few clips for a metric; none otherwise."""
    short = [one for one in found.metrics if one.too_few]
    if not short:
        return []
    most = max(short, key=lambda one: one.clips_needed)
    return [
        f"**Too few clips.** {most.clips_needed} clips with a value are needed before {most.tests} tests can tell any "
        f"difference, however large: nothing can be told of {', '.join(escaped(one.label) for one in short)}. What "
        "stands below of them describes these clips and is no claim about the metric."
    ]


def incomplete(found: Calibration) -> list[str]:
    """Returns a line on changed clips that could not be made; none where all were."""
    return [f"{found.failed} changed clips could not be made: the reasons are in the counts."] if found.failed else []


def picture(found: Calibration) -> str | None:
    """Draws each metric's value against the offset as SVG; None where no offset was planted, or none has a value."""
    places = sorted({0, *(r.strength for one in found.metrics for r in one.of(Axis.OFFSET))})
    panels = []
    for one in found.metrics:
        levels = [(r.strength, r.level) for r in one.of(Axis.OFFSET)] + [(0, one.unchanged)]
        points = [Point(places.index(at), level.value, level.ci) for at, level in levels if level.value is not None]
        chance = None if one.chance is None else one.chance.level.value
        if len(points) > 1:
            panels.append(Panel(one.label, tuple(points), {} if chance is None else {"chance": chance}))
    if not panels:
        return None
    names = [str(at) if at % 5 == 0 else "" for at in places]
    return curves(names, panels, "frames that the sound comes before the picture", len(places))


def verdict(responses: Sequence[Response]) -> str:
    """Says how a metric responds along an axis, against what is claimed of it."""
    claimed = [one for one in responses if one.expected is not None] or responses
    told = [one.told_apart for one in claimed]
    if all(one is None for one in told):
        return NOTHING if any(one.p is not None for one in claimed) else "no value"
    moved = sum(one is True for one in told)
    of = f" ({moved} of {len(told)})" if len(told) > 1 else ""
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


def _glance(one: MetricCalibration) -> list[str]:
    missed = [KINDS[axis].title for axis in Axis if (here := one.of(axis)) and verdict(here) == "not noticed"]
    moved = [
        f"{KINDS[axis].title} ({count})" if count > 1 else KINDS[axis].title
        for axis, count in Counter(r.axis for r in one.responses if r.unwanted).items()
    ]
    return [
        f"{escaped(one.label)} {ARROWS[one.direction]}", _level(one), _chance(one), _resolution(one),
        NOTHING if one.too_few else ", ".join(missed) or "-", NOTHING if one.too_few else ", ".join(moved) or "-",
    ]  # fmt: skip


def _level(one: MetricCalibration) -> str:
    level = one.unchanged
    if level.value is None:
        return escaped("; ".join(level.reasons))
    text = with_interval(level.value, level.ci)
    total = level.n_ok + level.n_undefined + level.n_failed
    return text if level.n_ok == total else f"{text} ({level.n_ok} of {total})"


def _chance(one: MetricCalibration) -> str:
    chance = one.chance
    if chance is None:
        return "not planted"
    if chance.level.value is None:
        return "no value"
    text = with_interval(chance.level.value, chance.level.ci)
    return f"**{text}**" if chance.told_apart else text


def _resolution(one: MetricCalibration) -> str:
    offsets = one.of(Axis.OFFSET)
    if one.resolution is None:
        return "not planted"
    if all(r.told_apart is None for r in offsets):
        return verdict(offsets)
    early, late = one.resolution.early, one.resolution.late
    found = [f"{frames} {side}" for frames, side in ((early, "early"), (late, "late")) if frames is not None]
    return ", ".join(found) or "none"


def _unwanted(one: MetricCalibration, response: Response) -> list[str]:
    share = one.share_of_range(response)
    return [
        escaped(one.label), response.title, _difference(response, interval=True),
        "" if response.p_holm is None else f"{response.p_holm:.2g}", str(response.n),
        "" if share is None else f"{100 * share:.0f} %",
    ]  # fmt: skip


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
    lines = [f"Unchanged: {_level(one)}{f' {escaped(one.unit)}' if one.unit else ''}. `{one.identity}`"]
    lines.append(table(["Change", "Should", "Difference", "Response"], body))
    reasons = Counter[str]()
    for r in one.responses:
        reasons.update(r.level.reasons)
    if reasons:
        lines.append("Without a value: " + "; ".join(f"{escaped(why)} ({n} clips)" for why, n in reasons.items()) + ".")
    return "\n\n".join(lines)


def _cell(response: Response, several: bool) -> str:
    value = _difference(response) if response.difference is not None else f"none of {_total(response)}"
    if response.difference is not None and response.lost:
        value += f" ({response.lost} lost)"
    return f"{response.strength}: {value}" if several else value


def _difference(response: Response, interval: bool = False) -> str:
    if response.difference is None:
        return ""
    width = response.ci is not None and response.ci[1] > response.ci[0]
    places = decimals(response.level.value or response.difference, response.ci if width else None)
    text = signed(response.difference, places)
    if interval and response.ci is not None:
        text += f" [{signed(response.ci[0], places)}, {signed(response.ci[1], places)}]"
    return f"**{text}**" if response.told_apart else text


def _total(response: Response) -> int:
    return response.level.n_ok + response.level.n_undefined + response.level.n_failed
