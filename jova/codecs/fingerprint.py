"""Fingerprint of a codec: a digest of what decides its latents, so that latents of another codec are refused."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from jova.codecs.base import digest_of_tensors


def fingerprint_of(kind: str, settings: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> str:
    """Returns the kind and 16 digits of the sha256 of settings, and of names, shapes and values of tensors.

    Args:
        kind: name of the codec.
        settings: plain values that decide the latents.
        tensors: weights that decide them. Values are compared as float32, on whatever device they are.
    """
    names = sorted(tensors)
    values = digest_of_tensors(tensors[name].detach().to("cpu", torch.float32) for name in names)
    total = hashlib.sha256(json.dumps([kind, settings, names, values], sort_keys=True).encode())
    return f"{kind}-{total.hexdigest()[:16]}"


def weights_of(network: nn.Module, prefixes: tuple[str, ...]) -> dict[str, Tensor]:
    """Returns the weights of a network whose names begin with one of some prefixes, by name."""
    return {name: value for name, value in network.state_dict().items() if name.startswith(prefixes)}
