"""Whisper (Radford et al. 2022) from OpenAI's own checkpoint, run by transformers: features, network, vocabulary.

Names and sizes come from the checkpoint (`dims`, `model_state_dict`), words from OpenAI's vocabulary file. What is
made of it is in `whisper_window` (tokens of 30 s) and `whisper_transcript` (text of a clip). OpenAI's package needs
numba and tiktoken to import.

Letters: M mel bands, F spectra of 10 ms, V vocabulary.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from jova_bench.arrays import Audio
from jova_bench.errors import Unavailable
from jova_bench.metrics.networks import checkpoint
from jova_bench.metrics.signal.audio import RATE_HZ

FFT, HOP = 400, 160
"""Samples of a spectrum, and from one to the next."""
FRAMES = 3000
"""Spectra of a window of 30 s."""
# In the order of their tokens: the first 99 in all but large-v3, which has the last one, too (tokenizer.py).
_CODES = """en zh de es ru ko fr ja pt tr pl ca nl ar sv it id hi fi vi he uk el ms cs ro da hu ta no th ur hr bg lt
    la mi ml cy sk te fa lv bn sr az sl kn et mk br eu is hy ne mn bs kk sq sw gl mr pa si km sn yo so af oc ka be tg
    sd gu am yi lo uz fo ht ps tk nn mt sa lb my bo tl mg as tt haw ln ha ba jw su yue"""
LANGUAGES = tuple(_CODES.split())
_TIMESTAMPS = 1501
"""0.00 to 30.00 s, the last tokens of every vocabulary."""
_RENAMED = (
    (r"\bblocks\b", "layers"),
    (r"\bcross_attn_ln\b", "encoder_attn_layer_norm"),
    (r"\battn_ln\b", "self_attn_layer_norm"),
    (r"\bmlp_ln\b", "final_layer_norm"),
    (r"\bcross_attn\b", "encoder_attn"),
    (r"\battn\b", "self_attn"),
    (r"\bquery\b", "q_proj"),
    (r"\bkey\b", "k_proj"),
    (r"\bvalue\b", "v_proj"),
    (r"\bout\b", "out_proj"),
    (r"\bmlp\.0\b", "fc1"),
    (r"\bmlp\.2\b", "fc2"),
    (r"\b(ln_post|ln)\b", "layer_norm"),
    (r"\btoken_embedding\b", "embed_tokens"),
    (r"\bpositional_embedding\b", "embed_positions.weight"),
)
"""OpenAI's names as transformers has them."""


@dataclass(frozen=True)
class Vocabulary:
    """Bytes of the text tokens, and the numbers of the special ones, which follow them."""

    text: tuple[bytes, ...]
    size: int
    """V of the checkpoint: the number of languages follows from it."""

    @classmethod
    def read(cls, file: Path, size: int) -> Vocabulary:
        """Reads a `.tiktoken` file: one base64 token and its number per line."""
        try:
            return cls(_tokens(file, file.stat().st_mtime_ns), size)
        except (ValueError, KeyError) as error:
            raise Unavailable(
                f"weights unreadable: expected a base64 token and its number per line in {file}"
            ) from error

    @property
    def multilingual(self) -> bool:
        """Whether there are tokens for language and task; English-only models have none."""
        return self.size >= 51865

    @property
    def end(self) -> int:
        """The token that ends a text; the first special one."""
        return len(self.text)

    @property
    def languages(self) -> tuple[str, ...]:
        """Languages that have a token."""
        return LANGUAGES[: self.size - self.end - 8 - _TIMESTAMPS]

    @cached_property
    def _tasks(self) -> dict[str, int]:
        first = self.size - _TIMESTAMPS - 6
        names = ("translate", "transcribe", "start_of_lm", "start_of_previous", "no_speech", "no_timestamps")
        return {name: first + k for k, name in enumerate(names)}

    @property
    def start(self) -> int:
        """The token with which a transcript begins."""
        return self.end + 1

    @property
    def no_speech(self) -> int:
        """The token whose probability is that of no speech."""
        return self._tasks["no_speech"]

    @property
    def first_time(self) -> int:
        """The token of 0.00 s; those of later times, 0.02 s apart, follow it to the end of the vocabulary."""
        return self.size - _TIMESTAMPS

    def prompt(self, language: str, before: Sequence[int] = ()) -> list[int]:
        """Returns the tokens that request a transcript with times.

        Args:
            language: one of `languages`; not read by English-only models.
            before: tokens of what was said before.
        """
        asked = [self.start + 1 + self.languages.index(language), self._tasks["transcribe"]]
        said = [self._tasks["start_of_previous"], *before] if before else []
        return [*said, self.start, *(asked if self.multilingual else [])]

    @cached_property
    def never(self) -> list[int]:
        """Tokens that are not speech (brackets, notes, ...) and special ones that cannot stand inside a text."""
        from transformers.models.whisper.configuration_whisper import NON_SPEECH_TOKENS, NON_SPEECH_TOKENS_MULTI

        symbols = NON_SPEECH_TOKENS_MULTI if self.multilingual else NON_SPEECH_TOKENS
        return [number for number in symbols if number < self.end] + [self.start, *self._tasks.values()]

    def words(self, tokens: Sequence[int]) -> str:
        """Decodes tokens to text, without the special ones."""
        content = b"".join(self.text[number] for number in tokens if number < self.end)
        return content.decode("utf-8", errors="replace")


