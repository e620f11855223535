"""AudioBox Aesthetics (Tjandra et al. 2025, arXiv 2502.05139): four ratings of audio, from WavLM and four heads.

Takes the published weights by their own names (facebookresearch/audiobox-aesthetics at 2618e9d, `model/aes.py` and
`model/wavlm.py`). WavLM is that of transformers, walked layer by layer: upstream's rule for which frames are padding
is its own, and every layer's output is needed.

Letters: B windows, N samples at 16 kHz, F frames of 20 ms, C width, L layers and the input of the first.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn.functional import normalize, pad

from jova_bench.arrays import Audio
from jova_bench.errors import Unavailable
from jova_bench.metrics.networks import checkpoint, fairseq
from jova_bench.metrics.signal.audio import RATE_HZ

AXES = ("CE", "CU", "PC", "PQ")
WINDOW = 10 * RATE_HZ
MAX_DISTANCE = 800
"""Frames beyond which all distances are one; the last of WavLM base's sizes that no shape tells."""


class Aesthetics(nn.Module):
    """The encoder, a weighting of its layers and a head for each axis."""

    def __init__(
        self, wavlm: nn.Module, heads: Mapping[str, nn.Module], layers: int, config: Mapping[str, Any]
    ) -> None:
        super().__init__()
        self.wavlm_model: Any = wavlm
        self.proj_layer = nn.ModuleDict(dict(heads))
        self.layer_weights = nn.ParameterDict({axis: nn.Parameter(torch.ones(layers)) for axis in AXES})
        self._scales = {axis: (float(scale["mean"]), float(scale["std"])) for axis, scale in _targets(config).items()}
        self._unit = bool(config.get("normalize_embed", True))

    @torch.inference_mode()
    def predict(self, audio: Audio) -> npt.NDArray[np.float64]:
        """Predicts (4,) ratings, about 1 to 10, of (N,) audio at 16 kHz, N > 0: mean over 10 s windows, by length."""
        device = self.layer_weights["CE"].device
        sound = torch.from_numpy(audio)
        cut = [sound[start : start + WINDOW].to(device) for start in range(0, len(sound), WINDOW)]
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Support for mismatched key_padding_mask and attn_mask")
            # One at a time: the memory of a long clip is that of a short one.
            opinions = [self(pad(window, (0, WINDOW - len(window)))[None], len(window))[0] for window in cut]
        weights = [len(window) for window in cut]
        return np.average(torch.stack(opinions).double().cpu().numpy(), axis=0, weights=weights)

    def forward(self, windows: Tensor, length: int) -> Tensor:
        """Predicts (B, 4) ratings of (B, N) windows that are padded after so many samples."""
        frames = self.wavlm_model.feature_extractor(windows).transpose(1, 2)
        x, _ = self.wavlm_model.feature_projection(frames)  # (B, F, C)
        count = x.shape[1]
        # Frame k stands for samples [k hop, (k + 1) hop), and is valid when one of them is.
        hop = windows.shape[1] // count
        valid = (torch.arange(count, device=x.device) * hop < length).expand(len(x), count)  # (B, F)
        outputs = self._layers(x * valid[..., None], valid)  # (B, F, C, L)
        opinions = []
        for axis in AXES:
            mixed = outputs @ self.layer_weights[axis].softmax(-1)  # (B, F, C)
            pooled = (mixed * valid[..., None]).sum(1) / valid.sum(1, keepdim=True).clamp(min=1)
            mean, std = self._scales[axis]
            opinions.append(self.proj_layer[axis](normalize(pooled, dim=-1) if self._unit else pooled) * std + mean)
        return torch.cat(opinions, dim=1)

    def _layers(self, x: Tensor, valid: Tensor) -> Tensor:
        encoder = self.wavlm_model.encoder
        x = encoder.layer_norm(x + encoder.pos_conv_embed(x))
        outputs, bias = [x], None
        for layer in encoder.layers:
            x, bias = layer(x, attention_mask=valid, position_bias=bias)
            outputs.append(x)
        return torch.stack(outputs, dim=-1)


def load(weights: Path, config: Path, device: str) -> Aesthetics:
    """Loads the published model.

    Args:
        weights: `model.safetensors`.
        config: `config.json`, with the heads' sizes and the axes' means and deviations.
        device: `cpu` or `cuda:i`.

    Raises:
        Unavailable: a file is something else.
    """
    state = {name.removeprefix("model."): value for name, value in checkpoint.tensors(weights).items()}
    try:
        configuration = json.loads(config.read_text(encoding="utf-8"))
        net = _build(state, configuration)
    except Exception as error:
        raise Unavailable(f"weights unreadable: {weights} with {config} ({error!r})") from error
    inner = {
        f"wavlm_model.{checkpoint.renamed(name, fairseq.RENAMED)}": value
        for name, value in checkpoint.part(state, "wavlm_model.").items()
    }
    outer = {name: value for name, value in state.items() if not name.startswith("wavlm_model.")}
    checkpoint.load_weights(net, {**inner, **outer}, weights)
    return net.to(device)


def _build(state: Mapping[str, Tensor], config: Mapping[str, Any]) -> Aesthetics:
    """Builds the network from the shapes and the configuration of the heads."""
    from transformers import WavLMConfig, WavLMModel

    inner = checkpoint.part(state, "wavlm_model.")
    sizes, attention = fairseq.sizes(inner), "encoder.layers.0.self_attn"
    wavlm = WavLMModel(
        WavLMConfig(
            **sizes,
            num_attention_heads=inner[f"{attention}.grep_a"].shape[1],
            num_buckets=inner[f"{attention}.relative_attention_bias.weight"].shape[0],
            max_bucket_distance=MAX_DISTANCE,
        )
    )
    depth, width = sizes["num_hidden_layers"], sizes["hidden_size"]
    if not config["use_weighted_layer_sum"] or config["nth_layer"] != depth + 1:
        raise ValueError(f"expected weights for all {depth + 1} layers, got nth_layer {config['nth_layer']}")
    return Aesthetics(wavlm, {axis: _head(width, config) for axis in AXES}, depth + 1, config)


def _head(width: int, config: Mapping[str, Any]) -> nn.Sequential:
    """Builds linear layers with a norm, GELU and dropout between them; modules are numbered as upstream."""
    between: list[nn.Module] = []
    for _ in range(config["proj_num_layer"] - 1):
        between += [nn.Linear(width, width)]
        between += [nn.LayerNorm(width)] if config["proj_ln"] else []
        between += [nn.GELU()]
        between += [nn.Identity()] if config["proj_dropout"] else []
    return nn.Sequential(*between, nn.Linear(width, 1))


def _targets(config: Mapping[str, Any]) -> Mapping[str, Any]:
    return {axis: config["target_transform"][axis] for axis in AXES}
