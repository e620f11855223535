"""Videos with planted faults: each clip is kept or rejected for the stated reason, and a kill loses nothing."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import load as safetensors_of

pytest.importorskip("cv2", reason="making the corpus needs jova-bench[corpus]")
pytest.importorskip("espeakng_loader", reason="making the corpus needs jova-bench[corpus]")
pytest.importorskip("scenedetect", reason="preparing data needs jova-bench[data]")

from jova.codecs.base import WEIGHTS
from jova.mouth_loss import latent_mask
from jova.timeline import Stream
from jova_bench.cli import main
from jova_bench.data import prepare
from jova_bench.data.store import read_manifest
from jova_bench.media import files as media
from jova_bench.media import limits
from jova_bench.metrics.faces.cuts import shots
from jova_bench.metrics.faces.track import overlaps
from support.mediapipe_files import needs_mediapipe, own_flags
from support.planted_videos import ENLARGED, GOOD, LATE, OTHER, as_others_write, at, enlarged, head, plant, write

pytestmark = needs_mediapipe  # Of our finders only the mesh sees drawn heads in every frame; the cascade loses them.
FLAGS = ["--size", "128x128", "--frames", "73,49", "--workers", "0", "--sync", "embedded"]


@pytest.fixture(scope="session")
def planted(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("planted")
    plant(folder)
    return folder


@pytest.fixture(scope="session")
def own_table(tmp_path_factory) -> list[str]:
    return own_flags(tmp_path_factory.mktemp("table"))


@pytest.fixture(scope="session")
def prepared(planted, own_table, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("prepared") / "out"
    assert main(["data", "prepare", str(planted), "--out", str(out), *FLAGS, *own_table]) == 0
    return out


@pytest.fixture(scope="session")
def by_source(prepared):
    found = {}
    for clip in read_manifest(prepared).values():
        found.setdefault(clip.source, []).append(clip)
    return found


def codes(clips):
    return [[reason.code for reason in clip.reasons] for clip in clips]


def test_every_fault_is_the_stated_reason(by_source):
    status = {source: {clip.status for clip in clips} for source, clips in by_source.items()}
    kept = {source for source, found in status.items() if found == {"kept"}}
    assert kept == {"good.mp4", "cut.mp4", "at24.mp4", "at30.mp4"}
    assert codes(by_source["good.mp4"]) == [[]]
    assert codes(by_source["two.mp4"]) == [["two_faces"]]
    assert codes(by_source["silent.mp4"]) == [["silent", "no_speech"]]
    assert codes(by_source["late.mp4"]) == [["out_of_sync"]]
    assert codes(by_source["noface.mp4"]) == [["no_face"]]
    assert codes(by_source["broken.mp4"]) == [["undecodable"]]
    assert codes(by_source["at24.mp4"]) == codes(by_source["at30.mp4"]) == [["rate_converted"]]
    assert all(reason.by and reason.detail for clips in by_source.values() for clip in clips for reason in clip.reasons)


def test_lips_and_sound_are_judged_by_a_judge_that_says_its_name_and_domain(by_source):
    (late,), (good,) = by_source["late.mp4"], by_source["good.mp4"]
    assert (late.sync.offset_frames, good.sync.offset_frames) == (-LATE, 0)
    assert good.sync.confidence > 0.3
    assert re.fullmatch(r"syncnet-a \[[0-9a-f]{12}\] \(embedded; drawn heads\)", late.sync.by)
    assert late.reasons[0].by == late.sync.by
    assert late.reasons[0].detail == "the sound comes 5 frames after the lips, 1 are allowed"


def test_lips_are_judged_at_any_rate_and_shape(own_table, tmp_path):
    good, late = head(GOOD), head(OTHER)
    bars = [(0, 0), (50, 48), (0, 0), (0, 0)]
    sound = np.repeat(good.audio, 3)[None].repeat(2, axis=0)  # 48 kHz.
    (tmp_path / "videos").mkdir()
    as_others_write(tmp_path / "videos" / "a.mov", np.pad(at(enlarged(good.frames), 30), bars), sound, 30, 48_000)
    moved = np.pad(late.audio, (LATE * 640, 0))[: len(late.audio)]
    write(tmp_path / "videos" / "b.mp4", np.pad(enlarged(late.frames), bars), moved)
    flags = ["--size", "192x128", "--fps", "24", "--frames", "65", "--workers", "0", "--sync", "embedded", *own_table]
    assert main(["data", "prepare", str(tmp_path / "videos"), "--out", str(tmp_path / "out"), *flags]) == 0
    kept, rejected = read_manifest(tmp_path / "out").values()
    assert (kept.status, kept.fps, kept.frames, kept.height, kept.width) == ("kept", "24/1", 65, 192, 128)
    assert kept.sync.offset_frames == 0
    assert (rejected.status, rejected.sync.offset_frames) == ("rejected", -LATE)
    made = media.read(tmp_path / "out" / "clips" / f"{kept.id}.mp4")
    assert made.frames.shape == (65, 192, 128, 3)
    assert (made.fps, made.sample_rate_hz, made.audio.shape) == (24, 48_000, (1, 130_000))


def test_speech_is_where_it_is(by_source):
    (good,) = by_source["good.mp4"]
    spoken = head(GOOD).word_times
    assert abs(good.speech[0][0] - spoken[0][0]) < 0.15
    assert abs(good.speech[-1][1] - spoken[-1][1]) < 0.15
    assert by_source["silent.mp4"][0].speech == ()


def test_without_a_judge_a_clip_is_kept_with_a_note_and_no_number(few):
    kept = [clip for clip in read_manifest(few[1]).values() if clip.status == "kept"]
    assert codes(kept) == [["sync_not_judged"]] * 2
    assert [clip.sync for clip in kept] == [None, None]


def test_no_clip_spans_the_cut(by_source, planted):
    first, second = by_source["cut.mp4"]
    assert (first.start_s, second.start_s) == (0, 2.4)
    assert first.end_s <= 2.4
    # Our own rule, which metrics use, sees the same cut.
    assert [shot.start for shot in shots(media.read(planted / "cut.mp4").frames)] == [0, 60]


def test_boxes_of_drawn_mouths_overlap_the_true_ones(prepared, planted):
    (clip,) = [one for one in read_manifest(prepared).values() if one.source == "good.mp4"]
    with np.load(prepared / clip.boxes, allow_pickle=False) as arrays:
        boxes, confidence = arrays["mouth_box"].astype(float), arrays["confidence"]
    true = head(GOOD).mouth_box.astype(float) * ENLARGED * clip.width / (clip.crop[2] - clip.crop[0])
    shared = np.array([overlaps(box[None], right[None])[0, 0] for box, right in zip(boxes, true, strict=True)])
    assert shared.min() > 0.7
    assert shared.mean() > 0.8
    assert confidence.min() > 0.5


def test_kept_clips_have_a_constant_rate_exact_lengths_and_their_sound(prepared):
    for clip in read_manifest(prepared).values():
        if clip.status == "kept":
            made = media.read(prepared / "clips" / f"{clip.id}.mp4")
            assert made.frames.shape == (clip.frames, 128, 128, 3)
            assert f"{made.fps.numerator}/{made.fps.denominator}" == clip.fps == "25/1"
            assert made.audio.shape == (1, clip.frames * 640)
            assert clip.frames % 4 == 1
            assert (prepared / clip.boxes).is_file()
    assert len(list((prepared / "samples").glob("*.jpg"))) == 9


def test_the_sound_of_the_second_shot_is_its_own(prepared, planted):
    clip = [one for one in read_manifest(prepared).values() if one.source == "cut.mp4"][1]
    made, whole = media.read(prepared / "clips" / f"{clip.id}.mp4"), media.read(planted / "cut.mp4")
    np.testing.assert_array_equal(made.audio, whole.audio[:, 60 * 640 : (60 + clip.frames) * 640])


def files(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != ".lock"
    }


@pytest.fixture(scope="session")
def few(planted, own_table, tmp_path_factory) -> tuple[list[str], Path]:
    """The command of three of the videos, without its --out, and what it gives."""
    folder, out = tmp_path_factory.mktemp("few"), tmp_path_factory.mktemp("few-out") / "out"
    for name in ("cut.mp4", "silent.mp4", "broken.mp4"):
        (folder / name).symlink_to(planted / name)
    words = ["data", "prepare", str(folder), *own_table, *FLAGS, "--sync", "none"]
    assert main([*words, "--out", str(out)]) == 0
    return words, out


KILLER = """
import os, signal, sys
from jova_bench.data import store

