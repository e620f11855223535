"""No metric copies a clip's pictures: what is looked at is taken few by few."""

import tracemalloc
from fractions import Fraction

import numpy as np
import pytest

from jova_bench.cache import NoCache
from jova_bench.media.files import clip_from_arrays
from jova_bench.metrics import faces
from jova_bench.metrics.base import MetricContext
from jova_bench.metrics.distances import fvd as i3d
from jova_bench.metrics.faces import cuts, search
from jova_bench.metrics.faces.detectors import Detector
from jova_bench.metrics.networks.imagebind import inputs
from jova_bench.metrics.signal.frames import short_side

COUNT, HEIGHT, WIDTH = 60, 180, 320
CLIP = COUNT * HEIGHT * WIDTH * 3


@pytest.fixture(scope="module")
def clip():
    frames = np.random.default_rng(0).integers(0, 256, (COUNT, HEIGHT, WIDTH, 3), dtype=np.uint8)
    return clip_from_arrays(frames, Fraction(30), None, 0)


def peak(work):
    """Bytes of arrays that are there at once, beyond those that were there before."""
    work()  # Modules and tables of filters come first.
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def look(frames, device):
    assert frames.shape[1:] == (HEIGHT, WIDTH, 3)
    return [np.full((0, 5), frame.max()) for frame in frames]


EYE = Detector("eye", lambda: None, lambda: "eye", "", look)


@pytest.mark.parametrize(
    "work",
    [
        lambda clip: [frame.max() for frame in faces.at_25_fps(clip)],
        lambda clip: cuts.shots(faces.at_25_fps(clip)),
        lambda clip: search._search_all(clip, EYE, MetricContext(NoCache())),
        lambda clip: i3d.clean_windows(clip),
        lambda clip: i3d.javisbench_window(clip),
        lambda clip: short_side(clip.frames, 112),
        lambda clip: short_side(clip.frames, 112, np.arange(COUNT)),
        lambda clip: inputs.linear(clip.frames),
    ],
    ids=["clock", "cuts", "search", "i3d", "i3d@javisbench", "short side", "some frames", "imagebind"],
)
def test_a_part_of_the_pictures_is_enough(clip, work):
    # numpy's arrays are counted, torch's are not: those are made of what is copied here.
    assert peak(lambda: work(clip)) < CLIP / 4


def test_frames_at_another_rate_are_those_of_the_clip(clip):
    shown = faces.at_25_fps(clip)
    at = [0, 1, 2, 4, 5, 6, 7, 8, 10]  # Half-way frames are the earlier ones: 1.2, 2.4, 3.6, 4.8, 6, ...
    assert len(shown) == 50
    assert all(np.shares_memory(shown[k], clip.frames[j]) for k, j in enumerate(at))
    assert [np.array_equal(a, b) for a, b in zip(shown[2:4], clip.frames[[2, 4]], strict=True)] == [True, True]
    np.testing.assert_array_equal(shown[:, 0, 0, 0][: len(at)], clip.frames[at, 0, 0, 0])
