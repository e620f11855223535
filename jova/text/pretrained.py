"""Pretrained text encoders: T5, UMT5 and Qwen2.5, read by transformers from a local folder.

What is taken is the last hidden state, behind the final norm: of T5 as in CogVideoX and of UMT5 as in Wan, and of
Qwen's decoder as in Qwen-Image and Kandinsky 5. (HunyuanVideo takes the third from last of its decoder, Lumina 2 and
Z-Image the second from last of theirs; which JoVA takes is published nowhere.) There is no chat template. Every text
ends with the tokenizer's end-of-text token: T5's tokenizers add it, and in a decoder it alone has seen the whole text.
The empty text is therefore that one token.

A text is encoded by itself, not in a batch: its states depend on nothing else, and there is no padding that could leak.
"""

from __future__ import annotations

import hashlib
import json
import sys
from functools import cached_property
from pathlib import Path
from typing import Any, Self, get_args

import torch
from torch import Tensor, nn

from jova.config import Precision
from jova.extras import imported, in_one_line

NETWORKS = {
    "t5": ("T5EncoderModel", "d_model"),
    "umt5": ("UMT5EncoderModel", "d_model"),
    "qwen2": ("Qwen2Model", "hidden_size"),
}
"""Class in transformers, and field with the number of channels, by the `model_type` of config.json."""

TOKENIZER_FILES = (
    "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "spiece.model",
    "vocab.json", "merges.txt",
)  # fmt: skip
"""Those that may decide the tokens of a text."""

VOCABULARY_FILES = {"tokenizer.json", "spiece.model", "vocab.json"}
"""One of them has the tokens. Where there is none, transformers takes a few special tokens for all there are."""

NEEDED_BY = "pretrained text encoders"

MAX_LENGTH = 512
"""Most tokens of a text, as in Wan."""


