"""Text encoders in the folder formats of their upstreams, tiny and with random weights, made once for all tests.

Their tokenizers have a token per byte, so that every text of any script has tokens.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from jova.text.untrained import byte_tokenizer, byte_vocabulary

T5 = {"d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 2, "num_heads": 2}
QWEN = {
    "hidden_size": 24, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 3,
    "num_key_value_heads": 1,
}  # fmt: skip


def qwen_tokenizer():
    """As Qwen's: nothing is added to a text."""
    from transformers import Qwen2Tokenizer

    return Qwen2Tokenizer(vocab=byte_vocabulary("<|endoftext|>"), merges=[])


def save_t5(folder: Path) -> None:
    """Writes a whole T5 with its decoder, as its authors publish it."""
    from transformers import T5Config, T5ForConditionalGeneration

    torch.manual_seed(0)
    tokenizer = byte_tokenizer()
    T5ForConditionalGeneration(T5Config(vocab_size=len(tokenizer), **T5)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def save_umt5(folder: Path) -> None:
    """Writes the parts `text_encoder` and `tokenizer` of a pipeline of diffusers, as Wan's."""
    from transformers import UMT5Config, UMT5EncoderModel

    torch.manual_seed(1)
    tokenizer = byte_tokenizer()
    UMT5EncoderModel(UMT5Config(vocab_size=len(tokenizer), **T5)).save_pretrained(folder / "text_encoder")
    tokenizer.save_pretrained(folder / "tokenizer")


def save_qwen(folder: Path) -> None:
    """Writes a language model with its output layer, in bfloat16, as its authors publish it."""
    from transformers import Qwen2Config, Qwen2ForCausalLM

    torch.manual_seed(2)
    tokenizer = qwen_tokenizer()
    model = Qwen2ForCausalLM(Qwen2Config(vocab_size=len(tokenizer), eos_token_id=0, **QWEN))
    model.to(torch.bfloat16).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


SAVE = {"t5": save_t5, "umt5": save_umt5, "qwen2": save_qwen}


@pytest.fixture(scope="session")
def text_folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders of a T5, a UMT5 and a Qwen2.5 encoder, by kind."""
    root = tmp_path_factory.mktemp("text")
    for kind, save in SAVE.items():
        save(root / kind)
    return {kind: root / kind for kind in SAVE}
