"""Trainings that a file says: what it may say, and its stages on shards of prepared clips."""

import json
import sys
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from jova.codecs.base import load_made_by
from jova.codecs.loading import load_audio_codec, load_video_codec
from jova.data.shards import write_shards
from jova.pipeline import JovaPipeline
from jova.timeline import Timeline
from jova.train import main
from jova.training.ahead import Ahead
from jova.training.config import TrainConfig
from jova.training.modality import owners
from jova.training.runfile import read_run_file
from jova.training.samples import load_callback, read_prompts
from jova.training.staged import model_config
from jova.training.trackers import tracker
from jova.transformer import Jova
from support.prepared_clips import codecs, line, write_manifest
from support.scored import CALLED
from support.shown import ROOT

FILE = """
out = "{root}/out"
[model]
preset = "ablation-patch4"
patch = 2
width = 32
heads = 2
shared_blocks = 1
[data]
train = "{root}/shards"
validation = "{root}/shards"
[codecs]
video = "{root}/video-codec.safetensors"
audio = "{root}/audio-codec.safetensors"
[training]
batch = 4
accumulate = 2
warmup = 1
log_every = 2
edit_share = 0.5
[[stages]]
name = "audio"
trains = "audio"
steps = 2
[[stages]]
name = "joint"
steps = 4
[samples]
every = 4
prompts = "{root}/prompts.jsonl"
steps = 1
[machine]
peak_flops = 1e9
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Shards of clips of two lengths, the codecs that made them, prompts, and a training file."""
    root = tmp_path_factory.mktemp("training")
    torch.manual_seed(0)
    video, audio = codecs()
    video.save(root / "video-codec.safetensors")
    audio.save(root / "audio-codec.safetensors")
    clips = [line(f"clip-{k}") for k in range(5)] + [line(f"short-{k}", frames=5, end_s=1.2) for k in range(4)]
    write_shards(write_manifest(root / "prepared", clips), video, audio, None, root / "shards")
    prompt = {"video_caption": "red hair", "audio_caption": "low voice", "transcript": "place red now"}
    (root / "prompts.jsonl").write_text(json.dumps(prompt) + "\n" + json.dumps(prompt | {"id": "b"}) + "\n")
    (root / "run.toml").write_text(FILE.format(root=root))
    return root


def edited(root, name, *changes):
    text = (root / "run.toml").read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (root / name).write_text(text)
    return root / name


def test_stages_follow_each_other_and_are_not_done_twice(root, capsys):
    flags = ["--config", str(root / "run.toml"), "--device", "cpu", "--callback", "support.scored:scores"]
    CALLED.clear()
    assert main(flags) == 0
    assert CALLED == [["001.mp4", "b.mp4", "prompts.jsonl"]] * 2  # after the last step of each stage
    audio, joint = (Jova.load(root / "out" / name / "jova-tiny.safetensors") for name in ("audio", "joint"))
    # From equal first weights: the first stage moved those of audio alone, and the second begins with its average.
    torch.manual_seed(0)
    first, owner = Jova(audio.config).state_dict(), owners(audio)
    moved = {owner[key] for key, one in audio.named_parameters() if not torch.equal(one, first[key].bfloat16().float())}
    assert moved == {"audio"}
    moved = {owner[key] for key, one in joint.named_parameters() if not torch.equal(one, audio.get_parameter(key))}
    assert moved == {"audio", "video", "both"}
    (*_, last) = map(json.loads, (root / "out" / "joint" / "model.jsonl").read_text().splitlines())
    assert last["sample_lips"] == 0.25
    assert last["step"] == 3
    assert 0 < last["mfu"] < 1000
    assert {"valid_total", "tokens_per_s", "examples_per_s", "memory_bytes"} <= last.keys()
    # The folder of a stage is that of a whole model.
    pipeline = JovaPipeline.from_pretrained(root / "out" / "joint")
    assert pipeline.config == joint.config
    fingerprints = {"video_codec": pipeline.video_codec.fingerprint, "audio_codec": pipeline.audio_codec.fingerprint}
    assert load_made_by(root / "out" / "joint" / "jova-tiny.safetensors") == {**fingerprints, "text": "words"}
    written = (root / "out" / "joint" / "jova-tiny.safetensors").stat().st_mtime_ns
    assert main(flags) == 0
    assert (root / "out" / "joint" / "jova-tiny.safetensors").stat().st_mtime_ns == written
    # Another first stage is another beginning of the second.
    (root / "out" / "audio").rename(root / "out" / "old")
    assert (
        main(
            [
                "--config",
                str(edited(root, "seed.toml", ('trains = "audio"', 'trains = "audio"\nseed = 1'))),
                "--device",
                "cpu",
            ]
        )
        == 2
    )
    assert "another init" in capsys.readouterr().err


