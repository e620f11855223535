"""CLAP (Wu et al. 2023, arXiv 2211.06687): sound and text in one space, run by transformers.

Reads LAION's own checkpoints (lukewys/laion_clap, names of LAION-AI/CLAP at 1fd4c37) and those of transformers
(laion/clap-htsat-unfused). Sizes come from the shapes. Two things differ from the feature extractor of transformers
and follow LAION's (`training/data.py`, `clap_module/htsat.py`): sound of at most 10 s is never fused, and where LAION
draws the three pieces of longer sound at random, the caller chooses.

Letters: N samples at 48 kHz, T frames of 10 ms, M = 64 mel bands, D embedding size.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.functional import interpolate, normalize

from jova_bench.arrays import Audio
from jova_bench.errors import Unavailable
from jova_bench.metrics.networks import checkpoint

RATE_HZ = 48_000
WINDOW = 10 * RATE_HZ
"""Samples of one input of the network."""
HOP, FFT, MELS = 480, 1024, 64
TOKENS = 77
"""Tokens of a text, including the two that begin and end it; the rest is cut off, as in training."""
HEAD = 64
"""Width of an attention head of RoBERTa."""
Choose = Callable[[Sequence[int]], int]
"""Picks the first frame of a piece from those that are possible."""
_RENAMED = (
    (r"^text_branch\.", "text_model."),
    (r"^audio_branch\.bn0\.", "audio_model.audio_encoder.batch_norm."),
    (r"^audio_branch\.", "audio_model.audio_encoder."),
    (r"\.attn\.proj\.", ".attention.output.dense."),
    (r"\.attn\.", ".attention.self."),
    (r"\.mlp\.fc1\.", ".intermediate.dense."),
    (r"\.mlp\.fc2\.", ".output.dense."),
    (r"\.norm1\.", ".layernorm_before."),
    (r"\.norm2\.", ".layernorm_after."),
    (r"_projection\.0\.", "_projection.linear1."),
    (r"_projection\.2\.", "_projection.linear2."),
)
"""LAION's names as transformers has them."""
_UNUSED = (
    "audio_branch.spectrogram_extractor.",
    "audio_branch.logmel_extractor.",
    "audio_branch.tscam_conv.",
    "audio_branch.head.",
    "audio_transform.",
    "text_transform.",
)
"""Fixed filters, which are computed here, and heads that no embedding goes through."""
_CONSTANT = ("position_ids", "token_type_ids", "relative_position_index", "attn_mask")
"""Tables that follow from the sizes; some checkpoints have them, some do not."""


class Clap:
    """The network with its features and its tokens."""

    def __init__(self, net: Any, tokenizer: Any, device: str) -> None:
        self.fusion = bool(net.config.audio_config.enable_fusion)
        """Whether sound above 10 s is embedded as a whole; otherwise a piece of 10 s is."""
        self._net = net
        self._tokenizer = tokenizer
        self._device = device

    @torch.inference_mode()
    def encode_audio(self, audio: Audio, choose: Choose) -> npt.NDArray[np.float64]:
        """Embeds (N,) audio at 48 kHz: (D,) of length 1. Audio below 10 s is repeated, then padded with zeros.

        Args:
            audio: N > 0.
            choose: which pieces of audio above 10 s are embedded at full resolution.
        """
        mels, longer = fused(audio, choose) if self.fusion else (single(audio, choose), False)
        inputs = {"input_features": torch.from_numpy(mels)[None].to(self._device)}  # (1, 4 or 1, T, M)
        if self.fusion:
            inputs["is_longer"] = torch.tensor([[longer]], device=self._device)
        embedding = self._net.audio_projection(self._net.audio_model(**inputs).pooler_output)
        return _unit(embedding)

    @torch.inference_mode()
    def encode_text(self, text: str) -> npt.NDArray[np.float64]:
        """Embeds a text: (D,) of length 1."""
        tokens = torch.tensor([self.tokens(text)], device=self._device)
        embedding = self._net.text_model(input_ids=tokens, attention_mask=torch.ones_like(tokens)).pooler_output
        return _unit(self._net.text_projection(embedding))

    def tokens(self, text: str) -> list[int]:
        """Tokenises a text: at most 77 numbers."""
        found: list[int] = self._tokenizer.encode(text).ids
        return found if len(found) <= TOKENS else [*found[: TOKENS - 1], found[-1]]


def _unit(embedding: Tensor) -> npt.NDArray[np.float64]:
    return normalize(embedding, dim=-1)[0].double().cpu().numpy()


def single(audio: Audio, choose: Choose) -> Audio:
    """Returns the (1, T, M) log-mel spectrogram of 10 s, with Slaney's bands, for a network without fusion."""
    start = choose(range(len(audio) - WINDOW + 1)) if len(audio) > WINDOW else 0
    return log_mel(filled(audio[start : start + WINDOW]), "slaney")[None]


def fused(audio: Audio, choose: Choose) -> tuple[Audio, bool]:
    """Returns (4, T, M) log-mel spectrograms: of all audio squeezed into 10 s, and of three pieces.

    Beside them, whether the audio is longer than 10 s; otherwise the four are the same.
    """
    mel = log_mel(filled(audio), "htk")
    frames = WINDOW // HOP + 1
    if len(mel) == frames:
        return np.stack([mel] * 4), False
    thirds = np.array_split(np.arange(len(mel) - frames + 1), 3)
    starts = [choose(third.tolist() or [0]) for third in thirds]
    whole = interpolate(torch.from_numpy(mel)[None, None], (frames, MELS), mode="bilinear", antialias=True)[0, 0]
    return np.stack([whole.numpy(), *(mel[start : start + frames] for start in starts)]), True


