"""Reports what is installed, what is missing and how to get it: of everything, in short and at length, or by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from jova_bench.assets.table import AssetTable
from jova_bench.errors import BenchError
from jova_bench.formatting.messages import shown, suggest
from jova_bench.formatting.text import size_text
from jova_bench.tools import installed, inventory

SINGULAR = {"models": "model", "metrics": "metric", "suites": "suite", "packages": "package", "weights": "weights"}
KINDS = tuple(SINGULAR)

Report = Mapping[str, Any]
"""`machine`, and a list for each of `KINDS`."""


def report(assets: AssetTable, names: Sequence[str] = ()) -> Report:
    """Collects everything, or what has one of some names.

    Args:
        assets: weights of metrics.
        names: of models, metrics, suites, packages or weights; none for all.

    Raises:
        BenchError: nothing has one of the names.
    """
    found: dict[str, Any] = {
        "models": inventory.models(),
        "metrics": inventory.metrics(assets),
        "suites": inventory.suites(),
        "packages": installed.packages(),
        "weights": inventory.weights(assets),
    }
    known = {_name(one) for kind in KINDS for one in found[kind]}
    for name in names:
        if name not in known:
            what = "a model, metric, suite, package or file of weights"
            raise BenchError(
                f"expected the name of {what}, got {shown(name)}; {suggest(name, sorted(known), 'jova-bench doctor')}"
            )
    if names:
        found = {kind: [one for one in found[kind] if _name(one) in names] for kind in KINDS}
    return {"machine": installed.machine(assets), **found}


def _name(one: Mapping[str, Any]) -> str:
    """Returns what selects a thing: of a metric, its name with its variant."""
    return str(one.get("select", one["name"]))


def summary(found: Report) -> Iterator[str]:
    """Yields what a report of everything comes to, a line for each kind."""
    machine = found["machine"]
    yield f"Python {machine['python']}, {', '.join(machine['devices'])}; weights in {machine['weights']}"
    for kind in ("models", "suites"):
        yield f"{kind}: {_share(found[kind])} can be used here"
    profiles = sorted({str(one.get("profile") or "of no profile") for one in found["metrics"]})
    shares = {
        name: _share([one for one in found["metrics"] if str(one.get("profile") or "of no profile") == name])
        for name in profiles
    }
    yield f"metrics: {', '.join(f'{share} {name}' for name, share in shares.items())} can be used here"
    lacking = [one["name"] for one in found["packages"] if one["version"] is None]
    missing = f"; missing: {', '.join(lacking)}" if lacking else ""
    yield f"packages: {len(found['packages']) - len(lacking)} of {len(found['packages'])} are installed{missing}"
    here = [one for one in found["weights"] if one["here"]]
    rest = [one for one in found["weights"] if not one["here"]]
    unknown = any(one["size"] is None for one in rest)
    yield (
        f"weights of metrics: {len(here)} of {len(found['weights'])} files are here; the others are "
        f"{size_text(sum(one['size'] or 0 for one in rest), unknown)}"
    )


def _share(found: Sequence[Mapping[str, Any]]) -> str:
    return f"{sum(bool(one['available']) for one in found)} of {len(found)}"


def details(found: Report) -> Iterator[str]:
    """Yields a line for each package, and for each other thing that cannot be used, with the reason."""
    for item in found["packages"]:
        state = item["version"] or f"missing, for {item['for']}: {item['install']}"
        yield f"{item['name']:<24} {state}"
    yield from (f"{what}: {why}" for what, why in lacking(found))


PACKAGES = ("Package", "Version", "For", "How to get it")


def package_rows(found: Report) -> list[list[str]]:
    """Returns a row of `PACKAGES` for each package."""
    return [
        [one["name"], one["version"] or "missing", one["for"], "" if one["version"] else one["install"]]
        for one in found["packages"]
    ]


def lacking(found: Report) -> list[tuple[str, str]]:
    """Returns the models, metrics and suites that cannot be used and the weights that no digest verifies, each why."""
    what = "unverified: no digest is published; the file first downloaded is the reference"
    reasons = [
        (f"{SINGULAR[kind]} {_name(item)}", str(item["why_not"]))
        for kind in ("models", "metrics", "suites")
        for item in found[kind]
        if item["why_not"]
    ]
    weights = [(f"weights {one['name']}", what) for one in found["weights"] if one["here"] and not one["verified"]]
    return list(dict.fromkeys(reasons + weights))  # Two judges of a metric lack the same.


def of_names(found: Report) -> Iterator[str]:
    """Yields all that is known of the things of a report by name."""
    for kind in KINDS:
        for item in found[kind]:
            profile = f" ({item['profile']})" if kind == "metrics" and item["profile"] else ""
            yield f"{SINGULAR[kind]} {_name(item)}{profile}: {_state(kind, item)}"
            for one in item.get("weights", ()):
                yield f"    weights {_weights(one)}"
            for key in ("description", "identity", "needs", "domain", "gpu", "licence", "for"):
                value = item.get(key)
                if value not in (None, "", []):
                    yield f"    {key} {', '.join(value) if isinstance(value, list) else value}"


def _state(kind: str, item: Mapping[str, Any]) -> str:
    if kind == "packages":
        return str(item["version"] or f"missing: {item['install']}")
    if kind == "weights":
        return "here" if item["here"] else f"to fetch: {item['command']}"
    return str(item["why_not"] or "can be used here")


def _weights(one: Mapping[str, Any]) -> str:
    size = "size unknown" if one["size"] is None else size_text(one["size"])
    terms = f", terms {one['terms']}" if one["terms"] else ""
    return f"{one['name']}: {size}, licence {one['licence']}{terms}, {'here' if one['here'] else 'to fetch'}"
