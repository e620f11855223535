"""Measures the cost of comparing and reporting, by models and prompts: CPU time and memory of two checkouts.

    OMP_NUM_THREADS=1 python benchmarks/compare.py --before OTHER_CHECKOUT > results/benchmarks/compare.md

Run folders are made up, as `run` writes them but without clips: the embedded suite's metrics, features near those of
its reference set. Every figure is one process from its start to its end, imports included. OTHER_CHECKOUT is left out
where it would take many minutes. Takes about 8 minutes of one core, of which nearly all is OTHER_CHECKOUT's.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from jova_bench.arrays import Arrays
from jova_bench.cache import DiskCache, NoCache
from jova_bench.keys import ColumnKey, PromptSeed
from jova_bench.metrics.base import MetricContext
from jova_bench.metrics.build import build
from jova_bench.prompts import Prompt
from jova_bench.records import MetricSpec, Outcome, Sample, Score
from jova_bench.runs.estimates import ClipResult, estimates
from jova_bench.runs.features import features_key, is_set_metric
from jova_bench.runs.manifest import Manifest
from jova_bench.runs.store import FEATURES, SAMPLES, RunStore
from jova_bench.summary import Summary

HERE = Path(__file__).parents[1]
WORDS = "set white by nine now"
PAIRED_TEST = """
import numpy as np
from jova_bench.stats import paired_test
a, b = np.random.default_rng(1).exponential(size=(2, {prompts}))
print(paired_test(a, b, np.random.default_rng(0)))
"""
ESTIMATES = """
import json
from jova_bench.runs.estimates import estimates
from jova_bench.comparison.compare import set_metrics
from jova_bench.comparison.results import read_results
from jova_bench.prompts import Prompt
found = read_results("{folder}")
prompts = [Prompt.model_validate(prompt) for prompt in json.load(open("{folder}/manifest.json"))["prompts"]]
sets = set_metrics(list(found.specs.values()), [found])
metrics = [sets.get(identity, spec) for identity, spec in found.specs.items()]
print(*estimates(found.models, metrics, found.columns, prompts), sep="\\n")
"""


@dataclass(frozen=True)
class Case:
    """One row of the table."""

    what: str
    models: int
    """In each folder; 0 where no folder is read."""
    prompts: int
    arguments: tuple[str, ...]
    """Program for python; A and B are folders."""
    before: bool
    """Whether the other checkout is measured, too."""


COMPARE = ("-m", "jova_bench", "compare", "A", "B", "--json")
REPORT = ("-m", "jova_bench", "report", "A", "--format", "json")
HTML = ("-m", "jova_bench", "report", "A", "--html", "site")
CASES = (
    Case("`compare`", 2, 64, COMPARE, True),
    Case("`compare`", 2, 250, COMPARE, True),
    Case("`compare`", 4, 250, COMPARE, False),
    Case("`compare`", 2, 2500, COMPARE, False),
    Case("`report`", 4, 64, REPORT, True),
    Case("`report`", 4, 250, REPORT, False),
    Case("`report`", 2, 2500, REPORT, False),
    Case("`report --html`", 4, 250, HTML, False),
    Case("all estimates", 2, 250, ("-c", ESTIMATES), True),
    Case("all estimates", 2, 1000, ("-c", ESTIMATES), True),
    Case("all estimates", 2, 2500, ("-c", ESTIMATES), False),
    Case("one paired test", 0, 1000, ("-c", PAIRED_TEST), True),
    Case("one paired test", 0, 10000, ("-c", PAIRED_TEST), True),
)


@dataclass(frozen=True)
class Cost:
    """Cost of one process."""

    seconds: float
    """Processor time."""
    megabytes: float
    """Most memory that was resident at once."""
    said: str


def measured(case: Case, checkout: Path, folder: Path) -> Cost:
    """Runs python on the code of a checkout; one thread, so that seconds compare."""
    environment = os.environ | {"PYTHONPATH": str(checkout), "OMP_NUM_THREADS": "1"}
    folders = {side: str(run_folder(folder, case, side)) for side in ("A", "B")}
    arguments = [
        folders.get(one, one).replace("{folder}", folders["A"]).replace("{prompts}", str(case.prompts))
        for one in case.arguments
    ]
    out = folder / "said"
    with out.open("wb") as said:
        child = subprocess.Popen([sys.executable, *arguments], cwd=folder, env=environment, stdout=said)
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode not in (0, 3, 5):  # A regression or too few prompts is an answer.
        raise SystemExit(f"{arguments} ended with {child.returncode}")
    return Cost(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, out.read_text(encoding="utf-8"))


def run_folder(folder: Path, case: Case, side: str) -> Path:
    """A folder of made-up results; made when it is first asked for."""
    made = folder / f"{case.models} models, {case.prompts} prompts, {side}"
    if case.models and not made.exists():
        write(made, case.models, case.prompts, seed=ord(side))
    return made


def write(folder: Path, models: int, prompts: int, seed: int) -> None:
    """A finished run of so many models and prompts."""
    rng = np.random.default_rng(seed)
    embedded = build(None, "embedded", MetricContext(NoCache()))
    metrics = [one for one in embedded if one.spec.name not in ("pesq", "stoi")]
    asked = [
        Prompt(id=f"p{i:05d}", video_caption="v", audio_caption="a", transcript=WORDS, tags={"hair": "red"})
        for i in range(prompts)
    ]
    names = [f"model-{i}" for i in range(models)]
    cache = DiskCache(folder / FEATURES)
    parts: dict[ColumnKey, dict[PromptSeed, ClipResult]] = {}
    with RunStore(folder) as store:
        for model in names:
            for prompt in asked:
                digest = f"{model} {prompt.id}"
                store.add_sample(
                    Sample(
                        model=model, prompt_id=prompt.id, seed=0, status="ok", reason=None, clip="c.mp4",
                        clip_digest=digest, generate_s=1.0, clip_s=2.0,
                    )
                )  # fmt: skip
                for metric in metrics:
                    spec, part = metric.spec, parts.setdefault(ColumnKey(model, metric.spec.identity), {})
                    if is_set_metric(metric):
                        real = metric.reference()
                        near = real[rng.integers(len(real))] + 0.1 * real.std() * rng.normal(size=real.shape[1])
                        key = features_key(spec.identity, "embedded")
                        made: Callable[[], Arrays] = partial(dict, features=near)
                        part[PromptSeed(prompt.id, 0)] = np.asarray(
                            cache.get(digest, key, made)["features"], np.float64
                        )
                        continue
                    value = made_up(spec, rng)
                    part[PromptSeed(prompt.id, 0)] = Outcome(status="ok", value=value)
                    store.add_score(
                        Score(
                            model=model, prompt_id=prompt.id, seed=0, metric=spec.name, identity=spec.identity,
                            status="ok", value=value, reason=None,
                        )
                    )  # fmt: skip
        store.write_manifest(Manifest.model_validate({
            "schema": 1, "suite": "made", "question": "q", "domain": "embedded", "profile": "embedded",
            "metrics": [], "specs": [one.spec.model_dump(mode="json") for one in metrics], "seeds": [0],
            "prompts": [prompt.model_dump(mode="json") for prompt in asked],
            "provenance": [{"git_commit": "0123abcd"}], "models": {name: {"plans": {}} for name in names},
        }))  # fmt: skip
        found = estimates(names, metrics, parts, asked)
        store.write_summary(Summary(schema=1, suite="made", profile="embedded", estimates=found, cost=()))
    # Fields that are empty here, some of which an older checkout does not know.
    samples = folder / SAMPLES
    samples.write_text(re.sub(r',"(?!reason)\w+":null', "", samples.read_text(encoding="utf-8")), encoding="utf-8")


def made_up(spec: MetricSpec, rng: np.random.Generator) -> float:
    """A value of the metric's kind: a share, a rate of errors in five words, or any number."""
    if spec.proportion:
        return float(rng.random() < 0.9)
    return rng.binomial(5, 0.1) / 5 if spec.micro else float(rng.normal(3.0, 1.0))


