"""Trainings with edits and without: what they report, resume, begin with and refuse."""

import json
from dataclasses import asdict, replace

import pytest
import torch

from jova.flow import draw
from jova.mouth_loss import dilated
from jova.training.config import TrainConfig
from jova.training.distributed import Ranks
from jova.training.edits import EDITS
from jova.training.latents import Examples
from jova.training.losses import draw_parts, validate
from jova.training.model import Trainer
from jova.training.state import batch_indices, generator_of
from jova.transformer import Jova
from support import jova_micro
from support.jova_micro import CONFIG, EDITING, latents, micro, mouth_masks, tokens

TRAINING = TrainConfig(steps=8, batch=4, warmup=2, log_every=2, save_every_s=0, edit_share=0.5)


def examples(count=12, seed=0):
    data = latents(count, seed)
    text = tokens(jova_micro.PROMPTS * (count // 3)).with_spans(torch.tensor([[0.04, 0.3]]).repeat(count, 1))
    return Examples(data.video.half(), data.audio.half(), mouth_masks(count).half(), text)


def weights(model):
    return list(model.state_dict().values())


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


def test_a_batch_in_parts_has_the_gradient_of_the_whole(tmp_path):
    """AdamW moves weights alike for gradients of any scale, so losses do not show it; clipping and its sums do."""
    data, grads = examples(), []
    training = replace(TRAINING, draw="example", max_grad_norm=1e6, edit_share=0.0)
    for parts in (1, 2, 4):
        trainer = Trainer(CONFIG, replace(training, accumulate=parts), tmp_path / str(parts))
        trainer.advance(data)
        trainer.advance(data)  # Before the first step most weights have none: the heads begin at zero.
        grads.append(
            torch.cat([weight.grad.flatten() for weight in trainer.model.parameters() if weight.grad is not None])
        )
    assert grads[0].norm() > 0.1
    clipped = Trainer(CONFIG, replace(training, max_grad_norm=0.01), tmp_path / "clipped")
    clipped.advance(data)
    squares = [weight.grad.square().sum() for weight in clipped.model.parameters() if weight.grad is not None]
    assert torch.stack(squares).sum().sqrt().item() == pytest.approx(0.01, rel=1e-3)
    for others in grads[1:]:
        torch.testing.assert_close(others, grads[0], rtol=1e-3, atol=1e-5 * grads[0].norm().item())


def test_shares_without_text_and_without_an_image_are_those_asked_for():
    data = examples()
    batch = data.batch(torch.arange(12))
    for text, image in ((1.0, 0.0), (0.0, 1.0)):
        training = replace(TRAINING, text_dropout=text, image_dropout=image, edit_share=0.0, draw="example")
        draws, _ = draw_parts(CONFIG, training, batch, range(12), seed=1, share=0.0)
        assert draws.no_text.float().mean() == text
        assert draws.with_image.float().mean() == 1 - image


def test_matrices_decay_and_no_biases_or_scales(tmp_path):
    groups = Trainer(CONFIG, replace(TRAINING, weight_decay=0.3, edit_share=0.0), tmp_path).optimiser.param_groups
    decays = {(weight.ndim >= 2, group["weight_decay"]) for group in groups for weight in group["params"]}
    assert decays == {(True, 0.3), (False, 0.0)}


def test_the_average_of_the_weights_is_what_is_measured(tmp_path, monkeypatch):
    training, held_out = replace(TRAINING, steps=4, log_every=4, lr=0.05, ema_decay=0.15, edit_share=0.0), examples(3)
    trainer = Trainer(CONFIG, training, tmp_path)
    average, advance = trainer.model.state_dict()["video_in.weight"].clone(), Trainer.advance

    def watched(self, source):
        nonlocal average
        decay = min(0.15, (1 + self.step) / (10 + self.step))  # 1/10, then 0.15
        losses = advance(self, source)
        average = decay * average + (1 - decay) * self.model.state_dict()["video_in.weight"]
        return losses

    monkeypatch.setattr(Trainer, "advance", watched)
    trainer.fit(examples(), held_out)
    torch.testing.assert_close(trainer.ema["video_in.weight"], average)
    (line,) = (tmp_path / "model.jsonl").read_text().splitlines()
    own = validate(trainer.model, held_out, training, Ranks())["valid_total"]
    with trainer.averaged() as model:
        averaged = validate(model, held_out, training, Ranks())["valid_total"]
    assert json.loads(line)["valid_total"] == pytest.approx(averaged, rel=1e-5)
    assert abs(own - averaged) > 1e-3 * averaged


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"edit_share": 1.5}, "edit_share to be a number from 0 to 1, got 1.5"),
        ({"mouth_dilation": -1}, "mouth_dilation to be a whole number from 0 to"),
        ({"mouth_dilation": 1_000_000}, "mouth_dilation to be a whole number from 0 to 65,536, got 1000000"),
        ({"mouth_box": "off"}, "mouth_box mouth for a training with edits of it, got 'off'"),
    ],
)
def test_trainings_that_cannot_be_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        replace(TRAINING, **changes)


