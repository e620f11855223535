import math

import pytest
import torch

from jova.flow import (
    AudioDriven,
    Batch,
    Given,
    Latents,
    interpolate,
    losses,
    mean_of_made,
    sample_times,
    shifted,
    velocity,
    velocity_error,
)
from jova.samplers import GuidedField, euler, flow_times, heun
from jova.text import TextTokens
from support.jova_micro import CONFIG, latents, micro, tokens


def batch(count: int = 3) -> Batch:
    mouth = torch.zeros(count, *CONFIG.video_shape[:3])
    mouth[:, :, 2:, 1:3] = 1
    return Batch(latents(count, seed=7), tokens().select(torch.arange(count) % 3), mouth)


def test_path_runs_from_noise_to_data_at_constant_velocity():
    noise, data = torch.tensor([[2.0], [2.0], [2.0]]), torch.tensor([[6.0], [6.0], [6.0]])
    time = torch.tensor([0.0, 0.25, 0.75])
    x = interpolate(noise, data, time)
    assert x.flatten().tolist() == [2, 3, 5]
    assert velocity(data, x, time).flatten().tolist() == [4, 4, 4]  # x_1 - x_0 at every time


def test_error_of_the_guess_is_the_error_of_the_velocity():
    noise, data = torch.randn(2, 4, 3, 3)
    guess, time = data + torch.randn(4, 3, 3), torch.tensor([0.0, 0.3, 0.6, 0.9])
    x = interpolate(noise, data, time)
    expected = (velocity(guess, x, time) - (data - noise)) ** 2
    torch.testing.assert_close(velocity_error(guess, data, time), expected, rtol=1e-3, atol=1e-4)
    # Near the data the weight stays at 1 / .08^2 = 156.25.
    assert velocity_error(torch.ones(1, 1), torch.zeros(1, 1), torch.tensor([0.99])).item() == pytest.approx(156.25)


def test_training_times_are_logistic_normal():
    time = sample_times(40_000, torch.Generator().manual_seed(0))
    logits = torch.log(time / (1 - time))
    # Standard errors 1.2 / 200 = .006 and about .004; five of them.
    assert logits.mean().item() == pytest.approx(-0.6, abs=0.03)
    assert logits.std().item() == pytest.approx(1.2, abs=0.02)


def field_of(function):
    """A field that moves both streams alike and ignores their difference."""
    return lambda x, t: Latents(*(function(z, t) for z in x))


@pytest.mark.parametrize("solve", [euler, heun])
@pytest.mark.parametrize("steps", [1, 2, 7])
def test_a_straight_path_is_followed_exactly(solve, steps):
    noise, data = latents(1), latents(1, seed=1)
    # v = (x_1 - x_t) / (1 - t), the field of one known datum: every Euler step stays on the line.
    field = lambda x, t: Latents(*((x1 - z) / (1 - t) for z, x1 in zip(x, data, strict=True)))  # noqa: E731
    end = solve(field, noise, flow_times(steps))
    for a, b in zip(end, data, strict=True):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=0)


def test_order_of_the_samplers():
    """Dx/dt = -2 x from 1: exact end e^-2. Halving the step divides Euler's error by 2 and Heun's by 4."""
    start = Latents(torch.ones(1, dtype=torch.float64), torch.ones(1, dtype=torch.float64))
    field = field_of(lambda z, t: -2 * z)

    def error(solve, steps):
        return abs(solve(field, start, flow_times(steps)).video.item() - math.exp(-2))

    assert error(euler, 64) / error(euler, 128) == pytest.approx(2, rel=0.05)
    assert error(heun, 64) / error(heun, 128) == pytest.approx(4, rel=0.15)


def test_samplers_never_ask_for_the_velocity_at_the_end():
    asked = []

    def field(x, t):
        asked.append(t)
        return x

    heun(field, latents(1), flow_times(4))
    # Two evaluations a step and one in the last: 0 .25 | .25 .5 | .5 .75 | .75
    assert asked == [0, 0.25, 0.25, 0.5, 0.5, 0.75, 0.75]
    with pytest.raises(ValueError, match="at least 1 step, got 0"):
        flow_times(0)


