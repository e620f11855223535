"""Trains the joint model on cached latents."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import torch

from jova.config import JovaConfig
from jova.flow import Batch, Draws, Given, Losses
from jova.pipeline import MODEL_FILE
from jova.text import TextTokens
from jova.training.ahead import Ahead
from jova.training.checkpoints import Checkpoints, FileCheckpoints, FolderCheckpoints, State
from jova.training.config import TrainConfig
from jova.training.distributed import full, place, whole
from jova.training.identity import FREE, RANDOM, begin_with, check_same, digest_of_init, to_resume
from jova.training.losses import draw_parts, losses_on, means, validate
from jova.training.machinery import Machinery, Record
from jova.training.modality import freeze
from jova.training.source import Source
from jova.training.speed import Speed, peak_flops
from jova.training.state import Log, average, check_finite, detached, lr_factor, progress, set_lr, writing
from jova.transformer import Jova, write


class Trainer:
    """A model in training: weights, their EMA, the optimiser and the step, which determine the rest of the training."""

    def __init__(
        self,
        config: JovaConfig,
        training: TrainConfig,
        out: Path,
        init_from: Path | None = None,
        machinery: Machinery | None = None,
        made_by: Mapping[str, str] | None = None,
    ) -> None:
        """Makes the first weights, or reads those of OUT's last checkpoint.

        Args:
            config: of the model.
            training: hyperparameters.
            out: folder of checkpoints, log and model.
            init_from: stored model, or folder of another training's last checkpoint; None for random weights.
            machinery: by default one process on the CPU.
            made_by: fingerprints of what made the examples, such as codecs, by name.
        """
        training.check(config)
        self.machinery = machinery or Machinery()
        self.ranks, self.made_by = self.machinery.ranks, dict(made_by or {})
        self.ranks.slices(training.batch, training.accumulate)
        if self.ranks.count > 1 and (training.draw != "example" or not self.machinery.shards):
            raise ValueError(f"expected a training by --config for {self.ranks.count} ranks, got a preset's")
        torch.manual_seed(training.seed)
        self.training, self.out, self.step = training, out, 0
        self.init = RANDOM if init_from is None else digest_of_init(init_from)
        self.data: str | None = None
        self.held_out: str | None = None
        self.clips: int | None = None
        self.model = Jova(config)
        if init_from is not None:
            begin_with(self.model, init_from)
        freeze(self.model, training.trains)
        place(
            self.model,
            self.ranks,
            training.precision,
            checkpointing=self.machinery.checkpointing,
            compiled=self.machinery.compiled,
        )
        self.ema = detached(self.model)
        matrices = [p for p in self.model.parameters() if p.ndim >= 2]
        others = [p for p in self.model.parameters() if p.ndim < 2]
        self.optimiser = torch.optim.AdamW(
            [{"params": matrices, "weight_decay": training.weight_decay}, {"params": others, "weight_decay": 0.0}],
            lr=training.lr,
            betas=(0.9, 0.95),
            fused=True,
        )
        self.checkpoints: Checkpoints = FileCheckpoints(out)
        if self.machinery.shards:
            self.checkpoints = FolderCheckpoints(out, self.ranks)
        peak = peak_flops(self.ranks.device, training.precision, self.machinery.peak_flops)
        self.speed = Speed(config, self.ranks, training.trains, peak)
        self.ahead: Ahead[list[tuple[Batch, Draws, Given | None]]] | None = None
        self.resume()

    def resume(self) -> None:
        """Resumes from the checkpoint of `to_resume`.

        Raises:
            ValueError: the checkpoints are of another configuration or other first weights, or as `to_resume`.
        """
        if (about := self.checkpoints.about("model")) is not None:
            check_same(self.out, about["training"], self._identity())
        name, begin = to_resume(self.out, about, self.checkpoints, self.training)
        if name is None or begin is None:
            return
        self.step, before = begin["step"], begin["training"]
        self.data, self.held_out = before.get("data"), before.get("held_out")
        self.checkpoints.restore(name, self._state())

    def _state(self) -> State:
        return State(self.model, self.ema, self.optimiser)

    def _identity(self) -> dict[str, Any]:
        """Returns what must be equal in a checkpoint and the training that resumes it."""
        values = {key: value for key, value in self.training.stored().items() if key == "steps" or key not in FREE}
        config = json.dumps(asdict(self.model.config), sort_keys=True, default=str)
        given = {"data": self.data, "held_out": self.held_out, "clips": self.clips}
        return values | {"model": config, "init": self.init} | given | self.made_by

    def save(self, name: str) -> None:
        """Writes a checkpoint."""
        self.checkpoints.save(name, {"step": self.step, "training": self._identity()}, self._state())

    def advance(self, source: Source) -> Losses:
        """Takes one step of the optimiser; returns the losses of this rank's part of the batch.

        Raises:
            ValueError: the losses or the gradients are no number; nothing has been moved by them.
        """
        training, step = self.training, self.step
        made = self._parts(source, step) if self.ahead is None else self.ahead(step)
        set_lr(self.optimiser, training.lr * lr_factor(step, training.steps, training.warmup, training.decay))
        self.optimiser.zero_grad()
        parts = []
        for batch, draws, kept in made:
            result = losses_on(self.model, training, batch, draws, kept, self.ranks.device)
            (result.total / training.accumulate).backward()  # type: ignore[no-untyped-call]
            parts.append(torch.stack(result).detach())
            self.speed.add(batch)
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), training.max_grad_norm)
        columns = torch.stack(parts)
        losses = Losses(*columns.mean(0))._replace(mouth=columns[:, -1].nanmean())
        check_finite(step, losses.total, full(norm))
        self.optimiser.step()
        average(self.ema, self.model.state_dict(), step, training.ema_decay)
        self.step += 1
        return losses

    def _parts(self, source: Source, step: int) -> list[tuple[Batch, Draws, Given | None]]:
        """Returns the parts of a step's batch that this rank computes, with their draws, which the step determines."""
        training, parts = self.training, []
        rows = source.rows(step, training.batch, training.seed)
        for part in self.ranks.slices(training.batch, training.accumulate):
            batch = source.batch(rows[part])
            of_examples = range(step * training.batch + part.start, step * training.batch + part.stop)
            numbers = of_examples if training.draw == "example" else [step]
            config, share = self.model.config, training.edit_share
            parts.append((batch, *draw_parts(config, training, batch, numbers, training.seed + 1, share)))
        return parts

    @contextmanager
    def averaged(self) -> Iterator[Jova]:
        """Yields the model with the EMA weights, which change places with its own meanwhile."""
        self._swap()
        try:
            yield self.model
        finally:
            self._swap()

    @torch.no_grad()
    def _swap(self) -> None:
        for name, value in self.model.state_dict().items():
            own = value.clone()
            value.copy_(self.ema[name])
            self.ema[name].copy_(own)

    def store(self) -> None:
        """Writes the EMA weights to OUT/jova-tiny.safetensors."""
        weights = whole(self.ema, self.ranks)
        if self.ranks.leads:
            with writing(target := self.out / f"{MODEL_FILE}.safetensors"):
                write(target, weights, self.model.config, self.made_by)
        self.ranks.wait()

    def run(self, source: Source, held_out: Source) -> Jova:
        """Trains to the end, see `fit`; returns the stored EMA model."""
        self.fit(source, held_out)
        return Jova.load(self.out / f"{MODEL_FILE}.safetensors")

    def fit(self, source: Source, held_out: Source) -> None:
        """Trains to the end; writes OUT/model.jsonl, checkpoints and OUT/jova-tiny.safetensors.

        Args:
            source: the training split.
            held_out: clips of the validation split.

        Raises:
            ValueError: the training was started with other examples, or its loss is no number any more.
        """
        data, checked = source.digest(), held_out.digest()
        for before, now, what in ((self.data, data, "clips"), (self.held_out, checked, "validation clips")):
            if before not in (None, now):
                raise ValueError(
                    f"expected the {what} with which {self.out} was started, got others; name another folder as out"
                )
        self.data, self.held_out, self.clips = data, checked, source.clips
        training, ranks, target = self.training, self.ranks, self.out / f"{MODEL_FILE}.safetensors"
        if self.step == 0:
            if self.model.speaking is not None and isinstance(source.text, TextTokens):
                self.model.speaking.fit(source.text)
            for name, value in self.model.state_dict().items():
                self.ema[name].copy_(value)
        if ranks.device.type != "cpu":
            self.ahead = Ahead(partial(self._parts, source))
        log, saved = Log(self.out / "model.jsonl", self.step) if ranks.leads else None, time.monotonic()
        recent: list[Losses] = []
        self.speed.restart()
        with progress("model", self.step, training.steps) if ranks.leads else nullcontext(_hide) as show:
            while self.step < training.steps:
                recent.append(self.advance(source))
                last, logs = self.step == training.steps, self.step % training.log_every == 0
                if logs or last:
                    record = means(recent, ranks) | self.speed.record()
                    show(self.step, _shown(record))
                    record |= self._measured(held_out, last)
                    self._log(log, {"step": self.step - 1, **record})
                    recent = []
                    self.speed.restart()
                if self.step == training.plateau_ends and training.decay > 0:
                    self.save("plateau")
                # The clocks of ranks differ: they ask the first one's where they wait for one another anyway.
                due = time.monotonic() - saved > training.save_every_s and (ranks.count == 1 or logs)
                if last or ((ranks.count == 1 or logs) and ranks.agree(due)):
                    self.save("model")
                    self.store()
                    saved = time.monotonic()
        if not ranks.agree(target.is_file()):
            self.store()

    def _measured(self, held_out: Source, last: bool) -> dict[str, float | str]:
        """Returns what is measured of the EMA model at this step."""
        found: dict[str, float | str] = {}
        watch, every = self.machinery.watch, self.machinery.watch_every
        if self.step % (10 * self.training.log_every) == 0 or last:
            with self.averaged() as model:
                found |= validate(model, held_out, self.training, self.ranks)
        if watch is not None and (self.step % every == 0 or last):
            with self.averaged() as model:
                found |= watch(model, self.step)
        return found

    def _log(self, log: Log | None, record: Record) -> None:
        if log is not None:
            log.add(record)
            if self.machinery.report is not None:
                self.machinery.report(record)


def _hide(done: int, text: str) -> None:
    """Shows nothing."""


def _shown(record: Record) -> str:
    return " ".join(
        f"{key} {value if isinstance(value, str) else format(value, '.3g')}" for key, value in record.items()
    )