add, left = store.PreparedFolder.add_clip, [3]

def add_clip(self, clip):
    left[0] -= 1
    if not left[0]:
        with open(self.folder / store.MANIFEST, "ab") as file:
            file.write(clip.model_dump_json().encode()[:50])
        os.kill(os.getpid(), signal.SIGKILL)
    add(self, clip)

store.PreparedFolder.add_clip = add_clip
from jova_bench.cli import main
from jova_bench.data import prepare
main(sys.argv[1:])
"""


def test_a_kill_within_a_line_and_the_same_command_give_the_same_folder(few, tmp_path):
    words, out = [*few[0], "--out", str(tmp_path / "out")], tmp_path / "out"
    done = subprocess.run([sys.executable, "-c", KILLER, *words], capture_output=True, check=False, env=os.environ)
    assert done.returncode == -signal.SIGKILL
    torn = (out / "manifest.jsonl").read_bytes()
    assert torn.count(b"\n") == 2
    assert not torn.endswith(b"\n")
    assert main(words) == 0
    assert files(out) == files(few[1])
    stamps = {path: path.stat().st_mtime_ns for path in (out / "clips").iterdir()}
    assert main(words) == 0
    assert files(out) == files(few[1])
    assert stamps == {path: path.stat().st_mtime_ns for path in (out / "clips").iterdir()}


def test_clips_that_lost_a_file_are_made_again(few, tmp_path):
    shutil.copytree(few[1], tmp_path / "out")
    kept = [clip.id for clip in read_manifest(few[1]).values() if clip.status == "kept"]
    (tmp_path / "out" / "clips" / f"{kept[0]}.mp4").unlink()
    (tmp_path / "out" / "tracks" / f"{kept[1]}.npz").unlink()
    assert main([*few[0], "--out", str(tmp_path / "out")]) == 0
    assert files(tmp_path / "out") == files(few[1])


def test_processes_give_the_same_folder(few, tmp_path):
    assert main([*few[0], "--workers", "1", "--out", str(tmp_path / "out")]) == 0
    assert files(tmp_path / "out") == files(few[1])


def wrong(capsys, *words):
    assert main(["data", "prepare", *map(str, words)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line


def test_mistakes_are_one_line_and_nothing_is_written(planted, prepared, own_table, tmp_path, capsys):
    plain = ("--workers", "0", "--sync", "embedded", *own_table)
    out = tmp_path / "out"
    assert "expected a folder of videos" in wrong(capsys, tmp_path / "none", "--out", out, *plain)
    assert "1 + 4k" in wrong(capsys, planted, "--out", out, "--frames", "72", *plain)
    assert "height x width" in wrong(capsys, planted, "--out", out, "--size", "64", *plain)
    assert "--fps from 1 to 120" in wrong(capsys, planted, "--out", out, "--fps", "0", *plain)
    assert "did you mean 'opencv-haar'" in wrong(capsys, planted, "--out", out, *plain, "--faces", "opencv")
    assert "outside of the videos" in wrong(capsys, planted, "--out", planted / "out", *plain)
    assert "at least 0 workers" in wrong(capsys, planted, "--out", out, *plain, "--workers", "-1")
    assert not out.exists()
    line = wrong(capsys, planted, "--out", prepared, "--frames", "73,49", "--size", "64x64", *plain)
    assert "sizes = [[128, 128]], got [[64, 64]]; give them again or another --out" in line
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").touch()
    assert "thesis.tex" in wrong(capsys, planted, "--out", tmp_path / "mine", *plain)
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    (damaged / "prepare.json").write_bytes((prepared / "prepare.json").read_bytes())
    (damaged / "manifest.jsonl").write_text('{"id": 1}\n')
    line = wrong(capsys, planted, "--out", damaged, "--size", "128x128", "--frames", "73,49", *plain)
    assert "manifest.jsonl:1" in line
    assert "delete the line" in line


def test_a_missing_package_and_missing_weights_say_what_to_do(planted, tmp_path, capsys, monkeypatch):
    from jova_bench.data import scan

    monkeypatch.setenv("JOVA_BENCH_ASSETS", str(tmp_path / "none"))
    line = wrong(capsys, planted, "--out", tmp_path / "out")
    assert "jova-bench assets pull mediapipe-blazeface-short mediapipe-blazeface-full mediapipe-face-mesh" in line
    monkeypatch.setattr(scan, "find_spec", lambda name: None)
    assert "pip install 'jova-bench[data]'" in wrong(capsys, planted, "--out", tmp_path / "out", "--workers", "0")


def test_a_video_that_changed_since_is_refused(planted, prepared, own_table, tmp_path, capsys):
    folder, out = tmp_path / "videos", tmp_path / "out"
    shutil.copytree(prepared, out)
    shutil.copytree(planted, folder)
    (folder / "two.mp4").write_bytes((planted / "good.mp4").read_bytes())
    line = wrong(capsys, folder, "--out", out, *FLAGS, *own_table)
    assert "two.mp4: expected the" in line
    (tmp_path / "others").mkdir()
    (folder / "good.mp4").rename(tmp_path / "others" / "new.mp4")
    before = files(out)
    line = wrong(capsys, tmp_path / "others", "--out", out, *FLAGS, *own_table)
    assert re.search(r"expected the videos of .*, such as 'at24.mp4', got 1 others; .* another --out", line)
    assert files(out) == before


def test_kept_clips_are_encoded_by_the_models_package_at_the_end(few, tmp_path, capsys, monkeypatch):
    asked = []

    def encode(words, sizes=None):
        asked.append((words, sizes))
        print("73f: 2 clips")
        return 0

    monkeypatch.setitem(sys.modules, "jova.data.shards", SimpleNamespace(main=encode))
    words = [*few[0], "--out", str(few[1]), "--json"]
    codecs = ["--video-codec", "wan", "--audio-codec", "ltx", "--text-encoder", "umt5", "--text-encoder", "qwen"]
    assert main([*words, *codecs, "--device", "cuda:0"]) == 0
    counts = json.loads(capsys.readouterr().out)
    assert (counts["kept"], counts["noted"]) == (2, {"sync_not_judged": 2})
    shards = str(few[1] / "shards")
    full = [str(few[1]), "--out", shards, "--device", "cuda:0", *codecs]
    assert asked == [(full, ((128, 128),)), (full, None)]  # Once before videos are judged, to know that it can be.
    assert main([*words, "--text-encoder", "umt5"]) == 2
    assert main([*words, "--video-codec", "wan"]) == 2
    assert main([*words, "--device", "cuda:0"]) == 2
    monkeypatch.setattr(sys.modules["jova.data.shards"], "main", lambda words, sizes=None: 2)
    monkeypatch.setattr(prepare, "prepare", None)  # It is not called.
    assert main([*words, *codecs]) == 2
    assert len(asked) == 2


def test_a_video_becomes_a_shard_with_the_mask_of_its_mouth(planted, own_table, tmp_path):
    pytest.importorskip("webdataset", reason="shards need jova-bench[data]")
    (tmp_path / "videos").mkdir()
    (tmp_path / "videos" / "good.mp4").symlink_to(planted / "good.mp4")
    codecs = [
        "--video-codec",
        WEIGHTS / "video-codec.safetensors",
        "--audio-codec",
        WEIGHTS / "audio-codec.safetensors",
    ]
    words = ["data", "prepare", tmp_path / "videos", "--out", tmp_path / "out", "--size", "64x64", "--frames", "73"]
    words += ["--workers", "0", "--sync", "embedded", *codecs, *own_table]
    assert main([str(word) for word in words]) == 0
    (shard,) = (tmp_path / "out" / "shards").glob("*.tar")
    with tarfile.open(shard) as tar:
        (content,) = (tar.extractfile(one).read() for one in tar if one.name.endswith(".safetensors"))
    made = safetensors_of(content)
    true = latent_mask(torch.from_numpy(head(GOOD).mouth_box), Stream(Fraction(25), 4), made["mouth"].shape[1:], 8)
    shared = torch.minimum(made["mouth"].float(), true).sum() / torch.maximum(made["mouth"].float(), true).sum()
    assert shared > 0.7
    assert torch.isfinite(made["video"]).all()


def test_counts_are_printed_for_people_and_for_programs(planted, prepared, own_table, tmp_path, capsys):
    words = ["data", "prepare", str(planted), "--out", str(prepared), *FLAGS, *own_table]
    assert main(words) == 0
    out = capsys.readouterr().out
    assert out.startswith("5 clips kept, 10.8 s, in ")
    assert "  rejected, two_faces: 1\n" in out
    (tmp_path / "texts.csv").write_text("id,transcript\nno-such-clip,Hello\n")
    assert main([*words, "--json", "--texts", str(tmp_path / "texts.csv")]) == 0
    said = capsys.readouterr()
    assert "texts.csv are of no clip, such as 'no-such-clip'" in said.err
    counts = json.loads(said.out)
    assert counts["kept"] == 5
    one_each = ("undecodable", "no_face", "silent", "no_speech", "two_faces", "out_of_sync")
    assert counts["rejected"] == dict.fromkeys(one_each, 1)
    assert counts["hidden"] == 0


def test_workers_are_as_many_as_cores_and_free_memory_take(monkeypatch):
    monkeypatch.setattr(prepare, "available_cores", lambda: 8)
    for free, workers in ((100e9, 8), (4e9, 3), (0.5e9, 1)):
        monkeypatch.setattr(prepare, "available_bytes", lambda free=free: int(free))
        assert prepare.default_workers() == workers
    monkeypatch.undo()
    assert 0 < limits.available_bytes() <= limits.memory_bytes()