def test_guidance_one_is_the_conditional_model_and_costs_half():
    model, x, text = micro(), latents(3), tokens()
    with torch.inference_mode():
        time = torch.full((3,), 0.4)
        plain, guided = GuidedField(model, text, None, 1.0), GuidedField(model, text, None, 3.0)
        conditional = [velocity(a, b, time) for a, b in zip(model(x, time, text), x, strict=True)]
        null = text.drop_text(torch.ones(3, dtype=torch.bool))
        unconditional = [velocity(a, b, time) for a, b in zip(model(x, time, null), x, strict=True)]
        for got, c in zip(plain(x, 0.4), conditional, strict=True):
            assert torch.equal(got, c)
        for got, c, u in zip(guided(x, 0.4), conditional, unconditional, strict=True):
            torch.testing.assert_close(got, u + 3 * (c - u), atol=1e-4, rtol=1e-4)
        euler(guided, x, flow_times(5))
        heun(plain, x, flow_times(5))
    assert guided.evals == 2 + 2 * 5
    assert plain.evals == 1 + 9


def test_guidance_keeps_the_image_in_both_halves():
    model, x, text = micro(), latents(3), tokens()
    image = Given.nothing(latents(3, seed=5)).with_image(torch.tensor([True, True, False]))
    with torch.inference_mode():
        null = text.drop_text(torch.ones(3, dtype=torch.bool))
        time = torch.full((3,), 0.4)
        unconditional = velocity(model(x, time, null, image).video, x.video, time)
        zero = GuidedField(model, text, image, 0.0)(x, 0.4)
    torch.testing.assert_close(zero.video, unconditional, atol=1e-5, rtol=1e-5)


def test_image_condition_stands_at_the_first_latent_with_its_mask():
    data = latents(2)
    video = data.video
    condition, sound = Given.nothing(data).with_image(torch.tensor([True, False])).channels()
    assert (condition.shape, sound.shape) == ((2, 3, 4, 4, 4), (2, 5, 7))
    assert torch.equal(condition[0, 0, ..., :3], video[0, 0])
    assert condition[0, 0, ..., 3].unique().tolist() == [1]
    assert condition[0, 1:].count_nonzero() == condition[1].count_nonzero() == sound.count_nonzero() == 0


def test_loss_of_a_model_that_guesses_zero():
    """With x_hat = 0 the error is (x_1 / (1 - t))^2, so each loss can be computed beside it."""
    example = batch()
    silent = lambda noisy, time, text, image: Latents(*(torch.zeros_like(z) for z in noisy))  # noqa: E731
    got = losses(silent, example, torch.Generator().manual_seed(3), mouth_weight=5.0)
    time = sample_times(3, torch.Generator().manual_seed(3))
    weight = (1 / (1 - time).clamp(min=0.08)) ** 2
    error = example.data.video**2 * weight.view(3, 1, 1, 1, 1)
    torch.testing.assert_close(got.audio, (example.data.audio**2 * weight.view(3, 1, 1)).mean())
    torch.testing.assert_close(got.video, ((1 + 5 * example.mouth[..., None]) * error).mean())
    torch.testing.assert_close(got.mouth, error[:, :, 2:, 1:3].mean())
    torch.testing.assert_close(got.total, got.video + got.audio)


def test_errors_of_what_is_made_count_as_if_all_were_made():
    """By hand: two clips of three cells of weights 1, 1 and 4, of mean weight 2."""
    error = torch.tensor([[[2.0], [5.0], [1.0]], [[7.0], [7.0], [7.0]]])
    weight = torch.tensor([[1.0, 1.0, 4.0]]).expand(2, 3)
    every, some, none = (torch.tensor([row] * 2, dtype=torch.bool) for row in ([1, 1, 1], [0, 1, 1], [0, 0, 0]))
    # All: (2 + 5 + 4) / 3 = 11 / 3 and 7 * 2 = 14. The last two: (5 + 4) / 5 * 2 = 3.6, and 14 again.
    assert mean_of_made(error, weight, every).item() == pytest.approx((11 / 3 + 14) / 2)
    assert mean_of_made(error, weight, some).item() == pytest.approx((3.6 + 14) / 2)
    assert mean_of_made(error, weight, none).item() == 0


def test_losses_without_edits_are_the_losses_of_clips_of_which_nothing_is_kept():
    model, example = micro(), batch()
    with torch.no_grad():
        free, none = (
            losses(model, example, torch.Generator().manual_seed(2), mouth_weight=5.0, kept=kept)
            for kept in (None, Given.nothing(example.data))
        )
    torch.testing.assert_close(none, free)


