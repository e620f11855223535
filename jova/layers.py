"""The parts of a transformer block: positions, attention, timestep modulation, feed-forward.

Letters: B batch, N tokens, D width, H heads, E = D / H size of a head.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from jova.config import JovaConfig


def rope_table(positions: Tensor, config: JovaConfig) -> Tensor:
    """Returns unit complex numbers that rotate the channel pairs of a token at (t, y, x): 3D RoPE (arXiv 2104.09864).

    Args:
        positions: (N, 3) float, (t, y, x) of each token.
        config: has the size of a head, E, and the base and the pairs of the rotation.

    Returns:
        (N, E / 2) complex64.
    """
    angles, size = [], config.head_size
    for axis, pairs in enumerate(config.rope_pairs or (size // 4, size // 8, size // 8)):
        frequencies = config.rope_base ** (
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


class OwnQKNorm(nn.Module):
    """QK-norm of one set of weights, with scales of their own for queries and for keys."""

    def __init__(self, config: JovaConfig) -> None:
        super().__init__()
        self.groups = 1 if config.qk_norm == "rms-width" else config.heads
        norm = nn.LayerNorm if config.qk_norm == "layer-own" else nn.RMSNorm
        self.query, self.key = (norm(config.width // self.groups, eps=1e-6) for _ in range(2))

    def forward(self, q: Tensor, k: Tensor) -> list[Tensor]:
        """Normalises queries (B, N, D) and keys (B, M, D), per head or over all channels."""
        pairs = ((q, self.query), (k, self.key))
        groups = ((x.view(*x.shape[:-1], self.groups, -1), norm) for x, norm in pairs)
        # In the precision of the weights: half precision is for the products alone.
        return [norm(x.to(norm.weight)).flatten(-2).to(x) for x, norm in groups]


class LearnedPositions(nn.Module):
    """Learned embeddings of the places of video tokens: the sum of one for the frame, the row and the column."""

    def __init__(self, config: JovaConfig) -> None:
        super().__init__()
        self.tables = nn.ModuleList(nn.Embedding(count, config.width) for count in config.learned_positions)

    def forward(self, *counts: int) -> Tensor:
        """Returns the embeddings (V, D) of a clip of F latent frames, rows and columns of tokens.

        Raises:
            ValueError: there are fewer embeddings than that.
        """
        tables: list[nn.Embedding] = list(self.tables)  # type: ignore[arg-type]
        sizes = [table.num_embeddings for table in tables]
        if any(count > size for count, size in zip(counts, sizes, strict=True)):
            raise ValueError(
                f"expected at most {sizes} latent frames, rows and columns of tokens, for which there are learned "
                f"positions, got {list(counts)}"
            )
        frames, rows, columns = (table.weight[:count] for table, count in zip(tables, counts, strict=True))
        return (frames[:, None, None] + rows[:, None] + columns).flatten(0, 2)  # (V, D)


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


class TimeEmbedding(nn.Module):
    """Embeds the timestep for the blocks and for the heads; see `jova.config.Modulation`.

    `shallow` and `shared` are adaLN-single (PixArt-alpha, arXiv 2310.00426, section 2.3): one MLP maps the timestep to
    a modulation for all blocks, and every block adds a bias of its own (`StreamLayers.modulation`). With `own` the
    blocks map the embedded timestep to their modulations (`OwnAdaLN`).
    """

    def __init__(self, config: JovaConfig) -> None:
        super().__init__()
        self.kind, self.frequencies, self.width = config.modulation, config.time_frequencies, config.width
        width = config.time_width or config.width
        self.hidden = nn.Linear(2 * self.frequencies, width)
        self.embed = None if self.kind == "shallow" else nn.Linear(width, width)
        self.out = nn.Linear(width, (2 if self.kind == "own" else len(Modulation._fields)) * config.width)

    def forward(self, time: Tensor) -> tuple[Tensor, Tensor]:
        """Maps times (B,) in [0, 1] to what the blocks and the heads are given.

        Returns:
            Of the blocks: a modulation (B, 6, 1, D); with `own` the embedded timestep (B, T). Of the heads: rows
            (B, n, 1, D) whose first two are shift and scale, or one row for both.
        """
        exponents = torch.arange(self.frequencies, device=time.device) / self.frequencies
        angles = 1000 * time[:, None] * torch.exp(-math.log(10_000) * exponents)  # (B, frequencies)
        hidden = F.silu(self.hidden(torch.cat([angles.cos(), angles.sin()], dim=-1)))  # (B, T)
        if self.embed is None:
            modulation = self._rows(hidden)  # (B, 6, 1, D)
            return modulation, modulation
        embedded = self.embed(hidden)  # (B, T)
        active = F.silu(embedded)
        if self.kind == "own":
            return active, self._rows(active)
        return self._rows(active), embedded[:, None, None]

    def _rows(self, hidden: Tensor) -> Tensor:
        """Maps (B, T) to one row for each shift, scale and gate, (B, n, 1, D)."""
        return self.out(hidden).view(len(hidden), self.out.out_features // self.width, 1, -1)


class OwnAdaLN(nn.Module):
    """Modulation of one stream of one block as a linear function of the embedded timestep (DiT's adaLN)."""

    def __init__(self, config: JovaConfig) -> None:
        super().__init__()
        self.out = nn.Linear(config.time_width or config.width, len(Modulation._fields) * config.width)

    def reset(self) -> None:
        """Sets it to open gates at every timestep, as `StreamLayers` begins."""
        nn.init.zeros_(self.out.weight)
        gates = [name.endswith("gate") for name in Modulation._fields]
        with torch.no_grad():
            self.out.bias.copy_(torch.tensor(gates).repeat_interleave(len(self.out.bias) // len(gates)))

    def forward(self, time: Tensor) -> Modulation:
        """Maps the embedded timestep (B, T) to a modulation."""
        return Modulation(*self.out(time).view(len(time), len(Modulation._fields), 1, -1).unbind(1))


class StreamLayers(nn.Module):
    """Projections, FFN and modulation bias of one stream of tokens, or of two that share them, in one block."""

    def __init__(self, config: JovaConfig, ffn: int | Fraction) -> None:
        """Makes the layers with an FFN of `ffn` widths."""
        super().__init__()
        width, ffn_width = config.width, int(config.width * ffn)
        self.approximate = "tanh" if config.activation == "gelu-tanh" else "none"
        if config.modulation != "own":
            self.modulation = nn.Parameter(torch.zeros(len(Modulation._fields), 1, width))
            with torch.no_grad():
                # Open gates: with small output layers (see Jova.init_weights) training starts faster than from the
                # identity.
                self.modulation[Modulation._fields.index("attention_gate")] = 1
                self.modulation[Modulation._fields.index("ffn_gate")] = 1
        self.qkv = nn.Linear(width, 3 * width)
        self.qk_norm = None if config.qk_norm == "layer" else OwnQKNorm(config)
        self.attention_out = nn.Linear(width, width)
        self.ffn_in = nn.Linear(width, ffn_width)
        self.ffn_out = nn.Linear(ffn_width, width)

    def modulate(self, time: Tensor) -> Modulation:
        """Adds this stream's bias to the shared modulation (B, 6, 1, D)."""
        return Modulation(*(time + self.modulation).unbind(1))

    def projections(self, x: Tensor) -> Tensor:
        """Maps (B, N, D) to queries, keys and values (B, N, 3D), normalised where the norm is this stream's own."""
        qkv = self.qkv(x)
        if self.qk_norm is None:
            return qkv
        q, k, v = qkv.chunk(3, dim=-1)
        return torch.cat([*self.qk_norm(q, k), v], dim=-1)

    def ffn(self, x: Tensor) -> Tensor:
        """Applies the feed-forward network: (B, N, D) -> (B, N, D)."""
        return self.ffn_out(F.gelu(self.ffn_in(x), approximate=self.approximate))


class CrossAttention(nn.Module):
    """Cross-attention from the tokens of one stream to those of another.

    Between modalities (fusion `cross`) it has rotary positions on the common timeline, and its 4 D^2 weights equal two
    widths of FFN (2 x 2 D^2). To text (text_attention `cross`) it has none, as text has none, and queries come from a
    LayerNorm with weights, as Wan's.
    """

    def __init__(self, config: JovaConfig, *, to_text: bool = False) -> None:
        super().__init__()
        width, self.heads, self.to_text = config.width, config.heads, to_text
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.attention_out = nn.Linear(width, width)
        self.head_norm = QKNorm(config.head_size) if config.qk_norm == "layer" else None
        self.qk_norm = None if config.qk_norm == "layer" else OwnQKNorm(config)
        self.norm = nn.LayerNorm(width) if to_text else None

    def forward(self, x: Tensor, other: Tensor, ropes: tuple[Tensor, Tensor] | None, mask: Tensor | None) -> Tensor:
        """Attends from tokens (B, N, D) to tokens (B, M, D); returns the update (B, N, D).

        Args:
            x: tokens of the queries.
            other: tokens of the keys; those of text are not normalised.
            ropes: rotary positions of both; None for text.
            mask: (B, 1, 1, M) bool, False for padding; None if there is none.
        """
        q = self.query(normalise(x) if self.norm is None else self.norm(x))  # (B, N, D)
        k, v = self.key_value(other if self.to_text else normalise(other)).chunk(2, dim=-1)  # each (B, M, D)
        if self.qk_norm is not None:
            q, k = self.qk_norm(q, k)
        q, k, v = (z.unflatten(-1, (self.heads, -1)).transpose(1, 2) for z in (q, k, v))  # each (B, H, n, E)
        if self.head_norm is not None:
            q, k = self.head_norm(q), self.head_norm(k)
        if ropes is not None:
            q, k = (rotate(z, rope) for z, rope in zip((q, k), ropes, strict=True))
        y = F.scaled_dot_product_attention(q, k, v, mask)  # (B, H, N, E)
        return self.attention_out(y.transpose(1, 2).flatten(2))
