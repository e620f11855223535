"""Hyperparameters of a model, frozen and validated; stored as JSON in the metadata of its safetensors file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any, Literal, get_args

from jova.bounds import Base, Blocks, Factor, Positive, Size, SizeOrNone, check_numbers
from jova.timeline import Timeline

Fusion = Literal["joint", "cross", "none"]
"""How audio and video interact. `joint`: one self-attention over all tokens in every block (JoVA).
`cross`: twin towers with bidirectional cross-attention (as Ovi). `none`: two models side by side."""

Positions = Literal["aligned", "independent", "offset"]
"""Positions of tokens. `aligned`: audio and video tokens of one instant have the same temporal position, and audio and
text lie on the upper left corner of the picture. `independent`: each modality counts its own tokens in time. `offset`:
aligned in time, while audio and text lie off the picture, so that no two modalities share a position: JavisDiT++ found
the picture the poorer, the more they overlap."""

TimeUnit = Literal["audio token", "video latent"]
"""What one step of a temporal position is. Weights that begin as a video model's were trained with steps of latents."""

QKNorm = Literal["layer", "layer-own", "rms-own", "rms-width"]
"""Normalisation of queries and keys. `layer`: LayerNorm per head with one scale for all of a block. The others have
scales of their own for queries, keys and each set of weights, because audio and video differ in statistics:
`layer-own` (as CogVideoX) and `rms-own` (as HunyuanVideo and Qwen-Image) per head, `rms-width` (as Wan) over all heads
together."""

Prediction = Literal["x", "v"]
"""What the heads predict. `x`: the data, for tokens of more dimensions than the network is wide. `v`: the velocity, for
small tokens, whose velocity a network can name: the error near the data is then not magnified."""

Modulation = Literal["shallow", "shared", "own"]
"""How the timestep reaches the blocks. `shallow`: an MLP of one hidden layer for all blocks. `shared`: of two (PixArt,
Wan). `own`: each block has a linear layer for every stream (DiT, CogVideoX), which is a third of all weights."""

Activation = Literal["gelu", "gelu-tanh"]
"""GELU of the FFN: exact, or the approximation with which most public video models were trained."""

TextLayers = Literal["norm-linear", "linear", "mlp"]
"""Layers between states of a text encoder and tokens: RMSNorm and a linear layer; the layer alone (CogVideoX); or two
layers (Wan)."""

TextAttention = Literal["joint", "cross"]
"""How text is read. `joint`: as tokens of the joint self-attention (JoVA, CogVideoX). `cross`: by cross-attention from
audio and from video in every block (Wan)."""

Words = Literal["timed", "free"]
"""`timed`: in text-for-audio each word of the transcript has the temporal position at which it is spoken, the true one
in training and a predicted one in sampling; ours, in no source of JoVA. `free`: words have none."""

Task = Literal["joint", "audio-driven"]
"""`joint`: audio and video are generated together. `audio-driven`: video is generated for given audio."""

Edit = Literal["speech", "mouth", "picture", "sound"]
"""What of a given clip is made, while the rest is kept. `speech`: picture and sound of a span of time, for other words.
`mouth`: the mouth's area of the picture (dubbing). `picture`, `sound`: all of one, for the other."""

Precision = Literal["float32", "bfloat16"]
"""Precision of activations; weights, latents and sums over steps are always float32."""

MouthBox = Literal["mouth", "off"]
"""Area of the mouth-area loss: the mouth, or (control) a box of the same size off the mouth."""

Sampler = Literal["euler", "heun", "unipc"]
"""Solver of the flow's ODE: Euler's method; Heun's, of second order, which takes two evaluations a step; or
UniPC, of second order by what it keeps of the steps before."""

STEPS, GUIDANCE = 25, 3.0
SAMPLER: Sampler = "euler"
"""Defaults of sampling."""


CHOICES = {
    "text_layers": TextLayers,
    "text_attention": TextAttention,
    "fusion": Fusion,
    "positions": Positions,
    "time_unit": TimeUnit,
    "qk_norm": QKNorm,
    "activation": Activation,
    "modulation": Modulation,
    "prediction": Prediction,
    "words": Words,
    "task": Task,
}
"""Fields of a config that are one of several words, with their types."""