def test_the_training_file_of_heads_of_128_pixels_is_of_a_model_of_15_5_million_weights():
    file = read_run_file(ROOT / "benchmarks" / "heads-128.toml")
    assert [(stage.name, stage.training.steps) for stage in file.stages] == [("joint", 6000)]
    wan = SimpleNamespace(channels=16, pixels_per_cell=8)
    bucket = SimpleNamespace(clock=Timeline(), video=(19, 16, 16, 16))
    index = SimpleNamespace(buckets={"heads": bucket}, counts=lambda: {"heads": 1000}, text_channels=())
    config = model_config(file, (wan, load_audio_codec(ROOT / file.codecs.audio)), index)
    with torch.device("meta"):
        model = Jova(config)
    assert sum(weights.numel() for weights in model.parameters()) == pytest.approx(15.5e6, rel=5e-3)


def test_a_file_is_read_strictly(root, capsys):
    file = read_run_file(root / "run.toml")
    assert [stage.name for stage in file.stages] == ["audio", "joint"]
    wanted = TrainConfig(
        steps=4, batch=4, accumulate=2, warmup=1, log_every=2, edit_share=0.5, draw="example", validation="training"
    )
    assert file.stages[1].training == wanted
    assert file.stages[0].training == replace(wanted, steps=2, trains="audio")
    for changes, said in (
        ([("warmup = 1", "warmpu = 1")], "in [training] and [[stages]] 1, got 'warmpu'; did you mean warmup?"),
        ([("width = 32", "video_channels = 3")], "expected a known key in [model], got 'video_channels'"),
        ([("width = 32", 'width = "wide"')], "expected width of [model] to be int, got 'wide'"),
        ([("batch = 4", "batch = true")], "expected batch of [training] and [[stages]] 1 to be int, got True"),
        ([("ablation-patch4", "huge")], "expected preset to be one of tiny, ablation, ablation-patch4, small-128"),
        ([('trains = "audio"', 'trains = "sound"')], "to be one of joint, audio, video, got 'sound'"),
        ([('name = "joint"', 'name = "../joint"')], "expected a name of letters, digits, _ and - in [[stages]] 2"),
        ([('name = "joint"', 'name = "audio"')], "expected stages of different names"),
        ([("[data]", "[date]")], "expected a known key in the file, got 'date'; did you mean data?"),
        ([("[codecs]", "[text]")], "expected codecs in the file, got none"),
        ([("every = 4\n", "")], "expected every in [samples], got none"),
        ([("steps = 4", "steps = = 4")], "expected TOML in"),
        ([("every = 4", "every = 0")], "expected every and steps of [samples] from 1 on"),
        ([("log_every = 2", "log_every = 0")], "expected log_every from 1 on, got 0"),
        ([("log_every = 2", "log_every = 2\nlr = nan")], "[[stages]] 1 to be float, got nan"),
        ([("edit_share = 0.5", "audio_weight = 0")], "expected weights of losses from 0 on, and above 0"),
    ):  # fmt: skip
        assert main(["--config", str(edited(root, "wrong.toml", *changes))]) == 2
        (told,) = capsys.readouterr().err.splitlines()
        assert said in told


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--config", "{root}/run.toml", "--steps", "3", "--out", "x"], "got --out, --steps beside it, too"),
        (["--config", "{root}/none.toml"], "expected a training file at"),
        (["--callback", "a:b", "--out", "x"], "expected --config FILE beside --callback"),
        ([], "expected --out DIR for a preset, or --config FILE, got neither"),
    ],
)
def test_flags_that_do_not_fit_are_one_line(root, capsys, flags, said):
    assert main([flag.format(root=root) for flag in flags]) == 2
    (told,) = capsys.readouterr().err.splitlines()
    assert said in told


def test_shards_of_other_codecs_and_rates_are_refused(root, capsys):
    video, _ = codecs()
    video.mean.fill_(3)
    video.save(root / "other.safetensors")
    assert main(["--config", str(edited(root, "other.toml", ("video-codec.safetensors", "other.safetensors")))]) == 2
    assert "expected shards of the video codec" in capsys.readouterr().err
    video, audio = (
        load_video_codec(root / "video-codec.safetensors"),
        load_audio_codec(root / "audio-codec.safetensors"),
    )
    mixed = write_manifest(root / "mixed", [line("a"), line("b", fps="24/1")])
    write_shards(mixed, video, audio, None, root / "mixed-shards")
    file = edited(root, "mixed.toml", ('/shards"', '/mixed-shards"'))
    assert main(["--config", str(file)]) == 2
    assert "expected shards of one frame rate, got 24, 25" in capsys.readouterr().err


