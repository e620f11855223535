"""One transformer layer whose class token gathers what a set of tokens says."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn


class Gather(nn.TransformerEncoderLayer):
    """Aggregates the places of a frame, or the frequencies of audio, at one instant."""

    def __init__(self, state: Mapping[str, Tensor], heads: int) -> None:
        """Builds layers of the sizes of a checkpoint's part.

        Args:
            state: tensors of this layer by name.
            heads: of its attention.
        """
        hidden, width = state["linear1.weight"].shape
        super().__init__(width, heads, hidden, 0.0, nn.GELU(), layer_norm_eps=1e-6, batch_first=True, norm_first=True)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))

    def gather(self, tokens: Tensor) -> Tensor:
        """Maps (B, N, D) to (B, D)."""
        return self(torch.cat((self.cls_token.expand(len(tokens), -1, -1), tokens), dim=1))[:, 0]
