"""Models in two stages, of baselines that are wrapped on their own.

| model | first | second |
|---|---|---|
| `wan2.2-ti2v-mmaudio` | Wan2.2-TI2V-5B makes a silent film | MMAudio makes sound for it |
| `wan2.2-ti2v-mmaudio-image` | the same, never without a first frame | the same |
"""

from __future__ import annotations

from baselines.external.cascade import FilmThenSound
from baselines.mmaudio import mmaudio
from baselines.wan22_ti2v import wan22_ti2v, wan22_ti2v_image


def wan22_ti2v_mmaudio(device: str) -> FilmThenSound:
    """A film from text, or from text and its first frame; then its sound."""
    return FilmThenSound("wan2.2-ti2v-mmaudio", wan22_ti2v(device), mmaudio(device))


def wan22_ti2v_mmaudio_image(device: str) -> FilmThenSound:
    """The same, beside models that need an image."""
    return FilmThenSound("wan2.2-ti2v-mmaudio-image", wan22_ti2v_image(device), mmaudio(device))
