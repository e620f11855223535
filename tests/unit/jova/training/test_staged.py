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
from jova.training.staged import link_parts, model_config
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
    # A damaged checkpoint, or another setting, is one line.
    for text, said in (("{", "Expecting property name"), ("{}", "KeyError('step')"), ("[]", "TypeError")):
        record = (root / "out" / "joint" / "model.json").read_text()
        put(root, "out/joint/model.json", text)
        assert main(flags) == 2
        (told,) = capsys.readouterr().err.splitlines()[-1:]
        assert "expected the record of a checkpoint in" in told
        assert said in told
        put(root, "out/joint/model.json", record)
    assert main(["--config", str(edited(root, "lr.toml", ("warmup = 1", "warmup = 1\nlr = 0.5"))), *flags[2:]]) == 2
    assert "got another lr; name another folder as out" in capsys.readouterr().err
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
    assert [(stage.name, stage.training.steps) for stage in file.stages] == [("joint", 3800)]
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
        ([("warmup = 1", "warmpu = 1")], "expected a known key in [training], got 'warmpu'; did you mean warmup?"),
        ([("width = 32", "video_channels = 3")], "expected a known key in [model], got 'video_channels'"),
        ([("width = 32", 'width = "wide"')], "width of [model] to be a whole number from 1 to 65,536, got 'wide'"),
        ([("width = 32", "width = 30")], "[model]: expected width to be a multiple of 8 heads = 16, got 30"),
        ([("heads = 2", "heads = 0")], "expected heads of [model] to be a whole number from 1 to 65,536, got 0"),
        ([("heads = 2", "rope_pairs = [3, 3, 3]")], "expected rope_pairs of time, height and width, 8 in all"),
        ([("width = 32", "ffn = '1/0'")], "expected ffn of [model] to be a whole number or a fraction above 0"),
        ([("batch = 4", "batch = true")], "expected batch of [training] to be a whole number from 1 to"),
        ([("batch = 4", "batch = 5")], "expected accumulate to divide the batch of 5, got 2"),
        ([("steps = 4", "steps = 4\nseed = -1")], "expected seed of [[stages]] 2 to be a whole number from 0 to"),
        ([("ablation-patch4", "huge")], "preset of [model] to be one of tiny, ablation, ablation-patch4, small-128"),
        ([("ablation-patch4", "base")], "expected [text] encoders for the preset base, got none"),
        ([('trains = "audio"', 'trains = "sound"')], "to be one of joint, audio, video, got 'sound'"),
        ([('name = "joint"', 'name = "../joint"')], "expected a name of letters, digits, _ and - in [[stages]] 2"),
        ([('name = "joint"', 'name = "Audio"')], "expected stages of different names"),
        ([('name = "joint"', "")], "expected name in [[stages]] 2, got none"),
        ([("steps = 4", "")], "expected steps in [training] or [[stages]] 2, got none"),
        ([("steps = 2", "steps = 2\nwarmup = 3")], "to be at most the 2 steps, got 3"),
        ([("[data]", "[date]")], "expected a known key in the file, got 'date'; did you mean data?"),
        ([("[codecs]", "[text]")], "expected codecs in the file, got none"),
        ([("[codecs]", "[codecs]\naccept = 'non-commercial'")], "expected accept of [codecs] to be a list, got 'non-c"),
        ([("every = 4\n", "")], "expected every in [samples], got none"),
        ([("steps = 4", "steps = = 4")], "expected TOML in"),
        ([("steps = 4", f"steps = {'[' * 9000}")], "expected TOML in"),
        ([("every = 4", "every = 0")], "expected every of [samples] to be a whole number from 1 to"),
        ([("log_every = 2", "log_every = 0")], "expected log_every of [training] to be a whole number from 1 to"),
        ([("log_every = 2", "lr = nan")], "expected lr of [training] to be a number above 0 and at most 1, got nan"),
        ([("log_every = 2", f"lr = {'9' * 400}")], "expected lr of [training] to be a number above 0 and at most 1"),
        ([("log_every = 2", "decay = 1.5")], "expected decay of [training] to be a number from 0 to 1, got 1.5"),
        ([("log_every = 2", "ema_decay = -0.1")], "expected ema_decay of [training] to be a number from 0 to 1, got"),
        ([("log_every = 2", "save_every_s = inf")], "expected save_every_s of [training] to be a number from 0 to"),
        ([("peak_flops = 1e9", "peak_flops = 0")], "expected peak_flops of [machine] to be a number above 0"),
        ([("edit_share = 0.5", "video_weight = 0\naudio_weight = 0")], "expected a weight above 0 for the loss of"),
        ([(f"{root}/out", "~nobody-of-this-name/out")], "expected out to be a path, got '~nobody-of-this-name/out'"),
    ):  # fmt: skip
        assert main(["--config", str(edited(root, "wrong.toml", *changes))]) == 2
        (told,) = capsys.readouterr().err.splitlines()
        assert said in told


