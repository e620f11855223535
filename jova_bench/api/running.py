"""Runs models and scores folders of clips, as the commands `run` and `score` do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

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
    progress_of,
    seeds_of,
    several,
    suite_of,
    whole_or_none,
)
from jova_bench.errors import BenchError
from jova_bench.records import Profile
from jova_bench.report.choice import choose
from jova_bench.report.leaderboard import leaderboard
from jova_bench.runs import run as running
from jova_bench.runs.request import DEFAULT_SUITE, Options
from jova_bench.runs.store import read_run

if TYPE_CHECKING:
    import pandas as pd

    from jova_bench.models.base import Generator
    from jova_bench.progress import Progress
    from jova_bench.suites.loading import Suite


class Result(running.Result):
    """What a run leaves behind: its folder, its summary, and the samples that failed."""

    def table(
        self, metrics: str | Sequence[str] | None = None, models: str | Sequence[str] | None = None
    ) -> pd.DataFrame:
        """Returns one row per model and one column per metric, with intervals and counts.

        Args:
            metrics: which columns, in their order: one or several names, `name@bench`, `name@evaluator`, or identities;
                None for all.
            models: which rows, in their order; None for all.

        Raises:
            BenchError: nothing was scored, or the run has no such metric or model.
        """
        if self.summary is None and self.unable:
            raise BenchError("; ".join(f"{name} is left out: {why}" for name, why in self.unable.items()))
        if self.summary is None:
            raise BenchError(f"expected a scored run, got {self.folder} without scores; use `run` or `score`")
        whole = leaderboard(self.summary, read_run(self.folder).manifest)
        columns, rows = (None if one is None else several(one) for one in (metrics, models))
        return choose(whole, columns, rows).frame()


def run(
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
    executor: str = "processes",
    workers: int | None = None,
    retry_answered: bool = False,
    strict: bool = False,
    assets: PathLike | None = None,
    progress: bool | Progress | None = None,
) -> Result:
    """Generates with every model on the same prompts, seeds and device, scores and summarises.

    The same call again continues a run that was killed; more models, seeds or metrics are added to it.

    Args:
        models: one or several: names (`list_models()`, `clips:DIR`), or objects with the interface of `Generator`.
        suite: name of a suite (`list_suites()`), a prompt file, or a loaded suite.
        profile: which evaluators judge: `embedded` or `standard`; None for the one that the `suite.toml` of the suite
            names, or else `standard`, which judges any clip.
        metrics: one or several: names (`list_metrics()`), or metric objects, with which all are computed in this
            process; None for all of the profile.
        seeds: one or several; every prompt gets a clip for each.
        limit: the first so many prompts, or None for all.
        device: `auto`, `cpu`, `cuda` (all that there are), `cuda:i` or `cuda:i,cuda:j`, or a `torch.device`.
        out: run folder; None for `runs/<suite>-<digest>`.
        scoring: False stops after generation.
        executor: `processes` of this machine, or `ray` for a cluster. Objects given as models stay in this process.
        workers: how many processes, 0 for none; None for one per GPU to generate (none for one GPU or the CPU, unless
            a model reads files of others), and for one per core to score.
        retry_answered: whether models are asked again for what they answered without a clip: a refusal, or something
            that is no clip as planned. That is a second draw, which tables tell. What the machine failed is tried again
            anyway.
        strict: whether a metric that failed makes the exit code 5, as a sample that failed does.
        assets: file that puts your own weights in the place of published ones, as `--assets` does; None for none.
        progress: True shows progress on stderr as the command does, False or None nothing; or your own object with
            `say` and `phase`.

    Returns:
        The result; `result.table()` is a pandas DataFrame. Models that cannot run here are left out of it, and
        `result.unable` says why.

    Raises:
        BenchError: bad input; the message says what was expected, what was given and what to do.
    """
    found = running.run(
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
            executor=executor,
            workers=whole_or_none("workers", workers),
            retry_answered=flag("retry_answered", retry_answered),
            strict=flag("strict", strict),
            assets=assets_of(assets),
            progress=progress_of(progress),
        ),
    )
    return Result(**vars(found))


def score(
    folder: PathLike,
    suite: PathLike | Suite | None = None,
    *,
    profile: Profile | None = None,
    metrics: str | AnyMetric | Sequence[str | AnyMetric] | None = None,
    limit: int | None = None,
    device: Device = "auto",
    out: PathLike | None = None,
    executor: str = "processes",
    workers: int | None = None,
    strict: bool = False,
    assets: PathLike | None = None,
    progress: bool | Progress | None = None,
) -> Result:
    """Scores a folder of clips. The stem of a clip's file name is the id of its prompt.

    Args:
        folder: holds the clips (mp4, mkv, mov, webm, wav, flac).
        suite: holds the prompts; None takes `prompts.jsonl` of the folder, if there is one. A clip without a prompt is
            scored by the metrics that need none.
        profile: as in `run`, but None for `standard`, which judges any clip, whatever the suite.
        metrics: as in `run`.
        limit: as in `run`.
        device: as in `run`.
        out: as in `run`; the default changes when a clip does.
        executor: as in `run`.
        workers: as in `run`.
        strict: as in `run`.
        assets: as in `run`.
        progress: as in `run`.

    Returns:
        The result; `result.table()` is a pandas DataFrame.

    Raises:
        BenchError: bad input. A clip that cannot be read is a `failed` record instead.
    """
    found = running.score(
        path_of("a folder of clips", folder),
        None if suite is None else suite_of(suite),
        Options(
            profile=profile,
            metrics=metrics_of(metrics),
            limit=whole_or_none("limit", limit),
            device=device_of(device),
            out=None if out is None else path_of("out=", out),
            executor=executor,
            workers=whole_or_none("workers", workers),
            strict=flag("strict", strict),
            assets=assets_of(assets),
            progress=progress_of(progress),
        ),
    )
    return Result(**vars(found))
