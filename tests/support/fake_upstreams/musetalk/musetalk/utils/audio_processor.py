"""Sound: for each frame its number."""

import math
from pathlib import Path

import numpy as np
import torch

from jova_bench.media import files as media


class AudioProcessor:
    def __init__(self, feature_extractor_path="openai/whisper-tiny/"):
        assert Path(feature_extractor_path, "preprocessor_config.json").is_file()

    def get_audio_feature(self, wav_path, start_index=0, weight_dtype=None):
        sound = media.read(Path(wav_path))
        return [], math.ceil(sound.audio.shape[1] * 16_000 / sound.sample_rate_hz)

    def get_whisper_chunk(
        self,
        whisper_input_features,
        device,
        weight_dtype,
        whisper,
        librosa_length,
        fps=25,
        audio_padding_length_left=2,
        audio_padding_length_right=2,
    ):
        frames = math.floor((librosa_length / 16_000) * int(fps))
        return np.arange(frames, dtype=float)[:, None].view(torch.Tensor)