class TextEncoder:
    """A pretrained text encoder. Its weights are read when the first text is encoded."""

    def __init__(
        self, folder: Path, *, precision: Precision = "bfloat16", max_length: int = MAX_LENGTH, device: str = "cpu"
    ) -> None:
        """Sets the encoder and reads its config.

        Args:
            folder: with config.json, *.safetensors and the tokenizer; or with parts `text_encoder` and `tokenizer`, as
                diffusers writes them.
            precision: of weights and activations.
            max_length: most tokens of a text, the last of which ends it.
            device: that encodes; the states are on the CPU.

        Raises:
            FileNotFoundError: there is no such folder, or no safetensors in it.
            ValueError: it holds no encoder of a known kind.
        """
        if precision not in get_args(Precision):
            raise ValueError(f"expected precision to be one of {', '.join(get_args(Precision))}, got {precision!r}")
        if max_length < 1:
            raise ValueError(f"expected max_length of at least 1, got {max_length}")
        self.folder, self.precision, self.max_length, self.device = folder, precision, max_length, device
        inner = (folder / "text_encoder").is_dir()
        self._weights = folder / "text_encoder" if inner else folder
        self._words = folder / "tokenizer" if inner else folder
        config = read_config(self._weights)
        self.kind = str(config["model_type"])
        self.channels, self._vocabulary = int(config[NETWORKS[self.kind][1]]), int(config["vocab_size"])
        if not self._weight_files():
            raise FileNotFoundError(
                f"expected *.safetensors in {self._weights}, got none; weights in other formats are not read, because "
                "they may run code"
            )

    @cached_property
    def fingerprint(self) -> str:
        """Digest of what decides the states of a text: config, weights and tokenizer, byte for byte, and precision."""
        total = hashlib.sha256(json.dumps([1, self.precision]).encode())
        words = (self._words / name for name in TOKENIZER_FILES)
        for path in (self._weights / "config.json", *self._weight_files(), *filter(Path.is_file, words)):
            with path.open("rb") as file:
                total.update(path.name.encode() + hashlib.file_digest(file, "sha256").digest())
        return f"{self.kind}-{total.hexdigest()[:16]}"

    def encode(self, text: str) -> Tensor:
        """Returns the hidden states (n, C) of a text's n tokens, on the CPU.

        Raises:
            ModuleNotFoundError: transformers is not installed.
            ValueError: the text is too long, or the folder is damaged.
        """
        ids = torch.tensor([self.token_ids(text)], device=self.device)  # (1, n)
        # Outside of inference mode and autocast, whatever the caller is in: the states enter trainings and caches.
        with torch.inference_mode(False), torch.no_grad(), torch.autocast(ids.device.type, enabled=False):
            states: Tensor = self._network(input_ids=ids).last_hidden_state[0]
            return states.cpu().contiguous()

    def token_ids(self, text: str) -> list[int]:
        """Returns the n tokens of a text, the last of which ends it.

        A text that is too long is an error. Cut to fit, as upstreams do, a prompt would lose the end of its transcript,
        and the clip the words that it should say.

        Raises:
            ValueError: there are more than `max_length`.
        """
        end = self._tokenizer.eos_token_id
        ids: list[int] = self._tokenizer(text)["input_ids"]
        if not ids and text.strip():
            raise ValueError(f"expected a tokenizer in {self._words} that reads texts, got no tokens of {text[:40]!r}")
        if end is None or max(*ids, end, end) >= self._vocabulary:
            got = "no end-of-text token" if end is None else f"token {max(*ids, end, end)}"
            raise ValueError(f"expected a tokenizer of {self._vocabulary} tokens in {self._words}, got {got}")
        if (unknown := self._tokenizer.unk_token_id) in ids and unknown != end:
            lost = [word for word in text.split() if unknown in self._tokenizer(word)["input_ids"]]
            print(f"note: {self.kind} has no token for all of {str(lost[:8])[1:-1]}; it reads <unk>", file=sys.stderr)
        ids = ids if ids[-1:] == [end] else [*ids, end]
        if len(ids) > self.max_length:
            raise ValueError(
                f"expected a prompt of at most {self.max_length} tokens of {self.kind}, got {len(ids)} in "
                f"{text[:60] + ' ...'!r}; shorten it"
            )
        return ids

    def to(self, device: str) -> Self:
        """Moves the encoder to a device, where it will encode."""
        self.device = device
        if "_network" in self.__dict__:
            self._network.to(device)
        return self

    def _weight_files(self) -> list[Path]:
        return sorted(self._weights.glob("*.safetensors"))

    @cached_property
    def _tokenizer(self) -> Any:
        """Tokenizer of transformers."""
        found = {name for name in VOCABULARY_FILES if (self._words / name).is_file()}
        if not found:
            names = ", ".join(sorted(VOCABULARY_FILES))
            raise FileNotFoundError(f"expected a tokenizer in {self._words}, got none of {names}")
        if found == {"spiece.model"}:
            for module in ("sentencepiece", "google.protobuf"):
                imported(module, NEEDED_BY)
        try:
            return imported("transformers", NEEDED_BY).AutoTokenizer.from_pretrained(
                self._words, local_files_only=True, trust_remote_code=False
            )
        except ModuleNotFoundError:
            raise
        except Exception as error:
            # tokenizers raises bare exceptions for damaged files.
            raise ValueError(f"expected a tokenizer in {self._words}, got {in_one_line(error)}") from error

    @cached_property
    def _network(self) -> nn.Module:
        """Network of transformers on the device."""
        name = NETWORKS[self.kind][0]
        where = f"the weights of {name} in {self._weights}"
        try:
            network, info = getattr(imported("transformers", NEEDED_BY), name).from_pretrained(
                self._weights,
                local_files_only=True,
                use_safetensors=True,
                dtype=getattr(torch, self.precision),
                output_loading_info=True,
            )
        except ModuleNotFoundError:
            raise
        except Exception as error:
            # safetensors has exceptions of its own for damaged files.
            raise ValueError(f"expected {where}, got {in_one_line(error)}") from error
        # transformers fills what is missing with random numbers.
        if lacking := sorted(map(str, [*info["missing_keys"], *info["mismatched_keys"]])):
            raise ValueError(f"expected {where}, got none or others for {len(lacking)} tensors, such as {lacking[0]}")
        frozen: nn.Module = network.eval().requires_grad_(False).to(self.device)
        return frozen


def read_config(folder: Path) -> dict[str, Any]:
    """Reads config.json of a text encoder.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is damaged, or of an encoder of another kind.
    """
    path = folder / "config.json"
    if not path.is_file():
        raise FileNotFoundError(
            f"expected a local folder of a text encoder, got no {path}; nothing is downloaded: fetch it first"
        )
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        kind, channels = config["model_type"], NETWORKS.get(config["model_type"], ("", "vocab_size"))[1]
        sizes = [int(config[name]) for name in (channels, "vocab_size")]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"expected a text encoder's config in {path}, got {error!r}") from None
    if kind not in NETWORKS or min(sizes) < 1:
        raise ValueError(f"expected model_type {', '.join(NETWORKS)} in {path}, got {kind!r}")
    return dict(config)
