"""Reads what fairseq and its descendants wrote of wav2vec 2.0 and WavLM, for the networks that transformers has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from jova_bench.metrics.networks import checkpoint

STRIDES = (5, 2, 2, 2, 2, 2, 2)
RENAMED = (
    (r"^(feature_extractor\.conv_layers\.\d+)\.0\.", r"\1.conv."),
    (r"^(feature_extractor\.conv_layers\.\d+)\.2\.", r"\1.layer_norm."),
    (r"^layer_norm\.", "feature_projection.layer_norm."),
    (r"^post_extract_proj\.", "feature_projection.projection."),
    (r"^mask_emb$", "masked_spec_embed"),
    (r"\.pos_conv\.0\.bias$", ".pos_conv_embed.conv.bias"),
    (r"\.pos_conv\.0\.weight_g$", ".pos_conv_embed.conv.parametrizations.weight.original0"),
    (r"\.pos_conv\.0\.weight_v$", ".pos_conv_embed.conv.parametrizations.weight.original1"),
    (r"\.self_attn\.grep_a$", ".attention.gru_rel_pos_const"),
    (r"\.self_attn\.grep_linear\.", ".attention.gru_rel_pos_linear."),
    (r"\.self_attn\.relative_attention_bias\.", ".attention.rel_attn_embed."),
    (r"\.self_attn\.", ".attention."),
    (r"\.self_attn_layer_norm\.", ".layer_norm."),
    (r"\.fc1\.", ".feed_forward.intermediate_dense."),
    (r"\.fc2\.", ".feed_forward.output_dense."),
)
"""Names of weights, and what transformers calls them."""


def sizes(state: Mapping[str, Tensor]) -> dict[str, Any]:
    """Returns the sizes of a network by the names of transformers' configurations; no shape tells its heads.

    Args:
        state: weights by fairseq's names. Raises KeyError without them.
    """
    kernels = [state[f"feature_extractor.conv_layers.{i}.0.weight"].shape for i in range(len(STRIDES))]
    position = state["encoder.pos_conv.0.weight_v"].shape  # (C, C / groups, kernel)
    return {
        "hidden_size": position[0],
        "num_hidden_layers": checkpoint.count(state, "encoder.layers"),
        "intermediate_size": state["encoder.layers.0.fc1.weight"].shape[0],
        "conv_dim": tuple(shape[0] for shape in kernels),
        "conv_kernel": tuple(shape[2] for shape in kernels),
        "conv_stride": STRIDES,
        "num_conv_pos_embeddings": position[2],
        "num_conv_pos_embedding_groups": position[0] // position[1],
    }
