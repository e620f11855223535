"""Hides streams of tokens from the picture while the shipped JoVA samples, and measures what is left of its lip-sync.

    OMP_NUM_THREADS=1 python benchmarks/knockout.py runs/knockout > results/knockout.json
    python benchmarks/knockout.py --page results/knockout.json > results/knockout.md

The first line makes and scores the clips of the whole suite, in about ten minutes of one core (`--limit 32` takes a
quarter); stopped, it goes on where it was. The second prints the page of such a file.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Collection, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from jova.joint_attention import Context
from jova.pipeline import Pipeline
from jova.transformer import Jova
from jova_baselines.jova import JovaGenerator
from jova_bench import run
from jova_bench.comparison.cells import record
from jova_bench.comparison.compare import compared
from jova_bench.comparison.results import read_results
from jova_bench.digests import shortened
from jova_bench.formatting.text import decimals, escaped, signed, table
from jova_bench.models.base import Plan
from jova_bench.prompts import Prompt
from jova_bench.records import Estimate
from jova_bench.report.cells import cell, columns
from jova_bench.runs.store import read_run
from jova_bench.suites.loading import Suite

STREAMS = ("audio", "text-for-audio", "text-for-video", "video")
"""Order of the streams in `Context.streams`."""
VIDEO_SIDE = ("text-for-video", "video")
HIDDEN: Mapping[str, tuple[str, ...]] = {
    "hide-nothing": (),
    "hide-timed-words": ("text-for-audio",),
    "hide-audio": ("audio",),
    "hide-both": ("audio", "text-for-audio"),
}
"""Hidden streams by arm; the first arm is what the others are compared with."""
CHANCE = "shuffled"
METRICS = ("lse_c", "sync_within_1", "mouth_audio_corr", "wer", "fvd")
ABOUT = """# What the picture looks at: knock-outs

In text-for-audio the words have the times at which they are spoken (`jova/text/duration.py`), and video queries attend
to text-for-audio as to every stream. Does the picture move its lips by those times, or by the sound? Here the shipped
JoVA samples while streams are hidden from the video side: in every block and at every step, no query of text-for-video
or video attends to a key of them. The audio side sees everything. `hide-nothing` is the model as it ships.

- `hide-timed-words` hides the stream text-for-audio, timed words and captions alike. Their times still reach the
  picture through the sound, which attends to them.
- `hide-audio` hides the audio tokens. The sound still reaches the picture through text-for-audio, which attends to it.
- `hide-both` leaves the picture no path to either.

