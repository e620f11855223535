"""Compares two trainings of the shipped size on validation clips, which decide which of them ships.

    mkdir -p old; git archive ac07be4 jova/weights | tar -x -C old
    python benchmarks/two_trainings.py runs/two --old old/jova/weights --new jova/weights > results/two-trainings.json
    python benchmarks/two_trainings.py --page results/two-trainings.json > results/two-trainings.md

The first line takes the model that shipped before out of git: `jova/weights` is now the recipe's. The second draws 128
validation clips, and makes and scores 128 clips of either training, in about ten minutes of one core; stopped, it goes
on where it was. `--old` and `--new` are folders of a model and its codecs. The third prints the page.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from paired import measured, tables
from stored import print_of

from jova_baselines.jova import CodecRoundTrip, JovaGenerator
from jova_bench.errors import BenchError
from jova_bench.suites.loading import load_suite
from jova_bench.suites.prompt_file import INFO

PROMPTS = 128
METRICS = (
    "lse_c", "lse_d", "sync_within_1", "mouth_audio_corr", "wer", "fvd", "fad", "dnsmos", "prompt_hair",
    "prompt_background", "prompt_voice",
)  # fmt: skip
DECIDING = (
    "lse_c",
    "lse_d",
    "sync_within_1",
    "mouth_audio_corr",
    "wer",
    "prompt_hair",
    "prompt_background",
    "prompt_voice",
)
ABOUT = f"""# Two trainings of the shipped size

`shipped` is the model before, trained in three legs: `jova/weights` of commit ac07be4, which
`git archive ac07be4 jova/weights | tar -x -C DIR` takes out of git. `recipe`, which ships now, is
`jova-bench train --preset tiny`, one command from nothing, with codecs of its own and with edits
([training.md](training.md)). Validation clips decide: sentences that are in no other split, {PROMPTS} of them. The
rule, set before the second training had ended: `recipe` ships unless it is
shown worse, paired and with Holm's correction, in one of {", ".join(f"`{name}`" for name in DECIDING)}."""


class Codec(CodecRoundTrip):
    """The codecs of a training, under a name of their own."""

    def __init__(self, name: str, weights: Path) -> None:
        super().__init__("cpu", weights)
        self.name = name


def validation(folder: Path) -> Path:
    """Draws the validation clips as a suite; returns its folder."""
    from jova.data.split import make_split

    with contextlib.redirect_stdout(sys.stderr):  # It shows progress; the output is the data.
        make_split("validation", PROMPTS, folder)
    lines = {
        "name": "embedded-validation",
        "description": f"{PROMPTS} drawn talking heads of the split validation",
        "domain": "embedded",
        "profile": "embedded",
        "reference_set": "embedded-reference",
        "licence": "Apache-2.0",
    }
    (folder / INFO).write_text("".join(f"{key} = {json.dumps(value)}\n" for key, value in lines.items()))
    return folder


def page(found: Mapping[str, Any]) -> str:
    """Formats what was measured as Markdown."""
    about = (
        "one training each: the table speaks of these two, and their difference is that of two trainings, two "
        "recipes and two pairs of codecs at once. Means with 95 % intervals over prompts. `codec` rows are real clips "
        "through the codecs of each."
    )
    return f"{ABOUT}\n\n{tables(found, about, 'two_trainings')}"


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path, help="run folder to make or to continue; with --page, a file made of one")
    parser.add_argument("--old", type=Path, help="folder of the model that shipped before")
    parser.add_argument("--new", type=Path, help="folder of the other one")
    parser.add_argument("--limit", type=int, help="the first so many prompts (default: all)")
    parser.add_argument("--page", action="store_true", help="print the page of a file")
    asked = parser.parse_args(arguments)
    if asked.page:
        print_of(asked.path, page, parser, "shipped")
        return
    if not (asked.old and asked.new):
        parser.error("expected --old and --new, folders of a model and its codecs, got none of them, or one")
    torch.set_num_threads(1)
    folders = {"shipped": asked.old, "recipe": asked.new}
    models = [JovaGenerator("cpu", folder, name) for name, folder in folders.items()]
    if why_not := next(filter(None, (model.check() for model in models)), None):
        parser.error(f"expected --old and --new to be folders of a model and its codecs, got {why_not}")
    controls = ["real", *(Codec(f"codec-{name}", folder) for name, folder in folders.items()), "shuffled"]
    try:
        suite = load_suite(validation(asked.path.with_name(f"{asked.path.name}-clips")))
        found = measured(models, controls, suite, METRICS, asked.path, asked.limit)
    except BenchError as error:
        parser.error(str(error))
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
