"""Silence before a sound, as a film program would put it there."""

from fractions import Fraction
from pathlib import Path

import acts
import numpy as np

from jova_bench.media import files as media


def add_silence_to_audio_ffmpeg(audio_path, tmp_audio_path, silence_duration_s=0.5):
    acts.note("silence", seconds=silence_duration_s)
    sound = media.read(Path(audio_path))
    nothing = np.zeros((len(sound.audio), round(silence_duration_s * sound.sample_rate_hz)), np.float32)
    longer = np.concatenate([nothing, sound.audio], axis=1)
    media.write(Path(tmp_audio_path), None, Fraction(0), longer, sound.sample_rate_hz)
