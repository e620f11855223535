"""Synthesises speech with the times of phonemes and words, by espeak-ng.

espeak-ng keeps state between utterances (its noise sources), so that the same text synthesised twice in one process
gives two waveforms. Each utterance is therefore synthesised by a forked child of a process that has initialised the
synthesiser but never used it: the same input always gives the same samples.
"""

from __future__ import annotations

import ctypes
import json
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import numpy as np
import numpy.typing as npt
from scipy.signal import resample_poly

SAMPLE_RATE_HZ = 16_000
_SYNCHRONOUS, _PHONEME_EVENTS = 2, 1
_UTF8, _SSML = 0x01, 0x10
_RATE, _PITCH = 1, 3
_WORD_EVENT, _PHONEME_EVENT = 1, 7


@dataclass(frozen=True)
class Speech:
    """One utterance."""

    audio: npt.NDArray[np.float32]
    """(N,) mono samples in [-1, 1] at 16 kHz."""
    phonemes: tuple[str, ...]
    """espeak-ng mnemonics; `_` and `_:` are pauses."""
    starts_s: npt.NDArray[np.float64]
    """(P,) start of each phoneme, seconds from the first sample."""
    word_starts_s: npt.NDArray[np.float64]
    """(W,) start of each word: that of its first phoneme."""


@dataclass(frozen=True)
class Delivery:
    """Voice, rate, pitch and pauses of an utterance."""

    voice: str
    """espeak-ng voice, e.g. `en-us+klatt2`."""
    rate_wpm: int
    """Words per minute."""
    pitch: int
    """0 to 100."""
    pauses_ms: tuple[int, ...]
    """Silence after each word but the last, in milliseconds."""


class _EventId(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8))


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _EventId),
    )


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


@cache
def _library() -> tuple[ctypes.CDLL, int]:
    """Returns the initialised library and its sample rate. The process that calls this must never call Synth."""
    try:
        import espeakng_loader
    except ImportError as error:
        raise ImportError("making the corpus needs espeak-ng: pip install 'jova-bench[corpus]'") from error
    library = ctypes.CDLL(espeakng_loader.get_library_path())
    data = str(Path(espeakng_loader.get_data_path()).parent)
    rate = library.espeak_Initialize(_SYNCHRONOUS, 0, data.encode(), _PHONEME_EVENTS)
    if rate <= 0:
        raise RuntimeError(
            f"espeak-ng could not read its data in {data} (its path must be short, about 100 characters)"
        )
    library.espeak_ng_SetRandSeed.argtypes = [ctypes.c_long]
    library.espeak_ng_SetRandSeed(1)  # breathy voices draw noise, from a seed that is otherwise the time
    return library, rate


def speak(words: tuple[str, ...], delivery: Delivery) -> Speech:
    """Synthesises the words; the same input gives the same samples on every call.

    Raises:
        ImportError: espeak-ng is not installed.
        RuntimeError: the synthesiser refused the voice, crashed, or spoke two words as one.
    """
    _library()
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read_end)
        try:
            pcm, *spoken = _speak_once(words, delivery)
            with os.fdopen(write_end, "wb") as pipe:
                pipe.write(json.dumps(spoken).encode() + b"\n" + pcm)
        finally:
            os._exit(0)
    os.close(write_end)
    with os.fdopen(read_end, "rb") as pipe:
        header, _, pcm = pipe.read().partition(b"\n")
    os.waitpid(child, 0)
    if not pcm:
        raise RuntimeError(f"espeak-ng could not synthesise {' '.join(words)!r} with {delivery}")
    phonemes, samples, firsts = json.loads(header)
    if len(firsts) != len(words):
        raise RuntimeError(f"expected the words of {' '.join(words)!r} one by one, got {len(firsts)} from espeak-ng")
    rate = _library()[1]
    divisor = int(np.gcd(SAMPLE_RATE_HZ, rate))
    audio = resample_poly(np.frombuffer(pcm, np.int16) / 32768.0, SAMPLE_RATE_HZ // divisor, rate // divisor)
    starts_s = np.asarray(samples, np.float64) / rate
    return Speech(audio.astype(np.float32), tuple(phonemes), starts_s, starts_s[firsts])


def heard(speech: Speech) -> tuple[int, int]:
    """Returns the first and the last sample within the synthesiser's silence at both ends."""
    loud = np.flatnonzero(np.abs(speech.audio) > 0.01 * np.abs(speech.audio).max())
    return max(int(loud[0]) - 160, 0), min(int(loud[-1]) + 320, len(speech.audio))


def trimmed(speech: Speech, first: int, last: int) -> Speech:
    """Trims the synthesiser's silence at both ends, so that the onset can be chosen."""
    starts_s = np.maximum(speech.starts_s - first / SAMPLE_RATE_HZ, 0.0)
    inside = starts_s < (last - first) / SAMPLE_RATE_HZ
    phonemes = tuple(p for p, keep in zip(speech.phonemes, inside, strict=True) if keep)
    # The last phoneme ends with the speech: a pause follows it.
    return Speech(
        speech.audio[first:last],
        (*phonemes, "_"),
        np.append(starts_s[inside], (last - first) / SAMPLE_RATE_HZ),
        np.maximum(speech.word_starts_s - first / SAMPLE_RATE_HZ, 0.0),
    )


def _speak_once(words: tuple[str, ...], delivery: Delivery) -> tuple[bytes, list[str], list[int], list[int]]:
    """Returns (int16 samples, phonemes, first sample of each phoneme, first phoneme of each word) at its own rate."""
    library, rate = _library()
    pcm = bytearray()
    phonemes: list[str] = []
    samples: list[int] = []
    firsts: list[int] = []

    def collect(wav: Any, count: int, events: Any) -> int:
        if wav and count > 0:
            pcm.extend(ctypes.string_at(wav, count * 2))
        index = 0
        while events[index].type:
            if events[index].type == _WORD_EVENT:  # Its own time is up to 15 ms before that of the next phoneme.
                firsts.append(len(phonemes))
            name = events[index].id.string.decode("utf8", "replace") if events[index].type == _PHONEME_EVENT else ""
            if name.strip(";,'|"):  # A bare modifier belongs to the phoneme before it.
                phonemes.append(name)
                samples.append(events[index].audio_position * rate // 1000)
            index += 1
        return 0

    callback = _Callback(collect)
    library.espeak_SetSynthCallback(callback)
    if library.espeak_SetVoiceByName(delivery.voice.encode()):
        return b"", [], [], []
    library.espeak_SetParameter(_RATE, delivery.rate_wpm, 0)
    library.espeak_SetParameter(_PITCH, delivery.pitch, 0)
    text = escape(words[0])
    for word, pause in zip(words[1:], delivery.pauses_ms, strict=True):
        text += (f'<break time="{pause}ms"/> ' if pause else " ") + escape(word)
    encoded = f"<speak>{text}</speak>".encode()
    library.espeak_Synth(encoded, len(encoded) + 1, 0, 0, 0, _UTF8 | _SSML, None, None)
    library.espeak_Synchronize()
    return bytes(pcm), phonemes, samples, firsts
