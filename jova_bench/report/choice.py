"""Chooses columns and rows of a leaderboard, in the order asked; no number depends on what is chosen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from jova_bench.errors import BenchError
from jova_bench.formatting.messages import shown, suggest
from jova_bench.identity import Identity, Selection
from jova_bench.report.cells import Column, recut
from jova_bench.report.leaderboard import Leaderboard
from jova_bench.summary import Summary


def choose(
    board: Leaderboard, metrics: Sequence[str] | None = None, models: Sequence[str] | None = None
) -> Leaderboard:
    """Returns the table of some metrics and models, with the labels and numbers of the whole table, but without ranks.

    Args:
        board: the whole table.
        metrics: names; None for all. `name` is every evaluator of ours, `name@bench` what a bench computes (`@bench`
            all of it), `name@evaluator` one evaluator; or an identity.
        models: names; None for all.

    Raises:
        BenchError: a name that the table does not have, or no name at all.
    """
    if metrics is None and models is None:
        return board
    rows = board.models if models is None else _models(board, models)
    columns = board.columns if metrics is None else _columns(board, metrics)
    identities = [column.identity for column in columns]
    summary = _only(board.summary, identities, rows)
    common = board.common and replace(board.common, summary=_only(board.common.summary, identities, rows))
    return replace(
        board,
        summary=summary,
        models=rows,
        columns=recut(columns, summary),
        ranks={},
        untested={},
        made={model: board.made[model] for model in rows if model in board.made},
        common=common,
        in_order=metrics is not None,
    )


def _only(summary: Summary, identities: Sequence[Identity], models: Sequence[str]) -> Summary:
    """Returns what a summary has of some metrics and models, in their order."""
    of_metric = {identity: place for place, identity in enumerate(identities)}
    of_model = {model: place for place, model in enumerate(models)}
    estimates = [one for one in summary.estimates if one.identity in of_metric and one.model in of_model]
    estimates.sort(key=lambda one: (one.slice is not None, of_metric[one.identity], of_model[one.model]))
    costs = sorted((one for one in summary.cost if one.model in of_model), key=lambda one: of_model[one.model])
    tries = sorted((one for one in summary.attempts if one.model in of_model), key=lambda one: of_model[one.model])
    return summary.model_copy(update={"estimates": tuple(estimates), "cost": tuple(costs), "attempts": tuple(tries)})


def _models(board: Leaderboard, names: Sequence[str]) -> tuple[str, ...]:
    for name in names or ("",):
        if name not in board.models:
            raise BenchError(f"expected a model of the run, got {_got(name)}; {suggest(str(name), board.models)}")
    return tuple(dict.fromkeys(names))


def _columns(board: Leaderboard, names: Sequence[str]) -> tuple[Column, ...]:
    found: dict[Identity, Column] = {}
    for name in names or ("",):
        named = {one.identity: one for one in board.columns if name in _answers(one.identity)}
        if not named:
            known = dict.fromkeys(_answers(one.identity)[0] for one in board.columns)
            raise BenchError(f"expected a metric of the run, got {_got(name)}; {suggest(str(name), known)}")
        found |= {identity: one for identity, one in named.items() if identity not in found}
    return tuple(found.values())


def _answers(identity: Identity) -> tuple[str, ...]:
    """Returns all names of a column, the usual one first."""
    if identity.bench is None:
        return identity.select, str(Selection(identity.name, identity.backend)), identity
    return identity.select, str(Selection("", identity.bench)), identity


def _got(name: str) -> str:
    return shown(name) if name else "none"
