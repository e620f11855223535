"""What a clip says of its streams is of those that it has, also after `dataclasses.replace`."""

import copy
import hashlib
import pickle
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from jova_bench.cache import DiskCache
from jova_bench.errors import BenchError, Undefined
from jova_bench.media.clip import Clip
from jova_bench.metrics.base import require_embedded_domain
from jova_bench.records import Finding
from support.clips import clip_of
from support.peak import Peak

FRAMES = np.arange(2 * 4 * 6 * 3, dtype=np.uint8).reshape(2, 4, 6, 3)
QUIET, LOUD = np.full((1, 800), 0.25, np.float32), np.full((1, 800), 0.5, np.float32)


class KeptPeak(Peak):
    """The largest sample, kept by the content of the clip as expensive metrics keep what they extract."""

    def __init__(self, cache):
        super().__init__()
        self.cache = cache

    def measure(self, clip, prompt, reference):
        found = self.cache.get(clip.digest, "peak", lambda: {"peak": np.abs(clip.audio).max()})
        return float(found["peak"])


def test_another_sound_has_another_score(tmp_path):
    metric, clip = KeptPeak(DiskCache(tmp_path)), clip_of(FRAMES, QUIET)
    assert metric.score(clip).value == 0.25
    assert metric.score(replace(clip, audio=LOUD)).value == 0.5
    assert metric.score(replace(replace(clip, audio=LOUD), audio=clip.audio, timing="aligned")).value == 0.25


@pytest.mark.parametrize(
    "fields",
    [
        {"frames": 255 - FRAMES},
        {"frames": None},
        {"fps": Fraction(50)},
        {"audio": LOUD},
        {"audio": None},
        {"sample_rate_hz": 8_000},
        {"audio": np.vstack([QUIET, QUIET, LOUD]), "layout": ("FL", "FR", "FC")},
        {"frames": 255 - FRAMES, "audio": LOUD, "timing": "aligned"},
    ],
    ids=lambda fields: " ".join(fields),
)
def test_a_changed_clip_has_the_digest_of_what_it_holds(fields):
    clip = clip_of(FRAMES, QUIET)
    changed = replace(clip, **fields)
    streams = {"frames": FRAMES, "audio": QUIET, "fps": 25, "rate_hz": 16_000, "layout": ()}
    streams |= {name.replace("sample_rate_hz", "rate_hz"): value for name, value in fields.items() if name != "timing"}
    assert changed.digest == clip_of(**streams).digest != clip.digest
    assert replace(changed, in_domain=True).digest == changed.digest


def test_a_digest_is_the_one_that_is_stored():
    """The bytes that made the keys of every cache so far."""
    content = b"video (2, 4, 6, 3) 25" + FRAMES.tobytes() + b"audio (1, 800) 16000" + QUIET.tobytes()
    assert clip_of(FRAMES, QUIET).digest == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda clip: pickle.loads(pickle.dumps(clip))])
def test_a_digest_that_was_given_stays_with_the_streams(copied):
    """`media.read` of the sound alone is told the digest of the whole clip."""
    clip = clip_of(None, QUIET, digest="f" * 64)
    assert clip.digest == Clip(None, Fraction(0), QUIET, 16_000, "f" * 64).digest == "f" * 64
    assert replace(copied(clip), timing="aligned", in_domain=True).digest == "f" * 64
    assert replace(copied(clip), audio=QUIET.copy()).digest == clip_of(None, QUIET).digest


def test_what_was_found_of_channels_is_of_those_that_are_there():
    late = Finding(code="audio_starts_late", detail="by 0.1 s")
    clip = clip_of(None, np.vstack([QUIET, LOUD]), findings=(late,))
    apart = replace(clip, audio=np.vstack([LOUD, -LOUD]))
    assert [one.code for one in apart.findings] == ["audio_starts_late", "channels_cancel"]
    with pytest.raises(Undefined, match="the channels cancel: 100% of their sound is gone"):
        apart.mono()
    mended = replace(apart, audio=LOUD)
    assert mended.findings == (late,)
    np.testing.assert_array_equal(mended.mono(), LOUD[0])


def test_frames_of_another_format_leave_the_embedded_domain():
    clip = clip_of(np.zeros((2, 64, 64, 3), np.uint8), QUIET, in_domain=True)
    require_embedded_domain(clip)
    require_embedded_domain(replace(clip, frames=None))
    for fields in ({"frames": np.zeros((2, 128, 128, 3), np.uint8)}, {"fps": Fraction(50)}):
        with pytest.raises(Undefined, match="outside the embedded domain"):
            require_embedded_domain(replace(clip, **fields))


def test_streams_that_are_none_are_told_where_they_are_put_in():
    with pytest.raises(BenchError, match=r"expected \(channels, N\) float32 at a whole rate > 0, got \(800,\) float32"):
        replace(clip_of(FRAMES, QUIET), audio=QUIET[0])
