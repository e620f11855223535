"""Renders what a live page shows of one look at a run: progress, means so far, and the latest clips."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from jova_bench.formatting.text import counted, decimals, number
from jova_bench.keys import ColumnKey
from jova_bench.metrics.labels import labelled
from jova_bench.report.html.pages import colours
from jova_bench.runs.following import Look, Partial

if TYPE_CHECKING:
    import jinja2

SILENT_S = 300
"""Seconds without a record after which the page says so."""

STATES = {
    "making": "Going on: clips are being made",
    "scoring": "Going on: clips are being scored",
    "stopped": "Stopped: no process writes this run any more",
    "finished": "Finished: its pages are being written",
    "left": "No longer watched",
    "broken": "Cannot be read",
}
"""What the page says of the state."""


def render_parts(env: jinja2.Environment, look: Look, clips: Mapping[int, str]) -> dict[str, str]:
    """Returns the parts of the page that change, as HTML.

    Args:
        env: of the templates.
        look: at the run.
        clips: files of the latest clips, by their place in `look.latest`.
    """
    texts = {one.__name__: one for one in (partial_text, coverage_text)}
    macros: Any = env.get_template("live_parts.html", globals=texts).module
    prompts = {prompt.id: prompt for prompt in look.manifest.prompts}
    shades = colours([one.model for one in look.models])
    latest = [
        (sample, clips[place], prompts.get(sample.prompt_id))
        for place, sample in enumerate(look.latest)
        if place in clips
    ]
    return {
        "progress": str(macros.progress(look, shades)),
        "numbers": str(macros.numbers(look, shades, _families(look))),
        "clips": str(macros.clips(latest, shades)),
    }


def _families(look: Look) -> list[tuple[str, list[tuple[Any, list[Partial | None]]]]]:
    """Returns a table for each family: metrics of clips that anything was scored of, with a cell per model."""
    specs = {spec.identity: spec for spec in look.manifest.specs}
    found: dict[str, list[tuple[Any, list[Partial | None]]]] = {}
    for label in labelled(specs):
        if specs[label.identity].level == "clip":
            cells = [look.partial.get(ColumnKey(one.model, label.identity)) for one in look.models]
            if any(cells):
                row = {"label": label.text, "identity": label.identity, "direction": specs[label.identity].direction}
                found.setdefault(label.family, []).append((row, cells))
    return list(found.items())


def state_of(look: Look) -> str:
    """Returns the key of STATES."""
    if look.state != "going on":
        return look.state
    return "making" if any(one.tried < one.asked for one in look.models) else "scoring"


def what_to_do(look: Look) -> str:
    """Says how a run that stopped goes on."""
    if all(one.tried >= one.asked for one in look.models) and not any(one.to_score for one in look.models):
        return "All clips are there and none is scored: `run`, in the place of `generate`, scores them"
    return "The same command continues it; this page goes on when it does"


def moment(seconds: float) -> str:
    """Formats a time, in seconds since 1970."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def times(look: Look, now: float) -> str:
    """Formats when was looked, and how long nothing was recorded."""
    quiet = max(0.0, now - look.written_at)
    text = f"Looked at {moment(now)}; the latest record is of {moment(look.written_at)}, {_ago(quiet)} before."
    if look.state == "going on" and quiet > SILENT_S:
        text += " A process holds the run and records nothing: a long clip, or one that hangs."
    return text


def _ago(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else counted(round(seconds / 3600), "hour")


def partial_text(part: Partial) -> str:
    """Formats a mean, or the status of all."""
    if part.value is None:
        return "failed" if part.failed and not part.undefined else "undefined"
    return number(part.value, decimals(part.value, None)).replace("-", "\N{MINUS SIGN}")


def coverage_text(part: Partial, of: int) -> str:
    """Formats how many clips a mean is of."""
    more = [f"{count} {word}" for count, word in ((part.undefined, "undefined"), (part.failed, "failed")) if count]
    return ", ".join([f"{part.ok} of {of}", *more])
