"""The shape of a model, frozen and checked when built; stored as JSON inside its safetensors file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from jova.timeline import Timeline

Fusion = Literal["joint", "cross", "none"]
"""How sound and picture meet. `joint`: one self-attention over all tokens in every block (JoVA).
`cross`: twin towers that exchange by cross-attention (as Ovi). `none`: two models side by side."""

Positions = Literal["aligned", "independent"]
"""`aligned`: audio and video tokens of one instant have one temporal position. `independent`: each
modality counts its own tokens."""

Task = Literal["joint", "audio-driven"]
"""`joint`: sound and picture are made together. `audio-driven`: the sound is given, and a picture made for it."""

Precision = Literal["float32", "bfloat16"]
"""Of activations; weights, latents and whatever is summed up over steps are always float32."""

MouthBox = Literal["mouth", "off"]
"""Where the mouth-area loss looks: at the mouth, or (control) at a box of the same size off the mouth."""

Sampler = Literal["euler", "heun"]
"""How the flow is followed: by steps along the field, or corrected by a second look at each step's end."""

STEPS, GUIDANCE = 25, 3.0
SAMPLER: Sampler = "euler"
"""How clips are made unless told otherwise."""


@dataclass(frozen=True)
class JovaConfig:
    """A model's shape. Letters used in comments: D = width, H = heads, C = channels."""

    vocabulary: tuple[str, ...]
    """Every word the model knows, in the order of its embedding."""
    timeline: Timeline = field(default_factory=Timeline)
    """The clip's length and the codecs' strides."""
    video_channels: int = 32
    """Channels of a video latent cell."""
    latent_size: int = 8
    """Height and width of a video latent, in cells."""
    patch: int = 4
    """Latent cells per side of a video token."""
    audio_channels: int = 128
    """Dimensions of an audio token."""
    width: int = 192
    """Dimensions of a token inside the transformer."""
    heads: int = 3
    """Attention heads; their size, width / heads, is a multiple of 8."""
    separate_blocks: int = 2
    """First blocks: own weights for audio, text-for-audio, text-for-video and video."""
    shared_blocks: int = 4
    """Then: one set of weights for [audio; text-for-audio], one for [text-for-video; video]."""
    ffn: int = 4
    """Hidden width of the FFN of audio and video, in multiples of `width`."""
    text_ffn: int = 2
    """The same for the text groups of separate blocks."""
    words_per_part: int = 24
    """Most words that a caption or a transcript may have."""
    fusion: Fusion = "joint"
    positions: Positions = "aligned"
    task: Task = "joint"

    def __post_init__(self) -> None:
        for name, kind in (("fusion", Fusion), ("positions", Positions), ("task", Task)):
            if (value := getattr(self, name)) not in get_args(kind):
                raise ValueError(f"expected {name} to be one of {', '.join(get_args(kind))}, got {value!r}")
        if self.latent_size % self.patch:
            raise ValueError(f"expected patch to divide latent_size = {self.latent_size}, got {self.patch}")
        if self.width % (8 * self.heads):
            raise ValueError(f"expected width to be a multiple of 8 heads = {8 * self.heads}, got {self.width}")
        if self.fusion == "cross" and self.ffn <= 2:
            raise ValueError(f"expected ffn above 2, which pays for cross-attention, got {self.ffn}")
        if not self.vocabulary:
            raise ValueError("expected a vocabulary, got no words")

    @property
    def head_size(self) -> int:
        """Dimensions of an attention head."""
        return self.width // self.heads

    @property
    def blocks(self) -> int:
        """Blocks of both kinds."""
        return self.separate_blocks + self.shared_blocks

    @property
    def tokens_per_side(self) -> int:
        """Video tokens along the height, and along the width, of one latent frame."""
        return self.latent_size // self.patch

    @property
    def video_shape(self) -> tuple[int, int, int, int]:
        """(F, h, w, C) of a clip's video latents."""
        return self.timeline.latent_frames, self.latent_size, self.latent_size, self.video_channels

    @property
    def audio_shape(self) -> tuple[int, int]:
        """(A, C) of a clip's audio latents."""
        return self.timeline.audio_tokens, self.audio_channels

    @classmethod
    def from_fields(cls, **fields: Any) -> JovaConfig:
        """The config whose fields, read from JSON, are these; an unknown field is an error."""
        fields["vocabulary"] = tuple(fields["vocabulary"])
        fields["timeline"] = Timeline(**fields["timeline"])
        return cls(**fields)


def tiny(vocabulary: tuple[str, ...]) -> JovaConfig:
    """The shipped model: trains in hours on two CPU cores."""
    return JovaConfig(vocabulary=vocabulary)


def ablation(vocabulary: tuple[str, ...]) -> JovaConfig:
    """For comparing ways to train: a third of the shipped model, trains in minutes on one CPU core.

    One video token a latent frame: two fifths fewer tokens, and one token of sound and picture each to align.
    """
    return JovaConfig(vocabulary=vocabulary, width=128, heads=2, patch=8, separate_blocks=1, shared_blocks=2)


PRESETS: Mapping[str, Callable[[tuple[str, ...]], JovaConfig]] = {"tiny": tiny, "ablation": ablation}
"""Shapes by name, each made from a vocabulary."""
