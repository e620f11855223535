"""Holds what a gate found, and its page: the verdict, the counts and what changed in the first lines, then a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from jova_bench.comparison.cells import about_attempts, detectable, metric_names, numbers, record, verdict_text
from jova_bench.comparison.pairing import Change, Sides
from jova_bench.comparison.verdicts import NOTHING, Comparison, Verdict, exit_code, unmeasured
from jova_bench.errors import EXIT_INCOMPLETE, EXIT_OK
from jova_bench.formatting.text import counted, escaped, signed, table
from jova_bench.identity import Identity
from jova_bench.summary import AttemptCounts

if TYPE_CHECKING:
    import pandas as pd

SIDES = Sides("the reference", "this run")
GateVerdict = Verdict | Literal["within tolerance"]
"""`within tolerance`: worse by the test, but by no more than is allowed."""
WORDS = {0: "passed", 3: "regression", 4: "not comparable", 5: "incomplete or underpowered"}
"""What a gate is called by its exit code."""
COUNTED: Mapping[GateVerdict, str] = {
    "worse": "worse", "better": "better", "no difference shown": "unchanged", "underpowered": "underpowered",
    "within tolerance": "within tolerance", "not comparable": "not comparable", "undefined": "undefined",
    "failed": "failed",
}  # fmt: skip
"""Words of the summary line by verdict. The first four always stand there."""
ALWAYS = 4
QUIET: tuple[GateVerdict, ...] = ("no difference shown", "undefined")
"""Verdicts of rows that a terminal leaves out: nothing changed."""
MOST = 8
"""Rows that stand above the table, at most."""


@dataclass(frozen=True)
class Check:
    """Holds one row of the gate."""

    row: Comparison
    tolerance: float | None
    """Allowed deterioration in the metric's unit; None when any significant difference is too much."""

    @property
    def verdict(self) -> GateVerdict:
        """Returns the comparison's verdict with the tolerance applied."""
        row = self.row
        if self.tolerance is None or row.delta is None or row.lost:
            return row.verdict
        if row.verdict == "no difference shown" and (row.min_detectable or 0.0) > self.tolerance:
            return "underpowered"
        moved = row.verdict == "worse" or (row.verdict == "not comparable" and row.p_holm is not None)
        return "within tolerance" if moved and abs(row.delta) <= self.tolerance else row.verdict

    @property
    def text(self) -> str:
        """Formats the verdict with its reason."""
        if self.verdict == self.row.verdict:
            return verdict_text(self.row)
        if self.verdict == "underpowered":
            return f"underpowered: finds differences from {detectable(self.row)} on"
        return self.verdict