def filled(audio: Audio) -> Audio:
    """Extends audio to at least 10 s: as many whole copies as fit, then zeros."""
    copies = max(1, WINDOW // len(audio))
    repeated = np.tile(audio, copies)
    return np.pad(repeated, (0, max(0, WINDOW - len(repeated))))


def log_mel(audio: Audio, scale: str) -> Audio:
    """Returns the (T, M) log-mel spectrogram, in decibels, of (N,) audio at 48 kHz: 50 to 14,000 Hz, floor -100 dB."""
    from transformers.audio_utils import spectrogram, window_function

    bands = _bands(scale)
    window = window_function(FFT, "hann")
    return spectrogram(audio, window, FFT, HOP, power=2.0, mel_filters=bands, log_mel="dB").T.astype(np.float32)


@lru_cache(maxsize=2)
def _bands(scale: str) -> npt.NDArray[np.float64]:
    """Returns the bands of LAION's two front ends: librosa's without fusion, torchaudio's with it."""
    from transformers.audio_utils import mel_filter_bank

    norm = "slaney" if scale == "slaney" else None
    return mel_filter_bank(FFT // 2 + 1, MELS, 50, 14_000, RATE_HZ, norm, scale)


def load(file: Path, tokenizer: Path, device: str) -> Clap:
    """Loads CLAP from LAION's files or those of transformers.

    Args:
        file: LAION's `.pt` (its weights under `state_dict`), or safetensors with the names of transformers.
        tokenizer: `tokenizer.json` of roberta-base.
        device: `cpu` or `cuda:i`.

    Raises:
        Unavailable: a file is something else.
    """
    from tokenizers import Tokenizer
    from transformers import ClapConfig, ClapModel

    content = checkpoint.read(file)
    original = file.suffix != ".safetensors"
    given = content.get("state_dict", content) if original else content
    state = _translated(given) if original else dict(given)
    try:
        net = ClapModel(ClapConfig(**_sizes(state, 1e-5 if original else 1e-12)))
        words = Tokenizer.from_file(str(tokenizer))
    except KeyError as missing:
        raise Unavailable(f"weights unreadable: expected {missing} in {file}") from missing
    except Exception as error:
        raise Unavailable(f"weights unreadable: {file} with {tokenizer} ({error})") from error
    fixed = {name: value for name, value in net.state_dict().items() if name.endswith(_CONSTANT)}
    learned = {name: value for name, value in state.items() if not name.endswith(_CONSTANT)}
    return Clap(checkpoint.load_weights(net, {**fixed, **learned}, file).to(device), words, device)


def _translated(given: Mapping[str, Any]) -> dict[str, Tensor]:
    """Renames LAION's state to transformers' names; splits queries, keys and values."""
    state: dict[str, Tensor] = {}
    for name, value in given.items():
        name = name.removeprefix("module.")
        if not isinstance(value, Tensor) or name.startswith(_UNUSED):
            continue
        name = checkpoint.renamed(name, _RENAMED)
        if ".qkv." in name:
            parts = zip(("query", "key", "value"), value.chunk(3), strict=True)
            state |= {name.replace("qkv", part): tensor for part, tensor in parts}
        else:
            state[name] = value
    return state


def _sizes(state: Mapping[str, Tensor], epsilon: float) -> dict[str, Any]:
    """Returns the arguments of `ClapConfig`. LAION's RoBERTa adds 1e-5 to variances, transformers' 1e-12."""
    audio, text = "audio_model.audio_encoder.", "text_model."
    words = state[f"{text}embeddings.word_embeddings.weight"]
    width = state[f"{audio}patch_embed.proj.weight"].shape[0]
    stages = checkpoint.count(state, f"{audio}layers")
    bias = "blocks.0.attention.self.relative_position_bias_table"
    tables = [state[f"{audio}layers.{i}.{bias}"] for i in range(stages)]  # ((2 window - 1)^2, heads)
    fusion = f"{audio}patch_embed.fusion_model.local_att.0.weight"
    shared = state["audio_projection.linear1.weight"].shape[0]
    return {
        "projection_dim": shared,
        "audio_config": {
            "projection_dim": shared,
            "patch_embeds_hidden_size": width,
            "hidden_size": width * 2 ** (stages - 1),
            "depths": [checkpoint.count(state, f"{audio}layers.{i}.blocks") for i in range(stages)],
            "num_attention_heads": [table.shape[1] for table in tables],
            "window_size": (int(np.sqrt(len(tables[0]))) + 1) // 2,
            "enable_fusion": fusion in state,
            "fusion_type": "aff_2d" if fusion in state else None,
            "aff_block_r": width // state[fusion].shape[0] if fusion in state else 4,
        },
        "text_config": {
            "projection_dim": shared,
            "vocab_size": words.shape[0],
            "hidden_size": words.shape[1],
            "num_hidden_layers": checkpoint.count(state, f"{text}encoder.layer"),
            "num_attention_heads": max(1, words.shape[1] // HEAD),
            "intermediate_size": state[f"{text}encoder.layer.0.intermediate.dense.weight"].shape[0],
            "max_position_embeddings": state[f"{text}embeddings.position_embeddings.weight"].shape[0],
            "layer_norm_eps": epsilon,
        },
    }
