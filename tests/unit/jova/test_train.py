import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from jova.codecs import AudioCodecConfig, VideoCodec, VideoCodecConfig
from jova.codecs.base import WEIGHTS
from jova.config import PRESETS
from jova.data.folder import FORMAT, Item, read_clips, read_folder, write_clip
from jova.data.vocabulary import CORPUS, words
from jova.parts import FILES, find_codecs
from jova.train import check_started, main
from jova.training.checkpoints import FolderCheckpoints, State
from jova.training.codecs import (
    CHECKPOINT,
    CodecTraining,
    Footage,
    box_weights,
    crop_to_mouth,
    fit_audio_codec,
    measure,
    train_video_codec,
)
from jova.training.config import TrainConfig
from jova.training.distributed import joined
from jova.training.identity import check_init, digest_of_init
from jova.training.latents import Examples, encode_items, load_examples, prompt_of
from jova.training.model import Trainer
from jova.training.recipes import RECIPES
from jova.training.state import Log, batch_indices, detached, lr_factor, save_state
from jova.transformer import Jova
from support import jova_micro

SPLIT = b'{"format": "jova-folder@1", "corpus": "talking-heads@1", "split": "%s", "count": %d}'


def examples(count: int = 12) -> Examples:
    data = jova_micro.latents(count)
    text = jova_micro.tokens(jova_micro.PROMPTS * (count // 3))
    mouth = torch.rand(data.video.shape[:-1], generator=torch.Generator().manual_seed(count))
    return Examples(data.video.half(), data.audio.half(), mouth.half(), text)


TRAINING = TrainConfig(steps=8, batch=4, warmup=2, log_every=2, save_every_s=0)


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


def test_a_training_killed_twice_ends_as_an_unbroken_one(tmp_path, monkeypatch):
    data, held_out = examples(), examples(3)
    unbroken = Trainer(jova_micro.CONFIG, TRAINING, tmp_path / "a").run(data, held_out)
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
def test_a_loss_that_is_no_number_stops_the_training_before_it_moves_a_weight(tmp_path, value):
    data, held_out = examples(), examples(3)
    unbroken = Trainer(jova_micro.CONFIG, TRAINING, tmp_path / "a").run(data, held_out)
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


def moving_blobs(count: int, size: int = 16) -> Footage:
    """Clips of a dark bar whose height follows a slow wave: a mouth."""
    torch.manual_seed(0)
    rows = torch.arange(size)[None, None, :, None]
    height = 1 + 2 * (1 + torch.sin(torch.rand(count, 1) * 6 + torch.arange(9) * 0.9))  # (n, 9)
    inside = (rows - size // 2).abs() < height[:, :, None, None]
    frames = torch.where(inside, 20, 200).expand(count, 9, size, size)[..., None].expand(-1, -1, -1, -1, 3)
    return Footage(frames.to(torch.uint8).contiguous(), torch.tensor([2.0, 2, 14, 14]).expand(count, 9, 4))


def test_the_video_codec_trains_and_resumes(tmp_path):
    footage, config = moving_blobs(12), VideoCodecConfig(6, 16, widths=(8, 8, 8), blocks=(1, 1, 1))
    training = CodecTraining(steps=6, batch=4, warmup=2, crop=(8, 8), save_every_s=0)
    whole = train_video_codec(config, training, footage, footage, tmp_path / "a")
    again = train_video_codec(config, training, footage, footage, tmp_path / "a")
    assert all(torch.equal(a, b) for a, b in zip(whole.state_dict().values(), again.state_dict().values(), strict=True))
    assert measure(whole, footage)["opening_gain"] == pytest.approx(1, abs=0.1)


def test_the_video_codecs_training_stops_at_a_loss_that_is_no_number(tmp_path):
    footage, config = moving_blobs(4), VideoCodecConfig(6, 16, widths=(8, 8, 8), blocks=(1, 1, 1))
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

    found = measure(Halver(), moving_blobs(4))
    assert found["opening_gain"] == pytest.approx(0.5, abs=0.02)
    assert found["opening_corr"] == pytest.approx(1, abs=0.01)


@pytest.fixture
def folder(tmp_path):
    """Six tiny real clips of 9 frames, 32 x 32."""
    root, random = tmp_path / "train", np.random.default_rng(0)
    (root / "clips").mkdir(parents=True)
    (root / "tracks").mkdir()
    lines = []
    for index in range(6):
        name = f"train-{index:05d}"
        frames = np.clip(random.normal(100 + 20 * index, 30, (9, 32, 32, 3)), 0, 255).astype(np.uint8)
        write_clip(root / "clips" / f"{name}.mp4", frames, random.normal(0, 0.1, 9 * 640).astype(np.float32))
        boxes, times = np.tile(np.float32([8, 16, 24, 24]), (9, 1)), np.float32([[0.1, 0.2], [0.2, 0.3]])
        np.savez(root / "tracks" / f"{name}.npz", mouth_box=boxes, phoneme_times=times)
        captions = {"video_caption": "red hair", "audio_caption": "low voice", "transcript": "place red now"}
        lines.append(json.dumps({"id": name, **captions}) + "\n")
    (root / "prompts.jsonl").write_text("".join(lines))
    about = {"format": FORMAT, "corpus": CORPUS, "split": "train", "count": 6}
    (root / "dataset.json").write_text(json.dumps(about))
    return root


@pytest.fixture
def both(folder, monkeypatch):
    """A folder with both splits, of six clips each."""
    held_out = folder.with_name("validation")
    shutil.copytree(folder, held_out)
    (held_out / "dataset.json").write_text((folder / "dataset.json").read_text().replace("train", "validation"))
    monkeypatch.setattr("jova.data.splits.VALIDATION_CLIPS", 6)
    return folder.parent


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


def test_the_command_line_names_what_is_missing(tmp_path, capsys):
    assert main(["--stage", "latents", "--out", str(tmp_path)]) == 2
    assert "expected a finished folder dataset in" in capsys.readouterr().err


def damaged(path, content):
    """Replaces a file, or removes it for None."""
    path.unlink() if content is None else path.write_bytes(content)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("dataset.json", b"[]", "expected a JSON object in {path}, got another value; copy the dataset again"),
        ("dataset.json", b"{", "expected a JSON object in {path}, got "),
        ("dataset.json", b"\xff\xfe", "expected UTF-8 in {path}, got "),
        (
            "dataset.json",
            SPLIT % (b"train", 7),
            "expected 7 prompts in {root}/prompts.jsonl, as in dataset.json, got 6",
        ),
        ("dataset.json", SPLIT % (b"validation", 6), "expected the split 'train' of 'talking-heads@1' in {root}, got"),
        (
            "dataset.json",
            b'{"format": "jova-folder@1", "corpus": "other@1", "split": "train"}',
            "got 'train' of 'other",
        ),
        (
            "prompts.jsonl",
            b"{}\n" * 6,
            "expected a prompt with texts as id, video_caption, audio_caption, transcript in",
        ),
        ("prompts.jsonl", b"[1]\n" * 6, "expected a JSON object in {path}:1, got another value"),
        ("prompts.jsonl", None, "expected a file of a dataset at {path}, got none"),
        ("clips/train-00003.mp4", None, "expected 12 files of clips and tracks, got 11: {path} is not there"),
        ("tracks/train-00003.npz", None, "expected 12 files of clips and tracks, got 11: {path} is not there"),
    ],
)
def test_damage_to_a_folder_of_clips_is_told_before_any_work(both, capsys, name, content, said):
    damaged(both / "train" / name, content)
    out = both / "out"
    assert main(["--clips", "6", "--data", str(both), "--out", str(out)]) == 2
    assert said.format(path=both / "train" / name, root=both / "train") in capsys.readouterr().err
    assert not out.exists()


def test_clips_that_are_encoded_are_not_missed(both, capsys, monkeypatch):
    for name in ("encode", "train_model"):
        monkeypatch.setattr(f"jova.train.{name}", lambda *_: None)
    for name in ("video", "audio"):
        shutil.copy(WEIGHTS / f"{name}-codec.safetensors", both)
    for clip in both.glob("*/clips/*.mp4"):
        clip.unlink()
    (both / "out").mkdir()
    asked = ["--clips", "6", "--data", str(both), "--codecs", str(both), "--out", str(both / "out")]
    assert main([*asked, "--stage", "model"]) == 0
    assert main([*asked, "--stage", "latents"]) == 2
    assert "clips/train-00000.mp4 is not there" in capsys.readouterr().err
    for split in ("train", "validation"):
        (both / "latents" / split).mkdir(parents=True)
        (both / "latents" / split / "train-00000.safetensors").touch()
    assert main([*asked, "--stage", "latents"]) == 0
    assert main(asked) == 0


@pytest.mark.parametrize("content", [b"x", b"", None])
def test_broken_tracks_are_named_when_they_are_read(folder, content):
    damaged(folder / "tracks" / "train-00001.npz", content)
    with pytest.raises((ValueError, FileNotFoundError), match=r"mouth_box in .*train-00001\.npz, got .*; copy"):
        list(read_clips(read_folder(folder)))


def test_a_clip_of_another_length_is_named(folder):
    write_clip(folder / "clips" / "train-00001.mp4", np.zeros((5, 32, 32, 3), np.uint8), np.zeros(5 * 640, np.float32))
    boxes = np.zeros((5, 4), np.float32)
    np.savez(folder / "tracks" / "train-00001.npz", mouth_box=boxes)
    with pytest.raises(ValueError, match=r"in .*train-00001\.mp4, as the others'"):
        list(read_clips(read_folder(folder)))


@pytest.mark.parametrize("cut", [0, 5, 5000, -1000])
@pytest.mark.parametrize("name", ["model.state", CHECKPOINT])
def test_a_damaged_checkpoint_is_named_before_any_work(tmp_path, capsys, monkeypatch, name, cut):
    monkeypatch.setattr("jova.train.make_corpus", lambda *_: 1 / 0)
    save_state(tmp_path / name, {"step": 1, "training": {}, "weights": torch.zeros(2000)})
    damaged(tmp_path / name, (tmp_path / name).read_bytes()[:cut] or b"garbage")
    assert main(["--out", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert f"expected a checkpoint of this training in {tmp_path / name}, got a damaged file (" in said
    assert said.endswith("copy it again, or remove it to train anew\n")
    assert said.count("\n") == 1


def test_a_checkpoint_of_other_tensors_is_named(tmp_path):
    save_state(tmp_path / CHECKPOINT, {"step": 1, "codec": {"other": torch.zeros(2)}, "optimiser": {}})
    footage, config = moving_blobs(1), VideoCodecConfig(6, 16, widths=(8, 8, 8), blocks=(1, 1, 1))
    with pytest.raises(ValueError, match=rf"expected a checkpoint of this training in .*{CHECKPOINT}, got a damaged"):
        train_video_codec(config, CodecTraining(), footage, footage, tmp_path)


def test_a_folder_has_all_three_files_with_codecs_of_another(both, capsys, monkeypatch):
    monkeypatch.setattr("jova.train.train_model", lambda *_: None)
    out = both / "out"
    asked = ["--stage", "model", "--clips", "6", "--data", str(both), "--codecs", str(WEIGHTS), "--out", str(out)]
    out.mkdir()
    assert main(asked) == 0
    assert [path.resolve() for path in find_codecs(out)] == [WEIGHTS / name for name in FILES[1:]]
    (out / FILES[1]).unlink()
    (out / FILES[1]).write_bytes(b"one's own")
    assert main(asked) == 2
    assert f"expected no file or folder of yours at {out / FILES[1]}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("nan", "expected finite numbers as initial weights, got others as "),
        ("whole", "expected finite numbers as initial weights, got others as "),
        ("width", "expected the tensors that its config names, got others in"),
    ],
)
def test_weights_that_no_training_can_begin_with_are_refused(tmp_path, change, said):
    path = tmp_path / "first.safetensors"
    jova_micro.micro().save(path)
    check_init(jova_micro.CONFIG, path)
    tensors = load_file(path)
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    name = next(iter(tensors))
    if change == "nan":
        tensors[name].view(-1)[0] = torch.nan
    elif change == "whole":
        tensors[name] = tensors[name].to(torch.int8)
    else:
        config = json.loads(metadata["config"])
        metadata["config"] = json.dumps(config | {"width": 2 * config["width"]})
    save_file(tensors, path, metadata)
    with pytest.raises(ValueError, match=said):
        check_init(jova_micro.CONFIG, path)


def test_a_model_that_edits_is_no_beginning_of_one_that_does_not(tmp_path):
    path = tmp_path / "first.safetensors"
    config = replace(jova_micro.CONFIG, editing=True)
    Jova(config).save(path)
    check_init(config, tmp_path / "first.safetensors")
    with pytest.raises(ValueError, match=r"whole clips, got one that edits in .*an edit share above 0"):
        check_init(jova_micro.CONFIG, path)


def test_the_folder_of_a_presets_training_is_its_stored_model(tmp_path):
    jova_micro.micro().save(tmp_path / FILES[0])
    check_init(jova_micro.CONFIG, tmp_path)
    assert digest_of_init(tmp_path) == digest_of_init(tmp_path / FILES[0])
    trainer = Trainer(jova_micro.CONFIG, TRAINING, tmp_path / "out", tmp_path)
    stored = Jova.load(tmp_path / FILES[0])
    assert all(torch.equal(a, b) for a, b in zip(weights(trainer.model), weights(stored), strict=True))


def test_a_folder_of_clips_that_is_named_is_only_read(both, folder, tmp_path, capsys, monkeypatch):
    out, before = tmp_path / "out", sorted(tmp_path.rglob("*"))
    asked = ["--stage", "corpus", "--out", str(out)]
    lacks = (
        f"expected 7 clips in {tmp_path}/train and 6 in {tmp_path}/validation, both finished, got 6 and 6; take fewer"
    )
    for data, clips, said in (
        (tmp_path / "none", 6, f"as --data, got none at {tmp_path / 'none'}; name another as --data, or leave it out"),
        (tmp_path, 7, f"{lacks} with --clips, name another as --data, or leave it out to draw clips in {out}/corpus"),
    ):
        assert main([*asked, "--data", str(data), "--clips", str(clips)]) == 2
        assert said in capsys.readouterr().err
    assert main([*asked, "--data", str(tmp_path), "--clips", "6"]) == 0
    assert sorted(tmp_path.rglob("*")) == before

    # A split that was left unfinished has none; OUT/corpus is the training's own, by whatever name.
    (folder / "dataset.json").unlink()
    assert main([*asked, "--data", str(tmp_path), "--clips", "6"]) == 2
    assert "got 0 and 6" in capsys.readouterr().err
    drawn = []
    monkeypatch.setattr("jova.data.split.make_split", lambda split, count, *_: drawn.append((split, count)))
    for data in ([], ["--data", str(out / ".." / "out" / "corpus")]):
        assert main([*asked, *data, "--clips", "6"]) == 0
        assert drawn == [("train", 6), ("validation", 6)]
        drawn.clear()


def test_the_folder_of_a_training_that_does_not_fit_is_refused_by_its_headers(tmp_path):
    model = jova_micro.micro()
    with joined("cpu") as ranks:
        state = State(model, detached(model), torch.optim.AdamW(model.parameters()))
        FolderCheckpoints(tmp_path, ranks).save("model", {"step": 1, "training": {}}, state)
    check_init(jova_micro.CONFIG, tmp_path)
    check_init(replace(jova_micro.CONFIG, editing=True), tmp_path)
    with pytest.raises(ValueError, match=r"with the model's shapes, got others in .*: \d+ of its tensors"):
        check_init(replace(jova_micro.CONFIG, width=48), tmp_path)


def test_a_model_to_begin_with_is_refused_before_a_clip_is_drawn_unless_it_fits(tmp_path, capsys, monkeypatch):
    """Of the shipped model, and of one that does not edit, which an editing one may begin with."""
    out, first = tmp_path / "out", tmp_path / "first.safetensors"
    monkeypatch.setattr("jova.train.make_corpus", lambda *_: 1 / 0)
    text = tmp_path / "notes.txt"
    text.write_text("some text")
    (tmp_path / "short.safetensors").write_bytes((WEIGHTS / FILES[0]).read_bytes()[:-1])
    for flags, said in (
        (["--init", str(text)], f"expected a jova@3 or jova@4 file, got a damaged one in {text}"),
        (["--init", str(tmp_path / "short.safetensors")], "got a damaged one in"),
        (["--init", str(WEIGHTS / FILES[1])], "expected a jova@3 or jova@4 file, got 'jova-video-codec@"),
        (
            ["--init", str(WEIGHTS / FILES[0]), "--preset", "ablation"],
            "expected initial weights with the model's shapes",
        ),
        (["--init", str(tmp_path)], f"the folder of a training at {tmp_path}, got a folder without jova-tiny"),
    ):
        assert main(["--out", str(out), *flags]) == 2
        assert said in capsys.readouterr().err
    plain = Jova(replace(Jova.load(WEIGHTS / FILES[0]).config, editing=False))
    plain.save(first)
    for path in (WEIGHTS / FILES[0], first):
        with pytest.raises(ZeroDivisionError):  # It goes on to the clips.
            main(["--out", str(out), "--init", str(path)])
    # Codecs that are there already count, and are asked for where others are named.
    out.mkdir()
    VideoCodec(VideoCodecConfig(3, 32, widths=(8, 8, 8), blocks=(1, 1, 1))).save(out / "video-codec.safetensors")
    assert main(["--out", str(out), "--init", str(WEIGHTS / FILES[0])]) == 2
    assert "of its tensors, such as video_head.out.bias, differ; name a model of the same" in capsys.readouterr().err
    assert main(["--out", str(out), "--codecs", str(out)]) == 2
    assert f"expected a checkpoint at {out / 'audio-codec.safetensors'}, got no file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--edit-share", "2"], "expected edit_share to be a number from 0 to 1, got 2.0"),
        (["--mouth-box", "off"], "expected mouth_box mouth for a training with edits"),
        (["--task", "audio-driven", "--fusion", "none"], "audio-driven"),
        (["--init", "none.safetensors"], "expected a stored model or the folder of a training at none.safetensors"),
        (["--device", "cuda:99"], "expected 100 GPUs"),
    ],
)
def test_what_the_model_would_refuse_is_refused_before_a_clip_is_drawn(tmp_path, capsys, flags, said):
    assert main(["--preset", "tiny", "--out", str(tmp_path / "out"), *flags]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_training_of_other_clips_or_settings_is_refused_before_anything_is_made(tmp_path, capsys):
    """The checkpoint of a preset, as the stage `model` writes it: with the codecs' channels, which are not its own."""
    tiny = replace(PRESETS["tiny"](words()), editing=True, video_channels=3, audio_channels=5)
    trainer = Trainer(tiny, RECIPES["tiny"].training, tmp_path)
    trainer.data, trainer.clips, trainer.step = "0", 12000, 100
    trainer.save("model")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*")}
    for flags, name in (
        (["--clips", "300"], "clips"), (["--clips", "13000"], "clips"), (["--edit-share", "0.1"], "edit_share"),
        (["--fusion", "cross"], "model"), (["--preset", "ablation"], "model"), (["--seed", "1"], "seed"),
    ):  # fmt: skip
        assert main(["--out", str(tmp_path), *flags]) == 2
        said = capsys.readouterr().err
        assert f"expected the configuration with which {tmp_path} was started, got another" in said
        assert name in said
    assert main(["--out", str(tmp_path), "--codec-steps", "9", "--steps", "4"]) == 2
    assert "expected more steps of constant learning rate than" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in tmp_path.rglob("*")} == before
    check_started(tmp_path, replace(PRESETS["tiny"](words()), editing=True), RECIPES["tiny"].training, 12000, None)
