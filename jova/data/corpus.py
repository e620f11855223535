"""Procedural corpus: (split, index) -> prompt, and (prompt, seed) -> talking-head clip.

Splits share no sentence (a sentence's hash decides its split) and no seed (each split has its own range).
Onset, rate, pauses and sentence length vary, so that only the audio determines when the mouth moves.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from jova.data import vocabulary as vocab
from jova.data.face import SIZE, Look, Pose, draw, keypoints, lip_boxes
from jova.data.speech import SAMPLE_RATE_HZ, Delivery, Speech, heard, speak, trimmed
from jova.data.visemes import mouth_track

VERSION = vocab.CORPUS
FPS = 25
FRAMES = 73
SAMPLES = FRAMES * SAMPLE_RATE_HZ // FPS
_EDGE_S = 0.06
"""Least silence before and after the speech, in seconds."""
_LEVEL_RMS = 0.08
_NOISE_RMS = 2e-4

Split = Literal["train", "validation", "evaluator", "reference", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)
_SHARES: dict[Split, range] = {
    "train": range(0, 60),
    "validation": range(60, 64),
    "evaluator": range(64, 82),
    "reference": range(82, 92),
    "test": range(92, 100),
}
_SEEDS_PER_SPLIT = 10_000_000


@dataclass(frozen=True)
class TalkingHead:
    """A clip with its annotations."""

    frames: npt.NDArray[np.uint8]
    """(73, H, W, 3) RGB."""
    audio: npt.NDArray[np.float32]
    """(46720,) mono, 16 kHz."""
    keypoints: npt.NDArray[np.float32]
    """(73, K, 2) x, y px; names in `face.KEYPOINTS`."""
    mouth_box: npt.NDArray[np.float32]
    """(73, 4) x0, y0, x1, y1 px."""
    mouth_open: npt.NDArray[np.float32]
    """(73,) opening of the mouth: inner-lip gap as a share of the largest."""
    phonemes: tuple[str, ...]
    phoneme_times: npt.NDArray[np.float32]
    """(P, 2) start and end, seconds from the start of the clip."""
    word_times: npt.NDArray[np.float32]
    """(W, 2) start of a word's first phoneme and end of its last that is no pause, seconds of the clip."""


@dataclass(frozen=True)
class Sound:
    """Speech of a clip and how it is delivered."""

    speech: Speech
    """Untrimmed."""
    delivery: Delivery
    heard: tuple[int, int]
    """First and last sample of the speech that the clip has; the rest is the synthesiser's silence."""
    onset: int
    """Sample of the clip where the speech starts."""
    gain: float
    """Factor on the speech."""
    noise: npt.NDArray[np.float64]
    """(46720,) background."""


def rng_for(*key: object) -> np.random.Generator:
    """Returns a random generator that is seeded by the key alone."""
    digest = hashlib.sha256("/".join(map(str, (VERSION, *key))).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "little"))


def split_of(sentence: str) -> Split:
    """Returns the only split that may use this sentence."""
    share = int.from_bytes(hashlib.sha256(sentence.encode()).digest()[:4], "little") % 100
    return next(split for split, shares in _SHARES.items() if share in shares)


def seed_of(split: Split, index: int) -> int:
    """Returns the seed of a clip of a split; ranges of different splits are disjoint."""
    if not 0 <= index < _SEEDS_PER_SPLIT:
        raise ValueError(f"expected an index from 0 to {_SEEDS_PER_SPLIT - 1}, got {index}")
    return SPLITS.index(split) * _SEEDS_PER_SPLIT + index


def make_prompt(split: Split, index: int) -> dict[str, object]:
    """Returns a record of the split's prompt file: id, captions, transcript, tags."""
    rng = rng_for("prompt", split, index)
    sentence = _sentence(split, rng)
    tags = {
        "style": _pick(rng, vocab.STYLES),
        "hair": _pick(rng, tuple(vocab.HAIR)),
        "skin": _pick(rng, tuple(vocab.SKIN)),
        "clothes": _pick(rng, tuple(vocab.CLOTHES)),
        "background": _pick(rng, tuple(vocab.BACKGROUND)),
        "sway": _pick(rng, vocab.SWAY),
        "blink": _pick(rng, vocab.BLINK),
        "voice": _pick(rng, tuple(vocab.VOICES)),
        "pitch": _pick(rng, tuple(vocab.PITCHES)),
        "speed": _pick(rng, tuple(vocab.SPEEDS)),
    }
    return {
        "id": f"{split}-{index:05d}",
        "video_caption": (
            f"{tags['style']} {tags['hair']} hair, {tags['skin']} skin, {tags['clothes']} shirt, "
            f"{tags['background']} background, {tags['sway']}, {tags['blink']}"
        ),
        "audio_caption": f"{tags['voice']} voice, {tags['pitch']} pitch, {tags['speed']} pace",
        "transcript": sentence,
        "language": "en",
        "reference": f"clips/{split}-{index:05d}.mp4",
        "tags": tags,
    }


