"""The verbs of JoVA itself: train, sample. Its package is imported when one of them is used."""

from __future__ import annotations

import argparse

from jova_bench.cli.base import Verbs, add_verb
from jova_bench.errors import EXIT_OK, BenchError
from jova_bench.output import show
from jova_bench.registry import load

TRAIN_EXAMPLES = """  jova-bench train --preset tiny --out work/tiny
  jova-bench train --preset tiny --out work/tiny --stage corpus
  jova-bench train --preset ablation --data work/tiny/corpus --out work/ablation --mouth-weight 0

The stages are corpus, codecs, latents and model; the same command continues a training that was stopped. OUT then holds
what `sample --weights OUT` takes. The corpus needs pip install 'jova-bench[corpus]'."""
SAMPLE_EXAMPLES = """  jova-bench sample --video-caption "long red hair" --audio-caption "low pitch" \\
      --transcript "place red now" --out clip.mp4
  jova-bench sample --help

With weights of a training with --edit-share, a part of a given clip is generated and the rest is kept (CAPTIONS are
the two captions of the clip, as above):

  jova-bench sample --weights work/tiny CAPTIONS --transcript "place [blue] box now" \\
      --edit speech --clip clip.mp4 --from 0.9 --to 1.4 --out other-words.mp4
  jova-bench sample --weights work/tiny CAPTIONS --transcript "hold red paper soon" \\
      --edit mouth --clip clip.mp4 --audio other.wav --out dubbed.mp4
  jova-bench sample --weights work/tiny CAPTIONS --transcript "hold red paper soon" \\
      --edit picture --audio other.wav --out speaking.mp4
  jova-bench sample --weights work/tiny CAPTIONS --transcript "place red now" \\
      --edit sound --clip silent.mp4 --out voiced.mp4"""
VERBS = {
    "train": ("train JoVA: corpus, codecs, latents, model", TRAIN_EXAMPLES),
    "sample": ("generate one clip with JoVA", SAMPLE_EXAMPLES),
}


def add(verbs: Verbs, asked: str | None) -> None:
    """Adds the verbs, and the flags of the one that is used: they are in the model's package."""
    for name, (summary, examples) in VERBS.items():
        verb = add_verb(verbs, name, summary, examples, _do)
        if name == asked:
            load(f"jova.flags:add_{name}_flags", f"the command {name!r}")(verb)


def _do(args: argparse.Namespace) -> int:
    run = load(f"jova.{args.verb}:run", f"the command {args.verb!r}")
    try:
        made = run(args)
    except (OSError, ValueError, ImportError) as error:
        raise BenchError(str(error)) from error
    if made is not None:
        show(f"{made}\n")
    return EXIT_OK
