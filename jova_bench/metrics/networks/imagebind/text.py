"""ImageBind's encoder of texts: OpenCLIP's ViT-H/14 for texts, whose tokens see only those before them.

As facebookresearch/ImageBind @ 53680b0, `TextPreprocessor` and the head of texts.

Letters: N tokens, D width, E size of the common space.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from jova_bench.errors import Unavailable
from jova_bench.metrics.networks import checkpoint
from jova_bench.metrics.networks.imagebind import PARTS, Trunk

HEADS = 16


class TextEncoder(nn.Module):
    """Tokens to a vector."""

    def __init__(self, state: Mapping[str, Tensor]) -> None:
        """Builds layers of the sizes of a checkpoint; its weights are loaded afterwards."""
        super().__init__()
        stem, trunk, head = PARTS
        self.token_embedding = nn.Embedding(*state[f"{stem}.token_embedding.weight"].shape)
        self.pos_embed = nn.Parameter(torch.zeros(state[f"{stem}.pos_embed"].shape))  # (1, 77, D)
        self.trunk = Trunk(checkpoint.part(state, f"{trunk}."), HEADS)
        size, width = state[f"{head}.proj.1.weight"].shape
        self.proj = nn.Sequential(nn.LayerNorm(width, eps=1e-6), nn.Linear(width, size, bias=False))

    def encode_text(self, tokens: Sequence[int]) -> Tensor:
        """Maps N <= 77 tokens to an (E,) vector of length 1.

        It is read where the highest number stands: at the end mark, and, as upstream, at some word where that is
        missing. What would follow is seen by no token before it, so nothing is padded.
        """
        numbers = torch.tensor(tokens, device=self.pos_embed.device)
        mask = torch.full((len(tokens), len(tokens)), -torch.inf, device=numbers.device).triu(1)
        seen = self.trunk(self.token_embedding(numbers)[None] + self.pos_embed[:, : len(tokens)], mask)
        return F.normalize(self.proj(seen[0, numbers.argmax()]), dim=-1)


def load(path: Path, device: str) -> TextEncoder:
    """Loads the encoder of texts of a checkpoint. Raises Unavailable when it is not one of ImageBind."""
    everything = checkpoint.tensors(path)
    state = {
        f"{part}.{name}": value
        for part in PARTS
        for name, value in checkpoint.part(everything, f"{part}.text.").items()
    }
    stem, trunk, head = PARTS
    state.pop(f"{stem}.mask", None)  # Follows from the length.
    try:
        net = TextEncoder(state)
    except KeyError as missing:
        raise Unavailable(f"weights unreadable: expected {missing} in {path}") from missing
    short = ((rf"^{stem}\.", ""), (rf"^{trunk}\.", "trunk."), (rf"^{head}\.", ""))
    checkpoint.load_weights(net, {checkpoint.renamed(name, short): value for name, value in state.items()}, path)
    return net.to(device)