def make_clip(tags: dict[str, str], transcript: str, seed: int, size: tuple[int, int] = SIZE) -> TalkingHead:
    """Renders a clip with frames of `size` (H, W); the same arguments return the same clip, bit for bit."""
    rng = _rng_of_clip(tags, transcript, seed)
    return _film(tags, _synthesise(tags, tuple(transcript.split()), rng), rng, size)


def make_respoken(tags: dict[str, str], transcript: str, seed: int, said: str) -> TalkingHead:
    """Renders the clip of `make_clip` with some words exchanged: voice, rate, pitch, pauses and head stay.

    What is before the first new word mostly stays, too: of 32 clips, 26 had the very samples up to 40 ms before it,
    five up to 0.15 s, one, of a breathy voice, up to 0.7 s. Pictures differ from 2 to 5 frames before the word on, of
    that one from 11, as lips move ahead.

    Args:
        tags: of the clip.
        transcript: of the clip.
        seed: of the clip.
        said: what is said instead, in as many words.

    Raises:
        ValueError: it does not fit into the clip at this rate.
    """
    rng = _rng_of_clip(tags, transcript, seed)
    old, words = _synthesise(tags, tuple(transcript.split()), rng), tuple(said.split())
    speech = speak(words, old.delivery)
    first, last = heard(speech)
    if words[0] == transcript.split()[0]:
        first = old.heard[0]
    onset = old.onset - old.heard[0] + first
    edge = round(_EDGE_S * SAMPLE_RATE_HZ)
    if not edge <= onset <= SAMPLES - edge - (last - first):
        raise ValueError(f"{said!r} does not fit into the clip of {transcript!r}")
    return _film(tags, replace(old, speech=speech, heard=(first, last), onset=onset), rng)


def make_dubbed(clip: tuple[dict[str, str], str, int], other: tuple[dict[str, str], str, int]) -> TalkingHead:
    """Renders the head of one clip, its look, poses and blinks, with the sound of another, sample by sample.

    Args:
        clip: tags, transcript and seed of the head's clip.
        other: those of the sound's.
    """
    rng = _rng_of_clip(*clip)
    _synthesise(clip[0], tuple(clip[1].split()), rng)  # The generator then draws the head.
    return _film(clip[0], _synthesise(other[0], tuple(other[1].split()), _rng_of_clip(*other)), rng)


def _sentence(split: Split, rng: np.random.Generator) -> str:
    """Draws a sentence that only this split may use."""
    while True:
        template = vocab.TEMPLATES[rng.integers(len(vocab.TEMPLATES))]
        sentence = " ".join(_pick(rng, vocab.SLOTS[slot]) for slot in template)
        if split_of(sentence) == split:
            return sentence


def _rng_of_clip(tags: dict[str, str], transcript: str, seed: int) -> np.random.Generator:
    return rng_for("clip", transcript, sorted(tags.items()), seed)


def _film(tags: dict[str, str], sound: Sound, rng: np.random.Generator, size: tuple[int, int] = SIZE) -> TalkingHead:
    """Draws a head that says it."""
    speech, onset = trimmed(sound.speech, *sound.heard), sound.onset
    audio = sound.noise.copy()
    audio[onset : onset + len(speech.audio)] += speech.audio * sound.gain
    starts_s = speech.starts_s + onset / SAMPLE_RATE_HZ
    times_s = (np.arange(FRAMES) + 0.5) / FPS  # a frame shows the middle of its interval
    mouth = mouth_track(speech.phonemes, starts_s, times_s)  # (73, 3)
    look, poses = _look(tags, rng), _poses(tags, times_s, mouth, rng)
    points = np.stack([keypoints(look, pose, size) for pose in poses])
    ends_s = np.append(starts_s[1:], (onset + len(speech.audio)) / SAMPLE_RATE_HZ)
    return TalkingHead(
        frames=np.stack([draw(look, pose, size) for pose in poses]),
        audio=np.clip(audio, -1, 1).astype(np.float32),
        keypoints=points,
        mouth_box=lip_boxes(points, size),
        mouth_open=mouth[:, 0].astype(np.float32),
        phonemes=speech.phonemes,
        phoneme_times=np.stack([starts_s, ends_s], axis=1).astype(np.float32),
        word_times=_word_times(speech.phonemes, starts_s, ends_s, speech.word_starts_s + onset / SAMPLE_RATE_HZ),
    )