def test_a_dilated_area_weighs_as_a_larger_mouth(tmp_path):
    training, data = replace(TRAINING, edit_share=0.0), examples()
    first = {}
    for name, cells, mouth in (
        ("plain", 0, data.mouth),
        ("grown", 1, data.mouth),
        ("larger", 0, dilated(data.mouth, 1)),
    ):
        trainer = Trainer(CONFIG, replace(training, mouth_dilation=cells), tmp_path / name)
        first[name] = trainer.advance(data._replace(mouth=mouth))
        trainer.save("model")
    assert torch.equal(first["grown"].video, first["larger"].video)
    assert first["grown"].video > first["plain"].video
    with pytest.raises(ValueError, match="got another mouth_dilation"):
        Trainer(CONFIG, training, tmp_path / "grown")


def test_a_training_of_velocities_has_their_loss(tmp_path):
    """Both begin with heads of zeros: of data, which is then x_hat = 0, and of velocities, x_hat = x_t."""
    data, training = examples(), replace(TRAINING, edit_share=0.0, mouth_weight=0.0)
    found = Trainer(replace(CONFIG, prediction="v"), training, tmp_path).advance(data)
    rows = batch_indices(0, training.batch, len(data.video), training.seed)
    drawn = draw(
        data.batch(rows).data, generator_of(training.seed + 1, 0), training.text_dropout, training.image_dropout
    )
    true = (data.audio[rows].float() - drawn.noise.audio).square().mean()  # v = x_1 - x_0, of which 0 is predicted
    torch.testing.assert_close(found.audio, true, rtol=1e-4, atol=1e-4)


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
    for name in ("edit_share", "init", "data", "held_out"):
        del state["training"][name]
    model = {name: value for name, value in asdict(CONFIG).items() if name not in ("editing", "words")}
    state["training"]["model"] = json.dumps(model, sort_keys=True, default=str)
    torch.save(state, tmp_path / "model.state")
    assert Trainer(CONFIG, training, tmp_path).step == 1
    Trainer(CONFIG, training, tmp_path).run(data, data)
    with pytest.raises(ValueError, match="another edit_share, model; name another folder as out"):
        Trainer(EDITING, TRAINING, tmp_path)


def test_a_training_goes_on_with_its_own_clips_and_first_weights_alone(tmp_path):
    for seed in (0, 1):
        torch.manual_seed(seed)
        Jova(CONFIG).save(tmp_path / f"{seed}.safetensors")
    training, data = replace(TRAINING, edit_share=0.0), examples()
    Trainer(CONFIG, training, tmp_path / "out", tmp_path / "0.safetensors").run(data, data)
    Trainer(CONFIG, training, tmp_path / "out", tmp_path / "0.safetensors").run(data, data)
    for init in (None, tmp_path / "1.safetensors"):
        with pytest.raises(ValueError, match="was started, got another init; name another folder as out"):
            Trainer(CONFIG, training, tmp_path / "out", init)
    moved = data._replace(mouth=data.mouth.flip(2))
    fewer = examples(9)
    for other in (examples(seed=3), moved, fewer):
        with pytest.raises(ValueError, match=r"expected the clips with which .* was started, got others"):
            Trainer(CONFIG, training, tmp_path / "out", tmp_path / "0.safetensors").run(other, data)
    with pytest.raises(ValueError, match=r"expected the validation clips with which .* was started, got others"):
        Trainer(CONFIG, training, tmp_path / "out", tmp_path / "0.safetensors").run(data, examples(3, seed=1))
