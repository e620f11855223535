"""Sound in which speech is heard: that of clips that ship."""

import numpy as np

from jova_bench.media import files as media
from jova_bench.suites.loading import load_suite

SUITE = load_suite("embedded")


def spoken(number: int) -> np.ndarray:
    """Sound of a shipped clip, (N,) at 16 kHz."""
    clip = media.read(SUITE.path(SUITE.prompts[number].reference), pictures=False)
    assert clip.sample_rate_hz == 16_000
    return clip.mono()