class Whisper:
    """The network and its features."""

    def __init__(self, net: Any, vocabulary: Vocabulary, device: str) -> None:
        from transformers.audio_utils import mel_filter_bank

        self.vocabulary = vocabulary
        self.context = int(net.config.max_target_positions)
        """Most tokens that the decoder reads."""
        self._net, self._device = net, device
        bank = mel_filter_bank(1 + FFT // 2, net.config.num_mel_bins, 0, RATE_HZ / 2, RATE_HZ, "slaney", "slaney")
        self._bank = torch.from_numpy(bank).float().T  # (M, 201)

    def spectra(self, audio: Audio) -> Tensor:
        """Computes the (M, F) log-mel spectra of (N,) audio at 16 kHz, F = N / 160 rounded down.

        Their floor is 80 dB below the loudest of all of them.
        """
        window = torch.hann_window(FFT)
        bins = torch.stft(torch.from_numpy(audio), FFT, HOP, window=window, return_complex=True)[:, :-1]
        logs = (self._bank @ bins.abs() ** 2).clamp(min=1e-10).log10()
        return (torch.maximum(logs, logs.max() - 8) + 4) / 4

    @torch.inference_mode()
    def encode(self, spectra: Tensor) -> Tensor:
        """Encodes (M, F) spectra, F at most 3000: (1, 1500, d). Zeros follow shorter ones, as in upstream."""
        padded = torch.nn.functional.pad(spectra, (0, FRAMES - spectra.shape[1]))
        found: Tensor = self._net.encoder(padded[None].to(self._device)).last_hidden_state
        return found

    @torch.inference_mode()
    def next(self, tokens: Sequence[int], encoded: Tensor, cache: Any = None) -> tuple[Tensor, Any]:
        """Returns (T, V) logits after each of T tokens, and the cache of keys and values for the next ones."""
        asked = torch.tensor([list(tokens)], device=self._device)
        output = self._net.decoder(asked, encoder_hidden_states=encoded, past_key_values=cache, use_cache=True)
        return output.last_hidden_state[0] @ self._net.decoder.embed_tokens.weight.T, output.past_key_values


@lru_cache(maxsize=2)
def _tokens(file: Path, changed_ns: int) -> tuple[bytes, ...]:
    """Returns the tokens of a `.tiktoken` file by their numbers; all sizes of Whisper share two such files."""
    lines = [line.split() for line in file.read_text(encoding="ascii").splitlines() if line]
    numbered = {int(number): base64.b64decode(token) for token, number in lines}
    return tuple(numbered[number] for number in range(len(numbered)))


def load(file: Path, vocabulary: Path, device: str) -> Whisper:
    """Loads Whisper from one of OpenAI's `.pt` files.

    Args:
        file: a dictionary of `dims` and `model_state_dict`.
        vocabulary: `multilingual.tiktoken`, or `gpt2.tiktoken` for an English-only model.
        device: `cpu` or `cuda:i`; single precision on either.

    Raises:
        Unavailable: the files are something else, or do not belong together.
    """
    from transformers import WhisperConfig, WhisperModel

    dims: Any = checkpoint.read(file).get("dims")
    state = checkpoint.tensors(file, "model_state_dict")
    try:
        config = WhisperConfig(
            vocab_size=dims["n_vocab"],
            num_mel_bins=dims["n_mels"],
            d_model=dims["n_audio_state"],
            encoder_layers=dims["n_audio_layer"],
            encoder_attention_heads=dims["n_audio_head"],
            encoder_ffn_dim=4 * dims["n_audio_state"],
            decoder_layers=dims["n_text_layer"],
            decoder_attention_heads=dims["n_text_head"],
            decoder_ffn_dim=4 * dims["n_text_state"],
            max_source_positions=dims["n_audio_ctx"],
            max_target_positions=dims["n_text_ctx"],
        )
    except (TypeError, KeyError) as error:
        raise Unavailable(
            f"weights unreadable: expected the sizes of Whisper in `dims` of {file}, got {dims}"
        ) from error
    words = Vocabulary.read(vocabulary, dims["n_vocab"])
    if len(words.text) != (50257 if words.multilingual else 50256):
        raise Unavailable(f"weights unreadable: {vocabulary} is not the vocabulary of {file}")
    state = {checkpoint.renamed(name, _RENAMED): value for name, value in state.items()}
    net = checkpoint.load_weights(WhisperModel(config), state, file)
    return Whisper(net.to(device), words, device)
