"""Puts a clip's own pixels and samples where its cells are kept, in place of what the codecs make of them.

Letters: T frames, F latent frames, h x w cells of a latent frame, N samples, A audio tokens.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from jova.timeline import Timeline

FADE_S = 0.01
"""Length of the cross-fade at each end of made sound, inside it."""


def paste_picture(
    own: npt.NDArray[np.uint8], made: npt.NDArray[np.uint8], kept: npt.NDArray[np.bool_], clock: Timeline
) -> npt.NDArray[np.uint8]:
    """Returns frames (T, H, W, 3): the clip's own pixels in the cells (F, h, w) that are kept, else those made."""
    of_frame = [latent for latent in range(clock.latent_frames) for _ in clock.video.span(latent)]
    rows, columns = (own.shape[axis] // kept.shape[axis] for axis in (1, 2))
    mask = kept[of_frame].repeat(rows, axis=1).repeat(columns, axis=2)  # (T, H, W)
    return np.where(mask[..., None], own, made)


def paste_sound(
    own: npt.NDArray[np.float32], made: npt.NDArray[np.float32], kept: npt.NDArray[np.bool_], clock: Timeline
) -> npt.NDArray[np.float32]:
    """Returns samples (N,): the clip's own in the tokens (A,) that are kept, else those made, faded in and out."""
    ends = [round(clock.audio.span_s(token)[1] * clock.sample_rate_hz) for token in range(clock.audio_tokens)]
    inside = ~kept.repeat(np.diff([0, *ends]))[: len(own)]  # (N,)
    weight = fades(inside, round(FADE_S * clock.sample_rate_hz))
    return np.where(inside, weight * made + (1 - weight) * own, own).astype(np.float32)


def fades(made: npt.NDArray[np.bool_], length: int) -> npt.NDArray[np.float32]:
    """Returns the weight (N,) of made samples: 0 outside, 1 inside, and a ramp of `length` samples inside each end."""
    distance = np.full(len(made), length + 1.0)
    edges = np.flatnonzero(made[1:] != made[:-1])  # the boundary is after this sample
    for edge in edges:
        distance = np.minimum(distance, np.abs(np.arange(len(made)) - edge - 0.5) + 0.5)
    return (made * np.clip(distance / (length + 1), 0, 1)).astype(np.float32)
