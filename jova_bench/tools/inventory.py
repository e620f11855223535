"""Lists models, suites and metrics, the reason why one cannot run here, and what to install for it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from jova_bench.assets.table import Asset, AssetTable
from jova_bench.cache import NoCache
from jova_bench.errors import BenchError, reason_of
from jova_bench.formatting.messages import shown, suggest
from jova_bench.identity import CLEAN, Selection
from jova_bench.metrics.base import Metric, MetricContext
from jova_bench.metrics.build import broken, build, build_all, usual
from jova_bench.metrics.entry import Family
from jova_bench.metrics.judge.names import PROFILE, SELECT
from jova_bench.metrics.judge.rubric import read_rubric, shipped_rubrics
from jova_bench.metrics.labels import families
from jova_bench.models.base import settings_of
from jova_bench.models.registry import FOLDER_PREFIX, create_model, model_registry
from jova_bench.models.requirements import Requirements, requirements_of
from jova_bench.records import MetricSpec, Profile
from jova_bench.registry import guarded
from jova_bench.suites.loading import Suite, load_suite, suite_registry
from jova_bench.suites.public import public_suites


def models(names: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Lists models by name, all where none is named, with needs, weights, settings, and whether each runs here.

    Raises:
        BenchError: no model has one of the names.
    """
    found, registry = [], model_registry()
    folder = f"{FOLDER_PREFIX}DIR"
    known = (*registry.names(), *registry.refused, folder)
    for name in names or known:
        if name not in known and ":" not in name:
            raise BenchError(f"expected the name of a model, got {shown(name)}; {suggest(name, known)}")
        if name in registry.refused or name == folder:
            found.append(_item(name, [], registry.refused.get(name), {}))
            continue
        try:
            found.append(guarded(f"the model {name!r}", partial(_model, name)))
        except BenchError as error:
            found.append(_item(name, [], reason_of(error), {}))
    return found


def _model(name: str) -> dict[str, Any]:
    """Describes a model from its own attributes. Raises any exception of its code, or for what no listing can show."""
    try:
        model = create_model(name, "cpu")
    except BenchError as error:
        return _item(name, [], reason_of(error), {})
    item = _item(name, list(model.needs), _line(model.check()), settings_of(model), requirements_of(model))
    json.dumps(item)
    return item


def _item(
    name: str,
    needs: list[str],
    why_not: str | None,
    settings: dict[str, Any],
    requirements: Requirements | None = None,
) -> dict[str, Any]:
    stated = requirements or Requirements()
    return {
        "name": name,
        "needs": needs,
        "available": why_not is None,
        "why_not": why_not,
        "weights": [asdict(one) for one in stated.weights],
        "gpu_gb": stated.gpu_gb,
        "settings": settings,
    }


def _line(why_not: str | None) -> str | None:
    """Formats a reason on one line."""
    return None if why_not is None else " ".join(str(why_not).split())


