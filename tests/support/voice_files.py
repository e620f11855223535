"""Random checkpoints of what embeds voices, in their publishers' formats."""

import json
from pathlib import Path

import torch

from support.upstream import fake_state, parity

SIZES = {
    "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 48, "conv_dim": [16] * 7,
    "num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 2, "num_buckets": 20,
    "tdnn_dim": [24, 24, 24, 24, 40], "xvector_output_dim": 20, "use_weighted_layer_sum": True,
}  # fmt: skip
HEARING = {
    "do_normalize": True, "feature_extractor_type": "Wav2Vec2FeatureExtractor", "feature_size": 1,
    "padding_side": "right", "padding_value": 0.0, "return_attention_mask": True, "sampling_rate": 16_000,
}  # fmt: skip


def wavlm_state() -> dict[str, torch.Tensor]:
    """With a head for two speakers, and the names that torch's older weight norm gave."""
    from transformers import WavLMConfig, WavLMForXVector

    net = WavLMForXVector(WavLMConfig(**SIZES))
    older = {"parametrizations.weight.original0": "weight_g", "parametrizations.weight.original1": "weight_v"}
    shapes = {name: list(value.shape) for name, value in net.state_dict().items()}
    for new, old in older.items():
        shapes = {name.replace(new, old): shape for name, shape in shapes.items()}
    return fake_state(shapes)


def ecapa_state() -> dict[str, torch.Tensor]:
    return fake_state(parity("ecapa")["shapes"])


def write_json(content: dict[str, object], file: Path) -> None:
    file.write_text(json.dumps(content))


WRITERS = {
    "wavlm-base-plus-sv": lambda file: torch.save(wavlm_state(), file),
    "wavlm-base-plus-sv-config": lambda file: write_json(SIZES, file),
    "wavlm-base-plus-sv-preprocessor": lambda file: write_json(HEARING, file),
    "ecapa-voxceleb": lambda file: torch.save(ecapa_state(), file),
}
