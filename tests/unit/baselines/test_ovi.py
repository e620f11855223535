"""Plans of Ovi against numbers of its own code."""

from functools import partial

import pytest

from jova_baselines.external.manifest import load
from jova_baselines.ovi.plan import VARIANTS, nearest, snapped
from jova_bench.errors import BenchError
from support import upstream_api
from support.asked import planned as planned_by

FACTS = upstream_api.facts("ovi")["facts"]
planned = partial(planned_by, "ovi")


@pytest.mark.parametrize(("area", "height", "width", "from_text", "from_image"), FACTS["sizes"])
def test_sizes_are_upstreams(area, height, width, from_text, from_image):
    assert snapped(height, width, area) == tuple(from_text)
    assert nearest(height, width, area) == tuple(from_image)


@pytest.mark.parametrize("name", VARIANTS)
def test_lengths_are_upstreams(name):
    facts, limits = FACTS["variants"][name], load("ovi").limits
    # A latent is four frames, the first is one.
    assert VARIANTS[name].frames == 4 * facts["video_latents"] - 3
    assert VARIANTS[name].area == facts["area"]
    assert limits.frames.nearest(VARIANTS[name].frames / 24, load("ovi").fps) == VARIANTS[name].frames


def test_options_are_upstreams():
    ours, theirs = load("ovi").options, FACTS["configuration"]
    same = {
        "steps": "sample_steps", "solver": "solver_name", "shift": "shift", "slg_layer": "slg_layer",
        "video_guidance": "video_guidance_scale", "audio_guidance": "audio_guidance_scale",
        "video_negative_prompt": "video_negative_prompt", "audio_negative_prompt": "audio_negative_prompt",
    }  # fmt: skip
    assert {name: ours[name] for name in same} == {name: theirs[key] for name, key in same.items()}
    assert [ours["height"], ours["width"]] == theirs["video_frame_height_width"]


def test_a_plan_says_what_will_be_made():
    job = planned()
    assert (job.frames, job.fps, job.height, job.width, job.sample_rate_hz) == (121, 24, 704, 1280, 16_000)
    assert job.seconds == pytest.approx(5.0417, abs=1e-4)
    assert job.function_evals == 100
    assert job.arguments["prompt"] == "a face. The person says, <S>hello<E>. Audio: a voice."
    assert planned(variant="960x960_10s").seconds == pytest.approx(10.0417, abs=1e-4)
    assert (planned(variant="720x720_5s").height, planned(variant="720x720_5s").width) == (544, 960)


def test_an_image_decides_the_shape():
    job = planned(image=(1024, 768))
    assert (job.height, job.width) == nearest(1024, 768, 960 * 960)
    assert job.height > job.width


def test_another_option_is_another_request():
    assert planned().digest == planned().digest
    assert planned(steps=30).digest != planned().digest


@pytest.mark.parametrize(("option", "value"), [("variant", "960x960_50s"), ("solver", "dpm")])
def test_values_that_ovi_does_not_know_are_refused(option, value):
    with pytest.raises(BenchError, match=f"got '{value}'"):
        planned(**{option: value})
