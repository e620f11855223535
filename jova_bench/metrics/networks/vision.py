"""Vision transformers of the transformers package, built for the shapes of a checkpoint.

A checkpoint says everything but the number of heads, which the sizes of a family share: so a narrow one takes the
same path as the published one, and no configuration file is needed. transformers renames its modules from time to
time: `_bare` is what stays.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isqrt
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from jova_bench.errors import Unavailable
from jova_bench.metrics.networks import checkpoint

CLIP_HEAD, SIGLIP_HEAD, DINOV3_HEAD = 64, 72, 64
"""Width of a head of CLIP's encoders of images and texts, SigLIP so400m and DINOv3 ViT-L/16."""


def clip(path: Path) -> nn.Module:
    """Loads the image encoder of CLIP (openai/clip-vit-large-patch14 and -base-patch32), with its projection."""
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    everything = checkpoint.tensors(path)
    kept = ("vision_model.", "visual_projection.")
    state = {name: value for name, value in everything.items() if name.startswith(kept)}
    state.pop("vision_model.embeddings.position_ids", None)  # 0, 1, 2, ...: older files store them.
    tower = _tower(checkpoint.part(state, "vision_model."), path)
    projected = _shape(state, "visual_projection.weight", path)[0]
    side = isqrt(tower.pop("positions") - 1) * tower["patch_size"]
    config = CLIPVisionConfig(
        **tower, image_size=side, num_attention_heads=tower["hidden_size"] // CLIP_HEAD, projection_dim=projected
    )
    return _filled(CLIPVisionModelWithProjection(config), state, path)


def clip_text(path: Path) -> nn.Module:
    """Loads the text encoder of the same files, with its projection; it is read at the token of the highest number."""
    from transformers import CLIPTextConfig, CLIPTextModelWithProjection

    kept = ("text_model.", "text_projection.")
    state = {name: value for name, value in checkpoint.tensors(path).items() if name.startswith(kept)}
    state.pop("text_model.embeddings.position_ids", None)
    words, width = _shape(state, "text_model.embeddings.token_embedding.weight", path)
    config = CLIPTextConfig(
        vocab_size=words,
        hidden_size=width,
        intermediate_size=_shape(state, "text_model.encoder.layers.0.mlp.fc1.weight", path)[0],
        num_hidden_layers=checkpoint.count(state, "text_model.encoder.layers"),
        num_attention_heads=width // CLIP_HEAD,
        max_position_embeddings=_shape(state, "text_model.embeddings.position_embedding.weight", path)[0],
        projection_dim=_shape(state, "text_projection.weight", path)[0],
        bos_token_id=words - 2,
        eos_token_id=words - 1,
    )
    return _filled(CLIPTextModelWithProjection(config), state, path)


def siglip(path: Path) -> nn.Module:
    """Loads the image encoder of SigLIP (google/siglip-so400m-patch14-384: model.safetensors)."""
    from transformers import SiglipVisionConfig, SiglipVisionModel

    state = checkpoint.tensors(path, prefix="vision_model.")
    tower = _tower(state, path)
    side = isqrt(tower.pop("positions")) * tower["patch_size"]
    config = SiglipVisionConfig(**tower, image_size=side, num_attention_heads=tower["hidden_size"] // SIGLIP_HEAD)
    return _filled(SiglipVisionModel(config), state, path)


def dinov3(path: Path) -> nn.Module:
    """Loads a DINOv3 vision transformer (facebook/dinov3-vitl16-pretrain-lvd1689m: model.safetensors)."""
    from transformers import DINOv3ViTConfig, DINOv3ViTModel

    state = checkpoint.tensors(path)
    width, _, patch, _ = _shape(state, "embeddings.patch_embeddings.weight", path)
    config = DINOv3ViTConfig(
        hidden_size=width,
        intermediate_size=_shape(state, "layer.0.mlp.up_proj.weight", path)[0],
        num_hidden_layers=checkpoint.count(state, "layer"),
        num_attention_heads=width // DINOV3_HEAD,
        num_register_tokens=_shape(state, "embeddings.register_tokens", path)[1],
        patch_size=patch,
    )
    return _filled(DINOv3ViTModel(config), state, path)


def _tower(state: Mapping[str, Tensor], path: Path) -> dict[str, Any]:
    """Returns the configuration that CLIP and SigLIP have in common."""
    width, _, patch, _ = _shape(state, "embeddings.patch_embedding.weight", path)
    return {
        "hidden_size": width,
        "patch_size": patch,
        "intermediate_size": _shape(state, "encoder.layers.0.mlp.fc1.weight", path)[0],
        "num_hidden_layers": checkpoint.count(state, "encoder.layers"),
        "positions": _shape(state, "embeddings.position_embedding.weight", path)[0],
    }


def _shape(state: Mapping[str, Tensor], name: str, path: Path) -> tuple[int, ...]:
    if name not in state:
        raise Unavailable(f"weights unreadable: expected {name!r} in {path}")
    return tuple(state[name].shape)


def _filled(net: nn.Module, state: Mapping[str, Tensor], path: Path) -> nn.Module:
    """Loads a state whose names may have other prefixes."""
    named = {_bare(name): name for name in net.state_dict()}
    return checkpoint.load_weights(net, {named.get(_bare(name), name): value for name, value in state.items()}, path)


def _bare(name: str) -> str:
    return name.removeprefix("vision_model.").removeprefix("text_model.").removeprefix("model.")
