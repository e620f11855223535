"""Training of the joint model on cached latents."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, get_args

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from jova.config import JovaConfig, MouthBox, Precision
from jova.flow import AudioDriven, Batch, Denoiser, Losses, losses
from jova.precision import autocast
from jova.sample import MODEL_FILE
from jova.training.latents import Examples
from jova.training.state import (
    Log,
    batch_indices,
    decay_factor,
    detached,
    generator_of,
    load_state,
    progress,
    save_state,
    set_rate,
)
from jova.transformer import Jova


@dataclass(frozen=True)
class TrainConfig:
    """How a model is trained. The learning rate warms up, stays, and falls linearly to zero at the end."""

    steps: int
    batch: int = 32
    rate: float = 1e-3
    """Peak learning rate of AdamW."""
    warmup: int = 150
    decay: float = 0.4
    """Share of the steps over which the learning rate falls."""
    weight_decay: float = 0.01
    clip: float = 1.0
    """Largest norm of the gradient."""
    ema: float = 0.998
    """Decay of the averaged weights, which are the ones kept; smaller at first."""
    mouth_weight: float = 5.0
    """lambda of the mouth-area loss."""
    mouth_box: MouthBox = "mouth"
    text_dropout: float = 0.1
    image_dropout: float = 0.85
    precision: Precision = "float32"
    """`bfloat16` is almost twice as fast on a processor that multiplies it (AVX512-BF16), and slow elsewhere."""
    log_every: int = 50
    save_every_s: float = 180.0
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

    @property
    def plateau_ends(self) -> int:
        """First step of a falling learning rate."""
        return self.steps - int(self.decay * self.steps)


class Trainer:
    """A model in training: weights, their average, the optimiser and the step, which fix all that follows."""

    def __init__(self, config: JovaConfig, training: TrainConfig, out: Path, begin_with: Path | None = None) -> None:
        torch.manual_seed(training.seed)
        self.training, self.out, self.step = training, out, 0
        self.model = Jova(config)
        if begin_with is not None:
            self.model.load_state_dict(Jova.load(begin_with).state_dict())
        self.average = detached(self.model)
        matrices = [p for p in self.model.parameters() if p.ndim >= 2]
        others = [p for p in self.model.parameters() if p.ndim < 2]
        self.optimiser = torch.optim.AdamW(
            [{"params": matrices, "weight_decay": training.weight_decay}, {"params": others, "weight_decay": 0.0}],
            lr=training.rate,
            betas=(0.9, 0.95),
            fused=True,
        )
        self.resume()

    def resume(self) -> None:
        """Continue from OUT/model.state, or from the end of its plateau when its rate has begun to fall too soon.

        The rate does not depend on `steps` before it falls, so a training may be made longer or shorter until then.

        Raises:
            ValueError: The states were made by another configuration, or lie past the new plateau.
        """
        state = load_state(self.out / "model.state")
        if state is not None and state["training"] != self._identity():
            before = replace(self.training, steps=state["training"]["steps"])
            if state["step"] > min(before.plateau_ends, self.training.plateau_ends):
                state = load_state(self.out / "plateau.state")
                if state is None or state["step"] > self.training.plateau_ends:
                    raise ValueError(
                        f"expected more steps of constant rate than {self.out} has had, got "
                        f"{self.training.plateau_ends}; use more --steps or another --out"
                    )
        if state is None:
            return
        if {**state["training"], "steps": None} != {**self._identity(), "steps": None}:
            raise ValueError(f"expected the configuration that {self.out} was begun with; use another --out")
        self.step = state["step"]
        self.model.load_state_dict(state["model"])
        self.average = state["average"]
        self.optimiser.load_state_dict(state["optimiser"])

    def _identity(self) -> dict[str, Any]:
        """What must agree between a state and the training that resumes it."""
        own = {"log_every", "save_every_s"}
        values = {key: value for key, value in asdict(self.training).items() if key not in own}
        return values | {"model": json.dumps(asdict(self.model.config), sort_keys=True)}

    def save(self, name: str) -> None:
        """Write OUT/<name>.state."""
        state = {
            "step": self.step,
            "training": self._identity(),
            "model": detached(self.model),
            "average": self.average,
            "optimiser": self.optimiser.state_dict(),
        }
        save_state(self.out / f"{name}.state", state)

    def advance(self, examples: Examples) -> Losses:
        """One step of the optimiser."""
        training, step = self.training, self.step
        rows = batch_indices(step, training.batch, len(examples.video), training.seed)
        set_rate(self.optimiser, training.rate * decay_factor(step, training.steps, training.warmup, training.decay))
        self.optimiser.zero_grad()
        batch = examples.batch(rows)
        with arithmetic(training.precision):
            result = losses(
                denoiser(self.model, batch),
                batch,
                generator_of(training.seed + 1, step),
                mouth_weight=training.mouth_weight,
                text_dropout=training.text_dropout,
                image_dropout=training.image_dropout,
            )
        result.total.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), training.clip)
        self.optimiser.step()
        keep = min(training.ema, (1 + step) / (10 + step))
        for name, value in self.model.state_dict().items():
            self.average[name].lerp_(value, 1 - keep)
        self.step += 1
        return Losses(*(value.detach() for value in result))

    def averaged(self) -> Jova:
        """A copy of the model with the averaged weights."""
        model = Jova(self.model.config)
        model.load_state_dict(self.average)
        return model.eval().requires_grad_(False)

    @torch.no_grad()
    def validate(self, examples: Examples) -> dict[str, float]:
        """Losses of the averaged model on held-out clips, with the same noise and times every time."""
        model, rows = self.averaged(), torch.split(torch.arange(len(examples.video)), self.training.batch)
        batches = [examples.batch(part) for part in rows]
        parts = [
            losses(denoiser(model, batch), batch, generator_of(0, index), mouth_weight=self.training.mouth_weight)
            for index, batch in enumerate(batches)
        ]
        return _means(parts, "valid_")

    def run(self, examples: Examples, held_out: Examples) -> Jova:
        """Train to the end; writes OUT/model.jsonl, states and OUT/jova-tiny.safetensors.

        Args:
            examples: The training split.
            held_out: Clips of the validation split.

        Returns:
            The averaged model as it was stored.
        """
        training, target = self.training, self.out / f"{MODEL_FILE}.safetensors"
        if self.step == 0:
            self.model.speaking.fit(examples.text)
            self.average = detached(self.model)
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
                    self.averaged().save(target)
                    saved = time.monotonic()
        if not target.is_file():
            self.averaged().save(target)
        return Jova.load(target)


def denoiser(model: Jova, batch: Batch) -> Denoiser:
    """What is trained on a batch: the model, given the sound of its clips if that is its task."""
    return AudioDriven(model, batch.data.audio) if model.config.task == "audio-driven" else model


@contextmanager
def arithmetic(precision: Precision) -> Iterator[None]:
    """How a forward pass of training computes on a CPU.

    With bfloat16, attention is the plain softmax(q k) v: at 150 tokens the backward pass of PyTorch's fused
    attention takes a quarter of a step, the plain one a tenth (41 against 31 examples per CPU-second).
    """
    if precision == "float32":
        yield
        return
    before = torch.backends.cuda.fp16_bf16_reduction_math_sdp_allowed()  # type: ignore[no-untyped-call]
    torch.backends.cuda.allow_fp16_bf16_reduction_math_sdp(True)
    try:
        with autocast(precision, "cpu"), sdpa_kernel(SDPBackend.MATH):
            yield
    finally:
        torch.backends.cuda.allow_fp16_bf16_reduction_math_sdp(before)


def _means(parts: list[Losses], prefix: str) -> dict[str, float]:
    """The mean of each loss over batches."""
    columns: list[tuple[Tensor, ...]] = list(zip(*parts, strict=True))
    return {
        prefix + name: float(torch.stack(column).mean()) for name, column in zip(Losses._fields, columns, strict=True)
    }
