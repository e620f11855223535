"""A JoVA small enough for tests: 9 frames, 12 video and 5 audio tokens, 32 dimensions, one block of each kind."""

from __future__ import annotations

from dataclasses import replace

import torch

from jova.config import JovaConfig
from jova.flow import Latents
from jova.text import Prompt, TextTokens, WordTokenizer
from jova.timeline import Timeline
from jova.transformer import Jova

WORDS = ("red", "blue", "long", "low", "calm", "place", "now")
PROMPTS = [
    Prompt("red long", "low calm", "place red now"),
    Prompt("blue long", "calm", "place now"),
    Prompt("long", "low", "now"),
]

CONFIG = JovaConfig(
    vocabulary=WORDS,
    timeline=Timeline(frames=9),
    video_channels=3,
    latent_size=4,
    patch=2,
    audio_channels=6,
    width=32,
    heads=2,
    separate_blocks=1,
    shared_blocks=1,
    words_per_part=4,
)


def micro(**changes) -> Jova:
    """A model whose heads and timestep speak, so that every path reaches the output."""
    torch.manual_seed(0)
    model = Jova(replace(CONFIG, **changes))
    for out in (model.time.out, model.video_head.out, model.audio_head.out):
        torch.nn.init.normal_(out.weight, std=0.1)
    return model.eval()


def tokens(prompts=PROMPTS) -> TextTokens:
    return WordTokenizer(WORDS, CONFIG.words_per_part)(prompts)


def latents(count: int, seed: int = 0) -> Latents:
    generator = torch.Generator().manual_seed(seed)
    shapes = CONFIG.video_shape, CONFIG.audio_shape
    return Latents(*(torch.randn(count, *shape, generator=generator) for shape in shapes))


def suite(folder=None, **fields):
    """The first of these prompts as the harness asks for it."""
    from support.asked import prompt, suite_of

    video, audio, transcript = PROMPTS[0]
    texts = {"video_caption": video, "audio_caption": audio, "transcript": transcript}
    return suite_of(prompt(**texts | fields), folder=folder)
