import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from jova.codecs import AudioCodecConfig, VideoCodec, VideoCodecConfig
from jova.data.folder import Item
from jova.training.codecs import (
    CodecTraining,
    box_weights,
    crop_to_mouth,
    fit_audio_codec,
    measure,
    train_video_codec,
)
from jova.training.config import TrainConfig
from jova.training.latents import Examples, encode_items, load_examples, prompt_of
from jova.training.model import Trainer
from jova.training.state import Log, batch_indices, lr_factor
from jova.transformer import Jova
from support import jova_micro


def examples(count: int = 12) -> Examples:
    data = jova_micro.latents(count)
    text = jova_micro.tokens(jova_micro.PROMPTS * (count // 3))
    mouth = torch.rand(data.video.shape[:-1], generator=torch.Generator().manual_seed(count))
    return Examples(data.video.half(), data.audio.half(), mouth.half(), text)


TRAINING = TrainConfig(steps=8, batch=4, warmup=2, log_every=2, save_every_s=0)


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory) -> Jova:
    """A training to its end."""
    return Trainer(jova_micro.CONFIG, TRAINING, tmp_path_factory.mktemp("unbroken")).run(examples(), examples(3))


def weights(model: Jova) -> list[torch.Tensor]:
    return list(model.state_dict().values())


def test_every_pass_visits_every_item_once_in_an_order_of_its_own():
    rows = torch.cat([batch_indices(step, 4, 10, seed=3) for step in range(5)])  # 20 = two passes
    assert sorted(rows[:10].tolist()) == list(range(10))
    assert sorted(rows[10:].tolist()) == list(range(10))
    assert rows[:10].tolist() != rows[10:].tolist()
    assert torch.equal(rows[8:12], batch_indices(2, 4, 10, seed=3))
    # A batch larger than the data goes through it more than once.
    assert batch_indices(0, 7, 3, seed=0).bincount().tolist() in ([3, 2, 2], [2, 3, 2], [2, 2, 3])


def test_learning_rate_warms_up_stays_and_falls_to_zero():
    factors = [lr_factor(step, 100, 10, 0.4) for step in (0, 9, 50, 60, 80, 99)]
    assert factors == pytest.approx([0.1, 1, 1, 1, 0.5, 0.025])


def test_fields_keep_their_names_on_disk():
    # As in every checkpoint and sweep so far: another name would refuse to resume them.
    assert set(TRAINING.stored()) == {
        "steps", "batch", "rate", "warmup", "decay", "weight_decay", "clip", "ema", "mouth_weight", "mouth_box",
        "text_dropout", "image_dropout", "edit_share", "precision", "log_every", "save_every_s", "seed",
        "accumulate", "trains", "video_weight", "audio_weight", "draw", "validation", "mouth_dilation",
    }  # fmt: skip
    assert replace(TRAINING, lr=0.5, ema_decay=0.25, max_grad_norm=2.0).stored() | {"rate": 1, "ema": 2, "clip": 3} == {
        **TRAINING.stored(), "rate": 1, "ema": 2, "clip": 3,
    }  # fmt: skip
    assert replace(TRAINING, lr=0.5).stored()["rate"] == 0.5


def test_a_training_may_begin_with_a_stored_model(tmp_path):
    first = jova_micro.micro()
    first.save(tmp_path / "first.safetensors")
    trainer = Trainer(jova_micro.CONFIG, TRAINING, tmp_path / "out", tmp_path / "first.safetensors")
    for ours, stored in zip(weights(trainer.model), weights(Jova.load(tmp_path / "first.safetensors")), strict=True):
        assert torch.equal(ours, stored)


def test_an_audio_driven_model_learns_from_pictures_alone(tmp_path):
    config = replace(jova_micro.CONFIG, task="audio-driven")
    trainer = Trainer(config, TRAINING, tmp_path)
    result = trainer.advance(examples())
    assert result.audio == 0
    assert result.total == result.video > 0


def test_bfloat16_takes_the_same_step_within_its_rounding_and_keeps_float32_weights(tmp_path):
    data, steps = examples(), {}
    for precision in ("float32", "bfloat16"):
        trainer = Trainer(jova_micro.CONFIG, replace(TRAINING, precision=precision), tmp_path / precision)
        trainer.advance(data)  # The first guess is zero in any precision.
        steps[precision] = trainer.advance(data)
        assert {weight.dtype for weight in trainer.model.parameters()} == {torch.float32}
    wide, narrow = steps["float32"], steps["bfloat16"]
    assert narrow.total != wide.total
    for name in ("total", "video", "audio", "mouth"):
        assert getattr(narrow, name).item() == pytest.approx(getattr(wide, name).item(), rel=1e-2)
    with pytest.raises(ValueError, match="expected precision to be one of float32, bfloat16, got 'half'"):
        replace(TRAINING, precision="half")


class KilledError(Exception):
    pass


def test_a_training_killed_twice_ends_as_an_unbroken_one(tmp_path, monkeypatch, unbroken):
    data, held_out = examples(), examples(3)
    advance, calls = Trainer.advance, 0

    def killed(self, data):
        nonlocal calls
        calls += 1
        if calls in (4, 6):
            raise KilledError
        return advance(self, data)

    monkeypatch.setattr(Trainer, "advance", killed)
    for done in (0, 3):  # a state is saved after every step
        trainer = Trainer(jova_micro.CONFIG, TRAINING, tmp_path / "b")
        assert trainer.step == done
        with pytest.raises(KilledError):
            trainer.run(data, held_out)
    resumed = Trainer(jova_micro.CONFIG, TRAINING, tmp_path / "b").run(data, held_out)
    assert all(torch.equal(a, b) for a, b in zip(weights(unbroken), weights(resumed), strict=True))
    steps = [json.loads(line)["step"] for line in (tmp_path / "b" / "model.jsonl").read_text().splitlines()]
    assert steps == [1, 3, 5, 7]


class Faulty:
    """Examples of which one value is not finite in the batch of the fourth step."""

    def __init__(self, data, value):
        self.data, self.value, self.asked = data, value, 0

    def __getattr__(self, name):
        return getattr(self.data, name)

    def batch(self, rows):
        found = self.data.batch(rows)
        found.data.audio[-1, 0, 0] = self.value if self.asked == 3 else found.data.audio[-1, 0, 0]
        self.asked += 1
        return found


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e30])  # of the last, the square is infinite
def test_a_loss_that_is_no_number_stops_the_training_before_it_moves_a_weight(tmp_path, value, unbroken):
    data, held_out = examples(), examples(3)
    said = r"^expected a finite loss and finite gradients at step 3, got a loss of (nan|inf) .*; the last checkpoint is"
    with pytest.raises(ValueError, match=said):
        Trainer(jova_micro.CONFIG, TRAINING, tmp_path / "b").run(Faulty(data, value), held_out)
    resumed = Trainer(jova_micro.CONFIG, TRAINING, tmp_path / "b")
    assert resumed.step == 3
    again = resumed.run(data, held_out)
    assert all(torch.equal(a, b) for a, b in zip(weights(unbroken), weights(again), strict=True))


