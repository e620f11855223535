"""Stands for the functions of upstream's script that the worker takes: what it reads of the sound."""

from pathlib import Path

import acts
import numpy as np

from jova_bench.media import files as media


def custom_init(device, wav2vec):
    assert (Path(wav2vec) / "model.safetensors").is_file()
    return "extractor", f"encoder on {device}"


def audio_prepare_single(audio_path, sample_rate=16000):
    found = media.read(Path(audio_path))
    mono = found.audio.mean(axis=0)
    times = np.arange(round(len(mono) * sample_rate / found.sample_rate_hz)) * found.sample_rate_hz / sample_rate
    return np.interp(times, np.arange(len(mono)), mono)


def get_embedding(speech_array, wav2vec_feature_extractor, audio_encoder, sr=16000, device="cpu"):
    frames = int(len(speech_array) / sr * 25)
    acts.note("embed", frames=frames, by=[wav2vec_feature_extractor, audio_encoder])
    # What a division by the spread of silence gives.
    return np.full((frames, 12, 8), 0.0 if speech_array.any() else np.nan)
