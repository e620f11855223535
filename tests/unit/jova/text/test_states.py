"""Text of pretrained encoders in a batch, in the loss, in a training and in the samplers; the states are random."""

from dataclasses import asdict, replace

import pytest
import torch

from jova.config import JovaConfig
from jova.edits import made_speech
from jova.flow import Batch, Given, Latents, losses
from jova.samplers import SAMPLERS, GuidedField, flow_times
from jova.text import TextStates
from jova.training.config import TrainConfig
from jova.training.latents import Examples
from jova.training.model import Trainer
from jova.transformer import Jova
from support.jova_micro import CONFIG, latents, micro, mouth_masks, tokens

OPEN = {"vocabulary": (), "text_channels": (6, 10), "words": "free"}
LENGTHS = ((4, 2), (1, 5), (2, 3))
"""Tokens of each prompt in either encoder."""


def prompts(lengths=LENGTHS):
    return [[torch.randn(n, c) for n, c in zip(row, (6, 10), strict=True)] for row in lengths]


def states(rows=None, null_lengths=(1, 1)):
    return TextStates.of(prompts() if rows is None else rows, prompts([null_lengths])[0])


def run(model, x, text, given=None):
    with torch.inference_mode():
        return model(x, torch.full((len(x.video),), 0.4), text, given)


def test_prompts_are_padded_by_encoder():
    rows = prompts()
    text = states(rows)
    assert [hidden.states.shape for hidden in text.encoders] == [(3, 4, 6), (3, 5, 10)]
    assert text.mask.tolist() == [[1, 1, 1, 1, 1, 1, 0, 0, 0], [1, 0, 0, 0, 1, 1, 1, 1, 1], [1, 1, 0, 0, 1, 1, 1, 0, 0]]
    assert torch.equal(text.encoders[1].states[2, :3], rows[2][1])
    assert not text.encoders[0].states[1, 1:].any()
    assert text.times_s.shape == text.mask.shape
    assert not text.times_s.any()
    assert text.spans.tolist() == [[0, 0]] * 3


def test_dropped_text_is_the_empty_prompt_and_other_rows_stay():
    text = states(null_lengths=(2, 1))
    rows = torch.tensor([False, True, False])
    dropped = text.drop_text(rows)
    assert dropped.mask.tolist()[1] == [1, 1, 0, 0, 1, 0, 0, 0, 0]
    for mine, before in zip(dropped.encoders, text.encoders, strict=True):
        n = len(before.null)
        assert torch.equal(mine.states[1, :n], before.null)
        assert not mine.states[1, n:].any()
        assert torch.equal(mine.states[~rows], before.states[~rows])
        assert torch.equal(mine.mask[~rows], before.mask[~rows])


def test_an_empty_prompt_longer_than_all_texts_makes_the_batch_longer():
    text = states(prompts([(1, 1)]), null_lengths=(3, 2))
    nothing = text.drop_text(torch.tensor([True]))
    assert nothing.mask.tolist() == [[1, 1, 1, 1, 1]]
    both = text.with_spans(torch.tensor([[1.0, 2.0]])).concat(nothing.with_spans(torch.tensor([[3.0, 4.0]])))
    assert both.spans.tolist() == [[1, 2], [3, 4]]
    assert both.mask.tolist() == [[1, 0, 0, 1, 0], [1, 1, 1, 1, 1]]
    assert torch.equal(both.encoders[0].states[1], text.encoders[0].null)


def test_select_takes_rows_and_cuts_common_padding_of_each_encoder():
    rows = prompts()
    text = states(rows).with_spans(torch.tensor([[0.0, 1], [2, 3], [4, 5]])).select(torch.tensor([2, 1]))
    assert [tuple(hidden.mask.shape) for hidden in text.encoders] == [(2, 2), (2, 5)]
    assert torch.equal(text.encoders[0].states[0], rows[2][0])
    assert text.spans.tolist() == [[4, 5], [2, 3]]


def test_no_token_has_a_time_that_could_be_taken():
    text = states().with_spans(torch.ones(3, 2))
    assert text.without_times(torch.tensor([True] * 3)) is text


def test_everything_held_is_moved_and_counted_for_a_digest():
    text = states()
    assert len(text.tensors()) == 2 * 3 + 1
    moved = text.to("meta")
    assert {tensor.device.type for tensor in moved.tensors()} == {"meta"}


@pytest.mark.parametrize("fusion", ["joint", "cross", "none"])
def test_padding_changes_nothing(fusion):
    model, x, rows = micro(fusion=fusion, **OPEN), latents(3), prompts()
    null = prompts([(1, 1)])[0]
    together = run(model, x, TextStates.of(rows, null))
    for row in range(3):
        alone = run(model, Latents(*(z[row : row + 1] for z in x)), TextStates.of(rows[row : row + 1], null))
        for a, b in zip(alone, together, strict=True):
            torch.testing.assert_close(a[0], b[row], atol=1e-5, rtol=0)


def test_the_states_of_every_encoder_reach_picture_and_sound():
    model, x, rows = micro(**OPEN), latents(3), prompts()
    null = prompts([(1, 1)])[0]
    before = run(model, x, TextStates.of(rows, null))
    for changed in range(2):
        others = [[part + (encoder == changed) for encoder, part in enumerate(row)] for row in rows]
        after = run(model, x, TextStates.of(others, null))
        assert not torch.allclose(before.video, after.video)
        assert not torch.allclose(before.audio, after.audio)


