"""UTMOS22's strong learner (Saeki et al. 2022, arXiv 2204.02152), which predicts listeners' ratings of naturalness.

Takes the checkpoint of tarepan/SpeechMOS @ ed25eac by its own names, in any width: wav2vec 2.0, which transformers
runs, and after it an LSTM that is also given one listener and one listening test, those of the authors' choice. As
there, without the encoder of phonemes that the paper's learner has.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from jova_bench.arrays import Audio
from jova_bench.errors import Unavailable
from jova_bench.metrics.networks import checkpoint, fairseq

HEAD = 64
"""Width of a head of attention in wav2vec 2.0, which no shape tells."""


class Utmos(nn.Module):
    """Rates speech, about 1 to 5."""

    def __init__(self, state: Mapping[str, Tensor]) -> None:
        super().__init__()
        from transformers import Wav2Vec2Config, Wav2Vec2Model

        sizes = fairseq.sizes(checkpoint.part(state, "wav2vec2."))
        heads = sizes["hidden_size"] // HEAD
        self.wav2vec2: Any = Wav2Vec2Model(Wav2Vec2Config(**sizes, num_attention_heads=heads))
        self.domain_emb = nn.Parameter(torch.empty(state["domain_emb"].shape))
        self.judge_emb = nn.Parameter(torch.empty(state["judge_emb"].shape))
        inputs = sizes["hidden_size"] + self.domain_emb.shape[1] + self.judge_emb.shape[1]
        hidden = state["blstm.weight_hh_l0"].shape[1]
        self.blstm = nn.LSTM(inputs, hidden, batch_first=True, bidirectional=True)
        wide = state["projection.0.weight"].shape[0]
        self.projection = nn.Sequential(nn.Linear(2 * hidden, wide), nn.ReLU(), nn.Linear(wide, 1))

    def forward(self, audio: Tensor) -> Tensor:
        """Maps (1, N) samples at 16 kHz to a rating, ()."""
        x = self.wav2vec2(audio).last_hidden_state  # (1, F, C)
        given = [one.expand(1, x.shape[1], -1) for one in (self.domain_emb, self.judge_emb)]
        return cast(Tensor, self.projection(self.blstm(torch.cat([x, *given], dim=2))[0]).mean() * 2 + 3)

    @torch.inference_mode()
    def rate(self, audio: Audio) -> float:
        """Rates (N,) samples at 16 kHz, N of 400 or more."""
        return float(self(torch.from_numpy(audio)[None].to(self.domain_emb.device)))


def load(weights: Path, device: str) -> Utmos:
    """Loads the published model. Raises Unavailable for another file."""
    state = checkpoint.tensors(weights)
    try:
        net = Utmos(state)
    except Exception as error:  # transformers has its own for sizes that do not fit.
        raise Unavailable(f"weights unreadable: {weights} is no UTMOS ({error!r})") from error
    inner = {
        f"wav2vec2.{checkpoint.renamed(name, fairseq.RENAMED)}": value
        for name, value in checkpoint.part(state, "wav2vec2.").items()
    }
    outer = {name: value for name, value in state.items() if not name.startswith("wav2vec2.")}
    return cast(Utmos, checkpoint.load_weights(net, {**inner, **outer}, weights).to(device))
