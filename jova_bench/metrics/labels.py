"""Defines display names of metrics and the order of tables, the same in every report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from jova_bench.identity import Identity, pieces
from jova_bench.metrics.build import installed_entries
from jova_bench.metrics.catalogue import TITLES
from jova_bench.metrics.entry import Family
from jova_bench.metrics.judge.names import is_judge, title
from jova_bench.records import Direction

OTHER = "Other"
"""The table of metrics that no entry names: those of a run whose package is gone."""
LONGEST = 24
"""Maximum letters of a mark that the head of a column has room for."""
DIGITS = 8
"""Digits of a digest in a mark."""
ARROWS: Mapping[Direction, str] = {"up": "↑", "down": "↓", "target": "→ real"}


@dataclass(frozen=True)
class Label:
    """Holds the display name of a metric identity and its position in tables."""

    identity: Identity
    text: str
    """Unique among the identities that it was made with; says `(embedded)` for the embedded evaluators, and
    `(compat BENCH)` for what a published bench computes."""
    family: str


def families() -> Mapping[str, Mapping[str, str]]:
    """Returns the table titles, and the metrics of each table in order with the names that readers know.

    Those of installed packages follow the built-in ones of the same table, or stand in tables of their own.
    """
    found: dict[str, dict[str, str]] = {family: dict(titles) for family, titles in TITLES.items()}
    for entry in installed_entries():
        if not any(entry.name in titles for titles in found.values()):
            found.setdefault(entry.family, {})[entry.name] = entry.title
    return found


def labelled(identities: Iterable[Identity]) -> tuple[Label, ...]:
    """Returns one label per identity, in the order of `families`, then in the order given.

    Args:
        identities: of metrics, possibly repeated.
    """
    by_metric: dict[str, dict[Identity, None]] = {}
    for identity in identities:
        by_metric.setdefault(identity.name, {})[identity] = None
    known = {metric: (family, name) for family, names in families().items() for metric, name in names.items()}
    order = [metric for metric in known if metric in by_metric] + [
        metric for metric in by_metric if metric not in known
    ]
    found = []
    for metric in order:
        family, name = known.get(metric) or ((Family.JUDGE, title(metric)) if is_judge(metric) else (OTHER, metric))
        by_kind: dict[str, list[Identity]] = {}
        for identity in by_metric[metric]:
            by_kind.setdefault(_kind(identity), []).append(identity)
        found += [
            Label(identity, f"{name}{mark}{kind}", family)
            for kind, of_kind in by_kind.items()
            for identity, mark in zip(of_kind, _marks(of_kind), strict=True)
        ]
    # Nothing keeps two packages from giving their metrics one title.
    often = Counter(label.text for label in found)
    return tuple(
        label if often[label.text] == 1 else replace(label, text=f"{label.text} {label.identity.name}")
        for label in found
    )


def _kind(identity: Identity) -> str:
    """Returns the suffix that distinguishes numbers of different kinds."""
    if identity.bench is not None:
        return f" (compat {identity.bench})"
    return " (embedded)" if identity.profile == "embedded" else ""


def _marks(identities: Sequence[Identity]) -> list[str]:
    """Returns marks that distinguish identities of one kind: what they differ in, or a number where that is long."""
    found = differences(identities)
    if any(len(one) > LONGEST for one in found):
        found = [f"#{number}" for number in range(1, len(identities) + 1)]
    return [f" {one}" if one else "" for one in found]


def differences(identities: Sequence[Identity]) -> list[str]:
    """Returns of each identity in short what tells it from the others; empty for a lone one.

    Args:
        identities: of one metric, each once.
    """
    found = [""] * len(identities)
    for parts in _parts(identities):
        longer = [f"{one} {part}".strip() for one, part in zip(found, parts, strict=True)]
        if len(set(longer)) > len(set(found)):  # Weights of each evaluator tell no more than the evaluators do.
            found = longer
    # No two identities have all parts in common, but what is short of them may be.
    return found if len(set(found)) == len(found) else list(identities)


def _parts(identities: Sequence[Identity]) -> list[list[str]]:
    """Returns the parts of identities that may differ, in short, what readers know first."""
    backends = [one.backend for one in identities]
    # Judges are called syncnet-a, syncnet-b: their letter is enough.
    of_one_kind = len({one.rpartition("-")[0] for one in backends}) == 1
    params = [pieces(one.params) for one in identities]
    shared = set(params[0]).intersection(*params) if params else set()
    return [
        [one.commit for one in identities],
        [one.rpartition("-")[2] for one in backends] if of_one_kind else backends,
        [f"v{one.version}" for one in identities],
        [one.profile for one in identities],
        [(one.weights or "")[:DIGITS] for one in identities],
        [",".join(part for part in of_one if part not in shared) for of_one in params],
    ]
