"""What a training refuses, and when: damaged folders, checkpoints and first weights, before any work."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from jova.codecs import VideoCodec, VideoCodecConfig
from jova.codecs.base import WEIGHTS
from jova.config import PRESETS
from jova.data.folder import read_clips, read_folder, write_clip
from jova.data.vocabulary import words
from jova.parts import FILES, find_codecs
from jova.train import check_started, main
from jova.training.checkpoints import FolderCheckpoints, State
from jova.training.codecs import (
    CHECKPOINT,
    CodecTraining,
    train_video_codec,
)
from jova.training.config import TrainConfig
from jova.training.distributed import LOCK, joined
from jova.training.identity import check_init, digest_of_init
from jova.training.model import Trainer
from jova.training.recipes import RECIPES
from jova.training.state import detached, save_state
from jova.transformer import Jova
from support import jova_micro

SPLIT = b'{"format": "jova-folder@1", "corpus": "talking-heads@1", "split": "%s", "count": %d}'


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
    footage, config = jova_micro.moving_blobs(1), VideoCodecConfig(6, 16, widths=(8, 8, 8), blocks=(1, 1, 1))
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
    trainer = Trainer(jova_micro.CONFIG, TrainConfig(steps=1, batch=4), tmp_path / "out", tmp_path)
    stored = Jova.load(tmp_path / FILES[0])
    begun, kept = (model.state_dict() for model in (trainer.model, stored))
    assert begun.keys() == kept.keys()
    assert all(torch.equal(begun[name], kept[name]) for name in kept)


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
    assert sorted({*tmp_path.rglob("*")} - {out, out / LOCK}) == before

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
