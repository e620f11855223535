"""Whisper (Radford et al. 2022) from OpenAI's own checkpoint, run by transformers.

The arithmetic is that of `whisper.decode` at temperature 0 without timestamps (openai/whisper, decoding.py at
c0d2f62), which needs numba and tiktoken to import: the same features, tokens, probabilities and suppressed tokens.
Names and sizes come from the checkpoint (`dims`, `model_state_dict`), words from OpenAI's vocabulary file.

Letters: M mel bands, V vocabulary.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from jova_bench.arrays import Audio
from jova_bench.errors import Unavailable
from jova_bench.metrics.networks import checkpoint
from jova_bench.metrics.signal.audio import RATE_HZ

WINDOW = 30 * RATE_HZ
"""Samples of one window."""
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


class Transcription(NamedTuple):
    """The text of one window, and how sure the network is."""

    text: str
    no_speech: float
    """Probability that there is no speech."""
    log_probability: float
    """Mean over the tokens of the text and its end."""


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
            lines = [line.split() for line in file.read_text(encoding="ascii").splitlines() if line]
            numbered = {int(number): base64.b64decode(token) for token, number in lines}
            return cls(tuple(numbered[number] for number in range(len(numbered))), size)
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
    def no_speech(self) -> int:
        """The token whose probability is that of no speech."""
        return self._tasks["no_speech"]

    def prompt(self, language: str) -> list[int]:
        """Returns the tokens that request a transcript without timestamps."""
        start = self.end + 1
        asked = [start + 1 + self.languages.index(language), self._tasks["transcribe"]] if self.multilingual else []
        return [start, *asked, self._tasks["no_timestamps"]]

    @cached_property
    def never(self) -> list[int]:
        """Tokens that are not speech (brackets, notes, ...) and special ones that cannot stand inside a text."""
        from transformers.models.whisper.configuration_whisper import NON_SPEECH_TOKENS, NON_SPEECH_TOKENS_MULTI

        symbols = NON_SPEECH_TOKENS_MULTI if self.multilingual else NON_SPEECH_TOKENS
        special = [number for name, number in self._tasks.items() if name != "no_timestamps"]
        return [number for number in symbols if number < self.end] + [self.end + 1, *special]

    @property
    def not_first(self) -> list[int]:
        """Tokens that cannot be first: a lone space and the end."""
        return [self.text.index(b" "), self.end]

    def words(self, tokens: Sequence[int]) -> str:
        """Decodes tokens to text, without the special ones."""
        content = b"".join(self.text[number] for number in tokens if number < self.end)
        return content.decode("utf-8", errors="replace").strip()


class Whisper:
    """The network, its features and its greedy decoding."""

    def __init__(self, net: Any, vocabulary: Vocabulary, device: str) -> None:
        from transformers import WhisperFeatureExtractor

        self.vocabulary = vocabulary
        self._net = net
        self._features = WhisperFeatureExtractor(feature_size=net.config.num_mel_bins)
        self._device = device

    def transcribe(self, window: Audio, language: str) -> Transcription:
        """Transcribes (N,) audio at 16 kHz, N at most 30 s; shorter audio is padded with silence."""
        tokens, no_speech, log_probability = self.decode(window, language)
        return Transcription(self.vocabulary.words(tokens), no_speech, log_probability)

    @torch.inference_mode()
    def decode(self, window: Audio, language: str) -> tuple[list[int], float, float]:
        """Decodes a window: tokens, the probability of no speech, and the mean log probability of the tokens."""
        features = self._features(window, sampling_rate=RATE_HZ, return_tensors="pt")["input_features"]  # (1, M, 3000)
        encoded = self._net.encoder(features.to(self._device)).last_hidden_state
        vocabulary, prompt = self.vocabulary, self.vocabulary.prompt(language)
        asked = torch.tensor([prompt], device=self._device)
        logits, cache = self._next(asked, encoded, None)
        # Asked where the transcript starts, before its language.
        no_speech = float(logits[0].softmax(-1)[vocabulary.no_speech])
        tokens: list[int] = []
        total = 0.0
        for _ in range(self._net.config.max_target_positions // 2):
            scores = logits[-1]
            scores[vocabulary.never] = -torch.inf
            if not tokens:
                scores[vocabulary.not_first] = -torch.inf
            best = int(scores.argmax())
            total += float(scores.log_softmax(-1)[best])
            if best == vocabulary.end:
                break
            tokens.append(best)
            logits, cache = self._next(torch.tensor([[best]], device=self._device), encoded, cache)
        return tokens, no_speech, total / (len(tokens) + 1)

    def _next(self, tokens: Tensor, encoded: Tensor, cache: Any) -> tuple[Tensor, Any]:
        """Returns (T, V) logits after each of (1, T) tokens, and the cache of keys and values."""
        output = self._net.decoder(tokens, encoder_hidden_states=encoded, past_key_values=cache, use_cache=True)
        return output.last_hidden_state[0] @ self._net.decoder.embed_tokens.weight.T, output.past_key_values


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
