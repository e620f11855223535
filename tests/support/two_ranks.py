"""Trainings of the smallest model in two processes that talk by gloo, as torchrun starts them."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import socket
from dataclasses import replace
from pathlib import Path

import torch
import torch._dynamo  # Once, in the server that forks the ranks: each would import it at its first step.
import torch.distributed.fsdp

from jova.text import WordTokenizer
from jova.training.config import TrainConfig
from jova.training.distributed import Ranks, joined, whole
from jova.training.latents import Examples
from jova.training.losses import means
from jova.training.machinery import Machinery
from jova.training.model import Trainer
from jova.training.samples import Samples
from jova.training.tables import SamplesTable
from support import jova_micro
from support.jova_micro import EDITING, latents, mouth_masks, tokens

TRAINING = TrainConfig(
    steps=6, batch=4, warmup=2, log_every=1, save_every_s=0, edit_share=0.5, draw="example", validation="training"
)


def examples(count=12, seed=0) -> Examples:
    data = latents(count, seed)
    text = tokens(jova_micro.PROMPTS * (count // 3)).with_spans(torch.tensor([[0.04, 0.3]]).repeat(count, 1))
    return Examples(data.video.half(), data.audio.half(), mouth_masks(count).half(), text)


def no_number() -> Examples:
    """Clips of which one, which one of the ranks is given, is not a number."""
    found = examples()
    found.video[7, 0, 0, 0, 0] = torch.nan
    return found


def trainer(out: Path, ranks: Ranks | None = None, checkpointing=False, init=None, **changes) -> Trainer:
    machinery = Machinery(ranks or Ranks(), checkpointing=checkpointing, shards=True)
    return Trainer(EDITING, replace(TRAINING, **changes), out, init, machinery, {"codecs": "a"})


def steps(one: Trainer, count=3) -> dict:
    """Takes steps; returns the losses of each, and the weights after the last."""
    source = examples()
    losses = [means([one.advance(source)], one.ranks) for _ in range(count)]
    return {"losses": losses, "weights": whole(one.model.state_dict(), one.ranks)}


def averaged(one: Trainer) -> dict:
    """Takes steps; returns the EMA of the weights beside what `steps` does."""
    found = steps(one)
    with one.averaged() as model:
        average = {name: tensor.clone() for name, tensor in whole(model.state_dict(), one.ranks).items()}
    return found | {"average": average}


def sampled(ranks: Ranks, out: Path, first: Path) -> dict:
    """Steps of a training in bfloat16, in which both ranks make samples after the first."""
    one = trainer(out / "sampled", ranks, init=first, precision="bfloat16")
    made = jova_micro.editing_pipeline()
    tokenizer = WordTokenizer(jova_micro.WORDS, EDITING.words_per_part)
    table, codecs = SamplesTable(1, out / "prompts.jsonl", steps=1), (made.video_codec, made.audio_codec)
    samples = Samples(table, out / "sampled", codecs, ranks, None, tokenizer, "bfloat16")
    begun = steps(one, 1)
    with one.averaged() as model:
        samples(model, 1)
    return {"losses": begun["losses"] + steps(one, 2)["losses"]}


def compared(ranks: Ranks, out: Path) -> None:
    """Steps of several trainings, for comparison with those of one rank."""
    first = out / "first.safetensors"
    found = {
        "plain": averaged(trainer(out / "plain", ranks, init=first)),
        "parts": steps(trainer(out / "parts", ranks, init=first, accumulate=2)),
        "recomputed": steps(trainer(out / "recomputed", ranks, init=first, checkpointing=True)),
        "audio": steps(trainer(out / "audio", ranks, init=first, trains="audio")),
        "bfloat16, recomputed": steps(
            trainer(out / "both", ranks, checkpointing=True, init=first, precision="bfloat16")
        ),
        "bfloat16, sampled": sampled(ranks, out, first),
        "bfloat16": steps(trainer(out / "bfloat16", ranks, init=first, precision="bfloat16")),
    }
    if ranks.leads:
        torch.save(found, out / "found.pt")


def unbroken(ranks: Ranks, out: Path) -> None:
    """A training to its end, and another of which only the first rank is left after a while."""
    trainer(out / "unbroken", ranks, save_every_s=3600).run(examples(), examples(3, seed=1))
    broken = trainer(out / "broken", ranks)
    advance = broken.advance

    def until_killed(source):
        if broken.step == 4 and not ranks.leads:
            os.kill(os.getpid(), signal.SIGKILL)
        return advance(source)

    broken.advance = until_killed
    broken.run(examples(), examples(3, seed=1))


def compared_and_broken(ranks: Ranks, out: Path) -> None:
    """Both, in one pair of ranks: what torch first finds out of each operation takes longer than the steps."""
    compared(ranks, out)
    unbroken(ranks, out)


def resumed(ranks: Ranks, out: Path) -> None:
    """The broken training to its end; and what a training with other weights or clips is told."""
    one = trainer(out / "broken", ranks)
    begun = one.step
    one.run(examples(), examples(3, seed=1))
    said = []
    for work in (
        lambda: trainer(out / "broken", ranks).run(examples(seed=3), examples(3, seed=1)),
        lambda: trainer(out / "broken", ranks, init=out / "unbroken"),
        lambda: trainer(out / "broken", ranks, mouth_weight=0.0),
        lambda: trainer(out / "other", ranks, batch=5),
        lambda: trainer(out / "no-number", ranks).run(no_number(), examples(3, seed=1)),
    ):
        try:
            work()
        except ValueError as error:
            said.append(str(error))
    if ranks.leads:
        (out / "resumed.json").write_text(json.dumps({"begun": begun, "said": said}))


def _rank(work, out: Path, port: int, index: int) -> None:
    torch.set_num_threads(1)
    os.environ |= {"RANK": str(index), "LOCAL_RANK": str(index), "WORLD_SIZE": "2"}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    with joined("cpu") as ranks:
        work(ranks, out)


def two_ranks(work, out: Path) -> list[int]:
    """Runs a function of this module in two ranks; returns their exit codes."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["support.two_ranks"])
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    ranks = [context.Process(target=_rank, args=(work, out, port, index)) for index in range(2)]
    for rank in ranks:
        rank.start()
    for rank in ranks:
        rank.join()
    return [rank.exitcode for rank in ranks]
