"""Defines display names of metrics and the order of tables, the same in every report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from jova_bench.identity import Identity
from jova_bench.metrics.build import installed_entries
from jova_bench.metrics.catalogue import TITLES
from jova_bench.metrics.entry import Family
from jova_bench.metrics.judge.names import is_judge, title
from jova_bench.records import Direction

OTHER = "Other"
"""The table of metrics that no entry names: those of a run whose package is gone."""
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
    """Returns marks that distinguish identities of one kind: none, the commit, the backend's last part, or a number."""
    if len(identities) == 1:
        return [""]
    commits = [identity.commit for identity in identities]
    if len(set(commits)) == len(commits):
        return [f" {commit}" for commit in commits]
    backends = [identity.backend for identity in identities]
    # Judges are called syncnet-a, syncnet-b: their letter is enough.
    one_kind = len({backend.rpartition("-")[0] for backend in backends}) == 1
    ends = [backend.rpartition("-")[2] for backend in backends] if one_kind else backends
    if len(set(ends)) < len(ends):
        ends = [f"#{number}" for number in range(1, len(ends) + 1)]
    return [f" {end}" for end in ends]
