from pathlib import Path

import numpy as np

from jova_bench.media import files as media


def load(path, sr):
    found = media.read(Path(path))
    mono = found.audio.mean(axis=0)
    times = np.arange(round(len(mono) * sr / found.sample_rate_hz)) * found.sample_rate_hz / sr
    return np.interp(times, np.arange(len(mono)), mono).astype(np.float32), sr
