"""Kandinsky 6: what it is asked for, by hand, and what the library's pipeline takes."""

import inspect
from functools import partial

import pytest

from jova_baselines.external.manifest import load
from jova_bench.errors import BenchError
from support.asked import planned as planned_by

planned = partial(planned_by, "kandinsky-6", video_caption="A woman", audio_caption="Rain", transcript="It's late.")


def test_it_is_asked_for_five_seconds_as_in_the_librarys_example():
    job = planned()
    told = job.arguments
    assert (job.frames, job.fps, job.height, job.width, job.sample_rate_hz) == (121, 24, 480, 864, None)
    assert (told["num_inference_steps"], told["guidance_scale"], job.function_evals) == (16, 1.0, 16)
    assert told["prompt"] == "A woman. The person says, <S>It's late.<E>. <AUDCAP>Rain.<ENDAUDCAP>"
    assert planned(cfg=5.0, steps=50).function_evals == 100
    job = planned(image=(512, 512))  # sqrt(480 * 864) = 644
    assert (job.height, job.width) == (640, 640)
    with pytest.raises(BenchError, match="multiples of 16, got 481 x 864"):
        planned(height=481)


@pytest.mark.slow
def test_the_library_knows_every_argument_and_part():
    diffusers = pytest.importorskip("diffusers")
    manifest = load("kandinsky-6")
    kind = getattr(diffusers, manifest.diffusers.pipeline)
    assert {*planned().arguments, "image", "generator", "output_type"} <= set(
        inspect.signature(kind.__call__).parameters
    )
    parts = {name.partition("/")[0] for name in manifest.weights[0].files} - {"model_index.json"}
    assert parts == set(inspect.signature(kind.__init__).parameters) - {"self"}
