"""Edits in training: which are drawn, what the network sees, what has a loss."""

from dataclasses import replace

import pytest
import torch

from jova.flow import Batch, Given, Latents, interpolate, losses, sample_times, velocity_error
from jova.mouth_loss import mouth_mean, mouth_weighted_mean
from jova.timeline import Timeline
from jova.training.edits import EDITS, draw_kept
from jova.training.state import generator_of
from support.jova_micro import EDITING, latents, micro, mouth_masks, tokens

LONG = replace(EDITING, timeline=Timeline(), latent_height=8, latent_width=8)


def batch(count=3):
    spans = torch.tensor([[0.04, 0.3]]).expand(count, 2)
    text = tokens().select(torch.arange(count) % 3).with_spans(spans)
    return Batch(latents(count, seed=7), text, mouth_masks(count))


def long_batch(count, span):
    """Clips of 73 frames of 8 x 8 cells with speech over a span; the mouth touches rows 4 and 5 of column 4."""
    data = Latents(*(torch.zeros(count, *shape) for shape in (LONG.video_shape, LONG.audio_shape)))
    text = tokens().select(torch.arange(count) % 3).with_spans(torch.tensor([span]).repeat(count, 1))
    mouth = torch.zeros(count, *LONG.video_shape[:3])
    mouth[:, :, 4:6, 4] = 0.5
    return Batch(data, text, mouth)


def kind_of(video, audio):
    """The kind of an edit, from what it keeps."""
    if not (video.any() or audio.any()):
        return "none"
    if video.all():
        return "sound"
    if audio.all():
        return "mouth" if video.any() else "picture"
    return "speech"


def test_edits_are_drawn_as_often_as_asked_each_kind_alike():
    example, kinds = long_batch(300, [0.5, 2.5]), []
    for step in range(10):
        kept = draw_kept(LONG, example, 0.5, generator_of(0, step))
        for video, audio in zip(kept.video, kept.audio, strict=True):
            kinds.append(kind_of(video, audio))
            if kinds[-1] == "mouth":
                assert not video[:, 4:6, 4].any()  # the mouth's own cells are always made
                assert video[:, :2].all()  # and none that is more than two cells away
            if kinds[-1] == "speech":
                made = (~audio).nonzero().flatten()
                assert made.tolist() == list(range(int(made[0]), int(made[-1]) + 1))
    # 3000 draws: standard errors .0091 and .006; four of them.
    assert kinds.count("none") / len(kinds) == pytest.approx(0.5, abs=0.036)
    for edit in EDITS:
        assert kinds.count(edit) / len(kinds) == pytest.approx(0.125, abs=0.024)


def test_a_clip_without_a_mouth_in_the_picture_is_drawn_whole():
    example = long_batch(4, [0.5, 2.5])
    kept = draw_kept(LONG, example._replace(mouth=0 * example.mouth), 1.0, generator_of(0, 0), ["mouth"])
    assert [kind_of(*row) for row in zip(kept.video, kept.audio, strict=True)] == ["picture"] * 4


def test_spans_of_speech_lie_inside_it():
    """Speech from 1 to 2 s, so that a span longer than it begins with it."""
    example = long_batch(200, [1.0, 2.0])
    kept = draw_kept(LONG, example, 1.0, generator_of(0, 0), ["speech"])
    tokens_made = (~kept.audio).sum(1)
    # Token j covers .08 j - .04 to .08 j + .04 s: the first one to touch 1 s is 12, and spans of 1.5 s end before 2.5.
    assert not (~kept.audio)[:, :12].any()
    assert not (~kept.audio)[:, 32:].any()
    # 0.3 s touch at least 4 tokens; 1.5 s at most 20.
    assert 4 <= tokens_made.min() < 8
    assert 16 < tokens_made.max() <= 20
    # Unknown speech: anywhere in the clip.
    example = example._replace(text=example.text.without_times(torch.ones(200).bool()))
    kept = draw_kept(LONG, example, 1.0, generator_of(0, 0), ["speech"])
    assert (~kept.audio)[:, :12].any()
    assert (~kept.audio)[:, 32:].any()


