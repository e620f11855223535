"""Run folders with any numbers in them, written as a run writes them, without clips."""

import numpy as np

from jova_bench.cache import DiskCache
from jova_bench.errors import Undefined
from jova_bench.metrics.base import SetMetric
from jova_bench.prompts import Prompt
from jova_bench.records import Outcome, Sample, Score
from jova_bench.runs.estimates import estimates
from jova_bench.runs.features import features_key
from jova_bench.runs.manifest import SCHEMA, Fairness, Manifest, ModelRecord, Provenance
from jova_bench.runs.store import FEATURES, RunStore
from jova_bench.summary import Summary
from support.specs import clip_spec, set_spec


class Clips:
    """A clip metric of which only the specification is used."""

    def __init__(self, name="score", **changes):
        self.spec = clip_spec(name, **changes)


class Spread(SetMetric):
    """A set metric: mean squared norm of the features; needs so many clips."""

    def __init__(self, name="spread", least=2, **changes):
        self.spec = set_spec(name, **changes)
        self.least = least

    def features(self, clip):
        raise AssertionError("the features of a made run are written into it")

    def distance(self, features):
        if len(features) < self.least:
            raise Undefined(f"{len(features)} clips are fewer than {self.least}")
        return float((features**2).sum(axis=1).mean())

    def details(self, features):
        return {"n": float(len(features)), "d": float(features.shape[1])}


def ids(count):
    return [f"p{i:02d}" for i in range(count)]


def undefined(reason="no face"):
    return Outcome(status="undefined", reason=reason)


def blank_manifest(**changes):
    """The manifest of a run of nothing, with these fields."""
    fields = {
        "schema_version": SCHEMA, "suite": "made", "suite_digest": "d", "prompts_digest": "q", "domain": None,
        "reference_set": None, "profile": "standard", "seeds": (), "device": "cpu", "metrics": (), "specs": (),
        "models": {}, "fairness": fairness(), "provenance": (), "prompts": (),
    }  # fmt: skip
    return Manifest(**fields | changes)


def fairness(**changes):
    fields = {"prompts": "the same", "seeds": "the same", "devices": {}, "native_formats": {}, "settings": {}}
    return Fairness(**fields | changes)


def model_record(**changes):
    fields = {"asked": "m", "device": "cpu", "needs": (), "batch_size": 1, "settings": {}, "plans": {}}
    return ModelRecord(**fields | changes)


def origin(commit):
    return Provenance(
        git_commit=commit, git_dirty=None, packages={}, python="3", platform="any", cpu_count=1, device="cpu",
        device_name=None,
    )  # fmt: skip


def made_run(folder, values, metrics=None, seeds=(0,), question="q", transcripts=None, failed=()):
    """Writes a finished run.

    Args:
        folder: of the run.
        values: by model, by metric name: one entry per prompt and, with several seeds, per seed. A number, an
            `Outcome`, or a vector for a set metric.
        metrics: objects; by default a `Clips` for each name.
        seeds: of the samples.
        question: digest of what was asked.
        transcripts: of the prompts; one word each by default.
        failed: (model, prompt id, seed) of samples without a clip.
    """
    names = list(dict.fromkeys(name for of_model in values.values() for name in of_model))
    metrics = {metric.spec.name: metric for metric in metrics or [Clips(name) for name in names]}
    count = len(next(iter(next(iter(values.values())).values())))
    prompts = [
        Prompt(id=i, video_caption="v", audio_caption="a", transcript=(transcripts or ["word"] * count)[k])
        for k, i in enumerate(ids(count))
    ]
    cache = DiskCache(folder / FEATURES)
    parts = {}
    with RunStore(folder) as store:
        samples = []
        for model in values:
            for prompt in prompts:
                for seed in seeds:
                    lost = (model, prompt.id, seed) in failed
                    samples.append(
                        Sample(
                            model=model, prompt_id=prompt.id, seed=seed, status="failed" if lost else "ok",
                            reason="it crashed" if lost else None, clip=None if lost else "c.mp4",
                            clip_digest=None if lost else f"{model} {prompt.id} {seed}", generate_s=1.0, clip_s=2.0,
                        )
                    )  # fmt: skip
                    store.add_sample(samples[-1])
        for model, of_model in values.items():
            for name, column in of_model.items():
                metric = metrics[name].spec
                cells = parts.setdefault((model, metric.identity), {})
                for k, prompt in enumerate(prompts):
                    for s, seed in enumerate(seeds):
                        cell = column[k] if len(seeds) == 1 else column[k][s]
                        digest = f"{model} {prompt.id} {seed}"
                        cells[prompt.id, seed] = _kept(store, cache, metric, model, prompt.id, seed, digest, cell)
        store.write_manifest(
            blank_manifest(
                prompts_digest=question,
                specs=tuple(one.spec for one in metrics.values()),
                prompts=tuple(prompts),
                provenance=(origin("0123abcd"),),
                models={model: model_record(asked=model) for model in values},
            )
        )
        found = estimates(list(values), list(metrics.values()), parts, prompts)
        store.write_summary(Summary(schema=1, suite="made", profile="standard", estimates=found, cost=()))
    return folder


def _kept(store, cache, metric, model, prompt_id, seed, digest, cell):
    """Writes one cell where a run would, and returns what its summary is made of."""
    if metric.level == "set" and not isinstance(cell, Outcome):
        vector = np.asarray(cell, dtype=np.float64)
        cache.get(digest, features_key(metric.identity, None), lambda: {"features": vector})
        return vector
    outcome = cell if isinstance(cell, Outcome) else Outcome(status="ok", value=float(cell))
    if metric.level == "clip":
        store.add_score(
            Score(
                model=model, prompt_id=prompt_id, seed=seed, metric=metric.name, identity=metric.identity,
                status=outcome.status, value=outcome.value, reason=outcome.reason,
            )
        )  # fmt: skip
    return outcome
