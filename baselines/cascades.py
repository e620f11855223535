"""Two-stage models of baselines that also run alone.

| model | first | second |
|---|---|---|
| `wan2.2-ti2v-mmaudio` | Wan2.2-TI2V-5B generates silent video | MMAudio generates audio for it |
| `wan2.2-ti2v-mmaudio-image` | the same, with a required first frame | the same |
| `wan2.2-ti2v-hunyuanvideo-foley` | Wan2.2-TI2V-5B generates silent video | HunyuanVideo-Foley generates audio for it |
| `wan2.2-ti2v-hunyuanvideo-foley-image` | the same, with a required first frame | the same |
| `pocket-tts-wan2.2-s2v` | Pocket TTS speaks the transcript | Wan2.2-S2V generates video of an image speaking it |
| `pocket-tts-fantasytalking` | the same | FantasyTalking generates video of an image speaking it |
"""

from __future__ import annotations

from jova_baselines.external.cascade import SpeechThenVideo, VideoThenAudio
from jova_baselines.fantasytalking import fantasytalking
from jova_baselines.hunyuanvideo_foley import hunyuanvideo_foley
from jova_baselines.mmaudio import mmaudio
from jova_baselines.pocket_tts import pocket_tts
from jova_baselines.wan22_s2v import wan22_s2v
from jova_baselines.wan22_ti2v import wan22_ti2v, wan22_ti2v_image


def wan22_ti2v_mmaudio(device: str) -> VideoThenAudio:
    """Builds video from text, or from text and a first frame, followed by audio for it."""
    return VideoThenAudio("wan2.2-ti2v-mmaudio", wan22_ti2v(device), mmaudio(device))


def wan22_ti2v_mmaudio_image(device: str) -> VideoThenAudio:
    """Builds the same with a required image, for comparison with models that need one."""
    return VideoThenAudio("wan2.2-ti2v-mmaudio-image", wan22_ti2v_image(device), mmaudio(device))


def wan22_ti2v_hunyuanvideo_foley(device: str) -> VideoThenAudio:
    """Builds video from text, or from text and a first frame, followed by another model's audio for it."""
    return VideoThenAudio("wan2.2-ti2v-hunyuanvideo-foley", wan22_ti2v(device), hunyuanvideo_foley(device))


def wan22_ti2v_hunyuanvideo_foley_image(device: str) -> VideoThenAudio:
    """Builds the same with a required image, for comparison with models that need one."""
    return VideoThenAudio("wan2.2-ti2v-hunyuanvideo-foley-image", wan22_ti2v_image(device), hunyuanvideo_foley(device))


def pocket_tts_wan22_s2v(device: str) -> SpeechThenVideo:
    """Builds speech from the transcript, followed by video of an image speaking it, in clips of 80 frames."""
    return SpeechThenVideo("pocket-tts-wan2.2-s2v", pocket_tts(device), wan22_s2v(device))


def pocket_tts_fantasytalking(device: str) -> SpeechThenVideo:
    """Builds speech from the transcript, followed by video of an image speaking it."""
    return SpeechThenVideo("pocket-tts-fantasytalking", pocket_tts(device), fantasytalking(device))
