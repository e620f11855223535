"""What clips cost, of samples."""

from jova_bench.records import Sample
from jova_bench.runs.costs import costs


def cost(*measured, **given):
    samples = [
        Sample(model="m", prompt_id="p", seed=seed, status="ok", generate_s=taken, clip_s=0.5, **given)
        for seed, taken in enumerate(measured)
    ]
    (found,) = costs(["m"], samples)
    return found.seconds_per_clip, found.real_time_factor, found.function_evals


def test_times_are_medians_and_what_is_not_measured_is_none():
    assert cost(8.0, 1.0, 3.0, None, function_evals=40) == (3.0, 6.0, 40.0)
    assert cost(None) == (None, None, None)


def test_what_no_model_can_have_measured_overflows_no_summary():
    assert cost(1e308, 1e308, 1e308, function_evals=10**400) == (None, None, None)
    assert cost(1e308, 2.0) == (2.0, 4.0, None)