def suites(names: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Lists suites by name, public ones too, all where none is named, with the reason why one cannot be read.

    Raises:
        BenchError: no suite has one of the names.
    """
    found: list[dict[str, Any]] = []
    registry = suite_registry()
    known = tuple(dict.fromkeys((*registry.names(), *registry.refused, *public_suites())))
    for name in names or known:
        if name not in known:
            raise BenchError(f"expected the name of a suite, got {shown(name)}; {suggest(name, known)}")
        try:
            suite, why_not = load_suite(name), None
        except Exception as error:
            suite, why_not = Suite(name, (), Path(), "", None, None), reason_of(error)
        found.append(
            {
                "name": suite.name,
                "description": suite.description,
                "prompts": len(suite.prompts),
                "domain": suite.domain,
                "profile": suite.profile,
                "reference_set": suite.reference_set,
                "slices": list(suite.slices),
                "licence": suite.licence,
                "digest": suite.digest,
                "available": why_not is None,
                "why_not": why_not,
            }
        )
    return found


def metrics(assets: AssetTable, names: Sequence[str] = (), profile: Profile | None = None) -> list[dict[str, Any]]:
    """Lists metrics of every profile and protocol; two evaluators of one name are two entries.

    Args:
        assets: published weights, and those of a user.
        names: `wer` for all that have the name, `wer@versebench` for one of them, `@theval` for all of a bench; none
            for all.
        profile: which to list; None for both.

    Raises:
        BenchError: no metric has one of the names.
    """
    every = _metrics(assets)
    known = {key for one in every for key in _keys(one)}
    for name in names:
        if name not in known:
            raise BenchError(f"expected the name of a metric, got {shown(name)}; {suggest(name, sorted(known))}")
    named = [one for one in every if not names or _keys(one) & set(names)]
    return [one for one in named if profile is None or one["profile"] == profile]


def _keys(metric: dict[str, Any]) -> set[str]:
    """Returns the names by which a metric is listed."""
    name, at, bench = metric["select"].partition("@")
    return {metric["select"], name, *([at + bench] if bench else [])}


def _metrics(assets: AssetTable) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    context = MetricContext(NoCache(), assets=assets)
    titles = {name: (title, family) for family, of in families().items() for name, title in of.items()}
    for select, metric in build_all(context):
        try:
            why_not = _line(guarded("its check failed", metric.check))
        except BenchError as error:
            why_not = reason_of(error)
        spec = metric.spec
        title, family = titles[Selection.parse(select).name]
        found.append(
            {
                "name": spec.name,
                "select": select,
                "title": title,
                "family": str(family),
                "protocol": spec.protocol,
                "identity": spec.identity,
                "profile": spec.profile,
                "level": spec.level,
                "unit": spec.unit,
                "direction": spec.direction,
                "needs": list(spec.needs),
                "domain": spec.domain,
                "description": spec.description,
                "source": spec.source,
                "weights": [_weights(asset, assets) for asset in needed(select, spec, assets)],
                "available": why_not is None,
                "why_not": why_not,
            }
        )
    return found + _judges() + [_unknown(name, why) for name, why in broken(context).items()]


def _judges() -> list[dict[str, Any]]:
    """Describes the shipped rubrics and those of users; which model answers is known when its server is asked."""
    found = [_judge("FILE.toml", None, "the questions of a rubric, asked of a language model", "")]
    for name in shipped_rubrics():
        rubric = read_rubric(name)
        why_not = None
        try:
            for question in rubric.questions:
                rubric.chat(question)
        except BenchError as error:
            why_not = str(error)
        found.append(_judge(name, why_not, rubric.description, rubric.domain))
    return found


def _judge(rubric: str, why_not: str | None, description: str, domain: str) -> dict[str, Any]:
    name = f"{SELECT}{rubric}"
    about = {"title": "Judge", "family": str(Family.JUDGE), "profile": PROFILE, "level": "clip", "domain": domain}
    return _unknown(name, why_not) | about | {"protocol": CLEAN, "description": description}


def _unknown(name: str, why_not: str | None) -> dict[str, Any]:
    """Describes a metric of which little more than the name is known."""
    unknown = dict.fromkeys(
        ("title", "family", "identity", "profile", "protocol", "level", "unit", "direction", "domain")
    )
    texts = {"description": "", "source": ""}
    return {"name": name, "select": name, **unknown, **texts, "needs": [], "weights": []} | {
        "available": why_not is None,
        "why_not": why_not,
    }


def needed(select: str, spec: MetricSpec, assets: AssetTable) -> list[Asset]:
    """Returns the files of weights that a metric needs and that ship neither with the package nor a dependency."""
    bench = Selection.parse(select).variant
    return [asset for asset in assets.entries.values() if spec.profile == "standard" and asset.serves(spec.name, bench)]


def missing_weights(
    names: Sequence[str | Metric] | None,
    profile: Profile,
    suite: Suite,
    assets: AssetTable,
    before: Sequence[str] = (),
) -> list[Asset]:
    """Returns the weights that metrics of a run need and that are not here; what judges need, their servers have.

    Args:
        names: of metrics, or metrics; None for those of the profile and the suite.
        profile: of the run.
        suite: of the run.
        assets: published weights, and those of a user.
        before: names of metrics that the run's folder has, which are measured of new clips, too.
    """
    context = MetricContext(NoCache(), assets=assets)
    wanted = (*((*usual(profile, context)[0], *suite.metrics) if names is None else names), *before)
    found: dict[str, Asset] = {}
    for name in wanted:
        if isinstance(name, str) and not name.startswith(SELECT):
            specs = [metric.spec for metric in build([name], profile, context)]
            found |= {asset.name: asset for spec in specs for asset in needed(name, spec, assets)}
    return [asset for asset in found.values() if not assets.path(asset.name).is_file()]


def _weights(asset: Asset, assets: AssetTable) -> dict[str, Any]:
    return {
        "name": asset.name,
        "size": asset.size,
        "licence": asset.licence,
        "terms": asset.terms,
        "here": assets.path(asset.name).is_file(),
        "verified": asset.sha256 is not None,
        "command": asset.command,
    }


def weights(assets: AssetTable) -> list[dict[str, Any]]:
    """Lists the files of weights of metrics: size, licence, and whether each is here."""
    return [_weights(asset, assets) for asset in assets.entries.values()]
