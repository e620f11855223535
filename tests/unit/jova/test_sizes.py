"""Parameter counts of the sizes, on the meta device: no memory is taken."""

import re
from collections import Counter
from dataclasses import replace
from math import prod

import pytest
import torch

from jova.sizes import SIZES, sized
from jova.transformer import Jova
from support.shown import ROOT


def on_meta(config) -> Jova:
    with torch.device("meta"):
        return Jova(config)


def parameters(model: torch.nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize(
    ("name", "least", "most"),
    [
        ("small-128", 90e6, 110e6),
        ("base", 0.95 * 1.3e9, 1.05 * 1.3e9),
        ("3b", 0.95 * 3.2e9, 1.05 * 3.2e9),
        ("12b", 0.95 * 12e9, 1.05 * 12e9),
    ],
)
def test_sizes_have_the_parameters_that_they_name(name, least, most):
    model = on_meta(SIZES[name])
    assert least < parameters(model) < most
    assert all(p.is_meta for p in model.parameters())


def test_a_count_by_hand():
    """small-128: 12 D^2 in a side of a shared block, 8 D^2 in each text of a separate one; and what is linear in D."""
    config, model = SIZES["small-128"], on_meta(SIZES["small-128"])
    d, e = 512, 64
    side = 12 * d * d + 3 * d + d + 4 * d + d + 6 * d + 2 * e  # weights, biases, modulation, QK-norm
    text = 8 * d * d + 3 * d + d + 2 * d + d + 6 * d + 2 * e
    blocks = 3 * (2 * side + 2 * text) + 10 * 2 * side
    time = (256 * d + d) + (d * d + d) + (6 * d * d + 6 * d)
    inputs = (4 * 33 * d + d) + (128 * d + d) + (4096 + 4096 * d + d)
    heads = (64 * d + 64 + 2 * d) + (128 * d + 128 + 2 * d)
    assert parameters(model) == blocks + time + inputs + heads
    assert config.width == d


def test_the_page_has_the_counts():
    rows = [line.strip("| ").split(" | ") for line in (ROOT / "docs" / "model-sizes.md").read_text().splitlines()]
    table = {row[0].strip("`"): row[1:] for row in rows if row[0].strip("`") in SIZES}
    for name, config in SIZES.items():
        found = Counter()
        for key, p in on_meta(config).named_parameters():
            block = re.match(r"blocks\.(\d+)\.weights\.(\d)", key)
            separate = block is not None and int(block[1]) < config.separate_blocks
            found[(separate, int(block[2])) if block else None] += p.numel()
        counts = [found[True, group] for group in range(4)] + [found[False, 0], found[False, 1], found[None]]
        millions = [f"{count / 1e6:,.1f}" for count in (sum(counts), *counts)]
        assert table[name] == [f"{config.width:,}", f"{config.separate_blocks} + {config.shared_blocks}", *millions]


def test_small_128_makes_pictures_of_128_pixels():
    config = SIZES["small-128"]
    assert config.picture_size == (128, 128)
    assert config.video_shape == (19, 16, 16, 16)  # 73 frames
    assert config.audio_shape == (74, 128)  # 2.92 s of 25 tokens/s, the first of one spectrum
    assert prod(config.video_shape[:3]) // config.patch**2 == 1216


def test_text_encoders_are_the_users():
    both = sized("base", (4096, 5120))
    assert both == replace(SIZES["base"], text_channels=(4096, 5120))
    assert parameters(on_meta(both)) - parameters(on_meta(SIZES["base"])) == 5120 + 5120 * 1536 + 1536
    with pytest.raises(ValueError, match="a size of small-128, base, 3b, 12b, got 'tiny'"):
        sized("tiny")
