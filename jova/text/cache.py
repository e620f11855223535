"""Cache of encoded texts, in memory and on disk: a large encoder takes longer to load than a clip to make."""

from __future__ import annotations

import hashlib
import json
import sys
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from jova.files import atomic_path

FORMAT = "jova-text@1"
IN_MEMORY = 128
"""Number of texts that are held in memory: of 512 tokens of 5,120 channels in bfloat16, 0.7 GB."""


class Encoder(Protocol):
    """Maps a text to hidden states."""

    max_length: int
    """Most tokens of a text."""

    @property
    def fingerprint(self) -> str:
        """Digest of everything that decides the states of a text."""
        ...

    def encode(self, text: str) -> Tensor:
        """Returns the hidden states (n, C) of a text, on the CPU."""
        ...


class CachedEncoder:
    """An encoder that encodes each text once. A file has the states of one text; it is checked when it is read."""

    def __init__(self, encoder: Encoder, folder: Path | None) -> None:
        """Sets the encoder, and the folder of the files; None to cache in memory alone."""
        self.encoder, self.folder = encoder, folder
        self.states = lru_cache(maxsize=IN_MEMORY)(self._states)

    def _states(self, text: str) -> Tensor:
        """Returns the hidden states (n, C) of a text, as the encoder returns them, bit for bit."""
        if self.folder is None:
            return self.encoder.encode(text)
        question = [FORMAT, self.encoder.fingerprint, text, self.encoder.max_length]
        key = hashlib.sha256(json.dumps(question).encode()).hexdigest()
        path = self.folder / self.encoder.fingerprint / f"{key}.safetensors"
        try:
            return read_states(path, key)
        except FileNotFoundError:
            pass
        except ValueError as error:
            print(f"note: {error}; it is made again", file=sys.stderr)
        states = self.encoder.encode(text)
        with atomic_path(path) as unfinished:
            save_file({"states": states}, unfinished, {"key": key, "digest": digest_of(states)})
        return states


def read_states(path: Path, key: str) -> Tensor:
    """Reads the states of one text.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is damaged, or of another text.
    """
    try:
        # Not in the caller's inference mode: what is read once is used in trainings, too.
        with torch.inference_mode(False), safe_open(path, framework="pt") as file:
            # A copy, because the tensor is a view of the file.
            metadata, states = file.metadata() or {}, file.get_tensor("states").clone()
    except SafetensorError as error:
        raise ValueError(f"expected cached states in {path}, got a damaged file: {error}") from None
    if metadata.get("key") != key or metadata.get("digest") != digest_of(states):
        raise ValueError(f"expected cached states of the key and digest in their file, got others in {path}")
    return states


def digest_of(states: Tensor) -> str:
    """Returns the sha256 of the shape, type and values of a tensor on the CPU."""
    total = hashlib.sha256(f"{tuple(states.shape)} {states.dtype}".encode())
    total.update(states.view(torch.uint8).numpy().data)
    return total.hexdigest()
