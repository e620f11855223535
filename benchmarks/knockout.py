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
from paired import measured, tables
from stored import print_of
from torch import Tensor, nn

from jova.joint_attention import Context
from jova.pipeline import JovaPipeline
from jova.transformer import Jova
from jova_baselines.jova import JovaGenerator
from jova_bench.models.base import Plan
from jova_bench.prompts import Prompt
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
    assert context.mask is not None  # where text is read by joint attention
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
    def _pipeline(self) -> JovaPipeline:
        pipeline = JovaPipeline.from_pretrained(self.folder, self.device)
        hide(pipeline.model, self.hidden)
        return pipeline


def page(found: Mapping[str, Any]) -> str:
    """Formats what was measured as Markdown."""
    about = (
        "one training. Means with 95 % intervals over "
        "prompts; in parentheses the clips, or how many are ok / undefined / failed. "
        f"`{CHANCE}` is chance."
    )
    return f"{ABOUT}\n\n{tables(found, about, 'knockout')}"


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path, help="run folder to make or to continue; with --page, a file made of one")
    parser.add_argument("--limit", type=int, help="the first so many prompts of the suite (default: all)")
    parser.add_argument("--page", action="store_true", help="print the page of a file")
    asked = parser.parse_args(arguments)
    if asked.page:
        print_of(asked.path, page, parser, next(iter(HIDDEN)))
    else:
        torch.set_num_threads(1)
        models = [Knockout(name) for name in HIDDEN]
        found = measured(models, [CHANCE], "embedded", METRICS, asked.path, asked.limit)
        print(json.dumps({**found, "hidden": {name: list(streams) for name, streams in HIDDEN.items()}}, indent=1))


if __name__ == "__main__":
    main()
