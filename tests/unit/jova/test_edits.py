"""Edits in training: which cells are made, what the network sees, what has a loss."""

import json
from dataclasses import asdict, replace

import pytest
import torch

from jova.edits import made_mouth, made_picture, made_sound, made_speech
from jova.flow import Batch, Given, Latents, interpolate, losses, sample_times, velocity_error
from jova.mouth_loss import mouth_mean, mouth_weighted_mean
from jova.timeline import Timeline
from jova.training.edits import EDITS, draw_kept
from jova.training.latents import Examples
from jova.training.model import TrainConfig, Trainer
from jova.training.state import generator_of
from jova.transformer import Jova
from support import jova_micro
from support.jova_micro import CONFIG, latents, micro, tokens

EDITING = replace(CONFIG, editing=True)
LONG = replace(EDITING, timeline=Timeline(), latent_size=8)
TRAINING = TrainConfig(steps=8, batch=4, warmup=2, log_every=2, save_every_s=0, edit_share=0.5)


def mouth_masks(count):
    """The mouth touches rows 1 and 2 of column 2 of 4, the second row in latent 1 alone."""
    mouth = torch.zeros(count, *CONFIG.video_shape[:3])
    mouth[:, :, 1, 2] = 0.5
    mouth[:, 1, 2, 2] = 0.01
    return mouth


def batch(count=3):
    spans = torch.tensor([[0.04, 0.3]]).expand(count, 2)
    text = tokens().select(torch.arange(count) % 3).with_spans(spans)
    return Batch(latents(count, seed=7), text, mouth_masks(count))


def examples(count=12, seed=0):
    data = latents(count, seed)
    text = tokens(jova_micro.PROMPTS * (count // 3)).with_spans(torch.tensor([[0.04, 0.3]]).repeat(count, 1))
    return Examples(data.video.half(), data.audio.half(), mouth_masks(count).half(), text)


def weights(model):
    return list(model.state_dict().values())


def cells(mask):
    return [index for index, made in enumerate(mask.flatten(1).any(1) if mask.ndim > 1 else mask) if made]


@pytest.mark.parametrize(
    ("start_s", "end_s", "video", "audio"),
    [
        # 9 frames of 40 ms. Latents begin at 0, .04 and .2 s; audio tokens at 0, .04, .12, .2 and .28 s.
        (0.0, 0.01, [0], [0]),
        (0.05, 0.11, [1], [1]),
        (0.05, 0.13, [1], [1, 2]),
        (0.1, 0.21, [1, 2], [1, 2, 3]),
        (0.29, 9.0, [2], [4]),
        (0.0, 0.36, [0, 1, 2], [0, 1, 2, 3, 4]),
    ],
)
def test_a_span_of_speech_is_rounded_outward(start_s, end_s, video, audio):
    made = made_speech(CONFIG, start_s, end_s)
    assert (cells(made.video), cells(made.audio)) == (video, audio)
    assert made.video.flatten(1).all(1).tolist() == made.video.flatten(1).any(1).tolist()  # whole frames


def test_a_mouth_is_made_in_a_box_over_the_whole_clip():
    (mouth,) = mouth_masks(1)
    made = made_mouth(CONFIG, mouth)
    assert not made.audio.any()
    for frame in made.video:
        assert frame.nonzero().tolist() == [[1, 2], [2, 2]]
    # One row above, none below, two columns to the left, and more to the right than there are.
    wide = made_mouth(CONFIG, mouth, (1, 0, 2, 5)).video
    assert wide[2].int().tolist() == [[1, 1, 1, 1], [1, 1, 1, 1], [1, 1, 1, 1], [0, 0, 0, 0]]
    with pytest.raises(ValueError, match="a mouth inside the picture, got none"):
        made_mouth(CONFIG, torch.zeros_like(mouth))


def test_picture_and_sound_are_made_whole():
    picture, sound = made_picture(CONFIG), made_sound(CONFIG)
    assert (picture.video.all().item(), picture.audio.any().item()) == (True, False)
    assert (sound.video.any().item(), sound.audio.all().item()) == (False, True)


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


def test_only_a_model_that_edits_reads_given_sound():
    x, text, time = latents(3), tokens(), torch.tensor([0.1, 0.5, 0.9])
    nothing = Given.nothing(latents(3, seed=2))
    sound = nothing._replace(audio=~nothing.audio)
    for editing in (False, True):
        model = micro(editing=editing)
        with torch.inference_mode():
            bare, none, some = (model(x, time, text, given) for given in (None, nothing, sound))
        assert torch.equal(bare.video, none.video)
        assert torch.equal(none.video, some.video) is not editing
        assert torch.equal(none.audio, some.audio) is not editing


def test_a_training_with_edits_runs_resumes_and_reports_every_kind(tmp_path):
    data, held_out = examples(), examples(3, seed=1)
    training = replace(TRAINING, steps=30, edit_share=0.8, log_every=1)
    whole = Trainer(EDITING, training, tmp_path / "whole").run(data, held_out)
    assert whole.config.editing
    assert Jova.load(tmp_path / "whole" / "jova-tiny.safetensors").config == EDITING
    half = Trainer(EDITING, training, tmp_path / "half")
    half.model.speaking.fit(data.text)
    half.ema = {name: value.clone() for name, value in half.model.state_dict().items()}
    for _ in range(15):
        half.advance(data)
    half.save("model")
    resumed = Trainer(EDITING, training, tmp_path / "half")
    assert resumed.step == 15
    assert all(torch.equal(a, b) for a, b in zip(weights(resumed.run(data, held_out)), weights(whole), strict=True))
    lines = (tmp_path / "whole" / "model.jsonl").read_text().splitlines()
    last = json.loads(lines[-1])
    assert {f"valid_edit_{edit}_total" for edit in EDITS} <= set(last)
    assert last["valid_edit_sound_video"] == last["valid_edit_mouth_audio"] == last["valid_edit_picture_audio"] == 0
    assert min(last[f"valid_edit_{edit}_total"] for edit in EDITS) > 0


def test_a_training_without_edits_reports_none(tmp_path):
    Trainer(CONFIG, replace(TRAINING, edit_share=0.0), tmp_path).run(examples(), examples(3))
    assert "valid_edit" not in (tmp_path / "model.jsonl").read_text()


def test_examples_without_edits_are_those_of_a_training_without(tmp_path, monkeypatch):
    """The share draws from a generator of its own: a tiny one, of which nothing comes, trains as none."""
    data = examples()
    never, none = (
        Trainer(EDITING, replace(TRAINING, edit_share=share), tmp_path / str(share)) for share in (1e-9, 0.0)
    )
    for _ in range(3):
        torch.testing.assert_close(tuple(never.advance(data)), tuple(none.advance(data)))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"edit_share": 1.5}, "edit_share from 0 to 1, got 1.5"),
        ({"mouth_box": "off"}, "mouth_box mouth for a training with edits of it, got 'off'"),
    ],
)
def test_trainings_that_cannot_be_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        replace(TRAINING, **changes)


