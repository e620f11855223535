"""Lists models, suites and metrics, the reason why one cannot run here, and what to install for it."""

from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from jova_bench.assets.table import Asset, AssetTable
from jova_bench.cache import NoCache
from jova_bench.errors import BenchError, reason_of
from jova_bench.identity import CLEAN, Selection
from jova_bench.metrics.base import Metric, MetricContext
from jova_bench.metrics.build import broken, build, build_all, usual
from jova_bench.metrics.entry import Family
from jova_bench.metrics.judge.names import PROFILE, SELECT
from jova_bench.metrics.judge.rubric import read_rubric, shipped_rubrics
from jova_bench.metrics.labels import families
from jova_bench.models.base import settings_of
from jova_bench.models.registry import FOLDER_PREFIX, create_model, model_registry
from jova_bench.records import MetricSpec, Profile
from jova_bench.registry import guarded
from jova_bench.suites.loading import Suite, load_suite, suite_registry

PACKAGES = (
    ("torch", "everything", "torch"),
    ("av", "reading and writing clips", "av"),
    ("torchmetrics", "metrics in training loops", "torchmetrics"),
    ("pystoi", "stoi", "pystoi"),
    ("jiwer", "wer, cer", "jiwer"),
    ("whisper-normalizer", "wer, cer", "whisper-normalizer"),
    ("num2words", "wer, cer (standard)", "num2words"),
    ("indic-numtowords", "wer, cer (standard)", "indic-numtowords"),
    ("pocketsphinx", "wer, cer (embedded)", "pocketsphinx"),
    ("speechmos", "dnsmos", "speechmos onnxruntime"),
    ("onnxruntime", "dnsmos", "onnxruntime"),
    ("pesq", "pesq (built with a C compiler)", "pesq"),
    ("transformers", "wer, cer, clap_score, fd_clap, ce, cu, pc, pq (standard)", "transformers"),
    ("openai-whisper", "wer, cer (standard) where transformers is not", "openai-whisper"),
    ("diffusers", "the models ltx-2, kandinsky-6, wan2.2-ti2v and diffusers:...", "'jova-bench[diffusers]'"),
    ("ray", "--executor ray", "'jova-bench[ray]'"),
    ("mlflow-skinny", "--track mlflow", "'jova-bench[mlflow]'"),
    ("jinja2", "report --html", "'jova-bench[report]'"),
    ("plotly", "report --html", "'jova-bench[report]'"),
    ("ai-edge-litert", "data prepare, mouth_audio_corr, lse_c@mediapipe", "'jova-bench[face-mediapipe]'"),
    ("scenedetect-headless", "data prepare", "'jova-bench[data]'"),
    ("silero-vad", "data prepare, mouth_audio_corr", "'jova-bench[face-mediapipe]'"),
    ("espeakng-loader", "generating the corpus", "espeakng-loader"),
    ("opencv-python-headless", "generating the corpus", "opencv-python-headless"),
)
"""Distribution, its purpose, and the argument of `pip install`."""


def models() -> list[dict[str, Any]]:
    """Lists every model by name, with its needs, its own description, and whether it runs here."""
    found, registry = [], model_registry()
    for name in registry.names():
        try:
            found.append(guarded(f"the model {name!r}", partial(_model, name)))
        except BenchError as error:
            found.append(_item(name, [], reason_of(error), {}))
    found += [_item(name, [], why, {}) for name, why in registry.refused.items()]
    return [*found, _item(f"{FOLDER_PREFIX}DIR", [], None, {})]


def _model(name: str) -> dict[str, Any]:
    """Describes a model from its own attributes. Raises any exception of its code, or for what no listing can show."""
    try:
        model = create_model(name, "cpu")
    except BenchError as error:
        return _item(name, [], reason_of(error), {})
    item = _item(name, list(model.needs), _line(model.check()), settings_of(model))
    json.dumps(item)
    return item


def _item(name: str, needs: list[str], why_not: str | None, settings: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "needs": needs, "available": why_not is None, "why_not": why_not, "settings": settings}


def _line(why_not: str | None) -> str | None:
    """Formats a reason on one line."""
    return None if why_not is None else " ".join(str(why_not).split())


def suites() -> list[dict[str, Any]]:
    """Lists shipped suites and those of installed packages, with the reason why one cannot be read."""
    found: list[dict[str, Any]] = []
    registry = suite_registry()
    for name in (*registry.names(), *registry.refused):
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


def metrics(assets: AssetTable) -> list[dict[str, Any]]:
    """Lists every metric of every profile and protocol; two evaluators of one name are two entries."""
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
    names: Sequence[str | Metric] | None, profile: Profile, suite: Suite, assets: AssetTable
) -> list[Asset]:
    """Returns the weights that metrics of a run need and that are not here; what judges need, their servers have.

    Args:
        names: of metrics, or metrics; None for those of the profile and the suite.
        profile: of the run.
        suite: of the run.
        assets: published weights, and those of a user.
    """
    context = MetricContext(NoCache(), assets=assets)
    wanted = (*usual(profile, context)[0], *suite.metrics) if names is None else names
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


def unverified(assets: AssetTable) -> list[str]:
    """Returns the files of weights that are here and have no published digest."""
    return [name for name, asset in assets.entries.items() if asset.sha256 is None and assets.path(name).is_file()]


def packages() -> list[dict[str, Any]]:
    """Lists packages by name: the version here, or the pip line that installs it."""
    found: list[dict[str, Any]] = []
    for name, purpose, install in PACKAGES:
        try:
            here: str | None = version(name)
        except PackageNotFoundError:
            here = None
        found.append({"name": name, "version": here, "for": purpose, "install": f"pip install {install}"})
    return found


def machine(assets: AssetTable) -> dict[str, Any]:
    """Describes Python, devices and the folder of weights; `packages` has the version of torch."""
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    return {
        "python": platform.python_version(),
        "devices": ["cpu", *(f"cuda:{i} {torch.cuda.get_device_name(i)}" for i in range(count))],
        "weights": str(assets.folder),
    }