def test_more_steps_go_on_from_the_end_of_the_plateau(tmp_path):
    data = examples()
    Trainer(jova_micro.CONFIG, TRAINING, tmp_path).run(data, data)  # the plateau ends at 8 - int(3.2) = 5
    longer = Trainer(jova_micro.CONFIG, replace(TRAINING, steps=20), tmp_path)
    assert longer.step == 5
    fresh = Trainer(jova_micro.CONFIG, replace(TRAINING, steps=20), tmp_path / "other")
    for _ in range(5):
        fresh.advance(data)
    assert all(torch.equal(a, b) for a, b in zip(weights(longer.model), weights(fresh.model), strict=True))
    with pytest.raises(ValueError, match=r"expected more steps of constant learning rate than .* has had, got 4"):
        Trainer(jova_micro.CONFIG, replace(TRAINING, steps=6), tmp_path)
    with pytest.raises(ValueError, match="the configuration with which"):
        Trainer(jova_micro.CONFIG, replace(TRAINING, mouth_weight=0.0), tmp_path)


def test_a_training_is_made_shorter_or_longer_while_its_rate_is_constant(tmp_path):
    data, trainer = examples(), Trainer(jova_micro.CONFIG, TRAINING, tmp_path)
    for _ in range(3):
        trainer.advance(data)
    trainer.save("model")
    assert Trainer(jova_micro.CONFIG, replace(TRAINING, steps=6), tmp_path).step == 3  # plateau 4
    assert Trainer(jova_micro.CONFIG, replace(TRAINING, steps=50), tmp_path).step == 3
    with pytest.raises(ValueError, match="got 2"):  # the rate would have fallen from step 2 on
        Trainer(jova_micro.CONFIG, replace(TRAINING, steps=3), tmp_path)


def test_a_model_learns_four_clips(tmp_path):
    data = examples(3)
    trainer = Trainer(jova_micro.CONFIG, TrainConfig(steps=200, batch=3, lr=3e-3, warmup=10), tmp_path)
    losses = [float(trainer.advance(data).total) for _ in range(80)]
    assert np.mean(losses[-20:]) < 0.8 * np.mean(losses[:20])


