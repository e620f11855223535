"""Trains a small video VAE of Wan's kind (diffusers' `AutoencoderKLWan`) on one's own clips, without weights of others.

    python -m jova.training.wan_vae --videos DIR --steps 6000 --out OUT

DIR has the clips `clips/<id>.mp4` and their mouth boxes `tracks/<id>.npz`, as `jova-bench data prepare` and `python -m
jova.data` write them. Run it again to resume; fewer steps than have been taken end it. OUT/vae is then a codec for
`jova.codecs.load_video_codec`: 16 channels, 4 frames and 8 x 8 pixels a cell, as Wan 2.1's, whose weights may take its
place.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from math import isfinite
from pathlib import Path
from typing import Any, get_args

import torch

from jova.codecs.wan import WanCodec
from jova.data.folder import Item
from jova.files import check_writable
from jova.reading_flags import at_least
from jova.training.codecs import Footage, measure
from jova.training.crops import draw_crops, read_pictures, trimmed
from jova.training.distributed import Ranks, alone
from jova.training.identity import differences
from jova.training.order import bucket_batch
from jova.training.state import (
    Log,
    average,
    check_finite,
    detached,
    hashed_generator,
    load_state,
    lr_factor,
    progress,
    reading,
    save_state,
    set_lr,
)
from jova.training.vae_loss import VaeParts, VaeTraining, new_network, pixels_of, reconstruction_loss
from jova.training.vae_start import begin

HELD_OUT = 8
"""Most clips, the last by name, on which quality is measured."""
STATISTICS = 64
"""Training clips of whose latents mean and deviation are measured."""
FIRST = 8
"""Training clips that the first weights are made of."""


class VaeTrainer:
    """A VAE in training: weights, their EMA, the optimiser and the step, which determine the rest of the training."""

    def __init__(self, training: VaeTraining, items: Sequence[Item], out: Path) -> None:
        """Begins a training, or resumes it from OUT/wan-vae.state.

        Raises:
            ModuleNotFoundError: diffusers is not installed.
            ValueError: the checkpoint is of another training, or there is a VAE without its checkpoint.
        """
        torch.manual_seed(training.seed)
        self.training, self.items, self.out, self.step = training, items, out, 0
        self.network = new_network(training.base_dim).train()
        for weight in self.network.parameters():
            if weight.ndim == 5:  # The layout in which oneDNN computes: a sixth less time.
                weight.data = weight.data.contiguous(memory_format=torch.channels_last_3d)
        trained = self.network.decoder if training.trains == "decoder" else self.network
        self.optimiser = torch.optim.AdamW(trained.parameters(), lr=training.lr, betas=(0.9, 0.99), weight_decay=1e-3)
        if (state := load_state(self.path)) is None:
            if (out / "vae").exists():
                raise ValueError(
                    f"expected the checkpoint {self.path} beside {out / 'vae'}, which a new training would replace, "
                    "got none; move that folder away, or use another --out"
                )
            first, random = items[:: -(-len(items) // FIRST)], hashed_generator(training.seed, "first weights", 0)
            begin(self.network, pixels_of(draw_crops(first, training.frames, 2 * training.crop, random)[0]))
            self.ema = detached(self.network)
        else:
            with reading(self.path):
                found = differences(state["training"], self._identity())
            if found:
                raise ValueError(
                    f"expected what {out} was started with, got other {', '.join(found)}; use another --out"
                )
            with reading(self.path):
                self.step, self.ema = state["step"], state["ema"]
                self.network.load_state_dict(state["network"])
                self.optimiser.load_state_dict(state["optimiser"])

    @property
    def path(self) -> Path:
        """File of the checkpoint."""
        return self.out / "wan-vae.state"

    def _identity(self) -> dict[str, Any]:
        """Returns what must be equal in a checkpoint and the training that resumes it."""
        clips = [(item.id, (item.root / "clips" / f"{item.id}.mp4").stat().st_size) for item in self.items]
        return asdict(self.training) | {"clips": hashlib.sha256(json.dumps(clips).encode()).hexdigest()}

    def save(self) -> None:
        """Writes the checkpoint."""
        state = {"step": self.step, "training": self._identity(), "network": detached(self.network), "ema": self.ema}
        save_state(self.path, state | {"optimiser": self.optimiser.state_dict()})

    def advance(self) -> dict[str, float]:
        """Takes one step of the optimiser; returns the loss and its parts."""
        training, step = self.training, self.step
        rows, side = bucket_batch(step, training.batch, [len(self.items)], training.seed)[1], training.crop
        if step % 4 == 3:
            rows, side = rows[: -(-training.batch // 4)], 2 * side
        crops = [self.items[row] for row in rows.tolist()]
        frames, mask = draw_crops(crops, training.frames, side, hashed_generator(training.seed, "crops", step))
        noise = hashed_generator(training.seed, "noise", step)
        parts = reconstruction_loss(self.network, frames, mask, training, step, noise)
        set_lr(self.optimiser, training.lr * lr_factor(step, training.steps, training.warmup, training.decay))
        self.optimiser.zero_grad()
        parts["loss"].backward()  # type: ignore[no-untyped-call]
        check_finite(step, parts["loss"], torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0))
        self.optimiser.step()
        average(self.ema, self.network.state_dict(), step, training.ema_decay)
        self.step += 1
        return {name: value.item() for name, value in parts.items()}

    def codec(self) -> WanCodec:
        """Returns a codec with the EMA weights, whose latents are not normalised."""
        network = new_network(self.training.base_dim)
        network.load_state_dict(self.ema)
        return WanCodec(network.eval().requires_grad_(False))

    def run(self, held_out: Sequence[Item]) -> WanCodec:
        """Trains to the end; writes OUT/wan-vae.jsonl, OUT/wan-vae.state and OUT/vae, and returns what it stored."""
        training = self.training
        clips = [
            Footage(frames[None], boxes[None]) for item in held_out for frames, boxes in [trimmed(*read_pictures(item))]
        ]
        log, saved, cpu = Log(self.out / "wan-vae.jsonl", self.step), time.monotonic(), time.process_time()
        with progress("VAE", self.step, training.steps) as show:
            while self.step < training.steps:
                parts = self.advance()
                last = self.step == training.steps
                if self.step % 50 == 0 or last:
                    record = parts | {"cpu_s": time.process_time() - cpu}
                    show(self.step, " ".join(f"{name} {value:.4g}" for name, value in record.items()))
                    log.add({"step": self.step - 1, **record, **(self.quality(clips) if self._measured() else {})})
                    cpu = time.process_time()
                if last or time.monotonic() - saved > training.save_every_s:
                    self.save()
                    saved = time.monotonic()
        return self.store()

    def _measured(self) -> bool:
        """Tells whether quality is measured after this step."""
        return self.step % 500 == 0 or self.step >= self.training.steps

    def quality(self, clips: Sequence[Footage]) -> dict[str, float]:
        """Returns the means over clips of `measure`, of those with a mouth where it is of mouths."""
        codec = self.codec()
        found = [measure(codec, clip) for clip in clips]
        columns = {name: [one[name] for one in found if isfinite(one[name])] for name in found[0]}
        return {name: sum(values) / len(values) for name, values in columns.items() if values}

    def store(self) -> WanCodec:
        """Writes OUT/vae with mean and deviation of the latents of training clips, and returns its codec."""
        codec = self.codec()
        latents = [
            codec.encode(trimmed(*read_pictures(item))[0][None]).flatten(0, -2).double()
            for item in self.items[:STATISTICS]
        ]
        deviation, mean = torch.std_mean(torch.cat(latents), dim=0)
        codec.vae.register_to_config(latents_mean=mean.tolist(), latents_std=deviation.tolist())
        target, unfinished = self.out / "vae", self.out / "vae.part"
        codec.vae.save_pretrained(unfinished)
        shutil.rmtree(target, ignore_errors=True)
        unfinished.replace(target)
        return WanCodec.load(target)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs `python -m jova.training.wan_vae`; returns its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m jova.training.wan_vae",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    number = at_least(1)
    parser.add_argument("--videos", type=Path, required=True, help="folder with clips/ and tracks/")
    parser.add_argument("--out", type=Path, required=True, help="folder for the checkpoint, the log and the VAE")
    parser.add_argument("--steps", type=number, required=True, help="training steps")
    parser.add_argument("--base-dim", type=number, default=VaeTraining.base_dim, help="(default: %(default)s)")
    parser.add_argument(
        "--trains",
        choices=get_args(VaeParts),
        default=VaeTraining.trains,
        help="decoder: the encoder keeps the principal components that it begins with (default: %(default)s)",
    )
    parser.add_argument("--seed", type=at_least(0), default=0, help="of first weights, crops and noise (default: 0)")
    parser.add_argument("--threads", type=number, default=1, help="CPU threads (default: %(default)s)")
    arguments = parser.parse_args(argv)
    torch.set_num_threads(arguments.threads)
    try:
        check_writable(arguments.out)
        names = sorted(path.stem for path in (arguments.videos / "clips").glob("*.mp4"))
        if len(names) < 2:
            raise FileNotFoundError(f"expected two clips or more in {arguments.videos / 'clips'}, got {len(names)}")
        items = [Item({"id": name}, arguments.videos) for name in names]
        held_out = max(1, min(HELD_OUT, len(items) // 4))
        flags = {name: getattr(arguments, name) for name in ("steps", "base_dim", "trains", "seed")}
        with alone(arguments.out, Ranks()):
            VaeTrainer(VaeTraining(**flags), items[:-held_out], arguments.out).run(items[-held_out:])
    except (OSError, ValueError, ModuleNotFoundError) as error:
        print(f"jova.training.wan_vae: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