def row(case: Case, now: Cost, then: Cost | None) -> str:
    """A line of the table."""
    was = ("", "", "") if then is None else (f"{then.seconds:.1f}", f"{then.megabytes:,.0f}", "")
    times = "" if then is None else f"{then.seconds / now.seconds:.1f}"
    models = str(case.models) if case.models else ""
    return (
        f"| {case.what} | {models} | {case.prompts:,} | {was[0]} | {was[1]} | {now.seconds:.1f} | {now.megabytes:,.0f} "
        f"| {times} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", type=Path, help="another checkout of this repository")
    before = parser.parse_args().before
    with tempfile.TemporaryDirectory() as folder:
        print("# Comparing and reporting\n")
        print("`benchmarks/compare.py`: one thread, processor time of one process from start to end, most memory held.")
        print("Made-up run folders with the embedded suite's metrics; models are of each folder. Before: the code")
        print("that measured every swap of a set test anew, where it was measured; both in one run.\n")
        print("| what | models | prompts | before, s | before, MB | now, s | now, MB | times |")
        print("|---|---|---|---|---|---|---|---|")
        for case in CASES:
            then = measured(case, before, Path(folder)) if before and case.before else None
            print(row(case, measured(case, HERE, Path(folder)), then), flush=True)


if __name__ == "__main__":
    main()