def _word_times(
    phonemes: tuple[str, ...],
    starts_s: npt.NDArray[np.float64],
    ends_s: npt.NDArray[np.float64],
    word_starts_s: npt.NDArray[np.float64],
) -> npt.NDArray[np.float32]:
    """Returns (W, 2) start and end of each word; a pause after a word is none of it."""
    firsts = np.searchsorted(starts_s, word_starts_s)  # phoneme at which each word starts
    spoken = np.flatnonzero([not phoneme.startswith("_") for phoneme in phonemes])
    lasts = spoken[np.searchsorted(spoken, np.append(firsts[1:], len(phonemes))) - 1]
    return np.stack([word_starts_s, ends_s[lasts]], axis=1).astype(np.float32)


def _pick(rng: np.random.Generator, options: tuple[str, ...]) -> str:
    """Draws one of the options."""
    return options[rng.integers(len(options))]


def _synthesise(tags: dict[str, str], words: tuple[str, ...], rng: np.random.Generator) -> Sound:
    """Synthesises speech that fits into the clip: if too long, without pauses, then faster. Draws onset and noise."""
    pauses = tuple(int(ms) for ms in rng.choice([0, 0, 0, 80, 160, 240], len(words) - 1))
    rate = vocab.SPEEDS[tags["speed"]] + int(rng.integers(-8, 9))
    pitch = vocab.PITCHES[tags["pitch"]] + int(rng.integers(-6, 7))
    longest = SAMPLES - round(2 * _EDGE_S * SAMPLE_RATE_HZ)
    for attempt_pauses, faster in (
        (pauses, 0),
        ((0,) * len(pauses), 0),
        ((0,) * len(pauses), 25),
        ((0,) * len(pauses), 60),
    ):
        delivery = Delivery(vocab.VOICES[tags["voice"]], rate + faster, pitch, attempt_pauses)
        speech = speak(words, delivery)
        first, last = heard(speech)
        if last - first <= longest:
            break
    else:
        raise ValueError(f"{' '.join(words)!r} does not fit into {longest / SAMPLE_RATE_HZ:.2f} s")
    onset_s = rng.uniform(_EDGE_S, SAMPLES / SAMPLE_RATE_HZ - _EDGE_S - (last - first) / SAMPLE_RATE_HZ)
    noise = rng.normal(0.0, _NOISE_RMS, SAMPLES)
    gain = _LEVEL_RMS / np.sqrt(np.mean(speech.audio[first:last] ** 2))
    return Sound(speech, delivery, (first, last), round(onset_s * SAMPLE_RATE_HZ), gain, noise)


def _look(tags: dict[str, str], rng: np.random.Generator) -> Look:
    """Draws an appearance that agrees with the tags."""

    def near(colour: vocab.Colour) -> vocab.Colour:
        red, green, blue = (int(np.clip(value + rng.integers(-6, 7), 0, 255)) for value in colour)
        return red, green, blue

    return Look(
        hair=near(vocab.HAIR[tags["hair"]]),
        skin=near(vocab.SKIN[tags["skin"]]),
        clothes=near(vocab.CLOTHES[tags["clothes"]]),
        background=near(vocab.BACKGROUND[tags["background"]]),
        long_hair=tags["style"] == "long",
        head_width=rng.uniform(15.8, 17.4),
        mouth_width=rng.uniform(7.2, 8.2),
    )


def _poses(
    tags: dict[str, str], times_s: npt.NDArray[np.float64], mouth: npt.NDArray[np.float64], rng: np.random.Generator
) -> list[Pose]:
    """Returns the pose of every frame: slow sway or nod, blinks of 0.2 s at random times, and the mouth."""
    sideways, down = {"still": (0.3, 0.3), "swaying": (2.6, 0.5), "nodding": (0.5, 1.8)}[tags["sway"]]
    phase_x, phase_y = rng.uniform(0, 2 * np.pi, 2)
    rate_x, rate_y = rng.uniform(0.3, 0.6), rng.uniform(0.45, 0.8)
    swing = np.sin(2 * np.pi * rate_x * times_s + phase_x)
    dx, dy = sideways * swing, down * np.sin(2 * np.pi * rate_y * times_s + phase_y)
    blinks_s = np.arange(rng.uniform(0.2, 0.9), times_s[-1], 0.95) if tags["blink"] == "blinking" else np.array([])
    lid = np.zeros_like(times_s)
    for blink_s in blinks_s + rng.uniform(-0.15, 0.15, len(blinks_s)):
        lid = np.maximum(lid, 1.25 * np.exp(-(((times_s - blink_s) / 0.07) ** 2)))
    return [
        Pose(dx=x, dy=y, tilt=0.016 * x, eyelid=min(closed, 1.0), opening=opening, width=width, teeth=teeth)
        for x, y, closed, (opening, width, teeth) in zip(dx, dy, lid, mouth, strict=True)
    ]
