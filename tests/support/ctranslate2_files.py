"""A random Whisper in CTranslate2's format, with a vocabulary of single bytes: what faster-whisper reads."""

from pathlib import Path

import torch
from ctranslate2.converters.transformers import WhisperLoader
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import WhisperConfig, WhisperForConditionalGeneration

SPECIAL = ("<|startoftranscript|>", "<|en|>", "<|translate|>", "<|transcribe|>", "<|startoflm|>", "<|startofprev|>")
SPECIAL = ("<|endoftext|>", *SPECIAL, "<|nospeech|>", "<|notimestamps|>")
TIMES = tuple(f"<|{0.02 * step:.2f}|>" for step in range(1501))
PARTS = {"": "model.bin", "-config": "config.json", "-tokenizer": "tokenizer.json", "-vocabulary": "vocabulary.json"}
"""Files of the folder, by what the name of an asset ends in."""


def write(folder: Path, seed: int = 0) -> dict[str, Path]:
    """Writes a network that draws every text: a random one is never sure. Returns its files as `PARTS` has them."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokens = [*letters, *SPECIAL, *TIMES]
    place = {token: number for number, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.BPE({letter: place[letter] for letter in letters}, []))
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in (*SPECIAL, *TIMES)])
    assert all(tokenizer.token_to_id(token) == number for token, number in place.items())

    end = place["<|endoftext|>"]
    config = WhisperConfig(
        vocab_size=len(tokens),
        d_model=16,
        encoder_layers=1,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=16,
        decoder_ffn_dim=16,
        decoder_start_token_id=place["<|startoftranscript|>"],
        **dict.fromkeys(("bos_token_id", "eos_token_id", "pad_token_id"), end),
        suppress_tokens=None,
        begin_suppress_tokens=None,
    )
    torch.manual_seed(seed)
    loader = WhisperLoader()
    spec = loader.get_model_spec(WhisperForConditionalGeneration(config).eval())
    spec.register_vocabulary(tokens)
    spec.config.suppress_ids, spec.config.suppress_ids_begin = [], [end]
    spec.config.lang_ids, spec.config.alignment_heads = [place["<|en|>"]], [(0, 0)]
    spec.validate()
    spec.optimize()
    folder.mkdir(parents=True, exist_ok=True)
    spec.save(str(folder))
    tokenizer.save(str(folder / PARTS["-tokenizer"]))
    return {part: folder / name for part, name in PARTS.items()}
