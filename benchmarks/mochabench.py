"""What metrics without official weights say of clips that people rated: four models' of MoChaBench.

MoChaBench (congwei1230/MoChaBench at 043908d, Apache-2.0) publishes 20 clips of each of four models that were given the
same texts, speech and first frames, and the majority's rating of each clip, 1 to 4, in four respects
(eval-viescore/viescore-alignment.csv, beside GPT-4o's). With its eval-viescore/example_results in EXAMPLES, and a
suite of 20 prompts 01 to 20 (text_prompt.csv):

    jova-bench run --suite mocha20.jsonl --profile standard \
        --metrics mouth_audio_corr,lip_dynamics,brow_dynamics,head_dynamics \
        --model clips:EXAMPLES/MoCha --model clips:EXAMPLES/hallo3 --model clips:EXAMPLES/SadTalker \
        --model clips:EXAMPLES/aniportrait-square --out RUN
    python -P benchmarks/mochabench.py RUN viescore-alignment.csv results/mochabench.json
"""

from __future__ import annotations

import csv
import json
import sys
from collections import defaultdict
from itertools import combinations
from pathlib import Path

import numpy as np

from jova_bench.runs.store import read_run
from jova_bench.stats.means import mean_interval

Values = dict[tuple[str, str], float]
"""A number for each (model, prompt)."""
MODELS = {"MoCha": "MoCha", "Hallo3": "hallo3", "SadTalker": "SadTalker", "Aniportrait": "aniportrait-square"}
"""Folder of each model of the ratings."""
METRICS = ("mouth_audio_corr", "lip_dynamics", "brow_dynamics", "head_dynamics")


def ratings(path: Path) -> dict[tuple[str, str], Values]:
    """Reads ratings by (question, rater); rows of the file are prompts, its last one means where it has no number."""
    models, questions, raters, *rows = csv.reader(path.read_text().splitlines())
    found: dict[tuple[str, str], Values] = defaultdict(dict)
    for prompt, *marks in (row for row in rows if row[0].isdigit()):
        for model, question, rater, mark in zip(models[1:], questions[1:], raters[1:], marks, strict=True):
            name = question.partition(". ")[2].lower()
            found[name, "people" if rater.startswith("Human") else rater][MODELS[model], f"{int(prompt):02d}"] = float(
                mark
            )
    return found


def measured(run: Path) -> dict[str, Values]:
    """Reads the values of a run by metric."""
    found: dict[str, Values] = defaultdict(dict)
    for score in read_run(run).scores:
        if score.metric in METRICS and score.value is not None:
            found[score.metric][score.model, score.prompt_id] = score.value
    return found


def agreement(values: Values, people: Values) -> dict[str, object]:
    """Computes how often the clip of two that people rate higher has the greater value; prompts are the unit.

    Pairs to which a judge gives one mark have no order of its own: they are counted and left out.
    """
    by_prompt: dict[str, list[float]] = defaultdict(list)
    ties = 0
    for prompt in sorted({prompt for _, prompt in people}):
        for a, b in combinations(MODELS.values(), 2):
            one, other = (a, prompt), (b, prompt)
            if one in values and other in values and people[one] != people[other]:
                sign = (values[one] - values[other]) * (people[one] - people[other])
                ties += sign == 0
                by_prompt[prompt] += [float(sign > 0)] if sign else []
    decided = [one for one in by_prompt.values() if one]
    pairs = sum(map(len, decided))
    shares, weights = [np.mean(one) for one in decided], [len(one) for one in decided]
    found = mean_interval(shares, np.random.default_rng(0), weights, proportion=True)
    assert found is not None
    return {"share": found.value, "ci": [found.lo, found.hi], "pairs": pairs, "ties": ties, "prompts": len(decided)}


def of_models(people: Values, known: Values) -> Values:
    """Returns each clip's model's mean rating: what knows nothing of a clip but who made it."""
    means = {
        model: float(np.mean([mark for (name, _), mark in people.items() if name == model]))
        for model in MODELS.values()
    }
    return {clip: means[clip[0]] for clip in known}


def interval(values: Values, model: str) -> dict[str, object]:
    """Computes a model's mean over its clips with a value."""
    one = [value for (name, _), value in values.items() if name == model]
    found = mean_interval(one, np.random.default_rng(0))
    return (
        {"value": found.value, "ci": [found.lo, found.hi], "n": len(one)} if found else {"value": None, "n": len(one)}
    )


def main() -> None:
    run, rated, out = map(Path, sys.argv[1:])
    marks, metrics = ratings(rated), measured(run)
    questions = sorted({question for question, _ in marks})
    # The benchmark's own judge stands beside the metrics, on the clips that they know alone, too.
    judges = {question: marks[question, "GPT4o"] for question in questions}
    known = metrics["mouth_audio_corr"]
    result = {
        "models": {
            model: {
                "people": {
                    q: float(np.mean([v for (m, _), v in marks[q, "people"].items() if m == model])) for q in questions
                },
                "metrics": {name: interval(values, model) for name, values in sorted(metrics.items())},
            }
            for model in MODELS.values()
        },
        "agreement": {
            question: {
                **{name: agreement(values, marks[question, "people"]) for name, values in sorted(metrics.items())},
                "model": agreement(of_models(marks[question, "people"], known), marks[question, "people"]),
                "gpt4o": agreement(judges[question], marks[question, "people"]),
                "gpt4o_on_known": agreement(
                    {clip: mark for clip, mark in judges[question].items() if clip in known}, marks[question, "people"]
                ),
            }
            for question in questions
        },
    }
    out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
