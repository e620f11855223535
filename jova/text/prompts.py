"""Encodes prompts to the text of a batch: layout, encoders, cache."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from torch import Tensor

from jova.text.cache import CachedEncoder
from jova.text.layout import LAYOUT, prompt_text
from jova.text.pretrained import TextEncoder
from jova.text.states import TextStates
from jova.text.words import Prompt


class PromptEncoder:
    """One or several text encoders that read each prompt, such as T5-XXL and Qwen2.5 in the paper's JoVA."""

    def __init__(self, encoders: Sequence[TextEncoder], cache: Path | None = None) -> None:
        """Sets the encoders, in the order of a model's `text_channels`, and the folder of the cache, if any."""
        if not encoders:
            raise ValueError("expected at least one text encoder, got none")
        self.encoders = tuple(encoders)
        self._cached = [CachedEncoder(encoder, cache) for encoder in encoders]

    @property
    def channels(self) -> tuple[int, ...]:
        """C of each encoder: a model's `text_channels`."""
        return tuple(encoder.channels for encoder in self.encoders)

    @property
    def fingerprint(self) -> str:
        """Digest of everything that decides the states of a prompt."""
        parts = [LAYOUT, *(encoder.fingerprint for encoder in self.encoders)]
        return f"text-{hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]}"

    def check(self, prompt: Prompt) -> None:
        """Raises ValueError if a prompt cannot be read, as `states` does; needs the tokenizers alone."""
        text = prompt_text(prompt)
        for encoder in self.encoders:
            encoder.token_ids(text)

    def states(self, prompt: Prompt) -> tuple[Tensor, ...]:
        """Returns the states of a prompt, (n, C) by encoder; `TextStates.of` makes a batch of them.

        Raises:
            ValueError: the prompt is too long, or a part has the tag of another.
        """
        text = prompt_text(prompt)
        return tuple(cached.states(text) for cached in self._cached)

    def null(self) -> tuple[Tensor, ...]:
        """Returns the states of the empty prompt, for classifier-free guidance."""
        return self.states(Prompt("", "", ""))

    def __call__(self, prompts: Sequence[Prompt]) -> TextStates:
        """Encodes B prompts; errors are those of `states`."""
        return TextStates.of([self.states(prompt) for prompt in prompts], self.null())

    def to(self, device: str) -> Self:
        """Moves the encoders to a device; the states are on the CPU."""
        for encoder in self.encoders:
            encoder.to(device)
        return self