@dataclass(frozen=True)
class JovaConfig:
    """Hyperparameters of a model; the field names are stored with the weights.

    Letters: D width, H heads, E head size, C channels.
    """

    vocabulary: tuple[str, ...]
    """Every known word, in the order of the embedding table; none for a model that reads pretrained states."""
    timeline: Timeline = field(default_factory=Timeline)
    """Length of a clip and strides of the codecs. The model itself takes clips of any length and size: those of the
    config are the defaults."""
    video_channels: Size = 32
    """Channels of a video latent cell."""
    latent_height: Size = 8
    """h, height of a video latent, in cells."""
    latent_width: Size = 8
    """w, width of a video latent, in cells."""
    pixels_per_cell: Size = 8
    """Spatial stride of the video codec: pixels along each side of a cell."""
    patch: Size = 4
    """Latent cells per side of a video token."""
    audio_channels: Size = 128
    """Dimensions of an audio token."""
    width: Size = 192
    """Dimensions of a token inside the transformer."""
    heads: Size = 3
    """Attention heads; their size, width / heads, is a multiple of 8."""
    separate_blocks: Blocks = 2
    """Number of first blocks, with own weights for audio, text-for-audio, text-for-video and video."""
    shared_blocks: Blocks = 4
    """Number of later blocks: one set of weights for [audio; text-for-audio], one for [text-for-video; video]."""
    ffn: Factor = 4
    """Hidden width of the FFN of audio and video, in multiples of `width`."""
    text_ffn: Size = 2
    """The same for the text streams of separate blocks."""
    words_per_part: Size = 24
    """Largest number of words in a caption or a transcript."""
    text_channels: tuple[Size, ...] = ()
    """Channels of the states of each pretrained text encoder; none for a model that has a vocabulary."""
    text_layers: TextLayers = "norm-linear"
    text_attention: TextAttention = "joint"
    fusion: Fusion = "joint"
    positions: Positions = "aligned"
    time_unit: TimeUnit = "audio token"
    rope_base: Base = 100.0
    """Base of the rotary frequencies. With 100 the longest wavelength is 100 * 2 pi units, 50 s of 80 ms; public video
    models have 10,000."""
    rope_pairs: tuple[SizeOrNone, ...] = ()
    """Channel pairs of a head that turn with time, height and width, head_size / 2 in all; by default half, a quarter
    and a quarter."""
    learned_positions: tuple[Size, ...] = ()
    """Largest numbers of latent frames, rows and columns of video tokens for which there are learned embeddings, added
    to the tokens (factorised; Waver has them beside the rotary positions); none by default."""
    qk_norm: QKNorm = "layer"
    activation: Activation = "gelu"
    modulation: Modulation = "shallow"
    time_frequencies: Size = 128
    """Number of sine and cosine pairs that embed the timestep."""
    time_width: SizeOrNone = 0
    """Width of the embedded timestep with modulation `own`; 0 for `width`."""
    prediction: Prediction = "x"
    video_shift: Positive = 1.0
    """How much longer the picture stays noisy than time says, see `jova.flow.shifted`: larger latents need more."""
    audio_shift: Positive = 1.0
    """The same of the sound."""
    words: Words = "timed"
    task: Task = "joint"
    editing: bool = False
    """Whether parts of the audio can be given: the model then reads [noisy | condition | mask] of audio tokens, as it
    always does of video cells."""

    def __post_init__(self) -> None:
        check_numbers(self)
        for name, kind in CHOICES.items():
            if (value := getattr(self, name)) not in get_args(kind):
                raise ValueError(f"expected {name} to be one of {', '.join(get_args(kind))}, got {value!r}")
        if self.latent_height % self.patch or self.latent_width % self.patch:
            sides = f"{self.latent_height} x {self.latent_width}"
            raise ValueError(f"expected patch to divide the latent's sides of {sides} cells, got {self.patch}")
        if self.width % (8 * self.heads):
            raise ValueError(f"expected width to be a multiple of 8 heads = {8 * self.heads}, got {self.width}")
        if self.fusion == "cross" and self.ffn <= 2:
            raise ValueError(f"expected ffn above 2, because cross-attention takes the place of two, got {self.ffn}")
        self._check_layers()
        if self.editing and self.task != "joint":
            raise ValueError(f"expected task joint for a model that edits, got {self.task!r}; use --edit-share 0")
        if bool(self.vocabulary) == bool(self.text_channels):
            got = "both" if self.vocabulary else "no words"
            raise ValueError(f"expected a vocabulary or the channels of text encoders, got {got}")
        if self.text_channels and self.words == "timed":
            raise ValueError("expected words free for text of pretrained encoders, which has no times, got timed")

    def _check_layers(self) -> None:
        """Raises ValueError if options of the layers do not fit each other."""
        if not self.blocks:
            raise ValueError("expected at least one block, separate or shared, got none")
        if self.width * self.ffn % 1:
            raise ValueError(f"expected ffn times width = {self.width} to be a whole number, got {self.ffn}")
        if self.rope_pairs and (len(self.rope_pairs) != 3 or sum(self.rope_pairs) != self.head_size // 2):
            raise ValueError(
                f"expected rope_pairs of time, height and width, {self.head_size // 2} in all, got {self.rope_pairs}"
            )
        if self.learned_positions and len(self.learned_positions) != 3:
            raise ValueError(f"expected learned_positions of frames, rows and columns, got {self.learned_positions}")
        if self.time_width and self.modulation != "own":
            raise ValueError(f"expected modulation own where there is a time_width, got {self.modulation}")
        if self.text_attention == "cross" and (self.separate_blocks or self.words == "timed"):
            got = f"{self.separate_blocks} separate blocks and words {self.words}"
            raise ValueError(f"expected no separate blocks and words free for text read by cross-attention, got {got}")

    @property
    def head_size(self) -> int:
        """E, dimensions of an attention head."""
        return self.width // self.heads

    @property
    def shifts(self) -> tuple[float, float]:
        """Shifts of the times of video and audio."""
        return self.video_shift, self.audio_shift

    @property
    def blocks(self) -> int:
        """Number of blocks, separate and shared."""
        return self.separate_blocks + self.shared_blocks

    @property
    def video_shape(self) -> tuple[int, int, int, int]:
        """Shape (F, h, w, C) of the video latents of a clip."""
        return self.timeline.latent_frames, self.latent_height, self.latent_width, self.video_channels

    @property
    def picture_size(self) -> tuple[int, int]:
        """Height and width (H, W) of a frame, in pixels."""
        return self.latent_height * self.pixels_per_cell, self.latent_width * self.pixels_per_cell

    @property
    def audio_shape(self) -> tuple[int, int]:
        """Shape (A, C) of the audio latents of a clip."""
        return self.timeline.audio_tokens, self.audio_channels

    @classmethod
    def from_fields(cls, **fields: Any) -> JovaConfig:
        """Builds a config from fields read from JSON; an unknown field is an error.

        Older files have one `latent_size` of a square.
        """
        fields["vocabulary"] = tuple(fields["vocabulary"])
        fields["text_channels"] = tuple(fields.get("text_channels", ()))
        fields["timeline"] = Timeline.from_fields(**fields["timeline"])
        for name in ("rope_pairs", "learned_positions"):
            fields[name] = tuple(fields.get(name, ()))
        if isinstance(fields.get("ffn"), str):  # a Fraction
            fields["ffn"] = Fraction(fields["ffn"])
        if "latent_size" in fields:
            fields["latent_height"] = fields["latent_width"] = fields.pop("latent_size")
        return cls(**fields)


def tiny(vocabulary: tuple[str, ...]) -> JovaConfig:
    """Returns the shipped model's size: trains in hours on two CPU cores."""
    return JovaConfig(vocabulary=vocabulary)


def ablation(vocabulary: tuple[str, ...]) -> JovaConfig:
    """Returns the size for ablations: a third of the shipped model, trains in minutes on one CPU core.

    It has one video token per latent frame: two fifths fewer tokens in all.
    """
    return JovaConfig(vocabulary=vocabulary, width=128, heads=2, patch=8, separate_blocks=1, shared_blocks=2)


def ablation_patch4(vocabulary: tuple[str, ...]) -> JovaConfig:
    """Returns the size for ablations with four video tokens per latent frame instead of one."""
    return replace(ablation(vocabulary), patch=4)


PRESETS: Mapping[str, Callable[[tuple[str, ...]], JovaConfig]] = {
    "tiny": tiny,
    "ablation": ablation,
    "ablation-patch4": ablation_patch4,
}
"""Model sizes by name, each a function of the vocabulary."""
