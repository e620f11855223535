"""Prompt attributes: the classifiers on real clips, and what has no answer."""

from dataclasses import replace

import numpy as np
import pytest

from jova_bench.cache import NoCache
from jova_bench.media.clip import Clip
from jova_bench.media.files import clip_from_arrays
from jova_bench.metrics.base import MetricContext
from jova_bench.metrics.prompt import attributes as alignment
from jova_bench.prompts import Prompt

TAGS = ("hair", "background", "voice")


@pytest.mark.parametrize("tag", TAGS)
def test_real_clips_show_what_their_prompts_ask_for(real_clips: list[Clip], real_prompts: list[Prompt], tag: str):
    metric = alignment.build(MetricContext(NoCache(), "cpu"), f"prompt_{tag}")
    for clip, prompt in zip(real_clips, real_prompts, strict=True):
        assert metric.score(clip, prompt, None).value == 1.0, prompt
        wrong = prompt.model_copy(update={"tags": {tag: "transparent"}})
        assert metric.score(clip, wrong, None).value == 0.0


@pytest.mark.parametrize("tag", TAGS)
def test_without_the_tag_there_is_no_answer(real_clips: list[Clip], real_prompts: list[Prompt], tag: str):
    metric = alignment.build(MetricContext(NoCache(), "cpu"), f"prompt_{tag}")
    untagged = real_prompts[0].model_copy(update={"tags": {}})
    assert metric.score(real_clips[0], untagged, None).reason == f"the prompt has no {tag} tag"
    assert metric.score(real_clips[0], None, None).reason == f"the prompt has no {tag} tag"
    foreign = replace(real_clips[0], in_domain=False)
    assert metric.score(foreign, real_prompts[0], None).reason == "outside the embedded domain"


def test_a_silent_clip_has_no_voice(real_clips: list[Clip], real_prompts: list[Prompt]):
    clip = real_clips[0]
    mute = clip_from_arrays(clip.frames, clip.fps, np.zeros_like(clip.audio), clip.sample_rate_hz)
    outcome = alignment.build(MetricContext(NoCache(), "cpu"), "prompt_voice").score(
        replace(mute, in_domain=True), real_prompts[0], None
    )
    assert (outcome.status, outcome.reason) == ("undefined", "silent")
