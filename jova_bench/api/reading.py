"""Reads suites and clips."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from jova_bench.api.arguments import PathLike, path_of, suite_of
from jova_bench.media import files as media
from jova_bench.media.clip import Clip
from jova_bench.metrics.base import in_domain

if TYPE_CHECKING:
    from jova_bench.suites.loading import Suite


def load_suite(suite: PathLike | Suite) -> Suite:
    """Reads the suite of a name (`list_suites()`), or a prompt file.

    Raises:
        BenchError: no suite has that name (the nearest is suggested), or the file is broken.

    Examples:
        >>> len(load_suite("embedded").prompts)
        128
    """
    return suite_of(suite)


def read_clip(path: PathLike, *, suite: PathLike | Suite | None = None) -> Clip:
    """Decodes a media file to frames and audio on one time base.

    Args:
        path: the file.
        suite: the suite of the clip's prompt, or its name. Embedded metrics have values for clips of the embedded
            suite alone (64 x 64 pixels at 25 fps); without a suite they are undefined.

    Returns:
        `frames` (T, H, W, 3) uint8 RGB or None, `fps`, `audio` (channels, N) float32 or None, `sample_rate_hz`, and
        `findings` on irregularities of the file.

    Raises:
        BenchError: the file cannot be read.

    Examples:
        >>> suite = load_suite("embedded")
        >>> clip = read_clip(suite.path(suite.prompts[0].reference), suite=suite)
        >>> clip.frames.shape[1:], int(clip.fps), clip.sample_rate_hz
        ((64, 64, 3), 25, 16000)
    """
    clip = media.read(path_of("a media file", path))
    return replace(clip, in_domain=in_domain(clip, None if suite is None else suite_of(suite).domain))