def test_training_writes_a_log_and_a_model_with_its_config(tmp_path):
    model = Trainer(jova_micro.CONFIG, TRAINING, tmp_path).run(examples(), examples(3))
    assert model.config == jova_micro.CONFIG
    assert Jova.load(tmp_path / "jova-tiny.safetensors").config == jova_micro.CONFIG
    records = [json.loads(line) for line in (tmp_path / "model.jsonl").read_text().splitlines()]
    assert [record["step"] for record in records] == [1, 3, 5, 7]
    assert {"total", "video", "audio", "mouth", "samples_per_cpu_s", "valid_mouth"} <= set(records[-1])


def test_a_log_forgets_what_will_be_done_again(tmp_path):
    log = Log(tmp_path / "log", 0)
    for step in range(4):
        log.add({"step": step})
    with (tmp_path / "log").open("a") as file:
        file.write('{"step": 4')  # torn by a kill
    Log(tmp_path / "log", 2)
    assert [json.loads(line)["step"] for line in (tmp_path / "log").read_text().splitlines()] == [0, 1]


def test_unknown_values_are_refused():
    with pytest.raises(ValueError, match="mouth_box to be one of mouth, off, got 'nose'"):
        TrainConfig(steps=1, mouth_box="nose")
    with pytest.raises(ValueError, match="expected steps to be a whole number from 1"):
        TrainConfig(steps=0)


def test_box_weights_widen_the_box_by_a_pixel():
    boxes = torch.zeros(1, 4, 4)
    boxes[0, 2] = torch.tensor([4.0, 6.0, 8.0, 7.0])  # frame 2: x 4..8, y 6..7
    found = box_weights(boxes, 16, 16, 3.0)
    assert found.shape == (1, 12, 16, 16)
    # With a pixel more on every side: columns 3..8 (6 of them), rows 5..7 (3 of them); weight 4 instead of 1.
    assert found[0, 6].sum().item() == 256 + 3 * 18
    assert torch.equal(found[0, 6], found[0, 8])


def test_crops_hold_the_mouth_and_keep_to_blocks():
    picture = torch.arange(64 * 64.0).reshape(1, 1, 64, 64).expand(2, 12, 64, 64)
    boxes = torch.tensor([[20.0, 36, 44, 48], [0.0, 0, 10, 10]])[:, None].expand(2, 4, 4)
    (part,) = crop_to_mouth([picture], boxes, (40, 48))
    assert part.shape == (2, 12, 40, 48)
    # Centre (32, 42): the corner (8, 22) goes to the block at (8, 24); the second is held inside the picture.
    assert part[0, 0, 0, 0].item() == 24 * 64 + 8
    assert part[1, 0, 0, 0].item() == 0


def test_the_video_codec_trains_and_resumes(tmp_path):
    footage, config = jova_micro.moving_blobs(12), VideoCodecConfig(6, 16, widths=(8, 8, 8), blocks=(1, 1, 1))
    training = CodecTraining(steps=6, batch=4, warmup=2, crop=(8, 8), save_every_s=0)
    whole = train_video_codec(config, training, footage, footage, tmp_path / "a")
    again = train_video_codec(config, training, footage, footage, tmp_path / "a")
    assert all(torch.equal(a, b) for a, b in zip(whole.state_dict().values(), again.state_dict().values(), strict=True))
    assert measure(whole, footage)["opening_gain"] == pytest.approx(1, abs=0.1)


def test_the_video_codecs_training_stops_at_a_loss_that_is_no_number(tmp_path):
    footage, config = jova_micro.moving_blobs(4), VideoCodecConfig(6, 16, widths=(8, 8, 8), blocks=(1, 1, 1))
    training = CodecTraining(steps=6, batch=4, warmup=1, crop=(8, 8), save_every_s=0, lr=1e30)
    with pytest.raises(
        ValueError, match=r"expected a finite loss and finite gradients at step 1, got a loss of (nan|inf)"
    ):
        train_video_codec(config, training, footage, footage, tmp_path)


def test_measure_sees_a_shrunken_opening():
    class Halver:
        """Returns each clip's mean picture plus half of the deviation from it."""

        def encode(self, frames):
            return frames

        def decode(self, frames):
            mean = frames.float().mean(1, keepdim=True)
            return (mean + 0.5 * (frames.float() - mean)).round().to(torch.uint8)

    found = measure(Halver(), jova_micro.moving_blobs(4))
    assert found["opening_gain"] == pytest.approx(0.5, abs=0.02)
    assert found["opening_corr"] == pytest.approx(1, abs=0.01)