def test_callbacks_and_prompts_that_are_none_are_refused(root):
    for name in ("json", "json:nothing", "nowhere:f", "json:__name__"):
        with pytest.raises(ValueError, match="expected a callback module:function, got"):
            load_callback(name)
    assert load_callback("json:dumps") is json.dumps
    (root / "bad.jsonl").write_text('{"video_caption": "a", "audio_caption": "b", "transcript": "c", "id": "../up"}\n')
    with pytest.raises(ValueError, match=r"bad.jsonl:1: expected texts, and an id of letters"):
        read_prompts(root / "bad.jsonl")
    (root / "bad.jsonl").write_text('{"video_caption": "a"}\n')
    with pytest.raises(ValueError, match=r"bad.jsonl:1: expected a prompt with video_caption, audio_caption"):
        read_prompts(root / "bad.jsonl")


def test_a_callback_that_fails_is_logged_and_unknown_words_are_told_first(root, capsys):
    file = edited(root, "fails.toml", ('/out"', '/fails"'), ('[[stages]]\nname = "joint"\nsteps = 4\n', ""))
    assert main(["--config", str(file), "--device", "cpu", "--callback", "support.scored:fails"]) == 0
    (*_, last) = map(json.loads, (root / "fails" / "audio" / "model.jsonl").read_text().splitlines())
    assert last["sample_error"] == "RuntimeError('no judge')"
    prompt = {"video_caption": "red hair", "audio_caption": "low voice", "transcript": "antidisestablishment"}
    (root / "odd.jsonl").write_text(json.dumps(prompt))
    file = edited(root, "odd.toml", ('/out"', '/odd"'), ("prompts.jsonl", "odd.jsonl"))
    capsys.readouterr()
    assert main(["--config", str(file), "--device", "cpu"]) == 2
    assert "got 'antidisestablishment' in the transcript" in capsys.readouterr().err
    assert not (root / "odd").exists()


def test_steps_are_prepared_ahead_as_they_would_be_at_their_time():
    made = []

    def make(step):
        made.append(step)
        if step == 3:
            raise OSError("gone")
        return 10 * step

    ahead = Ahead(make)
    assert [ahead(step) for step in (0, 1, 7, 8)] == [0, 10, 70, 80]
    assert [made.count(step) for step in (0, 1, 7, 8)] == [1, 1, 1, 1]
    assert ahead(2) == 20
    with pytest.raises(OSError, match="gone"):
        ahead(3)


def test_records_go_to_mlflow_by_step_and_without_what_is_no_number(tmp_path, monkeypatch):
    seen = []
    names = ("set_experiment", "start_run", "end_run", "log_params", "log_metrics")
    fake = {name: lambda *a, name=name, **k: seen.append((name, a, k)) for name in names}
    monkeypatch.setitem(sys.modules, "mlflow", SimpleNamespace(**fake))
    report = tracker("mlflow", tmp_path / "mine" / "joint", {"lr": "0.1"})
    report({"step": 7, "total": 1.5, "mfu": "undefined"})
    assert ("start_run", (), {"run_name": "mine/joint"}) in seen
    assert seen[-2:] == [("log_params", ({"lr": "0.1"},), {}), ("log_metrics", ({"total": 1.5},), {"step": 7})]
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(ModuleNotFoundError, match=r"not installed: mlflow; pip install 'jova-bench\[mlflow\]'"):
        tracker("mlflow", tmp_path, {})
    assert tracker(None, tmp_path, {}) is None


def test_records_go_to_tensorboard_and_a_resumed_training_takes_back_what_it_does_again(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    stage = tmp_path / "mine" / "joint"
    for records in (
        [{"step": 1, "total": 3.0, "mfu": "undefined"}, {"step": 3, "total": 2.0}, {"step": 5, "total": 9.0}],
        [{"step": 3, "total": 2.5, "valid_total": 4.0}, {"step": 5, "total": 1.5}],
    ):
        report = tracker("tensorboard", stage, {"lr": "0.1"})
        for record in records:
            report(record)
    read = EventAccumulator(str(stage / "tensorboard")).Reload()
    assert [(one.step, one.value) for one in read.Scalars("total")] == [(1, 3.0), (3, 2.5), (5, 1.5)]
    assert [(one.step, one.value) for one in read.Scalars("valid_total")] == [(3, 4.0)]
    assert b"| lr | 0.1 |" in read.Tensors("settings/text_summary")[0].tensor_proto.string_val[0]
    assert read.Tags()["scalars"] == ["total", "valid_total"]


def test_a_tensorboard_that_is_not_there_is_named(tmp_path, monkeypatch):
    monkeypatch.delitem(sys.modules, "torch.utils.tensorboard", raising=False)
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(
        ModuleNotFoundError, match=r"not installed: tensorboard; pip install 'jova-bench\[tensorboard\]'"
    ):
        tracker("tensorboard", tmp_path, {})
