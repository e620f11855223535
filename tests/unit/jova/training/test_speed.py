"""Speed of trainings: operations counted by hand, tokens, and what is not known."""

from dataclasses import replace

import torch

from jova.flow import Batch
from jova.text import Prompt
from jova.training.distributed import Ranks
from jova.training.speed import Speed, forward_flops, peak_flops, step_flops, tokens_of
from support import jova_micro


def test_operations_are_those_of_the_products_counted_by_hand():
    """One separate and one shared block of width 32, A = 5, V = 12, L = 3, N = 23; a product is two operations."""
    config, text = jova_micro.CONFIG, jova_micro.tokens([Prompt("red", "low", "now")])
    batch = Batch(jova_micro.latents(1), text, jova_micro.mouth_masks(1))
    assert tokens_of(config, batch) == 23
    width, audio, video, words, tokens = 32, 5, 12, 3, 23
    streams = tokens * 4 * width**2  # query, key, value, output
    ffns = 2 * 4 * width**2 * (audio + video) + 2 * 2 * width**2 * 2 * words  # separate: text is half as wide
    shared = 2 * 4 * width**2 * tokens
    attention = 2 * tokens**2 * width
    ends = video * (4 * 7 + 4 * 3) * width + audio * (6 + 6) * width  # patches of 4 cells with 2 x 3 + 1 channels
    time = 256 * width + width * 6 * width
    assert forward_flops(config, batch) == 2 * (2 * (streams + attention) + ffns + shared + ends + time)
    speed = Speed(config, Ranks(), "joint", peak=1e9)
    speed.add(batch)
    assert speed.flops == 3 * forward_flops(config, batch)
    assert Speed(config, Ranks(), "joint", peak=None).record()["mfu"] == "undefined"
    assert peak_flops(torch.device("cpu"), "bfloat16", None) is None
    assert peak_flops(torch.device("cpu"), "bfloat16", 5.0) == 5.0


def test_frozen_weights_have_no_gradients_to_count_and_text_beside_the_streams_is_no_token():
    batch = Batch(jova_micro.latents(1), jova_micro.tokens(jova_micro.PROMPTS[:1]), jova_micro.mouth_masks(1))
    whole = forward_flops(jova_micro.CONFIG, batch)
    assert step_flops(jova_micro.CONFIG, batch, "joint") == 3 * whole
    # Of the picture's weights, the larger part of them, there are the products for inputs alone.
    audio, video = (step_flops(jova_micro.CONFIG, batch, trains) / whole for trains in ("audio", "video"))
    assert 2.3 < audio < 2.5 < video < 2.8
    beside = replace(jova_micro.CONFIG, separate_blocks=0, words="free", text_attention="cross")
    assert tokens_of(beside, batch) == 5 + 12
