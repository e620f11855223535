"""Says at the end of a command that made a run which samples have no clip, and what no metric could judge."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jova_bench.cli.base import say, warn
from jova_bench.errors import OUTSIDE
from jova_bench.logs import talkative
from jova_bench.summary import attempts_text

if TYPE_CHECKING:
    from jova_bench.records import Sample
    from jova_bench.runs.run import Result
    from jova_bench.summary import Summary

SHOWN_FAILURES = 5


def say_failures(result: Result) -> None:
    """Prints one line for all samples of a model that have no clip for the same reason, then what was tried again."""
    same: dict[tuple[str, str, str | None], list[Sample]] = {}
    for sample in result.failed:
        same.setdefault((sample.status, sample.model, sample.reason), []).append(sample)
    most = None if talkative() else SHOWN_FAILURES
    for (status, model, reason), (first, *others) in list(same.items())[:most]:
        more = f" and {len(others):,} more" * bool(others)
        warn(f"{status}: {model}, prompt {first.prompt_id}, seed {first.seed}{more}: {reason}")
    if left := sum(map(len, list(same.values())[most:] if most else ())):
        warn(f"failed: {left:,} more, see {result.folder / 'samples.jsonl'}")
    for one in result.failed_metrics[:most] if result.strict else ():
        warn(f"strict: {one.metric} failed on {one.n_failed} clips of {one.model}: {'; '.join(one.reasons)}")
    if tries := attempts_text(result.attempts):
        say(tries)
    if result.unable and result.summary is not None:
        warn(f"left out, as was said at the beginning: {', '.join(result.unable)}")


def say_outside(summary: Summary | None) -> None:
    """Prints which profile scores models whose clips are all outside the embedded evaluators' domain."""
    from jova_bench.runs.estimates import NO_CLIP

    outside: dict[str, bool] = {}
    for one in summary.estimates if summary is not None else ():
        judged = [reason for reason in one.reasons if not reason.startswith(NO_CLIP)]
        outside[one.model] = outside.get(one.model, True) and one.n_ok == 0 and judged == [OUTSIDE]
    if found := [model for model, is_outside in outside.items() if is_outside]:
        say(f"{', '.join(found)}: every metric is undefined: {OUTSIDE}; --profile standard judges other clips")
