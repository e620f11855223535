"""From videos to scored clips of an own model: prepare, train in two processes, kill, go on in one, sample."""

import json
import os
import signal
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("cv2", reason="making the corpus needs jova-bench[corpus]")
pytest.importorskip("espeakng_loader", reason="making the corpus needs jova-bench[corpus]")
pytest.importorskip("webdataset", reason="shards need jova-bench[data]")
pytest.importorskip("diffusers", reason="codecs of others need jova-bench[diffusers]")

from jova_bench.cli import main
from jova_bench.media import files as media
from support.mediapipe_files import needs_mediapipe, own_flags
from support.planted_videos import as_others_write, enlarged, head
from support.shown import ROOT

pytestmark = [pytest.mark.slow, needs_mediapipe]

CAPTIONS = ["--video-caption", "a head", "--audio-caption", "a low voice", "--transcript", "place red now"]
TRAINING = """
out = "{root}/out"
[model]
preset = "small-128"
width = 32
heads = 2
separate_blocks = 1
shared_blocks = 1
[data]
train = "{root}/prepared/shards"
validation = "{root}/prepared/shards"
[codecs]
video = "{wan}"
audio = "{ltx}"
[text]
encoders = ["{umt5}"]
[training]
steps = 6
batch = 4
warmup = 2
log_every = 1
save_every_s = 0
[samples]
every = 3
prompts = "{root}/prompts.jsonl"
steps = 1
"""
KILLER = """
import os, signal
from pathlib import Path

def once(folder):
    mark = Path(__file__).with_name("killed")
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return {"clips": len(list(Path(folder).glob("*.mp4")))}
"""


def film(folder: Path) -> None:
    """Six videos in mixed formats; five have one head, and one of them no sound."""
    folder.mkdir()
    for number in range(6):
        drawn = head(number)
        frames, fps = enlarged(drawn.frames), (24, 25, 30)[number % 3]
        frames = frames[[min(72, round(k * 25 / fps)) for k in range(73 * fps // 25)]]
        if number == 1:  # portrait
            frames = np.pad(frames, ((0, 0), (32, 32), (0, 0), (0, 0)), mode="edge")
        if number == 3:
            frames = np.concatenate([frames, enlarged(head(11).frames)[: len(frames)]], axis=2)
        sound = np.zeros(73 * 640, np.float32) if number == 4 else drawn.audio
        stereo = np.repeat(np.stack([sound, sound]), 3, axis=1)  # 48 kHz
        as_others_write(folder / f"v{number}.{('mp4', 'mkv', 'mov')[number % 3]}", frames, stereo, fps, 48_000)
    rows = (f"v{number}.{('mp4', 'mkv', 'mov')[number % 3]},place red now,a head,a low voice" for number in range(6))
    (folder / "texts.csv").write_text("source,transcript,video_caption,audio_caption\n" + "\n".join(rows) + "\n")


def test_six_videos_become_a_model_and_its_scored_clips(
    tmp_path, wan_folder, ltx_audio_folder, text_folders, monkeypatch, capsys
):
    def run(*words):
        assert main([str(word) for word in words]) == 0, capsys.readouterr().err

    film(tmp_path / "videos")
    prepared, umt5 = tmp_path / "prepared", text_folders["umt5"]
    encoders = ("--video-codec", wan_folder, "--audio-codec", ltx_audio_folder, "--text-encoder", umt5)
    shape = ("--size", "64x64", "--frames", "49", "--fps", "25", "--workers", "0", "--sync", "none")
    texts = ("--texts", tmp_path / "videos" / "texts.csv")
    run("data", "prepare", tmp_path / "videos", "--out", prepared, *shape, *texts, *encoders, *own_flags(tmp_path))
    lines = [json.loads(line) for line in (prepared / "manifest.jsonl").read_text().splitlines()]
    last = {line["id"]: line for line in lines}.values()
    why = {line["source"]: {reason["code"] for reason in line["reasons"]} for line in last}
    kept = [line for line in last if line["status"] == "kept"]
    assert len(kept) == 4
    assert "silent" in why["v4.mkv"]
    assert "two_faces" in why["v3.mp4"]

    (tmp_path / "train.toml").write_text(
        TRAINING.format(root=tmp_path, wan=wan_folder, ltx=ltx_audio_folder, umt5=umt5)
    )
    prompt = {"id": "p0", "video_caption": "a head", "audio_caption": "a low voice", "transcript": "place red now"}
    (tmp_path / "prompts.jsonl").write_text(json.dumps(prompt) + "\n")
    (tmp_path / "killer.py").write_text(KILLER)
    environment = os.environ | {
        "PYTHONPATH": f"{tmp_path}:{os.environ.get('PYTHONPATH', ROOT)}",
        "OMP_NUM_THREADS": "1",
    }
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node",
        "2",
        "-m",
        "jova.train",
    ]
    flags = ["--config", str(tmp_path / "train.toml"), "--device", "cpu", "--callback", "killer:once"]
    broken = subprocess.run([*command, *flags], env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert broken.returncode != 0
    assert f"Signal {signal.SIGKILL.value}" in broken.stderr
    (stage,) = (tmp_path / "out").iterdir()
    begun = (stage / "model.jsonl").read_text().splitlines()
    assert len(begun) == 2  # It was killed in the third step.
    monkeypatch.syspath_prepend(tmp_path)
    run("train", *flags)
    lines = (stage / "model.jsonl").read_text().splitlines()
    assert lines[:2] == begun  # with the speeds of steps that were not taken again
    assert [json.loads(line)["step"] for line in lines] == [*range(6)]
    assert len(list((stage / "samples").iterdir())) == 2

    first = tmp_path / "first.mp4"
    run("sample", "--weights", stage, *CAPTIONS, "--steps", "2", "--out", first)
    clip = media.read(first)
    assert clip.frames.shape == (49, 64, 64, 3)
    assert clip.fps == Fraction(25)
    run("sample", "--weights", stage, *CAPTIONS, "--steps", "2", "--image", first, "--out", tmp_path / "second.mp4")
    assert not np.array_equal(media.read(tmp_path / "second.mp4").frames, clip.frames)

    words = ("--model", f"jova:{stage}", "--suite", tmp_path / "prompts.jsonl", "--profile", "standard")
    run("run", *words, "--metrics", "av_align", "--workers", "0", "--out", tmp_path / "run")
    rows = [json.loads(line) for line in (tmp_path / "run" / "scores.jsonl").read_text().splitlines()]
    assert [row["status"] for row in rows] == ["ok"]
