"""Builds a JoVA on the weights of a public text-to-video model."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from torch import Tensor

from jova.config import JovaConfig
from jova.transformer import Jova
from jova.warm_start import cogvideox, wan
from jova.warm_start.upstream import Upstream


class Adapter(NamedTuple):
    """What is known of one upstream."""

    config_of: Callable[[Upstream, JovaConfig, int], JovaConfig]
    weights_of: Callable[[Upstream, JovaConfig], Iterator[dict[str, Tensor]]]


ADAPTERS: Mapping[str, Adapter] = {
    module.KIND: Adapter(module.config_of, module.weights_of) for module in (cogvideox, wan)
}
"""Adapters by the class that an upstream's config names."""


class WarmStart(NamedTuple):
    """A model that begins with another's weights."""

    model: Jova
    fresh: list[str]
    """Names of its weights without counterpart, which begin as in any training."""
    left: list[str]
    """Names of the upstream's weights that it has no use for."""


def begin(folder: Path, clip: JovaConfig, separate_blocks: int = 0) -> WarmStart:
    """Builds a JoVA whose video groups are an upstream's, and whose audio groups are copies of them.

    Holds the model in float32, 4 bytes a parameter, and beside it one tensor of the upstream at a time.

    Args:
        folder: of a transformer or a pipeline, written by diffusers.
        clip: length and size of clips and channels of the codecs, such as one of `jova.sizes.SIZES`.
        separate_blocks: number of first blocks whose groups do not share weights; more is possible for upstreams alone
            whose text has tokens of its own.

    Raises:
        FileNotFoundError: there is no config, or no weights in safetensors files.
        ValueError: the model is none of those that are known, a tensor is missing or has another shape, or a file is
            damaged.
    """
    upstream = Upstream(folder)
    if upstream.kind not in ADAPTERS:
        raise ValueError(f"expected a model of {' or '.join(ADAPTERS)} in {folder}, got {upstream.kind}")
    adapter = ADAPTERS[upstream.kind]
    config = adapter.config_of(upstream, clip, separate_blocks)
    model = Jova(config)
    state, begun = model.state_dict(), set()
    for tensors in adapter.weights_of(upstream, config):
        for name, tensor in tensors.items():
            for target in {name, audio_name(name, config)}:
                if state[target].shape != tensor.shape:
                    shapes = f"{tuple(state[target].shape)}, got {tuple(tensor.shape)}"
                    raise ValueError(f"expected weights for {target} in {upstream.folder} of shape {shapes}")
                state[target].copy_(tensor)
                begun.add(target)
    return WarmStart(model, sorted(state.keys() - begun), upstream.unread())


def audio_name(name: str, config: JovaConfig) -> str:
    """Returns the name of the audio side's weights that are the copy of these; itself where both sides share them.

    Groups stand in mirror order: audio, text-for-audio, text-for-video, video.
    """
    found = re.fullmatch(r"(blocks\.(\d+)\.(weights|adaln)\.)(\d)(\..*)", name)
    if found is None:
        return re.sub(r"\bvideo_(text|head\.modulation)", r"audio_\1", name)
    before, block, kind, group, after = found.groups()
    groups = 4 if kind == "adaln" or int(block) < config.separate_blocks else 2
    return f"{before}{groups - 1 - int(group)}{after}"