def test_states_of_any_scale_and_precision_enter_with_unit_variance():
    """T5's are far below one, a decoder's far above; a linear layer of unit gain keeps the variance."""
    model = micro(**{**OPEN, "text_channels": (256,)})
    for scale in (0.1, 40.0):
        rows = [[(scale * torch.randn(200, 256)).bfloat16()]]
        with torch.inference_mode():
            entered = model.text_in(TextStates.of(rows, rows[0]))
        assert entered.dtype == torch.float32
        assert entered.std().item() == pytest.approx(1, abs=0.1)


def test_states_of_other_encoders_are_refused():
    null = [torch.zeros(1, 6)]
    with pytest.raises(ValueError, match=r"encoders with \(6, 10\) channels, got \(6,\)"):
        run(micro(**OPEN), latents(1), TextStates.of([null], null))


def test_a_model_has_a_vocabulary_or_encoders():
    assert micro(**OPEN).speaking is None
    for changes, message in (
        ({"text_channels": (6,)}, "got both"),
        ({"vocabulary": ()}, "got no words"),
        ({"vocabulary": (), "text_channels": (6,)}, "words free for text of pretrained encoders"),
    ):
        with pytest.raises(ValueError, match=message):
            replace(CONFIG, **changes)


def test_a_stored_model_reads_states_again(tmp_path):
    model, x, text = micro(**OPEN), latents(3), states()
    assert JovaConfig.from_fields(**asdict(model.config)) == model.config
    model.save(tmp_path / "model.safetensors")
    loaded = Jova.load(tmp_path / "model.safetensors")
    assert loaded.config == model.config
    assert torch.equal(run(loaded, x, text).video, run(model.bfloat16().float(), x, text).video)


def test_guidance_leads_from_the_empty_prompt_to_the_text():
    """At scale 0 the field is that of the empty prompt alone, at 1 that of the text, at 2 as far beyond."""
    model, x, text = micro(**OPEN), latents(3), states()
    nothing = TextStates.of([[hidden.null for hidden in text.encoders]] * 3, [hidden.null for hidden in text.encoders])
    with torch.inference_mode():
        empty, asked = GuidedField(model, nothing, None, 1.0)(x, 0.3), GuidedField(model, text, None, 1.0)(x, 0.3)
        assert not torch.allclose(empty.video, asked.video)
        for scale in (0.0, 2.0):
            guided = GuidedField(model, text, None, scale)(x, 0.3)
            for found, a, b in zip(guided, empty, asked, strict=True):
                torch.testing.assert_close(found, a + scale * (b - a), atol=1e-4, rtol=0)


@pytest.mark.parametrize("sampler", ["euler", "heun"])
def test_samplers_run_from_noise_with_an_image(sampler):
    model, x, text = micro(**OPEN), latents(3), states()
    image = Given.nothing(latents(3, seed=1)).with_image(torch.tensor([True, False, True]))
    field = GuidedField(model, text, image, 3.0, until=0.5)
    with torch.inference_mode():
        made = SAMPLERS[sampler](field, x, flow_times(4))
    assert all(torch.isfinite(z).all() for z in made)
    # Evaluations at 0, 1/4, 1/2, 3/4, and at 0, 1/4, 1/4, 1/2, 1/2, 3/4, 3/4; two passes each before the middle.
    assert field.evals == {"euler": 4 + 2, "heun": 7 + 3}[sampler]


def test_the_loss_reads_the_text_and_the_empty_prompt():
    model, text = micro(**OPEN), states()
    batch = Batch(latents(3, seed=7), text, mouth_masks(3))
    loss = lambda batch, share: losses(  # noqa: E731
        model, batch, torch.Generator().manual_seed(0), mouth_weight=5.0, text_dropout=share
    ).total.item()
    nothing = text.drop_text(torch.ones(3, dtype=torch.bool))
    assert loss(batch, 1.0) == loss(batch._replace(text=nothing), 0.0)
    assert loss(batch, 1.0) != loss(batch, 0.0)
    edited = Given.nothing(batch.data)
    edited = edited._replace(audio=~made_speech(CONFIG, 0.1, 0.2).audio.expand(3, -1))
    kept = losses(model, batch, torch.Generator().manual_seed(0), mouth_weight=5.0, kept=edited)
    assert torch.isfinite(kept.total)


@pytest.mark.parametrize("edit_share", [0.0, 0.5])
def test_a_training_moves_the_projections_and_knows_its_texts(tmp_path, edit_share):
    config = replace(CONFIG, **OPEN, editing=edit_share > 0)
    data, text = latents(12), states([row for _ in range(4) for row in prompts()])
    examples = Examples(data.video.half(), data.audio.half(), mouth_masks(12).half(), text)
    training = TrainConfig(steps=6, batch=4, warmup=2, log_every=2, save_every_s=0, edit_share=edit_share)
    trainer = Trainer(config, training, tmp_path)
    before = [p.clone() for p in trainer.model.text_in.parameters()]
    trainer.run(examples, examples)
    assert len(before) == 2 * 3  # weight and bias of a projection, scale of a norm
    assert not any(torch.equal(a, b) for a, b in zip(before, trainer.model.text_in.parameters(), strict=True))
    other = examples._replace(text=states([row for _ in range(4) for row in prompts()]))
    with pytest.raises(ValueError, match="expected the clips with which"):
        Trainer(config, training, tmp_path).run(other, other)


def test_words_are_read_as_they_were():
    """The fields of a batch of words are what a training's digest was made of before there were states."""
    text = tokens()
    assert [id(tensor) for tensor in text.tensors()] == [id(tensor) for tensor in text]