def test_text_and_image_are_dropped_as_often_as_asked():
    seen = {"null": 0, "image": 0, "count": 0}

    def spy(noisy, time, text, given):
        seen["null"] += int((text.ids[:, 0] == 1).sum())
        seen["image"] += int(given.video[:, 0, 0, 0].sum())
        seen["count"] += len(time)
        return noisy

    generator = torch.Generator().manual_seed(0)
    example = batch(300)
    for _ in range(10):
        losses(spy, example, generator, mouth_weight=0.0, text_dropout=0.1, image_dropout=0.7)
    # 3000 draws: standard errors .0055 and .0084; four of them.
    assert seen["null"] / seen["count"] == pytest.approx(0.1, abs=0.022)
    assert seen["image"] / seen["count"] == pytest.approx(0.3, abs=0.034)


@pytest.mark.parametrize("fusion", ["joint", "cross", "none"])
def test_training_on_a_few_clips_halves_the_loss_and_moves_every_weight(fusion):
    model, example = micro(fusion=fusion).train(), batch()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)

    def evaluate():
        with torch.no_grad():  # Few clips have few times, so many draws.
            draws = [torch.Generator().manual_seed(seed) for seed in range(12)]
            return sum(losses(model, example, draw, mouth_weight=5.0).total.item() for draw in draws)

    before, generator = evaluate(), torch.Generator().manual_seed(1)
    for step in range(80):
        optimizer.zero_grad()
        losses(model, example, generator, mouth_weight=5.0, image_dropout=0.5).total.backward()
        if step == 0:
            assert [name for name, p in model.named_parameters() if not p.grad.any()] == []
        optimizer.step()
    assert evaluate() < 0.5 * before


def test_an_audio_driven_model_sees_clean_sound_and_ends_with_it():
    """Whatever the sampler's noise, the network sees what was given and the result is that."""
    given = torch.randn(2, 5, 3)
    seen = []

    def network(noisy, time, text, image):
        seen.append(noisy.audio)
        return Latents(torch.zeros_like(noisy.video), torch.full_like(noisy.audio, 9.0))

    text = TextTokens(*(torch.ones(2, 1, dtype=torch.long),) * 3, torch.zeros(2, 1), torch.zeros(2, 2))
    field = GuidedField(AudioDriven(network, given), text, None, 2.0)
    start = Latents(torch.randn(2, 1, 1, 1, 3), torch.randn(2, 5, 3))
    made = euler(field, start, flow_times(4))
    torch.testing.assert_close(made.audio, given)
    torch.testing.assert_close(made.video, torch.zeros_like(start.video), atol=1e-6, rtol=0)
    assert len(seen) == 4
    assert all(torch.equal(audio, torch.cat([given, given])) for audio in seen)


def test_guidance_ends_where_it_is_told_to():
    model, text, x = micro(), tokens(), latents(3)
    field, guided, plain = (GuidedField(model, text, None, scale, until) for scale, until in ((3, 0.5), (3, 1), (1, 1)))
    with torch.no_grad():
        for time, same in ((0.4, guided), (0.5, plain), (0.9, plain)):
            for ours, theirs in zip(field(x, time), same(x, time), strict=True):
                torch.testing.assert_close(ours, theirs)
    assert field.evals == 2 + 1 + 1


def test_a_network_of_velocities_has_the_plain_error_of_its_velocity():
    """Its heads give v_hat, the network returns x_hat, and velocity and loss find v_hat again, near the data too."""
    model, example = micro(prediction="v"), batch()
    given = torch.tensor([0.1, 0.6, 0.97])
    with torch.inference_mode():
        heads = micro()(example.data, given, example.text)  # the same weights, read as data
        guess = model(example.data, given, example.text)
    for head, x_hat, x_t in zip(heads, guess, example.data, strict=True):
        torch.testing.assert_close(velocity(x_hat, x_t, given), head, atol=1e-4, rtol=1e-4)
        true = torch.randn(x_t.shape)
        noise_to_data = x_t + (1 - given).view(-1, *(1,) * (x_t.ndim - 1)) * true
        error = velocity_error(x_hat, noise_to_data, given, "v")
        torch.testing.assert_close(error, (head - true).square(), atol=1e-3, rtol=1e-3)
        # An error of predicted data weighs less there: (.03 / .08)^2 of it.
        bounded = velocity_error(x_hat, noise_to_data, given)
        torch.testing.assert_close(bounded[2], error[2] * (0.03 / 0.08) ** 2, atol=1e-3, rtol=1e-3)
        torch.testing.assert_close(bounded[:2], error[:2], atol=1e-3, rtol=1e-3)


