"""Gates continuous integration: compares a run with its reference, with a table for the summary page.

The reference defines what is required: a model or metric that the run lacks is not comparable, which never passes.
Further models and metrics of the run are ignored.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from jova_bench.assets.table import AssetTable
from jova_bench.comparison.cells import about_attempts, detectable, metric_names, numbers, record, verdict_text
from jova_bench.comparison.compare import Comparisons, Metrics, Source, compare
from jova_bench.comparison.pairing import Change, Sides
from jova_bench.comparison.results import Results, read_results
from jova_bench.comparison.verdicts import NOTHING, Comparison, Verdict, exit_code, unmeasured
from jova_bench.errors import EXIT_INCOMPLETE, EXIT_OK, BenchError
from jova_bench.files.reading import read_toml
from jova_bench.formatting.messages import shown, suggest
from jova_bench.formatting.text import escaped, signed, table
from jova_bench.metrics.judge.names import is_judge
from jova_bench.summary import AttemptCounts

if TYPE_CHECKING:
    import pandas as pd

SIDES = Sides("the reference", "this run")
GateVerdict = Verdict | Literal["within tolerance"]
"""`within tolerance`: worse by the test, but by no more than is allowed."""


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
        """Formats the table below a one-line summary; rows that do not pass come first."""
        header = ["Model", "Metric", "Reference", "Now", "Difference", "p (Holm)", "n", "Tolerance", "Verdict"]
        header.append("Worst samples")
        names = metric_names([check.row for check in self.checks])
        body = [
            [
                escaped(check.row.model),
                names[check.row.spec.identity],
                *numbers(check.row),
                str(check.row.n),
                "" if check.tolerance is None else f"{check.tolerance:g}",
                f"**{check.text}**" if exit_code([check.verdict], 0) else check.text,
                _worst(check.row.worst),
            ]
            for check in sorted(self.checks, key=lambda check: exit_code([check.verdict], 0) or EXIT_INCOMPLETE + 1)
        ]
        parts = [f"## {self._headline()}", f"Reference {escaped(self.reference)}, run {escaped(self.run)}."]
        parts += [f"The run has no model {escaped(model)}, which the reference has." for model in self.missing]
        counts = Counter(check.verdict for check in self.checks)
        totals = ", ".join(f"{verdict} {count}" for verdict, count in counts.items())
        parts.append(f"{len(self.checks)} rows{': ' * bool(totals)}{totals}.")
        if self.not_gated:
            left_out = escaped(", ".join(self.not_gated))
            parts.append(f"Not gated, because a language model judges: {left_out}. A tolerance for one gates it.")
        if self.nothing:
            parts.append(NOTHING)
        if self.failed:
            parts.append(f"{self.failed} sample{'s' * (self.failed > 1)} of the run failed.")
        if tries := about_attempts(self.attempts, SIDES):
            parts.append(tries.strip())
        return "\n\n".join([*parts, table(header, body)]) + "\n"

    def _headline(self) -> str:
        if self.nothing and self.exit_code == EXIT_INCOMPLETE:
            return "Gate: nothing was measured"
        words = {0: "passed", 3: "regression", 4: "not comparable", 5: "incomplete or underpowered"}
        return f"Gate: {words[self.exit_code]}"


def gate(
    reference: Source,
    run: Source,
    tolerances: Mapping[str, float] | None = None,
    metrics: Metrics | None = None,
    assets: AssetTable | None = None,
) -> Gate:
    """Compares a run with its reference.

    Args:
        reference: run folder, or a file made by `jova-bench freeze`.
        run: the run to judge.
        tolerances: by metric name, absolute and in its unit.
        metrics: as in `compare`, but None for all that no language model judges, and those for which there is a
            tolerance.
        assets: as in `compare`.

    Raises:
        BenchError: bad input, or a tolerance for a metric that the reference does not have.
    """
    left_out: tuple[str, ...] = ()
    if metrics is None:
        reference = reference if isinstance(reference, Results) else read_results(reference)
        metrics, left_out = _gated(reference, tolerances or {})
    found = compare(reference, run, metrics, assets=assets, sides=SIDES)
    if tolerances is not None and not isinstance(tolerances, Mapping):
        raise BenchError(f"expected tolerances by the name of the metric, got {shown(tolerances)}")
    allowed = _checked(tolerances or {}, "tolerances: ")
    _check_names(allowed, found)
    checks = tuple(Check(row, allowed.get(row.spec.name)) for row in found.rows)
    return Gate(found.a, found.b, checks, found.only_a, found.failed, left_out, found.attempts)


def _gated(reference: Results, tolerances: Mapping[str, float]) -> tuple[Metrics | None, tuple[str, ...]]:
    """Returns the metrics that a gate compares, None for all, and the names of judges that it leaves out.

    A judge is another company's to change, and its answers are drawn: it gates where a tolerance names it.
    """
    names = dict.fromkeys(spec.name for spec in reference.specs.values())
    left_out = tuple(name for name in names if is_judge(name) and name not in tolerances)
    if left_out and len(left_out) == len(names):
        raise BenchError(
            f"expected a metric that no language model judges in {reference.source}, got {', '.join(left_out)} alone; "
            "a tolerance for one gates it"
        )
    return [name for name in names if name not in left_out] if left_out else None, left_out


def read_tolerances(path: str | os.PathLike[str]) -> dict[str, float]:
    """Reads a TOML file of lines such as `wer = 0.05`.

    Raises:
        BenchError: the file is missing, no TOML, or holds something else.
    """
    try:
        values = read_toml(path)
    except BenchError as error:
        raise BenchError(f"{error}; a tolerance is a line such as `wer = 0.05`") from error
    return _checked(values, f"{path}: ")


def _checked(values: Mapping[str, Any], where: str) -> dict[str, float]:
    """Returns tolerances as numbers. Raises BenchError for one that is no number."""
    for name, value in values.items():
        # A truth value is an int to Python, and nan compares with nothing.
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
            raise BenchError(f"{where}{name}: expected a number of at least 0, got {shown(value)}")
    return {name: float(value) for name, value in values.items()}


def _check_names(tolerances: Mapping[str, float], found: Comparisons) -> None:
    known = tuple(dict.fromkeys(row.spec.name for row in found.rows))
    for name in tolerances:
        if not isinstance(name, str) or name not in known:
            raise BenchError(
                f"expected a tolerance for a metric of the reference, got {shown(name)}; {suggest(str(name), known)}"
            )


def _worst(changes: tuple[Change, ...]) -> str:
    """Formats `prompt seed change` of up to five clips."""
    return ", ".join(
        f"{escaped(one.prompt_id)} {one.seed} "
        + (f"({escaped(one.reason or 'no value')})" if one.change is None else signed(one.change, _places(one.change)))
        for one in changes
    )


def _places(change: float) -> int:
    return 0 if abs(change) >= 100 else 3
