"""The Python interface: `import jova_bench as jb`. A string works wherever one name is meant.

These functions do what the commands of the same names do; `jova_bench.__all__` lists everything that is public.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, cast, get_args, overload

from jova_bench.arguments import (
    AnyMetric,
    PathLike,
    metrics_of,
    models_of,
    path_of,
    reference_features,
    seeds_of,
    suite_of,
    whole_or_none,
)
from jova_bench.cache import NoCache
from jova_bench.comparison import compare as comparing
from jova_bench.comparison import gate as gating
from jova_bench.comparison.results import Results
from jova_bench.errors import BenchError
from jova_bench.execution.devices import resolve_device
from jova_bench.media import files as media
from jova_bench.media.clip import Clip
from jova_bench.metrics.base import ClipMetric, SetMetric, in_domain
from jova_bench.metrics.build import build
from jova_bench.progress import Progress
from jova_bench.records import Profile
from jova_bench.report.leaderboard import leaderboard
from jova_bench.runs import run as running
from jova_bench.runs.request import DEFAULT_SUITE
from jova_bench.runs.store import read_run
from jova_bench.tools import inventory

if TYPE_CHECKING:
    import pandas as pd

    from jova_bench.comparison.compare import Comparisons, Source
    from jova_bench.comparison.gate import Gate
    from jova_bench.metrics.torch_inputs import Array
    from jova_bench.metrics.torch_metric import TorchMetric, TorchSetMetric
    from jova_bench.models.base import Generator
    from jova_bench.suites.loading import Suite


class Result(running.Result):
    """What a run leaves behind: its folder, its summary, and the samples that failed."""

    def table(self) -> pd.DataFrame:
        """Returns one row per model and one column per metric, with intervals and counts.

        Raises:
            BenchError: nothing was scored.
        """
        if self.summary is None:
            raise BenchError(f"expected a scored run, got {self.folder} without scores; use `run` or `score`")
        return leaderboard(self.summary, read_run(self.folder).manifest).frame()


def run(
    models: str | Generator | Sequence[str | Generator],
    suite: PathLike | Suite = DEFAULT_SUITE,
    *,
    profile: Profile = "embedded",
    metrics: str | AnyMetric | Sequence[str | AnyMetric] | None = None,
    seeds: int | Sequence[int] = 0,
    limit: int | None = None,
    device: str = "auto",
    out: PathLike | None = None,
    scoring: bool = True,
    executor: str = "processes",
    workers: int | None = None,
    strict: bool = False,
    progress: Progress | None = None,
) -> Result:
    """Generates with every model on the same prompts, seeds and device, scores and summarises.

    The same call again continues a run that was killed; more models, seeds or metrics are added to it.

    Args:
        models: one or several: names (`list_models()`, `clips:DIR`), or objects with the interface of `Generator`.
        suite: name of a suite (`list_suites()`), a prompt file, or a loaded suite.
        profile: which evaluators judge: `embedded` or `standard`.
        metrics: one or several: names (`list_metrics()`), or metric objects, with which all are computed in this
            process; None for all of the profile.
        seeds: one or several; every prompt gets a clip for each.
        limit: the first so many prompts, or None for all.
        device: `auto`, `cpu`, `cuda` (all that there are), `cuda:i` or `cuda:i,cuda:j`.
        out: run folder; None for `runs/<suite>-<digest>`.
        scoring: False stops after generation.
        executor: `processes` of this machine, or `ray` for a cluster. Objects given as models stay in this process.
        workers: how many processes, 0 for none; None for one per GPU to generate (none for one GPU or the CPU, unless
            a model reads files of others), and for one per core to score.
        strict: whether a metric that failed makes the exit code 5, as a sample that failed does.
        progress: shows progress; None shows nothing.

    Returns:
        The result; `result.table()` is a pandas DataFrame.

    Raises:
        BenchError: bad input; the message says what was expected, what was given and what to do.
    """
    found = running.run(
        models_of(models),
        suite_of(suite),
        profile=profile,
        metrics=metrics_of(metrics),
        seeds=seeds_of(seeds),
        limit=whole_or_none("limit", limit),
        device=device,
        out=None if out is None else path_of("out=", out),
        scoring=scoring,
        executor=executor,
        workers=whole_or_none("workers", workers),
        strict=strict,
        progress=progress,
    )
    return Result(**vars(found))


def score(
    folder: PathLike,
    suite: PathLike | Suite | None = None,
    *,
    profile: Profile = "standard",
    metrics: str | AnyMetric | Sequence[str | AnyMetric] | None = None,
    limit: int | None = None,
    device: str = "auto",
    out: PathLike | None = None,
    executor: str = "processes",
    workers: int | None = None,
    strict: bool = False,
    progress: Progress | None = None,
) -> Result:
    """Scores a folder of clips. The stem of a clip's file name is the id of its prompt.

    Args:
        folder: holds the clips (mp4, mkv, mov, webm, wav, flac).
        suite: holds the prompts; None takes `prompts.jsonl` of the folder, if there is one. A clip without a prompt is
            scored by the metrics that need none.
        profile: as in `run`, but `standard` unless said otherwise.
        metrics: as in `run`.
        limit: as in `run`.
        device: as in `run`.
        out: as in `run`; the default changes when a clip does.
        executor: as in `run`.
        workers: as in `run`.
        strict: as in `run`.
        progress: as in `run`.

    Returns:
        The result; `result.table()` is a pandas DataFrame.

    Raises:
        BenchError: bad input. A clip that cannot be read is a `failed` record instead.
    """
    found = running.score(
        path_of("a folder of clips", folder),
        None if suite is None else suite_of(suite),
        profile=profile,
        metrics=metrics_of(metrics),
        limit=whole_or_none("limit", limit),
        device=device,
        out=None if out is None else path_of("out=", out),
        executor=executor,
        workers=whole_or_none("workers", workers),
        strict=strict,
        progress=progress,
    )
    return Result(**vars(found))


def compare(
    a: Source | Result,
    b: Source | Result,
    metrics: str | AnyMetric | Sequence[str | AnyMetric] | None = None,
    of_slice: str | None = None,
) -> Comparisons:
    """Compares the models of two runs that answered the same prompts with the same seeds, by paired tests.

    One model on each side: these two, whatever their names. Otherwise models of the same name. Models and metrics
    that only b has are left out.

    Args:
        a: result of `run` or `score`, run folder, or a file made by `jova-bench freeze`.
        b: the other.
        metrics: one or several names, or objects of set metrics that the catalogue does not know; None for all.
        of_slice: `tag=value`: only the prompts that have it; None for all.

    Returns:
        The comparisons; `.table()` is a pandas DataFrame, `.exit_code` what the command would return.

    Raises:
        NotComparable: no model in common.
        BenchError: bad input, or a run that has not finished.
    """
    return comparing.compare(_side(a), _side(b), metrics_of(metrics), of_slice)


def gate(
    reference: Source | Result,
    run: Source | Result,
    tolerances: Mapping[str, float] | None = None,
    metrics: str | AnyMetric | Sequence[str | AnyMetric] | None = None,
) -> Gate:
    """Judges a run by its reference, as a continuous integration does.

    Args:
        reference: as in `compare`; it says what is asked.
        run: the run to judge.
        tolerances: how much worse a metric may get, by its name, absolute and in its unit.
        metrics: as in `compare`.

    Returns:
        The gate; `.table()` is a pandas DataFrame, `.markdown()` a page, `.exit_code` 0 where the run passes.

    Raises:
        BenchError: bad input, or a tolerance for a metric that the reference does not have.
    """
    return gating.gate(_side(reference), _side(run), tolerances, metrics_of(metrics))


def load_suite(suite: PathLike | Suite) -> Suite:
    """Reads the suite of a name (`list_suites()`), or a prompt file.

    Raises:
        BenchError: no suite has that name (the nearest is suggested), or the file is broken.

    Examples:
        >>> len(load_suite("embedded").prompts)
        128
    """
    return suite_of(suite)


def read_clip(path: PathLike, *, suite: PathLike | Suite | None = None) -> Clip:
    """Decodes a media file to frames and audio on one time base.

    Args:
        path: the file.
        suite: the suite that the clip answers, or its name. Embedded metrics have values for clips of the embedded
            suite alone (64 x 64 pixels at 25 fps); without a suite they are undefined.

    Returns:
        `frames` (T, H, W, 3) uint8 RGB or None, `fps`, `audio` (channels, N) float32 or None, `sample_rate_hz`, and
        `findings` on whatever was odd about the file.

    Raises:
        BenchError: the file cannot be read.

    Examples:
        >>> suite = load_suite("embedded")
        >>> clip = read_clip(suite.path(suite.prompts[0].reference), suite=suite)
        >>> clip.frames.shape[1:], int(clip.fps), clip.sample_rate_hz
        ((64, 64, 3), 25, 16000)
    """
    clip = media.read(path_of("a media file", path))
    return replace(clip, in_domain=in_domain(clip, None if suite is None else suite_of(suite).domain))


@overload
def metric(name: str, *, profile: Profile = ..., device: str = ..., level: Literal["clip"] = ...) -> ClipMetric: ...


@overload
def metric(name: str, *, profile: Profile = ..., device: str = ..., level: Literal["set"]) -> SetMetric: ...


def metric(
    name: str, *, profile: Profile = "standard", device: str = "cpu", level: Literal["clip", "set"] = "clip"
) -> AnyMetric:
    """Builds one metric: `metric("wer").score(clip, prompt)`, or `metric("fvd", level="set")`.

    Args:
        name: of `list_metrics()`: `wer`, `lse_c@mova` for the variant of a published bench, or a whole identity where a
            name stands for several evaluators (then a name is the first).
        profile: `embedded` or `standard`.
        device: where its networks run: `auto`, `cpu` or `cuda:i`.
        level: `clip` for a metric with one value per clip, `set` for one of a whole set, such as FVD.

    Returns:
        A clip metric has `score(clip, prompt, reference)`, which gives an Outcome with status, value and reason; a set
        metric has `features(clip)` and `distance(features)`. `check()` says why it cannot run here, or None.

    Raises:
        BenchError: no metric of the profile has that name, or it is one of the other level.

    Examples:
        >>> metric("loudness").spec.unit
        'LUFS'
    """
    found = _built(name, profile, device)
    if found.spec.level != level:
        raise BenchError(
            f"expected a metric of a {level}, got {name!r}, which is one of a {found.spec.level}; "
            f'say level="{found.spec.level}"'
        )
    return found


def _built(name: str, profile: Profile, device: str) -> AnyMetric:
    """Builds the first metric of a name, or that of an identity, of either level."""
    if profile not in get_args(Profile):
        raise BenchError(f"expected profile {' or '.join(get_args(Profile))}, got {profile!r}")
    if not isinstance(name, str):
        raise BenchError(f"expected the name of one metric, got {name!r}; `list_metrics()` shows them")
    found = build(
        [name.partition("/")[0].partition("@")[0]] if "/" in name else [name],
        profile,
        NoCache(),
        resolve_device(device),
    )
    if "/" in name:
        found = [one for one in found if one.spec.identity == name]
    if not found:
        raise BenchError(
            f"expected the identity of a metric of the {profile} profile, got {name!r}; see `list_metrics()`"
        )
    return found[0]


def torch_metric(
    name: str,
    *,
    profile: Profile = "standard",
    reference: PathLike | Iterable[Clip] | Array | None = None,
    device: str = "cpu",
    **options: Any,
) -> TorchMetric | TorchSetMetric:
    """Builds one metric as a `torchmetrics.Metric`, for training loops.

    Args:
        name: as in `metric`.
        profile: as in `metric`.
        reference: real clips that a set metric compares with: a folder, clips, or their features (m, d); None for the
            clips of `update(..., real=True)`.
        device: as in `metric`.
        **options: of `TorchMetric` (`in_domain`, `timing`) or `TorchSetMetric` (`in_domain`, `reset_real`), and of
            `torchmetrics.Metric`.

    Raises:
        BenchError: no such metric, a reference for a clip metric, or a real clip that has no features.

    Examples:
        >>> import numpy as np
        >>> loudness = torch_metric("loudness")
        >>> loudness.update(None, np.zeros(16_000), fps=None, sample_rate_hz=16_000)
        >>> loudness.compute().item(), loudness.why
        (nan, 'silent (1)')
    """
    from jova_bench.metrics.torch_metric import TorchMetric, TorchSetMetric

    built = _built(name, profile, device)
    if built.spec.level == "set":
        distance = cast(SetMetric, built)
        real = None if reference is None else reference_features(distance, reference, bool(options.get("in_domain")))
        return TorchSetMetric(distance, real, **options)
    if reference is not None:
        raise BenchError(f"expected a set metric such as fvd for `reference`, got {name!r}, which scores single clips")
    return TorchMetric(cast(ClipMetric, built), **options)


def list_models() -> pd.DataFrame:
    """Returns a table of the models by name: needs, whether each can run here, and why not."""
    return _frame(inventory.models())


def list_metrics() -> pd.DataFrame:
    """Returns a table of all metrics of both profiles: identity, level, unit, direction, and why not."""
    return _frame(inventory.metrics())


def list_suites() -> pd.DataFrame:
    """Returns a table of the suites by name: prompts, profile, slices and licence."""
    return _frame(inventory.suites())


def _frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(rows).set_index("name")


def _side(side: Source | Result) -> Source:
    if isinstance(side, running.Result):
        return side.folder
    return side if isinstance(side, Results) else path_of("a run folder, a Result or a frozen file", side)
