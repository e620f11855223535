"""WavLM with an x-vector head (Chen et al. 2021, arXiv 2110.13900), which embeds a voice; transformers runs it.

Takes the three files of microsoft/wavlm-base-plus-sv, without the last two layers of its checkpoint, which classify the
speakers of its training.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from jova_bench.arrays import Audio, FloatArray
from jova_bench.errors import Unavailable
from jova_bench.metrics.networks import checkpoint
from jova_bench.metrics.signal.audio import RATE_HZ

_RENAMED = (
    (r"\.pos_conv_embed\.conv\.weight_g$", ".pos_conv_embed.conv.parametrizations.weight.original0"),
    (r"\.pos_conv_embed\.conv\.weight_v$", ".pos_conv_embed.conv.parametrizations.weight.original1"),
)
"""Names of torch's older weight norm, in which the file was written."""
_OF_TRAINING = ("classifier.", "objective.")
STEADY = 1e-7


class WavlmSv:
    """The network, and whether it hears sound of unit variance."""

    def __init__(self, net: Any, normalised: bool) -> None:
        self.net, self.normalised = net, normalised

    @torch.inference_mode()
    def embed(self, audio: Audio) -> FloatArray:
        """Maps (N,) speech at 16 kHz, N of half a second or more, to (d,)."""
        heard = audio.astype(np.float32)
        if self.normalised:
            heard = (heard - heard.mean()) / np.sqrt(heard.var() + STEADY)
        device = self.net.projector.weight.device
        return np.asarray(self.net(torch.from_numpy(heard)[None].to(device)).embeddings[0].double().cpu().numpy())


def load(weights: Path, config: Path, preprocessor: Path, device: str) -> WavlmSv:
    """Loads the published model.

    Args:
        weights: `pytorch_model.bin`.
        config: `config.json`, with the sizes.
        preprocessor: `preprocessor_config.json`, which says whether sound is normalised.
        device: `cpu` or `cuda:i`.

    Raises:
        Unavailable: a file is something else.
    """
    from transformers import WavLMConfig, WavLMForXVector

    state = {
        checkpoint.renamed(name, _RENAMED): value
        for name, value in checkpoint.tensors(weights).items()
        if not name.startswith(_OF_TRAINING)
    }
    try:
        hearing = json.loads(preprocessor.read_text(encoding="utf-8"))
        normalised, rate_hz = hearing["do_normalize"], hearing["sampling_rate"]
        if not isinstance(normalised, bool) or rate_hz != RATE_HZ:
            raise ValueError(f"expected do_normalize and sampling_rate {RATE_HZ}, got {normalised!r} and {rate_hz!r}")
        net = WavLMForXVector(WavLMConfig.from_dict(json.loads(config.read_text(encoding="utf-8"))))
    except Exception as error:
        raise Unavailable(f"weights unreadable: {config} with {preprocessor} ({error!r})") from error
    net.classifier, net.objective = torch.nn.Identity(), torch.nn.Identity()
    return WavlmSv(checkpoint.load_weights(net, state, weights).to(device), normalised)
