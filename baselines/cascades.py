"""Models in two stages, of baselines that are wrapped on their own.

| model | first | second |
|---|---|---|
| `wan2.2-ti2v-mmaudio` | Wan2.2-TI2V-5B makes a silent film | MMAudio makes sound for it |
| `wan2.2-ti2v-mmaudio-image` | the same, never without a first frame | the same |
| `pocket-tts-wan2.2-s2v` | Pocket TTS says the transcript | Wan2.2-S2V makes an image speak it |
| `pocket-tts-fantasytalking` | the same | FantasyTalking makes an image speak it |
"""

from __future__ import annotations

from jova_baselines.external.cascade import SpeechThenVideo, VideoThenAudio
from jova_baselines.fantasytalking import fantasytalking
from jova_baselines.mmaudio import mmaudio
from jova_baselines.pocket_tts import pocket_tts
from jova_baselines.wan22_s2v import wan22_s2v
from jova_baselines.wan22_ti2v import wan22_ti2v, wan22_ti2v_image


def wan22_ti2v_mmaudio(device: str) -> VideoThenAudio:
    """A film from text, or from text and its first frame; then its sound."""
    return VideoThenAudio("wan2.2-ti2v-mmaudio", wan22_ti2v(device), mmaudio(device))


def wan22_ti2v_mmaudio_image(device: str) -> VideoThenAudio:
    """The same, beside models that need an image."""
    return VideoThenAudio("wan2.2-ti2v-mmaudio-image", wan22_ti2v_image(device), mmaudio(device))


def pocket_tts_wan22_s2v(device: str) -> SpeechThenVideo:
    """Speech from the transcript; then an image that speaks it, in clips of 80 frames."""
    return SpeechThenVideo("pocket-tts-wan2.2-s2v", pocket_tts(device), wan22_s2v(device))


def pocket_tts_fantasytalking(device: str) -> SpeechThenVideo:
    """Speech from the transcript; then an image that speaks it."""
    return SpeechThenVideo("pocket-tts-fantasytalking", pocket_tts(device), fantasytalking(device))