def test_clips_are_encoded_once_and_read_back(folder, tmp_path, monkeypatch):
    items = [Item(json.loads(line), folder) for line in (folder / "prompts.jsonl").read_text().splitlines()]
    codec = VideoCodec(VideoCodecConfig(3, 32, widths=(8, 8, 8), blocks=(1, 1, 1)))
    codec.save(tmp_path / "video-codec.safetensors")
    audio = fit_audio_codec(AudioCodecConfig(channels=6), items, tmp_path)
    encode_items(items, tmp_path, tmp_path / "latents")
    found = load_examples(items, tmp_path, tmp_path / "latents", jova_micro.CONFIG, "mouth")
    frames, sound = items[4].media()
    torch.testing.assert_close(found.video[4], codec.encode(torch.from_numpy(frames)[None])[0].half())
    torch.testing.assert_close(found.audio[4], audio.encode(torch.from_numpy(sound)[None])[0].half())
    # The box covers columns 8..24 and rows 16..24 of 32 pixels: cells 1 and 2 of row 2, in every latent.
    assert found.mouth[0].sum((1, 2)).tolist() == [2, 2, 2]
    assert found.mouth[0, 0, 2].tolist() == [0, 1, 1, 0]
    assert found.text.spans[0].tolist() == pytest.approx([0.1, 0.3])
    # The control has the same area at the top edge.
    off = load_examples(items, tmp_path, tmp_path / "latents", jova_micro.CONFIG, "off")
    assert off.mouth[0, 0, 0].tolist() == [0, 1, 1, 0]
    assert prompt_of(items[0]).transcript == "place red now"

    monkeypatch.setattr(VideoCodec, "encode", lambda *_: pytest.fail("encoded again"))
    encode_items(items, tmp_path, tmp_path / "latents")
    encode_items(items[:2], tmp_path, tmp_path / "latents")  # Fewer are there already, and the others stay.

    # The first clips of what was encoded will do; others, more, or those of other codecs will not.
    fewer = load_examples(items[:4], tmp_path, tmp_path / "latents", jova_micro.CONFIG, "mouth")
    assert torch.equal(fewer.video, found.video[:4])
    assert torch.equal(fewer.mouth, found.mouth[:4])
    more = [*items, Item({**items[0].prompt, "id": "train-00006"}, folder)]
    for wanted, message in (
        (more, "clips train-00000 to train-00006 in .*, got 6 clips; encode them with"),
        ([items[0], items[2]], "got 'train-00001' for 'train-00002'; encode them with"),
    ):
        with pytest.raises(ValueError, match=message):
            load_examples(wanted, tmp_path, tmp_path / "latents", jova_micro.CONFIG, "mouth")
    with pytest.raises(
        FileNotFoundError, match=r"clips train-00001 to train-00005 in .*train-00001\.safetensors, got no"
    ):
        load_examples(items[1:], tmp_path, tmp_path / "latents", jova_micro.CONFIG, "mouth")

    # What is damaged is refused, and encoded again.
    shard = tmp_path / "latents" / "train-00000.safetensors"
    whole, tensors = shard.read_bytes(), load_file(shard)
    with safe_open(shard, framework="pt") as file:
        metadata = file.metadata()
    for content in (b"", b"garbage", whole[:-100]):
        shard.write_bytes(content)
        with pytest.raises(
            ValueError, match=r"clips train-00000 to train-00005 in .*, got a damaged file; encode them"
        ):
            load_examples(items, tmp_path, tmp_path / "latents", jova_micro.CONFIG, "mouth")
    save_file(tensors, shard, metadata | {"ids": "["})
    with pytest.raises(ValueError, match="got a damaged file"):
        load_examples(items, tmp_path, tmp_path / "latents", jova_micro.CONFIG, "mouth")
    save_file({"video": tensors["video"], "boxes": tensors["boxes"][:4].clone()}, shard, metadata)
    with pytest.raises(
        ValueError, match=r"expected video, audio and boxes of 6 clips in .*, got .*4 of boxes.*; encode"
    ):
        load_examples(items, tmp_path, tmp_path / "latents", jova_micro.CONFIG, "mouth")
    monkeypatch.undo()
    shard.write_bytes(whole[:-100])
    encode_items(items, tmp_path, tmp_path / "latents")
    again = load_examples(items, tmp_path, tmp_path / "latents", jova_micro.CONFIG, "mouth")
    assert torch.equal(again.video, found.video)
    assert torch.equal(again.audio, found.audio)

    codec.mean[0, 0] = 1
    codec.save(tmp_path / "video-codec.safetensors")
    with pytest.raises(ValueError, match="latents of the codecs of this training, got those of others in"):
        load_examples(items, tmp_path, tmp_path / "latents", jova_micro.CONFIG, "mouth")