The model was not trained with such masks: a lower value may come from what is hidden, or from a mask that is new to
the model. FVD shows what a mask does to the pictures beside the lips. [training.md](training.md#what-decided-it) says
what we read from the table."""


def visible(context: Context, hidden: Collection[str]) -> Tensor:
    """Returns the mask of a context without the hidden keys for queries of the video side: bool (B, 1, N, N)."""
    device = context.mask.device
    of = torch.repeat_interleave(torch.tensor(context.streams)).to(device)  # (N,) the stream of each token
    queries, keys = (
        torch.isin(of, torch.tensor([STREAMS.index(name) for name in names], device=device))
        for names in (VIDEO_SIDE, hidden)
    )
    return context.mask & ~(queries[:, None] & keys)


def hide(model: Jova, hidden: Collection[str]) -> None:
    """Hides streams from the video side in every block of a model of joint attention, from now on."""
    if model.config.fusion != "joint":
        raise ValueError(f"expected a model of fusion joint, got {model.config.fusion}")

    def masked(block: nn.Module, inputs: tuple[Tensor, Context]) -> tuple[Tensor, Context]:
        x, context = inputs
        return x, context._replace(mask=visible(context, hidden))

    for block in model.blocks if hidden else ():
        block.register_forward_pre_hook(masked)


class Knockout(JovaGenerator):
    """The shipped JoVA, whose video side does not see some streams."""

    def __init__(self, name: str, weights: Path | None = None) -> None:
        super().__init__("cpu", weights, name)
        self.hidden = HIDDEN[name]

    def plan(self, prompt: Prompt, suite: Suite) -> Plan:
        """Adds the hidden streams to the settings, so that no run folder mixes two masks."""
        plan = super().plan(prompt, suite)
        return replace(plan, settings={**plan.settings, "hidden": ", ".join(self.hidden) or "nothing"})

    @cached_property
    def _pipeline(self) -> Pipeline:
        pipeline = Pipeline.load(self.folder, self.device)
        hide(pipeline.model, self.hidden)
        return pipeline


def measured(folder: Path, limit: int | None) -> dict[str, Any]:
    """Makes and scores the clips of all arms; returns the estimates, and paired differences from the first arm."""
    first, *others = HIDDEN
    run([*map(Knockout, HIDDEN), CHANCE], "embedded", metrics=METRICS, limit=limit, device="cpu", out=folder)
    stored, results = read_run(folder), read_results(folder)
    assert stored.summary is not None
    shown = columns(stored.summary)
    paired = [column for column in shown if results.specs[column.identity].level == "clip"]
    specs = [results.specs[column.identity] for column in paired]
    rows = compared(results, results, [(first, name) for name in others], specs, {})
    about = [(name, column.label) for name in others for column in paired]
    return {
        "schema": 1,
        "suite": stored.manifest.suite,
        "suite_digest": stored.manifest.suite_digest,
        "prompts": len(results.cells(first)),
        "sampling_seeds": list(stored.manifest.seeds),
        "hidden": {name: list(streams) for name, streams in HIDDEN.items()},
        "values": [
            {"label": column.label} | column.cells[name].model_dump(mode="json")
            for name in (*HIDDEN, CHANCE)
            for column in shown
        ],
        "differences": [
            {key: value for key, value in record(row).items() if key != "worst"} | {"model": name, "label": label}
            for (name, label), row in zip(about, rows, strict=True)
        ],
        "made_by": dict(results.made_by),
    }


def page(found: Mapping[str, Any]) -> str:
    """Formats what `measured` returned as Markdown."""
    notes: dict[str, int] = {}
    values = {(one["model"], one["label"]): one for one in found["values"]}
    labels = list(dict.fromkeys(one["label"] for one in found["values"]))
    rows = [
        [escaped(name), *(_cell(values[name, label], notes) for label in labels)] for name in (*found["hidden"], CHANCE)
    ]
    differences = {(one["model"], one["label"]): one for one in found["differences"]}
    tested = list(dict.fromkeys(one["label"] for one in found["differences"]))
    others = list(found["hidden"])[1:]
    parts = [
        ABOUT,
        f"{found['prompts']} prompts of the suite {found['suite']} (digest {shortened(found['suite_digest'])}), "
        f"sampling seed {', '.join(map(str, found['sampling_seeds']))}, one training. Means with 95 % intervals over "
        "prompts; in parentheses the clips, or how many are ok / undefined / failed. "
        f"`{CHANCE}` is chance.",
        table(["", *map(escaped, labels)], rows),
        "\n".join(f"[^{number}]: {escaped(text)}" for text, number in notes.items()),
        f"Differences from `{next(iter(found['hidden']))}`, paired over the prompts that have a value in both, 95 % "
        "intervals, Holm over the table:",
        table(
            ["", *map(escaped, tested)],
            [[escaped(name), *(_difference(differences[name, label]) for label in tested)] for name in others],
        ),
        f"Made by `benchmarks/knockout.py` on {escaped(found['made_by']['device_name'])}; the numbers in full are in "
        "`results/knockout.json`.",
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


def _cell(value: Mapping[str, Any], notes: dict[str, int]) -> str:
    return cell(Estimate.model_validate({key: part for key, part in value.items() if key != "label"}), notes)


def _difference(row: Mapping[str, Any]) -> str:
    """Formats a difference with its interval and its verdict."""
    verdict = row["verdict"] if row["reason"] is None else f"{row['verdict']}: {escaped(row['reason'])}"
    if row["delta"] is None or row["ci"] is None:
        return verdict
    places = decimals(row["delta"], row["ci"])
    lo, hi = (signed(limit, places) for limit in row["ci"])
    return f"{signed(row['delta'], places)} [{lo}, {hi}] {verdict}"


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path, help="run folder to make or to continue; with --page, a file made of one")
    parser.add_argument("--limit", type=int, help="the first so many prompts of the suite (default: all)")
    parser.add_argument("--page", action="store_true", help="print the page of a file")
    asked = parser.parse_args(arguments)
    if asked.page:
        print(page(json.loads(asked.path.read_text(encoding="utf-8"))), end="")
    else:
        torch.set_num_threads(1)
        print(json.dumps(measured(asked.path, asked.limit), indent=1))


if __name__ == "__main__":
    main()
