"""Qwen2.5-VL, a language model that sees: what it answers to a question about a clip (Bai et al. 2025, 2502.13923).

The network is transformers'. The clip is prepared as by qwen-vl-utils 0.0.14 and transformers' Qwen2VLVideoProcessor,
which cannot be imported without torchvision: two frames a second, sides multiples of 28, patches of 14 x 14 pixels and
two frames, four of which are one token.

Letters: T frames, H, W pixels, h, w pixels as shown, n tokens of an answer.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from jova_bench.arrays import FloatArray, Frames, Indices
from jova_bench.errors import Unavailable, Undefined
from jova_bench.metrics.networks import shaped
from jova_bench.metrics.signal.frames import few, normalised

RATE = 2
"""Frames per second."""
LEAST_FRAMES, MOST_FRAMES = 4, 64
"""More would make each smaller, by how much depends on the version of qwen-vl-utils."""
PATCH, TOGETHER = 14, 2
"""Pixels of a patch's side; frames of a patch, and patches of a token's side."""
CELL = PATCH * TOGETHER
LEAST_PIXELS, MOST_PIXELS = 128 * CELL**2, 768 * CELL**2
"""Least and most pixels of a frame as shown."""
MOST_NARROW = 200
MEAN, DEVIATION = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
VIDEO, STARTS, ENDS = "<|video_pad|>", "<|vision_start|>", "<|vision_end|>"
CHAT = (
    "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
    "<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n"
)
STOPS = ("<|im_end|>", "<|endoftext|>")
MOST_TOKENS = 1024
"""Most tokens of an answer."""
DIGITS = "12345"


def seen_frames(count: int, fps: Fraction) -> Indices:
    """Selects two frames a second, an even number, from the first to the last. Raises Undefined."""
    if count < TOGETHER:
        raise Undefined(f"too short: {count} frame, {TOGETHER} needed")
    wanted = min(max(count / float(fps) * RATE, LEAST_FRAMES), count)
    even = int(wanted // TOGETHER) * TOGETHER
    if even > MOST_FRAMES:
        raise Undefined(f"too long: {float(count / fps):.3g} s, at most {MOST_FRAMES // RATE} s can be seen")
    return torch.linspace(0, count - 1, even).round().long().numpy()


def seen_size(height: int, width: int) -> tuple[int, int]:
    """Returns the size in which frames are shown, multiples of 28 pixels. Raises Undefined for strips."""
    if max(height, width) > MOST_NARROW * min(height, width):
        raise Undefined(f"too narrow: {width}x{height}, at most {MOST_NARROW} to 1 can be seen")
    rows, columns = (max(CELL, round(side / CELL) * CELL) for side in (height, width))
    if rows * columns > MOST_PIXELS:
        scale = math.sqrt(height * width / MOST_PIXELS)
        rows, columns = (math.floor(side / scale / CELL) * CELL for side in (height, width))
    elif rows * columns < LEAST_PIXELS:
        scale = math.sqrt(LEAST_PIXELS / (height * width))
        rows, columns = (math.ceil(side * scale / CELL) * CELL for side in (height, width))
    return rows, columns


def patches(frames: Frames, size: tuple[int, int]) -> tuple[Tensor, tuple[int, int, int]]:
    """Cuts (T, H, W, 3) frames into patches.

    Returns:
        (patches, 3 x 2 x 14 x 14), those of a token together, and the grid: pairs of frames, patches down and across.
    """
    pictures = torch.from_numpy(np.ascontiguousarray(frames)).permute(0, 3, 1, 2)
    scaled = [
        F.interpolate(pictures[part].float(), size, mode="bicubic", antialias=True).clamp(0, 255).round()
        for part in few(np.arange(len(frames)))
    ]
    x = normalised(torch.cat(scaled), MEAN, DEVIATION)
    pairs, down, across = len(x) // TOGETHER, size[0] // PATCH, size[1] // PATCH
    x = x.reshape(pairs, TOGETHER, 3, down // TOGETHER, TOGETHER, PATCH, across // TOGETHER, TOGETHER, PATCH)
    return x.permute(0, 3, 6, 4, 7, 2, 1, 5, 8).reshape(pairs * down * across, -1), (pairs, down, across)


@dataclass(frozen=True)
class Answer:
    """What the model wrote, token by token."""

    texts: tuple[str, ...]
    """The text up to each token; the last is the whole answer."""
    digits: FloatArray
    """(n, 5) logits of 1 to 5 at each token; where answers are drawn, as they were for the draw."""


def parts(index: Path) -> set[str]:
    """Returns the names of the files that an index of weights names. Raises Unavailable where it is none."""
    try:
        return set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Unavailable(f"weights unreadable: expected an index of weights in {index}, got {error}") from error


class Qwen:
    """A network with its tokens, from a folder in the format of transformers."""

    def __init__(self, folder: Path, device: str, dtype: str, drawn: bool) -> None:
        """Loads it. Raises Unavailable where the folder holds something else.

        Args:
            folder: has config.json, tokenizer.json, generation_config.json and the weights as safetensors.
            device: where it runs.
            dtype: of its numbers.
            drawn: answers are drawn at a temperature of 0.7, with what the folder's own settings say beside; else each
                token is the likeliest.
        """
        from tokenizers import Tokenizer
        from transformers import GenerationConfig, Qwen2_5_VLForConditionalGeneration

        try:
            self._tokens = Tokenizer.from_file(str(folder / "tokenizer.json"))
            options = {"use_safetensors": True, "local_files_only": True, "output_loading_info": True}
            net: Any
            net, found = Qwen2_5_VLForConditionalGeneration.from_pretrained(
                folder, dtype=getattr(torch, dtype), **options
            )
            # transformers makes up what is missing, and says so in a warning.
            for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"):
                if found[kind]:
                    raise ValueError(f"{kind.replace('_', ' ')}, such as {min(map(str, found[kind]))}")
            stops = [self._id(name) for name in STOPS]
            self._digits = [self._id(digit) for digit in DIGITS]
            self._video = self._id(VIDEO)
            if drawn:
                # Of transformers 4.53 the 50 likeliest are drawn from where the settings do not say.
                own = GenerationConfig.from_pretrained(folder, local_files_only=True).to_diff_dict()
                settings = {"top_k": 50, **own, "do_sample": True, "temperature": 0.7}
            else:
                settings = {"do_sample": False, "eos_token_id": stops, "pad_token_id": stops[-1]}
        except Exception as error:  # tokenizers raises its own kind, without a type of its own.
            raise Unavailable(f"weights unreadable: {folder}: {' '.join(str(error).split())[:300]}") from error
        self.net = net.to(device).eval()
        self.net.generation_config = GenerationConfig(**{**settings, "max_new_tokens": MOST_TOKENS})
        self._device, self._drawn = device, drawn

    def _id(self, token: str) -> int:
        found = self._tokens.token_to_id(token)
        if found is None:
            raise ValueError(f"expected the token {token!r} in tokenizer.json")
        return int(found)

    def answer(self, frames: Frames, size: tuple[int, int], question: str, seed: int) -> Answer:
        """Asks about (T, H, W, 3) frames, two a second, which are shown in a size; a seed decides what is drawn."""
        pixels, grid = patches(frames, size)
        video = VIDEO * (math.prod(grid) // TOGETHER**2)
        ids = self._tokens.encode(CHAT.format(f"{STARTS}{video}{ENDS}{question}"), add_special_tokens=False).ids
        text = torch.tensor([ids], device=self._device)
        devices = [self._device] if self._device.startswith("cuda") else []
        with shaped.inference(), torch.random.fork_rng(devices):
            torch.manual_seed(seed)
            made = self.net.generate(
                input_ids=text,
                attention_mask=torch.ones_like(text),
                mm_token_type_ids=2 * (text == self._video).int(),
                pixel_values_videos=pixels.to(self._device, self.net.dtype),
                video_grid_thw=torch.tensor([grid], device=self._device),
                second_per_grid_ts=torch.tensor([TOGETHER / RATE], device=self._device),
                return_dict_in_generate=True,
                output_scores=self._drawn,
                output_logits=not self._drawn,
            )
        steps = made.scores if self._drawn else made.logits
        digits = np.array([step[0, self._digits].float().cpu().numpy() for step in steps], dtype=np.float64)
        written = made.sequences[0, len(ids) :].tolist()
        return Answer(tuple(self.decode(written[: k + 1]) for k in range(len(written))), digits)

    def decode(self, ids: list[int]) -> str:
        """Returns the text of tokens, marks included."""
        return str(self._tokens.decode(ids, skip_special_tokens=False))
