"""Writes what the authors of a model may add to its repository, and `eval.yaml`, which defines the tasks named there.

The formats are those of `modelcard.md` (`model-index`), `eval_results.yaml` (2be4979) and `docs/hub/eval-results.md` of
huggingface/hub-docs.
"""

from __future__ import annotations

import hashlib
import re

from jova_bench.formatting.text import code, counted, escaped, table, with_interval
from jova_bench.identity import Identity
from jova_bench.metrics.labels import ARROWS
from jova_bench.models.registry import CONTROLS
from jova_bench.report.cells import no_value
from jova_bench.report.hub.cards import TASK
from jova_bench.report.hub.tables import SPLIT
from jova_bench.report.hub.yaml import front_matter, yaml_text
from jova_bench.report.leaderboard import Leaderboard
from jova_bench.report.statements import averages
from jova_bench.summary import Estimate

DATASET = "YOUR-NAME/YOUR-DATASET"
"""Stands for what only the user knows: the id that the data set will have."""
ADDRESS = f"https://huggingface.co/datasets/{DATASET}"
ESTIMATES = "estimates"
"""Table of the data set that the values are in."""
FRAMEWORK = "jova-bench"
AIMS = {"up": "more is better", "down": "less is better", "target": "should match the real clips"}
HOW_TO_ADD = f"""# For the folder .eval_results of the model's repository. Write the id of the data set for {DATASET};
# `revision: COMMIT` below `task_id` ties a value to one commit of it. The Hub shows values of its Benchmarks alone.
"""


def authored(board: Leaderboard) -> list[str]:
    """Returns the models that have a value and may have a repository: controls have no authors."""
    return [model for model in board.models if model not in CONTROLS and _shown(board, model)]


def task_id(identity: Identity) -> str:
    """Returns the id of a metric's leaderboard: its name, and 8 hex digits of its identity's sha256.

    Numbers of two identities never share a leaderboard.
    """
    name = re.sub(r"[^\w.-]", "_", identity.select.replace("@", "."), flags=re.ASCII)
    return f"{name}-{hashlib.sha256(identity.encode()).hexdigest()[:8]}"


def benchmark(board: Leaderboard) -> str:
    """Returns `eval.yaml`: a task for each metric that has a value."""
    shown = [column for column in board.columns if any(one.value is not None for one in column.cells.values())]
    about = {
        "name": f"{board.summary.suite}, scored by jova_bench",
        "description": "Joint video-audio generation. Each task is a metric; its id has a digest of the identity.",
        "evaluation_framework": FRAMEWORK,
        "tasks": [{"id": task_id(one.identity), "config": ESTIMATES, "split": SPLIT} for one in shown],
    }
    return yaml_text(about)


def eval_results(board: Leaderboard, model: str) -> str:
    """Returns a file for the folder `.eval_results`: a model's values over all prompts.

    The format has a number for a value and no interval, which is in the notes.
    """
    entries = [
        {
            "dataset": {"id": DATASET, "task_id": task_id(one.identity)},
            "value": one.value,
            "source": {"url": ADDRESS, "name": FRAMEWORK},
            "notes": _notes(board, one),
        }
        for _, one in _shown(board, model)
    ]
    return HOW_TO_ADD + yaml_text(entries)


def model_card(board: Leaderboard, model: str) -> str:
    """Returns what a model's README may take: `model-index` for its front matter, and a section with intervals."""
    suite, about = board.summary.suite, board.about()
    metrics = [
        {
            "type": one.identity.name,
            "name": label if one.ci is None else f"{label}, {_interval(one)}",
            "value": one.value,
        }
        for label, one in _shown(board, model)
    ]
    results = {
        "task": {"type": TASK, "name": "Joint video-audio generation"},
        "dataset": {"type": DATASET, "name": suite, "config": ESTIMATES, "split": SPLIT},
        "metrics": metrics,
        "source": {"name": FRAMEWORK, "url": ADDRESS},
    }
    columns = [column for column in board.columns if model in column.cells]
    body = [
        [f"{escaped(one.label)} {ARROWS[one.direction]}", _value(one.cells[model]), code(one.identity)]
        for one in columns
    ]
    parts = [
        f"<!-- Write the id of the data set for {DATASET}, wherever it stands. -->",
        f"## Scores on {escaped(suite)}",
        f"M{escaped(averages(columns, board.manifest))[1:]}, with 95 % intervals over prompts "
        f"({about['prompts']:,} asked), of this checkpoint; in parentheses the number of clips. "
        f"[All scores]({ADDRESS}).",
        table(["Metric", "Value", "Identity"], body),
    ]
    return f"{front_matter({'model-index': [{'name': model, 'results': [results]}]})}\n" + "\n\n".join(parts) + "\n"


def _shown(board: Leaderboard, model: str) -> list[tuple[str, Estimate]]:
    """Returns a model's estimates over all prompts that have a value, each with its label, in the order of columns."""
    cells = [(column.label, column.cells[model]) for column in board.columns if model in column.cells]
    return [(label, one) for label, one in cells if one.value is not None]


def _notes(board: Leaderboard, one: Estimate) -> str:
    clips = f"{one.n_ok} of {one.n_ok + one.n_undefined + one.n_failed} clips, {counted(one.n_prompts, 'prompt')}"
    suite = f"suite {board.summary.suite} {board.manifest.suite_digest[:16]}"
    return "; ".join([*([_interval(one)] if one.ci else []), clips, AIMS[one.direction], suite, one.identity])


def _interval(one: Estimate) -> str:
    assert one.ci is not None
    return f"95 % interval {one.ci[0]:.6g} to {one.ci[1]:.6g}"


def _value(one: Estimate) -> str:
    return no_value(one) if one.value is None else f"{with_interval(one.value, one.ci)} ({one.n_ok})"
