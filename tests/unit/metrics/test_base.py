"""What a metric may be given, and what it may return."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from jova_bench.errors import BenchError
from jova_bench.media.files import clip_from_arrays
from jova_bench.metrics.base import to_outcome
from support.peak import Peak


@pytest.mark.parametrize(
    ("value", "shown"), [("0.5", "'0.5'"), (None, "None"), (np.zeros(2), "array([0., 0.])"), ({"a": 1}, "{'a': 1}")]
)
def test_what_is_no_number_says_what_to_return(value, shown):
    class Written(Peak):
        def measure(self, clip, prompt, reference):
            return value

    outcome = Written().score(clip_from_arrays(None, Fraction(0), np.zeros((1, 800), np.float32), 16_000))
    assert (outcome.status, outcome.value) == ("failed", None)
    assert outcome.reason == f"expected a number, got {shown}; raise Undefined where there is none"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 1e61, np.float32("nan")])
def test_a_number_that_no_table_holds_says_so(value):
    outcome = to_outcome(lambda: value)
    assert (outcome.status, outcome.value) == ("failed", None)
    assert outcome.reason == f"expected a finite number up to 1e+60, got {value}; raise Undefined where there is none"
    assert to_outcome(lambda: 1e60).value == 1e60
    assert to_outcome(lambda: 10**400).reason.startswith("expected a number, got 1000")


SHORT = clip_from_arrays(None, Fraction(0), np.zeros((1, 800), np.float32), 16_000)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((None,), "expected clip to be a clip as `read_clip` returns it, got None"),
        (("a.mp4",), "expected clip to be a clip as `read_clip` returns it, got 'a.mp4'"),
        ((SHORT, "hello"), "expected prompt to be a Prompt of a suite, or None, got 'hello'"),
    ],
)
def test_a_score_takes_clips_and_prompts(arguments, message):
    with pytest.raises(BenchError, match=message):
        Peak().score(*arguments)


SEEN = clip_from_arrays(np.zeros((2, 8, 8, 3), np.uint8), Fraction(25), np.zeros((1, 800), np.float32), 16_000)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"frames": np.zeros((2, 8, 8, 3), np.float32)}, r"expected \(T, H, W, 3\) uint8 at fps > 0, got .* float32"),
        ({"frames": np.zeros((2, 3, 8, 8), np.uint8)}, "put the channels last"),
        ({"frames": [[0]]}, "uint8 at fps > 0, got list at 25"),
        *(({"fps": fps}, "uint8 at fps > 0, got") for fps in (0, float("nan"), None, "25")),
        ({"audio": np.zeros((1, 800), np.int16)}, "float32 at a whole rate > 0, got .* int16"),
        ({"audio": np.zeros(800, np.float32)}, r"expected \(channels, N\) float32"),
        ({"audio": np.full((1, 800), np.nan, np.float32)}, "expected finite audio samples"),
        ({"audio": np.full((1, 800), 1e30, np.float32)}, r"expected audio in \[-1, 1\], got a peak of 1e\+30"),
        *(({"sample_rate_hz": rate}, "at a whole rate > 0") for rate in (0, -1, None, 16000.5)),
    ],
)
def test_a_score_takes_a_clip_whose_streams_are_as_it_says(fields, message):
    with pytest.raises(BenchError, match=message):
        Peak().score(replace(SEEN, **fields))
    with pytest.raises(BenchError, match=message):
        Peak().score(SEEN, None, replace(SEEN, **fields))
