"""Wan 2.1 and 2.2 text-to-video (diffusers' WanTransformer3DModel): text by cross-attention stays.

Kept: every weight. Without audio (fusion `none`) the picture's velocity is Wan's, to rounding. What deviates:

- Video attends to audio tokens too, in the self-attention that was for video alone, and audio to video. JoVA reads text
  in the same self-attention; Wan's cross-attention to it is kept, because its weights for text are those, so there are
  no separate blocks and no streams of text (as in JavisDiT++ on Wan2.1-1.3B).
- Time runs from noise to data, and the velocity points there: the first layer of the timestep is rotated and the head
  negated, which is exact.
- Padding of the text is masked. Wan attends to it, up to 512 tokens of zeros.
- Temporal positions are the centres of what latents cover: the first latent, of one frame, is 0.625 steps from the
  second, not one.

Without counterpart are, and begin as in any training: the layers into audio tokens and the audio head's last layer
(zero, so that audio first has no velocity). The weights for a reference image begin as zero. Wan 2.2's A14B has two
transformers, for much noise and for little; either can be taken. Models of image-to-video are refused: their condition
is another.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

from torch import Tensor

from jova.config import JovaConfig
from jova.warm_start.upstream import Upstream, named, patch_layer, reversed_time

KIND = "WanTransformer3DModel"


def config_of(upstream: Upstream, clip: JovaConfig, separate_blocks: int) -> JovaConfig:
    """Returns the config of a JoVA with a Wan's layers.

    Args:
        upstream: the model.
        clip: has the length and size of clips and the channels of the codecs.
        separate_blocks: 0, because text has no tokens.

    Raises:
        ValueError: it is no text-to-video model of these latents, or separate blocks were asked for.
    """
    if separate_blocks:
        raise ValueError(f"expected no separate blocks for a model that reads text otherwise, got {separate_blocks}")
    upstream.expect(qk_norm="rms_norm_across_heads", cross_attn_norm=True, image_dim=None, added_kv_proj_dim=None)
    upstream.expect(in_channels=clip.video_channels, out_channels=clip.video_channels)
    patch = upstream.field("patch_size")
    upstream.expect(patch_size=[1, patch[1], patch[1]])
    heads, size = upstream.field("num_attention_heads"), upstream.field("attention_head_dim")
    return replace(
        clip,
        patch=patch[1],
        width=heads * size,
        heads=heads,
        separate_blocks=0,
        shared_blocks=upstream.field("num_layers"),
        ffn=Fraction(upstream.field("ffn_dim"), heads * size),
        text_channels=(upstream.field("text_dim"),),
        text_layers="mlp",
        text_attention="cross",
        time_unit="video latent",
        rope_base=10_000.0,
        rope_pairs=(size // 2 - 2 * (size // 6), size // 6, size // 6),
        qk_norm="rms-width",
        activation="gelu-tanh",
        modulation="shared",
        time_frequencies=upstream.field("freq_dim") // 2,
        time_width=0,
        prediction="v",
    )


def weights_of(upstream: Upstream, config: JovaConfig) -> Iterator[dict[str, Tensor]]:
    """Yields the weights of the video side, and of what both sides share, by their names in `Jova`."""
    convolution = upstream.linear("patch_embedding")
    convolution["weight"] = convolution["weight"][:, :, 0]  # one latent frame
    yield named("video_in", patch_layer(convolution, 2 * config.video_channels + 1))
    condition = "condition_embedder"
    yield named("text_in.projections.0", upstream.linear(f"{condition}.text_embedder.linear_1"))
    yield named("text_in.outs.0", upstream.linear(f"{condition}.text_embedder.linear_2"))
    yield named("time.hidden", reversed_time(upstream.linear(f"{condition}.time_embedder.linear_1")))
    yield named("time.embed", upstream.linear(f"{condition}.time_embedder.linear_2"))
    yield named("time.out", upstream.linear(f"{condition}.time_proj"))
    for block in range(config.blocks):
        theirs, ours = f"blocks.{block}", f"blocks.{block}.weights.1"
        yield {f"{ours}.modulation": upstream[f"{theirs}.scale_shift_table"][0][:, None]}  # (6, 1, D)
        yield named(f"{ours}.qkv", upstream.joined(*(f"{theirs}.attn1.to_{part}" for part in "qkv")))
        yield _norms(upstream, f"{theirs}.attn1", ours)
        yield named(f"{ours}.attention_out", upstream.linear(f"{theirs}.attn1.to_out.0"))
        yield named(f"{ours}.ffn_in", upstream.linear(f"{theirs}.ffn.net.0.proj"))
        yield named(f"{ours}.ffn_out", upstream.linear(f"{theirs}.ffn.net.2"))
        ours = f"blocks.{block}.video_text"
        yield named(f"{ours}.norm", upstream.linear(f"{theirs}.norm2"))
        yield named(f"{ours}.query", upstream.linear(f"{theirs}.attn2.to_q"))
        yield named(f"{ours}.key_value", upstream.joined(*(f"{theirs}.attn2.to_{part}" for part in "kv")))
        yield _norms(upstream, f"{theirs}.attn2", ours)
        yield named(f"{ours}.attention_out", upstream.linear(f"{theirs}.attn2.to_out.0"))
    yield {"video_head.modulation": upstream["scale_shift_table"][0][:, None]}  # (2, 1, D)
    yield named("video_head.out", {name: -tensor for name, tensor in upstream.linear("proj_out").items()})


def _norms(upstream: Upstream, theirs: str, ours: str) -> dict[str, Tensor]:
    """Returns the scales of queries and keys."""
    pairs = (("q", "query"), ("k", "key"))
    return {f"{ours}.qk_norm.{name}.weight": upstream[f"{theirs}.norm_{letter}.weight"] for letter, name in pairs}
