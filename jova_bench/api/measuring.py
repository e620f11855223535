"""Builds single metrics by name: to score a clip, or for a training loop."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, cast, get_args, overload

from jova_bench.api.arguments import AnyMetric, Device, PathLike, assets_of, device_of, path_of
from jova_bench.arrays import FloatArray
from jova_bench.cache import NoCache
from jova_bench.errors import IN_DOMAIN_HINT, OUTSIDE, BenchError, Unavailable, Undefined
from jova_bench.execution.devices import resolve_device
from jova_bench.formatting.messages import shown
from jova_bench.identity import Identity
from jova_bench.media import files as media
from jova_bench.media.clip import Clip
from jova_bench.metrics.base import ClipMetric, MetricContext, SetMetric, in_domain
from jova_bench.metrics.build import build, selections
from jova_bench.metrics.distances.features import real_features
from jova_bench.metrics.distances.frechet_kernel import stack
from jova_bench.metrics.judge.names import SELECT
from jova_bench.records import Profile
from jova_bench.suites.clips import clips_in

if TYPE_CHECKING:
    from jova_bench.metrics.torch_inputs import Array
    from jova_bench.metrics.torch_metric import TorchMetric
    from jova_bench.metrics.torch_set_metric import TorchSetMetric


@overload
def metric(
    name: str,
    *,
    profile: Profile = ...,
    device: Device = ...,
    level: Literal["clip"] = ...,
    assets: PathLike | None = ...,
) -> ClipMetric: ...


@overload
def metric(
    name: str, *, profile: Profile = ..., device: Device = ..., level: Literal["set"], assets: PathLike | None = ...
) -> SetMetric: ...


def metric(
    name: str,
    *,
    profile: Profile = "standard",
    device: Device = "cpu",
    level: Literal["clip", "set"] = "clip",
    assets: PathLike | None = None,
) -> AnyMetric:
    """Builds one metric: `metric("wer").score(clip, prompt)`, or `metric("fvd", level="set")`.

    Args:
        name: of `list_metrics()`: `wer`, `lse_c@mova` for the variant of a published bench, or a whole identity where a
            name stands for several evaluators (then a name is the first).
        profile: `embedded` or `standard`.
        device: where its networks run: `auto`, `cpu`, `cuda:i`, or a `torch.device`.
        level: `clip` for a metric with one value per clip, `set` for one of a whole set, such as FVD.
        assets: as in `run`.

    Returns:
        A clip metric has `score(clip, prompt, reference)`, which gives an Outcome with status, value and reason; a set
        metric has `features(clip)` and `distance(features)`. `check()` says why it cannot run here, or None.

    Raises:
        BenchError: no metric of the profile has that name, or it is one of the other level.

    Examples:
        >>> metric("loudness").spec.unit
        'LUFS'
    """
    if level not in ("clip", "set"):
        raise BenchError(f"expected level= clip or set, got {shown(level)}")
    found = _built(name, profile, device, assets)
    if found.spec.level != level:
        raise BenchError(
            f"expected a metric of a {level}, got {name!r}, which is one of a {found.spec.level}; "
            f'say level="{found.spec.level}"'
        )
    return found


def torch_metric(
    name: str,
    *,
    profile: Profile = "standard",
    reference: PathLike | Iterable[Clip] | Array | None = None,
    device: Device = "cpu",
    assets: PathLike | None = None,
    **options: Any,
) -> TorchMetric | TorchSetMetric:
    """Builds one metric as a `torchmetrics.Metric`, for training loops.

    Args:
        name: as in `metric`.
        profile: as in `metric`.
        reference: real clips that a set metric compares with: a folder, clips, or their features (m, d); None for the
            clips of `update(..., real=True)`.
        device: as in `metric`.
        assets: as in `run`.
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
    from jova_bench.metrics.torch_metric import TorchMetric
    from jova_bench.metrics.torch_set_metric import TorchSetMetric

    built = _built(name, profile, device, assets)
    if built.spec.level == "set":
        distance = cast(SetMetric, built)
        real = None if reference is None else reference_features(distance, reference, bool(options.get("in_domain")))
        return TorchSetMetric(distance, real, **options)
    if reference is not None:
        raise BenchError(f"expected a set metric such as fvd for `reference`, got {name!r}, which scores single clips")
    return TorchMetric(cast(ClipMetric, built), **options)


def _built(name: str, profile: Profile, device: Device, assets: PathLike | None) -> AnyMetric:
    """Builds the first metric of a name, or that of an identity, of either level."""
    if profile not in get_args(Profile):
        raise BenchError(f"expected profile= {' or '.join(get_args(Profile))}, got {shown(profile)}")
    if not isinstance(name, str):
        raise BenchError(f"expected the name of one metric, got {shown(name)}; `list_metrics()` shows them")
    whole = Identity.parse(name) if "/" in name and not name.startswith(SELECT) else None
    names = [name] if whole is None else selections(whole.name, profile)
    context = MetricContext(NoCache(), resolve_device(device_of(device)), assets=assets_of(assets))
    found = build(names, profile, context)
    if whole is not None:
        found = [one for one in found if one.spec.identity == whole]
    if not found:
        raise BenchError(
            f"expected the identity of a metric of the {profile} profile, got {shown(name)}; see `list_metrics()`"
        )
    several = list(dict.fromkeys(one.spec.name for one in found))
    if len(several) > 1:
        raise BenchError(f"expected one metric, got {name!r}, which selects {', '.join(several)}; name one of them")
    return found[0]


def reference_features(built: SetMetric, reference: Any, drawn: bool) -> FloatArray:
    """Returns (m, d) or (m, p, d) features of real clips: those of a folder, clips, or features already."""
    if isinstance(reference, str | os.PathLike):
        clips: Iterable[Any] = map(media.read, clips_in(path_of("reference=", reference)))
    elif hasattr(reference, "ndim"):
        return real_features(reference)
    elif isinstance(reference, Iterable):
        clips = list(reference)
        if clips and all(isinstance(one, list | tuple) or hasattr(one, "ndim") for one in clips):
            return real_features(clips)
    else:
        raise BenchError(f"expected a folder of real clips, clips or their features, got {shown(reference)}")
    found = [_features_of(built, clip, drawn) for clip in clips]
    if not found:
        raise BenchError("expected real clips as reference, got none")
    return stack(found)


def _features_of(built: SetMetric, clip: Any, drawn: bool) -> FloatArray:
    """Returns the (d,) or (p, d) features of one real clip. Raises BenchError where it has none."""
    if not isinstance(clip, Clip):
        raise BenchError(f"expected real clips as `read_clip` returns them, got {shown(clip)}")
    domain = "embedded" if drawn else None
    try:
        return built.features(replace(clip, in_domain=in_domain(clip, domain), timing="reference"))
    except (Undefined, Unavailable) as reason:
        hint = f"; {IN_DOMAIN_HINT}" if str(reason) == OUTSIDE else ""
        raise BenchError(
            f"expected real clips that {built.spec.name} can embed, got one without features: {reason}{hint}"
        ) from reason