def test_the_loss_takes_what_the_heads_predict():
    """With t = 0.97 in all draws, a data loss is bounded and a velocity loss is not."""
    example = batch()
    totals = {}
    for kind in ("x", "v"):
        times = lambda count, generator: torch.full((count,), 0.97)  # noqa: E731
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("jova.flow.sample_times", times)
            draw = torch.Generator().manual_seed(0)
            totals[kind] = losses(micro(), example, draw, mouth_weight=5.0, prediction=kind).total.item()
    assert totals["x"] == pytest.approx(totals["v"] * (0.03 / 0.08) ** 2, rel=1e-4)


def test_each_modality_has_a_path_of_its_own_over_one_time():
    """Shift 3: at t = 1/2 the noise's share is 3/4 in place of 1/2, and x_t moves by s' v = 3/4 v."""
    time = torch.tensor([0.0, 0.5, 1.0])
    assert shifted(time, 3.0).tolist() == [0.0, 0.25, 1.0]
    noise, data, half = torch.tensor([[2.0]]), torch.tensor([[6.0]]), torch.tensor([0.5])
    x = interpolate(noise, data, shifted(half, 3.0))
    assert x.item() == 3.0
    assert velocity(data, x, half, 3.0).item() == pytest.approx(3.0)
    example, seen = batch(), []

    class Shifted:
        shifts = (3.0, 1.0)

        def __call__(self, noisy, time, text, given):
            seen.append((noisy, time))
            return noisy

    found = losses(Shifted(), example, torch.Generator().manual_seed(3), mouth_weight=0.0)
    plain = losses(lambda noisy, *_: noisy, example, torch.Generator().manual_seed(3), mouth_weight=0.0)
    (noisy, time), share = seen[0], shifted(seen[0][1], 3.0)
    generator = torch.Generator().manual_seed(3)
    sample_times(3, generator)
    starts = [torch.randn(x.shape, generator=generator) for x in example.data]
    torch.testing.assert_close(noisy.video, interpolate(starts[0], example.data.video, share))
    torch.testing.assert_close(noisy.audio, interpolate(starts[1], example.data.audio, time))
    assert found.audio == plain.audio
    assert found.video != plain.video


@pytest.mark.parametrize("prediction", ["x", "v"])
def test_samplers_follow_shifted_paths_to_the_data(prediction):
    """A network that knows the data: the velocities that it predicts lead from any noise there."""
    data, noise = latents(2, seed=1), latents(2, seed=2)
    model = micro(video_shift=3.0, audio_shift=0.5, prediction=prediction)
    assert model.shifts == (3.0, 0.5)

    class Knows:
        shifts = model.shifts

        def __call__(self, noisy, time, text, given):
            for x_t, x0, x1, shift in zip(noisy, noise, data, self.shifts, strict=True):
                torch.testing.assert_close(x_t, interpolate(x0, x1, shifted(time, shift)), rtol=0.02, atol=0.02)
            return data

    field = GuidedField(Knows(), tokens().select(torch.arange(2)), None, 1.0)
    end = heun(field, noise, flow_times(100))
    for found, wanted in zip(end, data, strict=True):
        torch.testing.assert_close(found, wanted, rtol=2e-3, atol=2e-3)
    # What the heads predict is the velocity of their modality's own path.
    with torch.no_grad():
        shifts, model.shifts = model.shifts, (1.0, 1.0)
        time = torch.full((2,), 0.5)
        plain = model(noise, time, tokens().select(torch.arange(2)))
        model.shifts = shifts
        moved = model(noise, time, tokens().select(torch.arange(2)))
    if prediction == "v":
        torch.testing.assert_close((moved.video - noise.video) / 0.75, (plain.video - noise.video) / 0.5)
    else:
        assert torch.equal(moved.video, plain.video)
