"""Reads a transformer that diffusers saved, tensor by tensor: the upstream model is never built."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

INDEX = "diffusion_pytorch_model.safetensors.index.json"
"""Names the file of each tensor, where a model is stored in several."""


class Upstream:
    """Config and tensors of a folder that `save_pretrained` of a transformer, or of a whole pipeline, wrote."""

    def __init__(self, folder: Path) -> None:
        """Reads the config and finds the tensors.

        Raises:
            FileNotFoundError: the folder has no config or no weights in safetensors files.
        """
        if not (folder / "config.json").is_file() and (folder / "transformer").is_dir():
            folder = folder / "transformer"  # of a pipeline
        if not (folder / "config.json").is_file():
            raise FileNotFoundError(f"expected a transformer that diffusers saved in {folder}, got no config.json")
        self.folder = folder
        self.config = _read_json(folder / "config.json")
        self.kind = str(self.config.get("_class_name"))
        self._files = self._find()
        self._read: set[str] = set()

    def _find(self) -> Mapping[str, Path]:
        """Returns the file of each tensor."""
        if (self.folder / INDEX).is_file():
            named = _read_json(self.folder / INDEX).get("weight_map", {})
            return {name: self.folder / Path(file).name for name, file in named.items()}
        files = sorted(self.folder.glob("*.safetensors"))
        if len(files) != 1:
            raise FileNotFoundError(
                f"expected weights in one safetensors file or {INDEX} in {self.folder}, got {len(files)} files"
            )
        with _open(files[0]) as file:
            return dict.fromkeys(file.keys(), files[0])

    def __getitem__(self, name: str) -> Tensor:
        """Returns a tensor in float32.

        Raises:
            ValueError: there is none of that name, or its file is damaged.
        """
        if name not in self._files:
            raise ValueError(f"expected a tensor {name} of a {self.kind} in {self.folder}, got none")
        self._read.add(name)
        with _open(self._files[name]) as file:
            return file.get_tensor(name).to(torch.float32)

    def field(self, name: str) -> Any:
        """Returns a field of the config.

        Raises:
            ValueError: there is none of that name.
        """
        if name not in self.config:
            raise ValueError(f"expected {name} in the config of {self.folder}, got none")
        return self.config[name]

    def linear(self, name: str) -> dict[str, Tensor]:
        """Returns weight and bias of a linear layer or a norm, by those names."""
        return {part: self[f"{name}.{part}"] for part in ("weight", "bias")}

    def joined(self, *names: str) -> dict[str, Tensor]:
        """Returns weight and bias of linear layers of one input as those of one layer."""
        parts = [self.linear(name) for name in names]
        return {key: torch.cat([part[key] for part in parts]) for key in ("weight", "bias")}

    def unread(self) -> list[str]:
        """Returns the names of the tensors that were not asked for."""
        return sorted(self._files.keys() - self._read)

    def expect(self, **fields: Any) -> None:
        """Checks fields of the config, which may be absent where the value is None.

        Raises:
            ValueError: a field has another value.
        """
        for name, value in fields.items():
            if (got := self.config.get(name)) != value:
                raise ValueError(f"expected {name} {value!r} in the config of {self.folder}, got {got!r}")


def _open(path: Path) -> Any:
    """Opens a safetensors file; a damaged one is a ValueError."""
    try:
        return safe_open(path, framework="pt")
    except SafetensorError as error:
        raise ValueError(f"expected a safetensors file, got a damaged one in {path}: {error}") from error


def _read_json(path: Path) -> dict[str, Any]:
    """Reads a JSON object; anything else is a ValueError."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"expected JSON in {path}, got text that is none: {error}") from error
    if not isinstance(found, dict):
        raise ValueError(f"expected a JSON object in {path}, got {type(found).__name__}")
    return found


def named(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Returns tensors with a prefix before their names."""
    return {f"{prefix}.{name}": tensor for name, tensor in tensors.items()}


def reversed_time(layer: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Returns the first layer of a timestep's embedding for time that runs from noise to data.

    Upstreams embed 1000 s, s = 1 - t, as [cos(1000 s f); sin(1000 s f)], of which ours of t is a rotation by 1000 f in
    every frequency f: the layer's weights are rotated instead.

    Args:
        layer: weight (T, 2n) and bias (T,).
    """
    cosines, sines = layer["weight"].double().chunk(2, dim=1)  # each (T, n)
    count = cosines.shape[1]
    turn = 1000 * torch.exp(-torch.log(torch.tensor(10_000.0)).double() * torch.arange(count) / count)  # (n,)
    ours = [cosines * turn.cos() + sines * turn.sin(), cosines * turn.sin() - sines * turn.cos()]
    return {"weight": torch.cat(ours, dim=1).float(), "bias": layer["bias"]}


def patch_layer(layer: Mapping[str, Tensor], channels: int) -> dict[str, Tensor]:
    """Returns the input layer of video tokens from a convolution whose stride is its kernel.

    Ours reads [noisy | condition | mask] of each cell; the weights of a condition, which upstream has not, are zero.

    Args:
        layer: weight (D, C, p, p) and bias (D,).
        channels: of a cell of ours, 2 C + 1.
    """
    cells = layer["weight"].permute(0, 2, 3, 1)  # (D, p, p, C)
    weight = torch.nn.functional.pad(cells, (0, channels - cells.shape[-1]))
    return {"weight": weight.flatten(1), "bias": layer["bias"]}