def test_a_training_with_edits_needs_a_model_that_edits(tmp_path):
    with pytest.raises(ValueError, match="config with editing for a training with edits, got one without"):
        Trainer(CONFIG, TRAINING, tmp_path)


def test_a_model_that_edits_may_begin_with_one_that_does_not(tmp_path):
    first, x, time = micro(), latents(3), torch.tensor([0.1, 0.5, 0.9])
    first.save(tmp_path / "first.safetensors")
    begun = Trainer(EDITING, TRAINING, tmp_path / "out", tmp_path / "first.safetensors").model.eval()
    stored = Jova.load(tmp_path / "first.safetensors")
    with torch.inference_mode():
        for a, b in zip(begun(x, time, tokens()), stored(x, time, tokens()), strict=True):
            torch.testing.assert_close(a, b)
    with pytest.raises(
        ValueError, match=r"with the model's shapes, got others in .*first.safetensors: \d+ of its tensors"
    ):
        Trainer(
            replace(CONFIG, width=48), replace(TRAINING, edit_share=0.0), tmp_path / "b", tmp_path / "first.safetensors"
        )


def test_states_from_before_there_were_edits_and_digests_go_on(tmp_path):
    training, data = replace(TRAINING, edit_share=0.0), examples()
    trainer = Trainer(CONFIG, training, tmp_path)
    trainer.advance(data)
    trainer.save("model")
    state = torch.load(tmp_path / "model.state", weights_only=True)
    for name in ("edit_share", "init", "data"):
        del state["training"][name]
    model = {name: value for name, value in asdict(CONFIG).items() if name not in ("editing", "words")}
    state["training"]["model"] = json.dumps(model, sort_keys=True)
    torch.save(state, tmp_path / "model.state")
    assert Trainer(CONFIG, training, tmp_path).step == 1
    Trainer(CONFIG, training, tmp_path).run(data, data)
    with pytest.raises(ValueError, match="another edit_share, model; use another --out"):
        Trainer(EDITING, TRAINING, tmp_path)


def test_a_training_goes_on_with_its_own_clips_and_first_weights_alone(tmp_path):
    for seed in (0, 1):
        torch.manual_seed(seed)
        Jova(CONFIG).save(tmp_path / f"{seed}.safetensors")
    training, data = replace(TRAINING, edit_share=0.0), examples()
    Trainer(CONFIG, training, tmp_path / "out", tmp_path / "0.safetensors").run(data, data)
    Trainer(CONFIG, training, tmp_path / "out", tmp_path / "0.safetensors").run(data, data)
    for init in (None, tmp_path / "1.safetensors"):
        with pytest.raises(ValueError, match="was started, got another init; use another --out"):
            Trainer(CONFIG, training, tmp_path / "out", init)
    moved = data._replace(mouth=data.mouth.flip(2))
    fewer = examples(9)
    for other in (examples(seed=3), moved, fewer):
        with pytest.raises(ValueError, match=r"expected the clips with which .* was started, got others"):
            Trainer(CONFIG, training, tmp_path / "out", tmp_path / "0.safetensors").run(other, data)
