"""Plans runs without running them, as `run --dry-run` does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from jova_bench.api.arguments import (
    AnyMetric,
    Device,
    PathLike,
    assets_of,
    device_of,
    flag,
    metrics_of,
    models_of,
    path_of,
    seeds_of,
    suite_of,
    whole_or_none,
)
from jova_bench.records import Profile
from jova_bench.runs.request import DEFAULT_SUITE, Options
from jova_bench.tools import dry_run as planning
from jova_bench.tools import planned_run
from jova_bench.tools.dry_run_view import record

if TYPE_CHECKING:
    import pandas as pd

    from jova_bench.models.base import Generator
    from jova_bench.suites.loading import Suite


class DryRun(planned_run.DryRun):
    """What a run would make, fetch, take and cost; nothing of it was done."""

    def record(self) -> dict[str, Any]:
        """Returns all of it as an object for programs, as `--dry-run --json` prints it."""
        return record(self)

    def table(self) -> pd.DataFrame:
        """Returns one row per model; what no source states is None."""
        import pandas as pd

        return pd.DataFrame(self.record()["models"], dtype=object).set_index("model")


def dry_run(
    models: str | Generator | Sequence[str | Generator],
    suite: PathLike | Suite = DEFAULT_SUITE,
    *,
    profile: Profile | None = None,
    metrics: str | AnyMetric | Sequence[str | AnyMetric] | None = None,
    seeds: int | Sequence[int] = 0,
    limit: int | None = None,
    device: Device = "auto",
    out: PathLike | None = None,
    scoring: bool = True,
    workers: int | None = None,
    retry_answered: bool = False,
    price_per_hour: float | None = None,
    assets: PathLike | None = None,
) -> DryRun:
    """Plans a run without running it: nothing is made, fetched or loaded on a GPU.

    Args:
        models: as in `run`.
        suite: as in `run`.
        profile: as in `run`.
        metrics: as in `run`.
        seeds: as in `run`.
        limit: as in `run`.
        device: as in `run`; it may name GPUs that this machine lacks.
        out: as in `run`; clips that are there are not planned again, and what runs beside it measured is used.
        scoring: whether weights of metrics are counted.
        workers: as in `run`.
        retry_answered: as in `run`.
        price_per_hour: of one device, in any currency.
        assets: as in `run`.

    Returns:
        The plan; `plan.table()` is a pandas DataFrame.

    Raises:
        BenchError: bad input; the message says what was expected, what was given and what to do.
    """
    found = planning.dry_run(
        models_of(models),
        suite_of(suite),
        Options(
            profile=profile,
            metrics=metrics_of(metrics),
            seeds=seeds_of(seeds),
            limit=whole_or_none("limit", limit),
            device=device_of(device),
            out=None if out is None else path_of("out=", out),
            scoring=flag("scoring", scoring),
            workers=whole_or_none("workers", workers),
            retry_answered=flag("retry_answered", retry_answered),
        ),
        assets_of(assets),
        price_per_hour,
    )
    return DryRun(**vars(found))
