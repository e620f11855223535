"""Writes a small untrained text encoder in the format of UMT5's folders, to try a training without a download.

    python -m jova.text.untrained work/text

Its tokens are bytes, so it reads any text of up to 500 letters or so; what its states say of a text is chance, though
equal texts have equal states. Shards, trainings and samples take it as they take a real one, whose folder then takes
its place.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from jova.extras import imported
from jova.text.pretrained import NEEDED_BY

SIZES = {"d_model": 64, "d_kv": 16, "d_ff": 128, "num_layers": 2, "num_heads": 4}


def byte_vocabulary(*special: str) -> dict[str, int]:
    """Returns a vocabulary of special tokens and one for each byte."""
    alphabet = imported("tokenizers.pre_tokenizers", NEEDED_BY).ByteLevel.alphabet()
    return {token: number for number, token in enumerate((*special, *sorted(alphabet)))}


def byte_tokenizer() -> Any:
    """Returns a tokenizer of transformers with a token for each byte, whose end-of-text token follows every text."""
    tokenizers = imported("tokenizers", NEEDED_BY)
    made = tokenizers.Tokenizer(tokenizers.models.BPE(byte_vocabulary("<pad>", "</s>", "<unk>"), []))
    made.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.post_processor = tokenizers.processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    return imported("transformers", NEEDED_BY).PreTrainedTokenizerFast(
        tokenizer_object=made, pad_token="<pad>", eos_token="</s>", unk_token="<unk>"
    )


def write_encoder(folder: Path) -> None:
    """Writes the encoder, the same each time.

    Raises:
        ModuleNotFoundError: transformers is not installed.
        ValueError: there is something at that path.
    """
    if folder.exists():
        raise ValueError(f"expected a new folder, got {folder}, which is there")
    transformers, tokenizer = imported("transformers", NEEDED_BY), byte_tokenizer()
    torch.manual_seed(0)
    network = transformers.UMT5EncoderModel(transformers.UMT5Config(vocab_size=len(tokenizer), **SIZES))
    network.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs `python -m jova.text.untrained`; returns its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m jova.text.untrained", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path, help="folder to write")
    try:
        write_encoder(parser.parse_args(argv).out)
    except (OSError, ValueError, ModuleNotFoundError) as error:
        print(f"jova.text.untrained: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
