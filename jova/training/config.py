"""Hyperparameters of a training of the joint model, frozen and validated."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from jova.bounds import (
    Count,
    CountOrNone,
    LearningRate,
    Positive,
    Seconds,
    Seed,
    Share,
    SizeOrNone,
    Weight,
    check_numbers,
)
from jova.config import JovaConfig, MouthBox, Precision

Trains = Literal["joint", "audio", "video"]
"""Weights that a training moves. `joint`: all. `audio`, `video`: those that one modality alone reads; the other has no
loss then."""

Draw = Literal["batch", "example"]
"""Random numbers of a step. `batch`: drawn for the whole batch at once, as trainings of a recipe always have.
`example`: for each example from a generator of its own, so that they are the same however a batch is split."""

Validation = Literal["float32", "training"]
"""Losses on held-out clips. `float32`: in float32, a fifth of the examples with a reference image, whatever the
training has, as logs of the recipes always were. `training`: with the training's own precision and share of images."""

STORED_NAMES = {"lr": "rate", "ema_decay": "ema", "max_grad_norm": "clip"}
"""Names in checkpoints and manifests of fields of `TrainConfig`, where they differ: those of stored trainings stay."""


@dataclass(frozen=True)
class TrainConfig:
    """Hyperparameters of a training.

    The learning rate warms up, is constant, and decays linearly to zero at the end.
    """

    steps: Count
    batch: Count = 32
    """Examples of a step, of all processes together."""
    accumulate: Count = 1
    """Parts in which each process takes its share of a batch, one after the other, for less memory."""
    lr: LearningRate = 1e-3
    """Peak learning rate of AdamW."""
    warmup: CountOrNone = 150
    decay: Share = 0.4
    """Share of the steps, at the end, over which the learning rate decays."""
    weight_decay: Weight = 0.01
    max_grad_norm: Positive = 1.0
    """Norm to which gradients are clipped."""
    ema_decay: Share = 0.998
    """Decay of the exponential moving average (EMA) of the weights, which is the model that is stored; smaller at
    first."""
    trains: Trains = "joint"
    """Weights that are trained; the others stay as they are, bit for bit."""
    video_weight: Weight = 1.0
    """Weight of the video loss, which the mouth's area is a part of, in the total."""
    audio_weight: Weight = 1.0
    """Weight of the audio loss."""
    mouth_weight: Weight = 5.0
    """lambda of the mouth-area loss."""
    mouth_box: MouthBox = "mouth"
    """Area of the mouth-area loss."""
    mouth_dilation: SizeOrNone = 0
    """Cells by which that area grows on every side, for codecs whose cells see more than their own pixels."""
    text_dropout: Share = 0.1
    """Share of examples without text, for classifier-free guidance."""
    image_dropout: Share = 0.85
    """Share of examples without a reference image."""
    edit_share: Share = 0.0
    """Share of examples of which parts are given and the rest is made; the others are made whole."""
    precision: Precision = "float32"
    """`bfloat16` is almost twice as fast on a CPU with AVX512-BF16, and slow on others."""
    draw: Draw = "batch"
    validation: Validation = "float32"
    log_every: Count = 50
    """Steps between two records of the log."""
    save_every_s: Seconds = 180.0
    """Seconds between two checkpoints; 0 for one after every step or, of several processes, record of the log."""
    seed: Seed = 0

    def __post_init__(self) -> None:
        check_numbers(self)
        for name, kind in (
            ("mouth_box", MouthBox),
            ("precision", Precision),
            ("trains", Trains),
            ("draw", Draw),
            ("validation", Validation),
        ):
            if (value := getattr(self, name)) not in get_args(kind):
                raise ValueError(f"expected {name} to be one of {', '.join(get_args(kind))}, got {value!r}")
        if self.batch % self.accumulate:
            raise ValueError(f"expected accumulate to divide the batch of {self.batch}, got {self.accumulate}")
        if not any(self.loss_weights):
            raise ValueError(
                f"expected a weight above 0 for the loss of what is trained ({self.trains}), got video_weight "
                f"{self.video_weight:g} and audio_weight {self.audio_weight:g}"
            )
        if self.accumulate > 1 and self.draw == "batch":
            raise ValueError(f"expected draw example for batches in {self.accumulate} parts, got batch")
        if self.edit_share and self.mouth_box != "mouth":
            raise ValueError(
                f"expected mouth_box mouth for a training with edits of it, got {self.mouth_box!r}; use an edit share "
                "of 0"
            )

    @property
    def loss_weights(self) -> tuple[float, float]:
        """Weights of the video and the audio loss in the total; 0 for a modality whose weights are frozen."""
        video, audio = self.trains != "audio", self.trains != "video"
        return self.video_weight * video, self.audio_weight * audio

    def check(self, model: JovaConfig) -> None:
        """Raises ValueError if a model cannot be trained so."""
        if self.edit_share and not model.editing:
            raise ValueError("expected a config with editing for a training with edits, got one without")
        if model.task == "audio-driven" and not self.loss_weights[0]:
            raise ValueError(
                f"expected a loss of video for an audio-driven model, which has no other, got trains {self.trains} and "
                f"video_weight {self.video_weight:g}"
            )

    @property
    def plateau_ends(self) -> int:
        """First step at which the learning rate decays."""
        return self.steps - int(self.decay * self.steps)

    def stored(self) -> dict[str, Any]:
        """Returns the fields by the names that they have in checkpoints and manifests."""
        return {STORED_NAMES.get(name, name): value for name, value in asdict(self).items()}