def test_given_cells_are_seen_clean_and_have_no_loss_and_no_gradient():
    example = batch()
    kept = draw_kept(EDITING, example, 1.0, generator_of(0, 3))
    guesses, seen = [], []

    def network(noisy, time, text, given):
        seen.append((noisy, time, given.channels()))
        guesses.append([torch.zeros_like(x).requires_grad_() for x in noisy])
        return Latents(*guesses[-1])

    losses(network, example, torch.Generator().manual_seed(0), mouth_weight=5.0, kept=kept).total.backward()
    (noisy, time, (video, audio)), (video_guess, audio_guess) = seen[0], guesses[0]
    assert torch.equal(video_guess.grad.abs().sum(-1) > 0, ~kept.video)
    assert torch.equal(audio_guess.grad.abs().sum(-1) > 0, ~kept.audio)
    assert torch.equal(video[kept.video][:, :-1], example.data.video[kept.video])
    assert torch.equal(audio[kept.audio][:, :-1], example.data.audio[kept.audio])
    assert torch.equal(audio[..., -1] > 0, kept.audio)
    # Noisy like the others: on the path from noise to data, as a sampler has it.
    noise = torch.Generator().manual_seed(0)
    times = sample_times(3, noise)
    path = [interpolate(torch.randn(x.shape, generator=noise), x, times) for x in example.data]
    assert torch.equal(times, time)
    assert all(torch.equal(a, b) for a, b in zip(path, noisy, strict=True))


def test_an_edit_has_the_loss_of_a_whole_clip_where_the_error_is_alike():
    """With a guess that is off by one everywhere, every kind of edit has the loss of free generation, or none."""
    example = batch()
    off = lambda noisy, time, text, given: Latents(*(x + 1 for x in example.data))  # noqa: E731
    free = losses(off, example, torch.Generator().manual_seed(3), mouth_weight=5.0)
    for edit, (video, audio) in {"speech": (1, 1), "mouth": (1, 0), "picture": (1, 0), "sound": (0, 1)}.items():
        kept = draw_kept(EDITING, example, 1.0, generator_of(0, 0), [edit])
        got = losses(off, example, torch.Generator().manual_seed(3), mouth_weight=5.0, kept=kept)
        torch.testing.assert_close(got.video, video * free.video)
        torch.testing.assert_close(got.audio, audio * free.audio)
        torch.testing.assert_close(got.total, got.video + got.audio)


def test_words_have_no_times_where_the_rest_says_when():
    example, seen = batch(), []

    def spy(noisy, time, text, given):
        seen.append(text.times_s.count_nonzero(1).tolist())
        return noisy

    words = example.text.times_s.count_nonzero(1).tolist()
    assert words == [3, 2, 1]
    for edit, timed in {"speech": True, "mouth": False, "picture": False, "sound": False}.items():
        kept = draw_kept(EDITING, example, 1.0, generator_of(0, 0), [edit])
        losses(spy, example, torch.Generator(), mouth_weight=5.0, text_dropout=0.0, kept=kept)
        assert seen.pop() == (words if timed else [0, 0, 0])


def test_an_image_goes_with_sound_that_is_given_and_with_no_other_edit():
    example, seen = long_batch(8, [0.5, 2.5]), []

    def spy(noisy, time, text, given):
        seen.append(given.video)
        return noisy

    for edit in EDITS:
        kept = draw_kept(LONG, example, 1.0, generator_of(0, 1), [edit])
        losses(spy, example, torch.Generator(), mouth_weight=5.0, image_dropout=0.0, kept=kept)
        (shown,) = seen
        seen.clear()
        if edit == "picture":
            assert shown[:, 0].all()
            assert not shown[:, 1:].any()
        else:
            assert torch.equal(shown, kept.video)


def test_the_loss_without_edits_is_the_one_that_it_was_bit_for_bit():
    """As it was written before there were edits, with the numbers drawn in the same order."""
    model, example = micro(), batch()
    draw = torch.Generator().manual_seed(11)
    time = sample_times(3, draw)
    noise = [torch.randn(x.shape, generator=draw) for x in example.data]
    no_text, shown = torch.rand(3, generator=draw) < 0.1, torch.rand(3, generator=draw) >= 0.3
    assert shown.any()
    noisy = Latents(*(interpolate(x0, x1, time) for x0, x1 in zip(noise, example.data, strict=True)))
    condition = noisy.video.new_zeros(*noisy.video.shape[:-1], 4)
    condition[:, 0, ..., :-1] = example.data.video[:, 0] * shown.view(3, 1, 1, 1)
    condition[:, 0, ..., -1:] = shown.view(3, 1, 1, 1)
    seen = []
    model.video_in.register_forward_hook(lambda module, inputs, output: seen.append(inputs[0]))
    with torch.no_grad():
        got = losses(model, example, torch.Generator().manual_seed(11), mouth_weight=5.0, image_dropout=0.3)
        assert torch.equal(seen[0], model.patchify(torch.cat([noisy.video, condition], dim=-1)))
        image = Given.nothing(example.data).with_image(shown)
        guess = model(noisy, time, example.text.drop_text(no_text), image)
        error = velocity_error(guess.video, example.data.video, time)
        assert torch.equal(got.video, mouth_weighted_mean(error, example.mouth, 5.0))
        assert torch.equal(got.audio, velocity_error(guess.audio, example.data.audio, time).mean())
        assert torch.equal(got.mouth, mouth_mean(error, example.mouth))
