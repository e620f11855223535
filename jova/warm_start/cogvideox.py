"""CogVideoX text-to-video (diffusers' CogVideoXTransformer3DModel): its block is JoVA's shared block.

One QKV and one FFN serve [text; video], with adaLN for each. Kept: all blocks, the layers into text and video tokens
and the embedding of the timestep. With both sides alike, a block's activations are those of CogVideoX's block, to
rounding. What deviates:

- Video attends to audio and to text-for-audio too. The first blocks can be separate: all four groups then begin as
  copies of the one set of weights.
- It was trained to denoise by another process: variance-preserving, of its own VAE's latents. Here time t is read as
  its timestep 1000 (1 - t), at which the share of noise is not quite the same, and latents of another VAE are new to
  the layer into video tokens. The head begins as zero: CogVideoX ends with two norms in a row, which ours has not.
- Its positions follow the size of the picture (rotary ones are scaled to that of its training); ours count tokens,
  which is the same at 480 x 720. CogVideoX-2b has sums of sines and cosines and no rotary positions: those sums are the
  learned positions here, and the rotary ones, without which audio and video are not aligned, come new.
- Temporal positions are the centres of what latents cover: the first latent, of one frame, is 0.625 steps from the
  second, not one.
- Padding of the text is masked. CogVideoX attends to it, up to 226 tokens.

Without counterpart are, and begin as in any training: the layers into audio tokens and both heads. The weights for a
reference image begin as zero. Left behind are `norm_final`, `norm_out` and `proj_out`. CogVideoX 1.5, whose tokens span
two latent frames, and models of image-to-video are refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor

from jova.config import JovaConfig
from jova.warm_start.upstream import Upstream, named, patch_layer, reversed_time

KIND = "CogVideoXTransformer3DModel"


def config_of(upstream: Upstream, clip: JovaConfig, separate_blocks: int) -> JovaConfig:
    """Returns the config of a JoVA with a CogVideoX's layers.

    Args:
        upstream: the model.
        clip: has the length and size of clips and the channels of the codecs.
        separate_blocks: number of first blocks that do not share weights.

    Raises:
        ValueError: it is no text-to-video model of these latents, or has fewer blocks.
    """
    upstream.expect(patch_size_t=None, ofs_embed_dim=None, attention_bias=True, norm_elementwise_affine=True)
    upstream.expect(in_channels=clip.video_channels, out_channels=clip.video_channels)
    names = ("num_attention_heads", "attention_head_dim", "patch_size", "num_layers")
    heads, size, patch, blocks = (upstream.field(name) for name in names)
    if separate_blocks > blocks:
        raise ValueError(f"expected at most {blocks} separate blocks, got {separate_blocks}")
    places: tuple[int, ...] = ()
    if not upstream.field("use_rotary_positional_embeddings"):
        frames = (upstream.field("sample_frames") - 1) // upstream.field("temporal_compression_ratio") + 1
        trained = (frames, upstream.field("sample_height") // patch, upstream.field("sample_width") // patch)
        asked = (clip.timeline.latent_frames, clip.latent_height // patch, clip.latent_width // patch)
        places = tuple(map(max, trained, asked))
    return replace(
        clip,
        patch=patch,
        width=heads * size,
        heads=heads,
        separate_blocks=separate_blocks,
        shared_blocks=blocks - separate_blocks,
        ffn=4,
        text_ffn=4,
        text_channels=(upstream.field("text_embed_dim"),),
        text_layers="linear",
        text_attention="joint",
        time_unit="video latent",
        rope_base=10_000.0,
        rope_pairs=(size // 8, size // 8 * 3 // 2, size // 8 * 3 // 2),
        learned_positions=places,
        qk_norm="layer-own",
        activation="gelu-tanh",
        modulation="own",
        time_frequencies=heads * size // 2,
        time_width=upstream.field("time_embed_dim"),
        prediction="v",
    )


def weights_of(upstream: Upstream, config: JovaConfig) -> Iterator[dict[str, Tensor]]:
    """Yields the weights of the video side, and of what both sides share, by their names in `Jova`."""
    yield named("video_in", patch_layer(upstream.linear("patch_embed.proj"), 2 * config.video_channels + 1))
    yield named("text_in.projections.0", upstream.linear("patch_embed.text_proj"))
    yield named("time.hidden", reversed_time(upstream.linear("time_embedding.linear_1")))
    yield named("time.embed", upstream.linear("time_embedding.linear_2"))
    if config.learned_positions:
        yield sums_of_sines(config, upstream)
    for block in range(config.blocks):
        theirs = f"transformer_blocks.{block}"
        text, video = _modulations(upstream, theirs)
        yield named(f"blocks.{block}.adaln.2.out", text)
        yield named(f"blocks.{block}.adaln.3.out", video)
        for group in (2, 3) if block < config.separate_blocks else (1,):
            ours = f"blocks.{block}.weights.{group}"
            yield named(f"{ours}.qkv", upstream.joined(*(f"{theirs}.attn1.to_{part}" for part in "qkv")))
            yield named(f"{ours}.qk_norm.query", upstream.linear(f"{theirs}.attn1.norm_q"))
            yield named(f"{ours}.qk_norm.key", upstream.linear(f"{theirs}.attn1.norm_k"))
            yield named(f"{ours}.attention_out", upstream.linear(f"{theirs}.attn1.to_out.0"))
            yield named(f"{ours}.ffn_in", upstream.linear(f"{theirs}.ff.net.0.proj"))
            yield named(f"{ours}.ffn_out", upstream.linear(f"{theirs}.ff.net.2"))


def _modulations(upstream: Upstream, block: str) -> list[dict[str, Tensor]]:
    """Returns the layers of the modulation of text and of video in one block.

    The scale g and the bias b of the LayerNorm before them are folded in: (g n + b) (1 + scale) + shift, for normalised
    n, is n (1 + scale') + shift' with scale' = g (1 + scale) - 1 and shift' = b (1 + scale) + shift, both linear in
    what scale and shift are linear in.
    """
    rows: list[dict[str, list[Tensor]]] = [{"weight": [], "bias": []} for _ in range(2)]
    for norm in ("norm1", "norm2"):
        linear, affine = upstream.linear(f"{block}.{norm}.linear"), upstream.linear(f"{block}.{norm}.norm")
        for key, layer in linear.items():
            parts = layer.chunk(6)  # shift, scale, gate of video, then of text
            g, b = (affine[name] if key == "bias" else affine[name][:, None] for name in ("weight", "bias"))
            one = 1.0 if key == "bias" else 0.0  # The 1 of 1 + scale is a constant.
            for row, (shift, scale, gate) in zip(rows, (parts[3:], parts[:3]), strict=True):
                row[key] += [b * (one + scale) + shift, g * (one + scale) - one, gate]
    return [{key: torch.cat(parts) for key, parts in row.items()} for row in rows]


def sums_of_sines(config: JovaConfig, upstream: Upstream) -> dict[str, Tensor]:
    """Returns tables of learned positions whose sum is CogVideoX-2b's embedding of (t, y, x).

    Its channels are sines and cosines of the frame (a quarter), of the column and of the row (three eighths each).
    """
    width = config.width
    time, space = upstream.field("temporal_interpolation_scale"), upstream.field("spatial_interpolation_scale")
    quarter, side = width // 4, width // 8 * 3
    starts = ((0, quarter, time), (quarter + side, side, space), (quarter, side, space))  # frames, rows, columns
    tables = {}
    for axis, (count, (start, channels, scale)) in enumerate(zip(config.learned_positions, starts, strict=True)):
        frequencies = 10_000.0 ** (-torch.arange(channels // 2, dtype=torch.float64) / (channels // 2))
        angles = torch.outer(torch.arange(count) / scale, frequencies)  # (count, channels / 2)
        table = torch.zeros(count, width)
        table[:, start : start + channels] = torch.cat([angles.sin(), angles.cos()], dim=1).float()
        tables[f"places.tables.{axis}.weight"] = table
    return tables