@dataclass(frozen=True)
class Gate:
    """Holds the verdicts on every metric of every model of the reference."""

    reference: str
    run: str
    checks: tuple[Check, ...]
    missing: tuple[str, ...]
    """Models of the reference that are missing in the run."""
    failed: int
    """Number of samples of the run without a clip."""
    not_gated: tuple[str, ...] = ()
    """Columns of judges, which nothing asked to gate."""
    attempts: Mapping[str, tuple[AttemptCounts, ...]] = field(default_factory=dict)
    """How often models of the reference (`a`) and of the run (`b`) were asked, as in `Comparisons`."""

    @property
    def exit_code(self) -> int:
        """Returns 3 if worse than allowed, 4 if not comparable, 5 if underpowered, incomplete or unmeasured, or 0."""
        verdicts = [check.verdict for check in self.checks] + ["not comparable" for _ in self.missing]
        code = exit_code(verdicts, self.failed)
        return EXIT_INCOMPLETE if code == EXIT_OK and self.nothing else code

    @property
    def nothing(self) -> bool:
        """Returns whether no metric has a value on both sides, so that nothing was compared."""
        return unmeasured(check.verdict for check in self.checks)

    def table(self) -> pd.DataFrame:
        """Returns one row per model and metric: the comparison's fields, the tolerance and the gate's verdict."""
        import pandas as pd

        rows = [record(check.row) | {"tolerance": check.tolerance, "verdict": check.verdict} for check in self.checks]
        return pd.DataFrame(rows)

    def markdown(self) -> str:
        """Formats a page of Markdown: `head`, and the table of all rows, folded."""
        fold = f"<details><summary>All {counted(len(self.checks), 'row')}</summary>"
        return "\n\n".join([self.head(), fold, self._table(self.checks), "</details>"]) + "\n"

    def short(self) -> str:
        """Formats what a terminal shows: `head`, and the table of the rows that do not pass or that changed."""
        told = [check for check in self.checks if check.verdict not in QUIET]
        left = counted(len(self.checks) - len(told), "row")
        more = [f"{left} without a difference: -v shows them, too."] if len(told) < len(self.checks) else []
        return "\n\n".join([self.head(), *[self._table(told)] * bool(told), *more]) + "\n"

    def _table(self, checks: Sequence[Check]) -> str:
        """Formats rows as a table, the worst first."""
        header = ["Model", "Metric", "Reference", "Now", "Difference", "p (Holm)", "n", "Tolerance", "Verdict"]
        header.append("Worst samples")
        names = metric_names([check.row for check in self.checks])  # Labels depend on all.
        body = [
            [
                escaped(check.row.model),
                names[check.row.spec.identity],
                *numbers(check.row),
                str(check.row.n),
                _tolerance(check),
                _verdict(check),
                _worst(check.row.worst),
            ]
            for check in sorted(checks, key=lambda check: _code(check) or EXIT_INCOMPLETE + 1)
        ]
        return table(header, body)

    def head(self) -> str:
        """Formats the verdict, the counts, and what changed, each in a line, the worst first."""
        nothing = self.nothing and self.exit_code == EXIT_INCOMPLETE
        told = list(self._changes())
        title = f"## Gate: {'nothing was measured' if nothing else WORDS[self.exit_code]}"
        lines = [title, self._counts(), *told[:MOST]]
        if len(told) > MOST:
            lines.append(f"- and {len(told) - MOST} more in the table")
        parts = [f"Reference {escaped(self.reference)}, run {escaped(self.run)}."]
        if self.not_gated:
            left_out = escaped(", ".join(self.not_gated))
            parts.append(f"Not gated, because a language model judges: {left_out}. A tolerance for one gates it.")
        if tries := about_attempts(self.attempts, SIDES):
            parts.append(tries.strip())
        return "\n".join(lines) + "\n\n" + " ".join(parts)

    def _counts(self) -> str:
        """Formats how many rows have each verdict."""
        counts = Counter(check.verdict for check in self.checks)
        told = [
            f"{counts[verdict]} {word}"
            for place, (verdict, word) in enumerate(COUNTED.items())
            if place < ALWAYS or counts[verdict]
        ]
        return f"{', '.join(told)}; {counted(len(self.checks), 'row')}."

    def _changes(self) -> Iterator[str]:
        """Yields lines of a list: what does not pass, in the order of exit codes, then what changed and passes."""
        names = metric_names([check.row for check in self.checks])
        lines: dict[GateVerdict, list[str]] = {}
        for check in self.checks:
            lines.setdefault(check.verdict, []).append(_line(check, names))
        yield from lines.get("worse", ())
        yield from (f"- The run has no model {escaped(model)}, which the reference has." for model in self.missing)
        yield from lines.get("not comparable", ())
        if self.nothing:
            yield f"- {NOTHING}"
        if self.failed:
            yield f"- {counted(self.failed, 'sample')} of the run failed."
        yield from (*lines.get("underpowered", ()), *lines.get("better", ()), *lines.get("within tolerance", ()))


def _line(check: Check, names: dict[Identity, str]) -> str:
    """Formats a row in words: its verdict, its numbers, and the clips that lost most."""
    row = check.row
    reference, now, difference, _ = numbers(row)
    moved = f": {reference} → {now}, {difference}" if difference else ""
    allowed = f", tolerance {_tolerance(check)}" if check.tolerance is not None else ""
    worst = f"; worst samples: {_worst(row.worst)}" if row.worst and check.verdict == "worse" else ""
    return f"- {_verdict(check)}: {names[row.spec.identity]} of {escaped(row.model)}{moved}{allowed}{worst}"


def _verdict(check: Check) -> str:
    return f"**{check.text}**" if _code(check) else check.text


def _code(check: Check) -> int:
    """Returns the exit code of a row alone."""
    return exit_code([check.verdict], 0)


def _tolerance(check: Check) -> str:
    return "" if check.tolerance is None else f"{check.tolerance:g}"


def _worst(changes: tuple[Change, ...]) -> str:
    """Formats `prompt seed change` of up to five clips."""
    return ", ".join(
        f"{escaped(one.prompt_id)} {one.seed} "
        + (f"({escaped(one.reason or 'no value')})" if one.change is None else signed(one.change, _places(one.change)))
        for one in changes
    )


def _places(change: float) -> int:
    return 0 if abs(change) >= 100 else 3
