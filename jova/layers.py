"""The parts of a transformer block: positions, attention, timestep modulation, feed-forward.

Letters: B batch, N tokens, D width, H heads, E = D / H size of a head.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

ROPE_BASE = 100.0
"""Base of the rotary frequencies: the longest wavelength is 100 * 2 pi position units of 80 ms, 50 s, ample for
clips."""

TIME_FREQUENCIES = 128
"""Number of sine and cosine pairs that embed the timestep."""


def rope_table(positions: Tensor, head_size: int) -> Tensor:
    """Returns unit complex numbers that rotate the channel pairs of a token at (t, y, x): 3D RoPE (arXiv 2104.09864).

    Half of the pairs turn with time, a quarter each with height and width.

    Args:
        positions: (N, 3) float, (t, y, x) of each token.
        head_size: E, a multiple of 8.

    Returns:
        (N, E / 2) complex64.
    """
    angles = []
    for axis, channels in enumerate((head_size // 2, head_size // 4, head_size // 4)):
        pairs = channels // 2
        frequencies = ROPE_BASE ** (
            -torch.arange(pairs, dtype=torch.float64, device=positions.device) / pairs
        )  # (pairs,)
        angles.append(positions[:, axis, None].double() * frequencies)  # (N, pairs)
    angle = torch.cat(angles, dim=-1).float()  # (N, E / 2)
    return torch.polar(torch.ones_like(angle), angle)


def rotate(x: Tensor, rope: Tensor) -> Tensor:
    """Applies rotary positions (..., N, E / 2) to (..., N, E). A complex product is one pass over memory."""
    pairs = torch.view_as_complex(x.float().reshape(*x.shape[:-1], -1, 2))  # (..., N, E / 2)
    return torch.view_as_real(pairs * rope).flatten(-2).type_as(x)


class QKNorm(nn.Module):
    """QK-norm (arXiv 2302.05442, section 2): normalises queries and keys, which bounds the attention logits.

    Without bias and with one scale for queries and keys, which acts as a temperature per channel. It is
    LayerNorm because PyTorch's RMSNorm is eight times slower on a CPU (72 against 9 ms for 2 x 32 x 153 x 192).
    """

    def __init__(self, head_size: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(head_size))

    def forward(self, x: Tensor) -> Tensor:
        """Normalises the last axis of (..., E)."""
        return F.layer_norm(x, self.scale.shape, self.scale)


class Modulation(NamedTuple):
    """Shift, scale and gate of one stream in one block, which depend on the timestep; each (B or 1, 1, D)."""

    attention_shift: Tensor
    attention_scale: Tensor
    attention_gate: Tensor
    ffn_shift: Tensor
    ffn_scale: Tensor
    ffn_gate: Tensor


def normalise(x: Tensor) -> Tensor:
    """Applies LayerNorm without weights, which the modulation replaces: (B, N, D) -> (B, N, D)."""
    return F.layer_norm(x, x.shape[-1:])


def modulate(x: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    """Returns x (1 + scale) + shift, (B, N, D): adaptive LayerNorm (DiT, arXiv 2212.09748, section 3.2)."""
    return torch.addcmul(shift, x, 1 + scale)


class SharedAdaLN(nn.Module):
    """adaLN-single (PixArt-alpha, arXiv 2310.00426, section 2.3).

    One MLP maps the timestep to a modulation for all blocks; every block adds a bias of its own
    (`StreamLayers.modulation`).
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(2 * TIME_FREQUENCIES, width)
        self.out = nn.Linear(width, len(Modulation._fields) * width)

    def forward(self, time: Tensor) -> Tensor:
        """Maps times (B,) in [0, 1] to a modulation (B, 6, 1, D)."""
        exponents = torch.arange(TIME_FREQUENCIES, device=time.device) / TIME_FREQUENCIES
        angles = 1000 * time[:, None] * torch.exp(-math.log(10_000) * exponents)  # (B, TIME_FREQUENCIES)
        hidden = F.silu(self.hidden(torch.cat([angles.cos(), angles.sin()], dim=-1)))  # (B, D)
        return self.out(hidden).view(len(time), len(Modulation._fields), 1, -1)  # (B, 6, 1, D)


class StreamLayers(nn.Module):
    """Projections, FFN and modulation bias of one stream of tokens, or of two that share them, in one block."""

    def __init__(self, width: int, ffn_width: int) -> None:
        super().__init__()
        self.modulation = nn.Parameter(torch.zeros(len(Modulation._fields), 1, width))
        self.qkv = nn.Linear(width, 3 * width)
        self.attention_out = nn.Linear(width, width)
        self.ffn_in = nn.Linear(width, ffn_width)
        self.ffn_out = nn.Linear(ffn_width, width)
        with torch.no_grad():
            # Open gates: with small output layers (see Jova.init_weights) training starts faster than from the
            # identity.
            self.modulation[Modulation._fields.index("attention_gate")] = 1
            self.modulation[Modulation._fields.index("ffn_gate")] = 1

    def modulate(self, time: Tensor) -> Modulation:
        """Adds this stream's bias to the shared modulation (B, 6, 1, D)."""
        return Modulation(*(time + self.modulation).unbind(1))

    def ffn(self, x: Tensor) -> Tensor:
        """Applies the feed-forward network: (B, N, D) -> (B, N, D)."""
        return self.ffn_out(F.gelu(self.ffn_in(x)))


class CrossAttention(nn.Module):
    """Cross-attention from one modality to the other, with rotary positions on the common timeline (fusion `cross`).

    Its 4 D^2 weights per modality equal two widths of FFN (2 x 2 D^2).
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.attention_out = nn.Linear(width, width)
        self.head_norm = QKNorm(width // heads)

    def forward(self, x: Tensor, other: Tensor, rope: Tensor, other_rope: Tensor) -> Tensor:
        """Attends from tokens (B, N, D) to tokens (B, M, D); returns the update (B, N, D)."""
        q = self.query(normalise(x)).view(*x.shape[:2], self.heads, -1).transpose(1, 2)  # (B, H, N, E)
        kv = self.key_value(normalise(other)).view(*other.shape[:2], 2, self.heads, -1)
        k, v = kv.permute(2, 0, 3, 1, 4)  # each (B, H, M, E)
        q, k = rotate(self.head_norm(q), rope), rotate(self.head_norm(k), other_rope)
        y = F.scaled_dot_product_attention(q, k, v)  # (B, H, N, E)
        return self.attention_out(y.transpose(1, 2).flatten(2))
