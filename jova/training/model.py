"""Trains the joint model on cached latents."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, get_args

import torch
from torch import Tensor

from jova.config import JovaConfig, MouthBox, Precision
from jova.flow import AudioDriven, Batch, Denoiser, Losses, losses
from jova.pipeline import MODEL_FILE
from jova.text import TextTokens
from jova.training.arithmetic import arithmetic
from jova.training.edits import EDITS, draw_kept
from jova.training.identity import RANDOM, begin_with, differences, digest_of_file
from jova.training.latents import Examples
from jova.training.state import (
    Log,
    batch_indices,
    detached,
    generator_of,
    load_state,
    lr_factor,
    progress,
    save_state,
    set_lr,
)
from jova.transformer import Jova

STORED_NAMES = {"lr": "rate", "ema_decay": "ema", "max_grad_norm": "clip"}
"""Names in checkpoints and manifests of fields of `TrainConfig`, where they differ: those of stored trainings stay."""


@dataclass(frozen=True)
class TrainConfig:
    """Hyperparameters of a training.

    The learning rate warms up, is constant, and decays linearly to zero at the end.
    """

    steps: int
    batch: int = 32
    lr: float = 1e-3
    """Peak learning rate of AdamW."""
    warmup: int = 150
    decay: float = 0.4
    """Share of the steps, at the end, over which the learning rate decays."""
    weight_decay: float = 0.01
    max_grad_norm: float = 1.0
    """Norm to which gradients are clipped."""
    ema_decay: float = 0.998
    """Decay of the exponential moving average (EMA) of the weights, which is the model that is stored; smaller at
    first."""
    mouth_weight: float = 5.0
    """lambda of the mouth-area loss."""
    mouth_box: MouthBox = "mouth"
    """Area of the mouth-area loss."""
    text_dropout: float = 0.1
    """Share of examples without text, for classifier-free guidance."""
    image_dropout: float = 0.85
    """Share of examples without a reference image."""
    edit_share: float = 0.0
    """Share of examples of which parts are given and the rest is made; the others are made whole."""
    precision: Precision = "float32"
    """`bfloat16` is almost twice as fast on a CPU with AVX512-BF16, and slow on others."""
    log_every: int = 50
    """Steps between two records of the log."""
    save_every_s: float = 180.0
    """Seconds between two checkpoints."""
    seed: int = 0

    def __post_init__(self) -> None:
        if self.steps < 1 or self.batch < 1:
            raise ValueError(f"expected at least one step and one example a batch, got {self.steps} and {self.batch}")
        if self.mouth_box not in get_args(MouthBox):
            raise ValueError(f"expected mouth_box to be one of {', '.join(get_args(MouthBox))}, got {self.mouth_box!r}")
        if self.precision not in get_args(Precision):
            raise ValueError(
                f"expected precision to be one of {', '.join(get_args(Precision))}, got {self.precision!r}"
            )
        if not 0 <= self.edit_share <= 1:
            raise ValueError(f"expected edit_share from 0 to 1, got {self.edit_share}")
        if self.edit_share and self.mouth_box != "mouth":
            raise ValueError(
                f"expected mouth_box mouth for a training with edits of it, got {self.mouth_box!r}; use --edit-share 0"
            )

    @property
    def plateau_ends(self) -> int:
        """First step at which the learning rate decays."""
        return self.steps - int(self.decay * self.steps)

    def stored(self) -> dict[str, Any]:
        """Returns the fields by the names that they have in checkpoints and manifests."""
        return {STORED_NAMES.get(name, name): value for name, value in asdict(self).items()}


class Trainer:
    """A model in training: weights, their EMA, the optimiser and the step, which determine the rest of the training."""

    def __init__(self, config: JovaConfig, training: TrainConfig, out: Path, init_from: Path | None = None) -> None:
        if training.edit_share and not config.editing:
            raise ValueError("expected a config with editing for a training with edits, got one without")
        torch.manual_seed(training.seed)
        self.training, self.out, self.step = training, out, 0
        self.init = RANDOM if init_from is None else digest_of_file(init_from)
        self.data: str | None = None
        self.model = Jova(config)
        if init_from is not None:
            begin_with(self.model, init_from)
        self.ema = detached(self.model)
        matrices = [p for p in self.model.parameters() if p.ndim >= 2]
        others = [p for p in self.model.parameters() if p.ndim < 2]
        self.optimiser = torch.optim.AdamW(
            [{"params": matrices, "weight_decay": training.weight_decay}, {"params": others, "weight_decay": 0.0}],
            lr=training.lr,
            betas=(0.9, 0.95),
            fused=True,
        )
        self.resume()

    def resume(self) -> None:
        """Resumes from OUT/model.state, or from OUT/plateau.state if the learning rate has begun to decay too early.

        Before it decays, the learning rate does not depend on `steps`: until then a training may be made longer or
        shorter.

        Raises:
            ValueError: the checkpoints are of another configuration or other first weights, or later than the end of
                the new plateau.
        """
        state = load_state(self.out / "model.state")
        if state is not None and (found := differences(state["training"], self._identity())):
            raise ValueError(
                f"expected the configuration with which {self.out} was started, got another {', '.join(found)}; "
                "use another --out"
            )
        if state is not None and state["training"]["steps"] != self.training.steps:
            before = replace(self.training, steps=state["training"]["steps"])
            if state["step"] > min(before.plateau_ends, self.training.plateau_ends):
                state = load_state(self.out / "plateau.state")
                if state is None or state["step"] > self.training.plateau_ends:
                    raise ValueError(
                        f"expected more steps of constant learning rate than {self.out} has had, got "
                        f"{self.training.plateau_ends}; use more --steps or another --out"
                    )
        if state is None:
            return
        self.step, self.data = state["step"], state["training"].get("data")
        self.model.load_state_dict(state["model"])
        self.ema = state["average"]
        self.optimiser.load_state_dict(state["optimiser"])

    def _identity(self) -> dict[str, Any]:
        """Returns what must be equal in a checkpoint and the training that resumes it."""
        free = {"log_every", "save_every_s"}
        values = {key: value for key, value in self.training.stored().items() if key not in free}
        config = json.dumps(asdict(self.model.config), sort_keys=True, default=str)
        return values | {"model": config, "init": self.init, "data": self.data}

    def save(self, name: str) -> None:
        """Writes the checkpoint OUT/<name>.state."""
        state = {
            "step": self.step,
            "training": self._identity(),
            "model": detached(self.model),
            "average": self.ema,
            "optimiser": self.optimiser.state_dict(),
        }
        save_state(self.out / f"{name}.state", state)

    def advance(self, examples: Examples) -> Losses:
        """Takes one step of the optimiser; returns the losses of its batch."""
        training, step = self.training, self.step
        rows = batch_indices(step, training.batch, len(examples.video), training.seed)
        set_lr(self.optimiser, training.lr * lr_factor(step, training.steps, training.warmup, training.decay))
        self.optimiser.zero_grad()
        batch = examples.batch(rows)
        # From a generator of their own, so that examples without edits are those of a training without.
        draw = generator_of(training.seed + 2, step)
        kept = draw_kept(self.model.config, batch, training.edit_share, draw) if training.edit_share else None
        with arithmetic(training.precision):
            result = losses(
                denoiser(self.model, batch),
                batch,
                generator_of(training.seed + 1, step),
                mouth_weight=training.mouth_weight,
                text_dropout=training.text_dropout,
                image_dropout=training.image_dropout,
                kept=kept,
                prediction=self.model.config.prediction,
            )
        result.total.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), training.max_grad_norm)
        self.optimiser.step()
        decay = min(training.ema_decay, (1 + step) / (10 + step))
        for name, value in self.model.state_dict().items():
            self.ema[name].lerp_(value, 1 - decay)
        self.step += 1
        return Losses(*(value.detach() for value in result))

    def ema_model(self) -> Jova:
        """Returns a copy of the model with the EMA weights."""
        model = Jova(self.model.config)
        model.load_state_dict(self.ema)
        return model.eval().requires_grad_(False)

    @torch.no_grad()
    def validate(self, examples: Examples) -> dict[str, float]:
        """Returns the losses of the EMA model on held-out clips, with the same noise, times and edits at every call.

        The losses of a kind of edit are of clips that are all edited so: `valid_edit_speech_total`, ...
        """
        training, model = self.training, self.ema_model()
        batches = [examples.batch(part) for part in torch.split(torch.arange(len(examples.video)), training.batch)]
        found: dict[str, float] = {}
        for edit in (None, *(EDITS if training.edit_share else ())):
            parts = []
            for index, batch in enumerate(batches):
                kept = draw_kept(model.config, batch, 1.0, generator_of(1, index), [edit]) if edit else None
                parts.append(
                    losses(
                        denoiser(model, batch),
                        batch,
                        generator_of(0, index),
                        mouth_weight=training.mouth_weight,
                        kept=kept,
                        prediction=model.config.prediction,
                    )
                )
            found |= _means(parts, f"valid_edit_{edit}_" if edit else "valid_")
        return found

    def run(self, examples: Examples, held_out: Examples) -> Jova:
        """Trains to the end; writes OUT/model.jsonl, checkpoints and OUT/jova-tiny.safetensors.

        Args:
            examples: the training split.
            held_out: clips of the validation split.

        Returns:
            The stored EMA model.

        Raises:
            ValueError: the training was started with other examples.
        """
        data = examples.digest()
        if self.data not in (None, data):
            raise ValueError(f"expected the clips with which {self.out} was started, got others; use another --out")
        self.data = data
        training, target = self.training, self.out / f"{MODEL_FILE}.safetensors"
        if self.step == 0:
            if self.model.speaking is not None and isinstance(examples.text, TextTokens):
                self.model.speaking.fit(examples.text)
            self.ema = detached(self.model)
        log, saved = Log(self.out / "model.jsonl", self.step), time.monotonic()
        recent: list[Losses] = []
        cpu = time.process_time()
        with progress("model", self.step, training.steps) as show:
            while self.step < training.steps:
                recent.append(self.advance(examples))
                last = self.step == training.steps
                if self.step % training.log_every == 0 or last:
                    rate = len(recent) * training.batch / max(1e-9, time.process_time() - cpu)
                    record = _means(recent, "") | {"samples_per_cpu_s": rate}
                    show(self.step, " ".join(f"{key} {value:.3g}" for key, value in record.items()))
                    if self.step % (10 * training.log_every) == 0 or last:
                        record |= self.validate(held_out)
                    log.add({"step": self.step - 1, **record})
                    recent, cpu = [], time.process_time()
                if self.step == training.plateau_ends and training.decay > 0:
                    self.save("plateau")
                if last or time.monotonic() - saved > training.save_every_s:
                    self.save("model")
                    self.ema_model().save(target)
                    saved = time.monotonic()
        if not target.is_file():
            self.ema_model().save(target)
        return Jova.load(target)


def denoiser(model: Jova, batch: Batch) -> Denoiser:
    """Returns the model, conditioned on the audio of the batch if the task is audio-driven."""
    return AudioDriven(model, batch.data.audio) if model.config.task == "audio-driven" else model


def _means(parts: list[Losses], prefix: str) -> dict[str, float]:
    """Returns the mean of each loss over batches."""
    columns: list[tuple[Tensor, ...]] = list(zip(*parts, strict=True))
    return {
        prefix + name: float(torch.stack(column).mean()) for name, column in zip(Losses._fields, columns, strict=True)
    }
