"""Hyperparameters of a training of the joint model, frozen and validated."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from jova.config import MouthBox, Precision

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

    steps: int
    batch: int = 32
    """Examples of a step, of all processes together."""
    accumulate: int = 1
    """Parts in which each process takes its share of a batch, one after the other, for less memory."""
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
    trains: Trains = "joint"
    """Weights that are trained; the others stay as they are, bit for bit."""
    video_weight: float = 1.0
    """Weight of the video loss, which the mouth's area is a part of, in the total."""
    audio_weight: float = 1.0
    """Weight of the audio loss."""
    mouth_weight: float = 5.0
    """lambda of the mouth-area loss."""
    mouth_box: MouthBox = "mouth"
    """Area of the mouth-area loss."""
    mouth_dilation: int = 0
    """Cells by which that area grows on every side, for codecs whose cells see more than their own pixels."""
    text_dropout: float = 0.1
    """Share of examples without text, for classifier-free guidance."""
    image_dropout: float = 0.85
    """Share of examples without a reference image."""
    edit_share: float = 0.0
    """Share of examples of which parts are given and the rest is made; the others are made whole."""
    precision: Precision = "float32"
    """`bfloat16` is almost twice as fast on a CPU with AVX512-BF16, and slow on others."""
    draw: Draw = "batch"
    validation: Validation = "float32"
    log_every: int = 50
    """Steps between two records of the log."""
    save_every_s: float = 180.0
    """Seconds between two checkpoints."""
    seed: int = 0

    def __post_init__(self) -> None:
        if self.steps < 1 or self.batch < 1:
            raise ValueError(f"expected at least one step and one example a batch, got {self.steps} and {self.batch}")
        for name, kind in (
            ("mouth_box", MouthBox),
            ("precision", Precision),
            ("trains", Trains),
            ("draw", Draw),
            ("validation", Validation),
        ):
            if (value := getattr(self, name)) not in get_args(kind):
                raise ValueError(f"expected {name} to be one of {', '.join(get_args(kind))}, got {value!r}")
        if self.accumulate < 1 or self.batch % self.accumulate:
            raise ValueError(f"expected accumulate to divide the batch of {self.batch}, got {self.accumulate}")
        if min(self.video_weight, self.audio_weight) < 0 or not any(self.loss_weights):
            raise ValueError(
                f"expected weights of losses from 0 on, and above 0 for what is trained ({self.trains}), got "
                f"{self.video_weight} for video and {self.audio_weight} for audio"
            )
        if self.accumulate > 1 and self.draw == "batch":
            raise ValueError(f"expected draw example for batches in {self.accumulate} parts, got batch")
        if self.log_every < 1:
            raise ValueError(f"expected log_every from 1 on, got {self.log_every}")
        if self.mouth_dilation < 0:
            raise ValueError(f"expected mouth_dilation from 0 on, got {self.mouth_dilation}")
        if not 0 <= self.edit_share <= 1:
            raise ValueError(f"expected edit_share from 0 to 1, got {self.edit_share}")
        if self.edit_share and self.mouth_box != "mouth":
            raise ValueError(
                f"expected mouth_box mouth for a training with edits of it, got {self.mouth_box!r}; use --edit-share 0"
            )

    @property
    def loss_weights(self) -> tuple[float, float]:
        """Weights of the video and the audio loss in the total; 0 for a modality whose weights are frozen."""
        video, audio = self.trains != "audio", self.trains != "video"
        return self.video_weight * video, self.audio_weight * audio

    @property
    def plateau_ends(self) -> int:
        """First step at which the learning rate decays."""
        return self.steps - int(self.decay * self.steps)

    def stored(self) -> dict[str, Any]:
        """Returns the fields by the names that they have in checkpoints and manifests."""
        return {STORED_NAMES.get(name, name): value for name, value in asdict(self).items()}
