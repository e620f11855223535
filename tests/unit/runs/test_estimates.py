"""From rows to estimates: what the specification of a metric changes."""

import pytest

from jova_bench.cache import NoCache
from jova_bench.metrics.base import MetricContext
from jova_bench.metrics.build import build
from jova_bench.prompts import Prompt
from jova_bench.records import Outcome
from jova_bench.runs.estimates import MetricColumn, clip_estimate


def interval_of_128_zeros(name):
    metric = build([name], "embedded", MetricContext(NoCache()))[0]
    parts = {(f"p{i}", 0): Outcome(status="ok", value=0.0) for i in range(128)}
    prompt = Prompt(id="p", video_caption="", audio_caption="", transcript="lay it here")
    return clip_estimate(MetricColumn("m", metric.spec, parts), dict.fromkeys((i for i, _ in parts), prompt)).ci


def test_only_shares_of_clips_get_the_interval_of_a_proportion():
    # Agresti and Coull: centre 1.921 / 131.84 = 0.01457, half width 1.96 sqrt(0.01457 * 0.98543 / 131.84) = 0.02045.
    for name in ("sync_within_1", "prompt_hair", "prompt_background", "prompt_voice", "wer", "cer"):
        assert interval_of_128_zeros(name) == pytest.approx((0.0, 0.035), abs=1e-3), name
    for name in ("av_offset_frames", "lse_c", "loudness"):
        assert interval_of_128_zeros(name) == (0.0, 0.0), name