def test_what_a_file_names_is_checked_before_any_step(root, tmp_path, capsys):
    put(tmp_path, "file", "x")
    (tmp_path / "empty").mkdir()
    put(tmp_path, "taken/joint/audio-codec.safetensors", "mine")
    put(tmp_path, "not/config.json", '{"_class_name": "UNet2DModel"}')
    for changes, said in (
        ([(f'train = "{root}/shards"', f'train = "{tmp_path}/empty"')], "expected finished shards in"),
        ([(f'validation = "{root}/shards"', f'validation = "{tmp_path}/none"')], "expected finished shards in"),
        ([(f"{root}/video-codec.safetensors", f"{tmp_path}/none")], "expected a codec at"),
        ([(f"{root}/video-codec.safetensors", f"{tmp_path}/file")], "expected a safetensors file or a folder"),
        ([(f"{root}/video-codec.safetensors", f"{tmp_path}/not")], "expected a video codec, which is a"),
        ([(f"{root}/video-codec.safetensors", f"{root}/audio-codec.safetensors")], "expected a video codec, which is"),
        ([("[training]", f'[text]\nencoders = ["{tmp_path}/none"]\n[training]')], "expected a local folder of a text"),
        ([(f"{root}/out", f"{tmp_path}/file/out")], "expected a folder that can be written, got"),
        ([(f"{root}/out", f"{tmp_path}/taken")], "expected no file or folder of yours at"),
        ([(f"{root}/prompts.jsonl", f"{tmp_path}/empty")], "expected prompts at"),
        ([("patch = 2", f'init = "{tmp_path}/none"')], "expected init of [model] to be a stored model or the folder"),
        ([("width = 32", 'width = 32\ntask = "audio-driven"'), ("edit_share = 0.5", "")], "expected a loss of video"),
        ([("patch = 2", "patch = 3")], "expected patch to divide the latent's sides of 4 x 4 cells, got 3"),
        ([("width = 32", "width = 32\nlearned_positions = [1, 2, 2]")], "expected clips of at most (1, 2, 2) tokens"),
    ):  # fmt: skip
        before = sorted(root.rglob("*"))
        assert main(["--config", str(edited(root, "wrong.toml", *changes)), "--device", "cpu"]) == 2
        (told,) = capsys.readouterr().err.splitlines()
        assert said in told
        assert {*root.rglob("*")} - {*before} <= {root / "wrong.toml"}
    assert (tmp_path / "taken/joint/audio-codec.safetensors").read_text() == "mine"


def test_links_of_a_stage_replace_links_alone(root, tmp_path):
    file = replace(read_run_file(root / "run.toml"), out=tmp_path)
    (tmp_path / "video-codec").symlink_to(tmp_path / "gone")  # of a codec in a folder, which came before
    put(tmp_path, "theirs", "kept")
    (tmp_path / "audio-codec.safetensors").symlink_to(tmp_path / "theirs")
    link_parts(tmp_path, file)
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_symlink()) == [
        "audio-codec.safetensors", "video-codec.safetensors",
    ]  # fmt: skip
    assert (tmp_path / "audio-codec.safetensors").resolve() == (root / "audio-codec.safetensors").resolve()
    assert (tmp_path / "theirs").read_text() == "kept"


def put(folder, name, text):
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--config", "{root}/run.toml", "--steps", "3", "--out", "x"], "got --out, --steps beside it, too"),
        (["--config", "{root}/none.toml"], "expected a training file at"),
        (["--out", "x", "--mouth-weight", "-1"], "expected mouth_weight to be a number from 0 to 1e+06, got -1.0"),
        (["--out", "x", "--edit-share", "2"], "expected edit_share to be a number from 0 to 1, got 2.0"),
        (["--out", "x", "--edit-share", "0.5", "--task", "audio-driven"], "expected task joint for a model that edits"),
        (["--out", "x", "--seed", "99999999999"], "expected seed to be a whole number from 0 to 2,147,483,647"),
        (["--out", "x", "--init", "{root}/none"], "expected a stored model or the folder of a training at"),
        (["--out", "x", "--codecs", "{root}/none"], "expected a folder with codecs as --codecs, got none at"),
        (["--out", "x", "--device", "cuda:99"], "GPUs in this machine"),
        (["--out", "{root}/run.toml/x"], "expected a folder that can be written"),
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
