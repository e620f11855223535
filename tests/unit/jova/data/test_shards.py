import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load

from jova.data import encoders, shards
from jova.data.manifest import read_manifest
from jova.data.shard_index import MadeBy, ShardIndex, ShardRecord
from jova.data.shards import main, write_shards
from support.prepared_clips import codecs, line, mixed, write_manifest
from support.shown import ROOT, blocks


class Letters:
    """A text encoder of two parts: a state per letter, and one for the whole prompt."""

    channels = (2, 3)
    fingerprint = "letters-1"

    def check(self, prompt):
        if len("".join(prompt)) > 60:
            raise ValueError("expected at most 60 letters")

    def states(self, prompt):
        values = torch.tensor([ord(letter) for letter in "|".join(prompt)], dtype=torch.bfloat16)
        return values[:, None].expand(-1, 2).contiguous(), values.mean().expand(1, 3).contiguous()

    def null(self):
        return torch.zeros(1, 2, dtype=torch.bfloat16), torch.ones(1, 3, dtype=torch.bfloat16)


def files(folder):
    """Names and digests of the files of a folder of shards."""
    paths = (path for path in folder.iterdir() if path.name != ".lock")
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


@pytest.fixture
def small_shards(monkeypatch):
    monkeypatch.setattr(shards, "SHARD_CLIPS", 2)


@pytest.fixture
def counted(monkeypatch):
    """Ids of the clips that are encoded."""
    encoded, encode = [], encoders.Encoders.encode
    monkeypatch.setattr(
        encoders.Encoders, "encode", lambda self, clip, bucket: encoded.append(clip.id) or encode(self, clip, bucket)
    )
    return encoded


def test_kept_clips_become_shards_of_one_bucket_each(tmp_path, small_shards):
    video, audio = codecs()
    index = write_shards(mixed(tmp_path), video, audio, None, tmp_path / "shards")
    assert index == ShardIndex.read(tmp_path / "shards")
    assert index.made_by == MadeBy(video.fingerprint, audio.fingerprint, "words")
    assert index.counts() == {"5f-32x32-25fps": 3, "9f-32x32-24fps": 3, "9f-32x32-25fps": 5}
    assert [(shard.bucket, shard.clips) for shard in index.shards] == [
        (name, clips) for name, count in index.counts().items() for clips in [2] * (count // 2) + [1]
    ]
    for shard in index.shards:
        tar = tmp_path / "shards" / f"{shard.name}.tar"
        assert (shard.bytes, shard.sha256) == (tar.stat().st_size, hashlib.sha256(tar.read_bytes()).hexdigest())
    # 9 frames are 3 latents; at 24 frames/s .375 s, 9.4 units of 1/25 s: 1 + 9 / 2 tokens, one more than at 25.
    assert index.buckets["9f-32x32-25fps"].video == index.buckets["9f-32x32-24fps"].video == (3, 4, 4, 3)
    assert index.buckets["9f-32x32-25fps"].audio == (5, 6)
    assert index.buckets["9f-32x32-24fps"].audio == (6, 6)
    assert index.buckets["5f-32x32-25fps"].audio == (3, 6)


def test_webdataset_reads_what_the_codecs_gave(tmp_path, small_shards):
    webdataset = pytest.importorskip("webdataset")
    video, audio = codecs()
    path, text = mixed(tmp_path), Letters()
    index = write_shards(path, video, audio, text, tmp_path / "shards")
    tars = [str(tmp_path / "shards" / f"{shard.name}.tar") for shard in index.shards]
    samples = list(webdataset.WebDataset(tars, shardshuffle=False))
    assert len({sample["__key__"] for sample in samples}) == 11
    clips = {clip.id: clip for clip in read_manifest(path)}
    assert len(clips) == len(samples)
    for sample in samples:
        assert {name for name in sample if not name.startswith("__")} == {"json", "safetensors"}
        about, tensors = json.loads(sample["json"]), load(sample["safetensors"])
        clip = clips.pop(about["id"])
        assert about["made_by"] == {
            "video_codec": video.fingerprint, "audio_codec": audio.fingerprint, "text": "letters-1"
        }  # fmt: skip
        assert about["transcript"] == "place red now"
        assert about["speech"] == [[0.04, 0.12], [0.16, 0.3]]
        frames, clock = clip.picture(clip.frames), index.buckets[f"{clip.frames}f-32x32-{clip.fps}fps"].clock
        assert torch.equal(tensors["video"], video.encode(frames[None])[0].half())
        assert torch.equal(tensors["audio"], audio.encode(clip.sound(clock)[None])[0].half())
        # Columns 8..24 and rows 16..24 of 32 pixels are cells 1 and 2 of row 2; no face in the last of 4 frames.
        expected = torch.zeros(clock.latent_frames, 4, 4)
        expected[:, 2, 1:3] = 1
        expected[-1] *= 0.75
        assert torch.equal(tensors["mouth"], expected.half())
        assert tensors["boxes"].shape == (clip.frames, 4)
        assert all(torch.equal(tensors[f"text.{k}"], part) for k, part in enumerate(text.states(clip.prompt)))
    assert index.text_channels == (2, 3)
    null = load((tmp_path / "shards" / "null-text.safetensors").read_bytes())
    assert torch.equal(null["text.1"], torch.ones(1, 3, dtype=torch.bfloat16))


def test_the_page_reads_a_shard_as_it_says(tmp_path, monkeypatch, capsys):
    pytest.importorskip("webdataset")
    write_manifest(tmp_path, [line("a")])
    index = write_shards(tmp_path, *codecs(), None, tmp_path / "shards" / "shards")
    (code,) = blocks(ROOT / "docs" / "shards.md", "python")
    monkeypatch.chdir(tmp_path)
    exec(code.replace("73f-256x256-25fps-00000", index.shards[0].name), {})
    assert capsys.readouterr().out == "a torch.Size([3, 4, 4, 3])\n"


def test_clips_without_boxes_weigh_nothing(tmp_path):
    write_manifest(tmp_path, [line("a", boxes=None)])
    index = write_shards(tmp_path, *codecs(), None, tmp_path / "shards")
    tar = (tmp_path / "shards" / f"{index.shards[0].name}.tar").read_bytes()
    (clip,) = ShardRecord.read(tmp_path / "shards" / f"{index.shards[0].name}.json").clips
    tensors = load(tar[clip.safetensors[0] :][: clip.safetensors[1]])
    assert tensors["mouth"].abs().sum() == 0
    assert bool(tensors["boxes"].isnan().all())


KILLED = """
import os, signal, sys
from pathlib import Path
from support.prepared_clips import codecs
from jova.data import encoders, shards
shards.SHARD_CLIPS = 2
encode, left = encoders.Encoders.encode, [int(sys.argv[3])]
def dying(self, clip, bucket):
    if left[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    left[0] -= 1
    return encode(self, clip, bucket)
encoders.Encoders.encode = dying
shards.write_shards(Path(sys.argv[1]), *codecs(), None, Path(sys.argv[2]))
"""


def test_a_killed_encoding_goes_on_and_ends_as_an_unbroken_one(tmp_path, small_shards, counted):
    path, folder = mixed(tmp_path), str(Path(__file__).parents[3])
    write_shards(path, *codecs(), None, tmp_path / "whole")
    whole, order = files(tmp_path / "whole"), list(counted)
    counted.clear()
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([folder, *sys.path])}
    command = [sys.executable, "-c", KILLED, str(path), str(tmp_path / "shards"), "3"]
    assert subprocess.run(command, env=environment, check=False).returncode == -signal.SIGKILL
    left = {name for name in files(tmp_path / "shards") if ".part" in name}
    assert len(left) == 1  # the second shard, with one of its clips
    assert "index.json" not in files(tmp_path / "shards")
    write_shards(path, *codecs(), None, tmp_path / "shards")
    assert files(tmp_path / "shards") == whole
    assert counted == order[2:]
    counted.clear()
    write_shards(path, *codecs(), None, tmp_path / "shards")
    assert files(tmp_path / "shards") == whole
    assert counted == []


def test_a_manifest_that_grows_or_changes_is_encoded_where_it_did(tmp_path, small_shards, counted):
    lines = [line(f"c{k}") for k in range(3)]
    path, out = write_manifest(tmp_path, lines), tmp_path / "shards"
    write_shards(path, *codecs(), None, out)
    first = files(out)
    write_manifest(tmp_path, [*lines, line("c3")])
    counted.clear()
    assert write_shards(path, *codecs(), None, out).clips == 4
    assert counted == ["c3"]
    name = "9f-32x32-25fps-0000"
    assert all(files(out)[f"{name}{k}.tar"] == first[f"{name}{k}.tar"] for k in (0, 1))
    # Other words for c1, and c2 rejected: their shards are made of what is kept, c0 and c1.
    lines[1], lines[2] = lines[1] | {"transcript": "now"}, lines[2] | {"status": "rejected"}
    write_manifest(tmp_path, [*lines, line("c3")])
    counted.clear()
    index = write_shards(path, *codecs(), None, out)
    assert counted == ["c0", "c1"]
    assert sorted(f"{shard.name}.tar" for shard in index.shards) == sorted(x for x in files(out) if x.endswith("tar"))
    assert index.clips == 3


def test_shards_of_another_manifest_are_refused_and_stand(tmp_path, small_shards):
    out, path = tmp_path / "shards", write_manifest(tmp_path / "one", [line("a"), line("b", frames=5), line("c")])
    write_shards(path, *codecs(), None, out)
    before = files(out)
    write_manifest(tmp_path / "two", [line("x"), line("c")])
    # The same names in another folder are other videos, and so is a part of a manifest another one.
    write_manifest(tmp_path / "namesakes", [line("z"), line("c"), line("b", frames=5), line("a")])
    part = path.with_name("part.jsonl")
    part.write_text("".join(path.read_text().splitlines(keepends=True)[:2]))
    for other in (tmp_path / "two", tmp_path / "namesakes", part):
        with pytest.raises(ValueError, match=r"expected shards of the clips of this manifest, got clip [abc] of"):
            write_shards(other, *codecs(), None, out)
        assert files(out) == before
    for record in out.glob("*-*.json"):  # As they were before they had the sizes of clips.
        text = json.loads(record.read_text())
        for clip in text["clips"]:
            del clip["bytes"]
        record.write_text(json.dumps(text))
    assert write_shards(path, *codecs(), None, out).clips == 3


def test_a_prompt_that_no_encoder_reads_is_told_before_any_clip_is_encoded(tmp_path, small_shards, counted):
    path = write_manifest(tmp_path, [line(f"c{k}", video_caption="red " * 19 * (k == 4)) for k in range(5)])
    with pytest.raises(ValueError, match="line 5: clip c4: expected at most 60 letters"):
        write_shards(path, *codecs(), Letters(), tmp_path / "shards")
    assert counted == []


def test_a_truncated_tar_is_made_again(tmp_path, small_shards):
    path, out = mixed(tmp_path), tmp_path / "shards"
    index = write_shards(path, *codecs(), None, out)
    whole, tar = files(out), out / f"{index.shards[1].name}.tar"
    tar.write_bytes(tar.read_bytes()[:-512])
    write_shards(path, *codecs(), None, out)
    assert files(out) == whole


def test_a_damaged_record_is_to_be_removed_and_its_clips_encoded_again(tmp_path, small_shards):
    path, out = mixed(tmp_path), tmp_path / "shards"
    index = write_shards(path, *codecs(), None, out)
    whole, record = files(out), out / f"{index.shards[1].name}.json"
    for content in ("", "[]", record.read_text().replace("jova-shards@1", "jova-shards@9")):
        record.write_text(content)
        with pytest.raises(ValueError, match=r"expected a record of shards in .*; remove that file first") as fault:
            write_shards(path, *codecs(), None, out)
        assert str(record) in str(fault.value)
    record.unlink()
    write_shards(path, *codecs(), None, out)
    assert files(out) == whole
    (out / "notes-1.json").write_text("of the user")
    write_shards(path, *codecs(), None, out)
    assert (out / "notes-1.json").read_text() == "of the user"


def test_shards_of_other_encoders_are_not_overwritten(tmp_path):
    path, (video, audio), out = write_manifest(tmp_path, [line("a")]), codecs(), tmp_path / "shards"
    write_shards(path, video, audio, None, out)
    before = files(out)
    with pytest.raises(ValueError, match=r"expected shards of the text letters-1, got those of words in .*--out"):
        write_shards(path, video, audio, Letters(), out)
    video.mean[0, 0] = 1
    with pytest.raises(ValueError, match=r"expected shards of the video codec .*, got those of .*another --out"):
        write_shards(path, video, audio, None, out)
    assert files(out) == before


def test_processes_share_the_work_and_wait_for_one_another(tmp_path, small_shards, monkeypatch):
    path, encoded, others_done = mixed(tmp_path), [], threading.Event()
    write_shards(path, *codecs(), None, tmp_path / "whole")
    encode = encoders.Encoders.encode

    def slow(self, clip, bucket):
        """The first that begins ends last."""
        encoded.append(clip.id)
        if len(encoded) == 1:
            assert others_done.wait(60)
        elif len(encoded) == 10:  # all but this one and the other of its shard
            others_done.set()
        return encode(self, clip, bucket)

    monkeypatch.setattr(encoders.Encoders, "encode", slow)
    with ThreadPoolExecutor(2) as pool:
        asked = [pool.submit(write_shards, path, *codecs(), None, tmp_path / "shards") for _ in range(2)]
        indices = [one.result() for one in asked]
    assert sorted(encoded) == sorted(clip.id for clip in read_manifest(path))
    assert indices[0] == indices[1] == ShardIndex.read(tmp_path / "shards")
    assert files(tmp_path / "shards") == files(tmp_path / "whole")
    assert [path.name for path in (tmp_path / "shards").glob(".*")] == [".lock"]


def test_faults_of_a_clip_name_its_line(tmp_path, monkeypatch):
    path, (video, audio) = write_manifest(tmp_path, [line("a"), line("b", height=36, boxes=None)]), codecs()
    with pytest.raises(ValueError, match=r"line 2: expected sides that are multiples of 8 pixels.*got 36 x 32"):
        write_shards(path, video, audio, None, tmp_path / "shards")
    write_manifest(tmp_path, [line("a"), line("c", height=40, boxes=None)])
    with pytest.raises(ValueError, match=r"line 2: clip c: expected frames of 32 x 32, got \(40, 32\)"):
        write_shards(path, video, audio, None, tmp_path / "shards")
    write_manifest(tmp_path, [line("a")])
    video.scale.fill_(1e-9)
    with pytest.raises(
        ValueError, match=r"line 1: expected video latents of \(3, 4, 4, 3\) in float16, got .* no number"
    ):
        write_shards(path, video, audio, None, tmp_path / "other")


def test_ids_that_webdataset_would_cut_stay_apart(tmp_path):
    write_manifest(tmp_path, [line(name) for name in ("a.1", "a.2", "été", "x.pyd", "y.pickle")])
    index = write_shards(tmp_path, *codecs(), None, tmp_path / "shards")
    record = ShardRecord.read(tmp_path / "shards" / f"{index.shards[0].name}.json")
    assert [clip.id for clip in record.clips] == ["a.1", "a.2", "été", "x.pyd", "y.pickle"]
    webdataset = pytest.importorskip("webdataset")
    tar = str(tmp_path / "shards" / f"{index.shards[0].name}.tar")
    assert [json.loads(x["json"])["id"] for x in webdataset.WebDataset([tar], shardshuffle=False)] == [
        clip.id for clip in record.clips
    ]


def test_without_webdataset_the_command_says_what_to_install(tmp_path, monkeypatch):
    path = write_manifest(tmp_path, [line("a")])
    monkeypatch.setitem(sys.modules, "webdataset.writer", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'jova-bench\[data\]'"):
        write_shards(path, *codecs(), None, tmp_path / "shards")


def test_the_command_encodes_and_says_what_there_is(tmp_path, capsys):
    path, (video, audio) = mixed(tmp_path), codecs()
    video.save(tmp_path / "video.safetensors")
    audio.save(tmp_path / "audio.safetensors")
    flags = ["--video-codec", str(tmp_path / "video.safetensors"), "--audio-codec", str(tmp_path / "audio.safetensors")]
    assert main([str(path), *flags, "--out", str(tmp_path / "shards")]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "5f-32x32-25fps: 3 clips", "9f-32x32-24fps: 3 clips", "9f-32x32-25fps: 5 clips"
    ]  # fmt: skip
    gpu = str(torch.cuda.device_count())
    assert main([str(path), *flags, "--out", str(tmp_path / "shards"), "--device", f"cuda:{gpu}"]) == 2
    assert (
        capsys.readouterr().err == f"jova.data.shards: expected one of {gpu} GPUs, got cuda:{gpu}; use --device cpu\n"
    )
    assert main([str(path), *flags, "--out", "/proc/none/shards"]) == 2
    assert "jova.data.shards: expected a folder that can be written, got /proc/none/shards" in capsys.readouterr().err
    assert main(["none", *flags, "--out", "none"], sizes=[(64, 32), (32, 30)]) == 2
    assert "expected sides that are multiples of 8 pixels" in capsys.readouterr().err
    assert main(["none", *flags, "--out", "none"], sizes=[(64, 32)]) == 0
    assert main([str(tmp_path / "none"), *flags, "--out", str(tmp_path / "shards")]) == 2
    assert capsys.readouterr().err.startswith("jova.data.shards: expected a manifest at")
    assert main([str(path), *flags[:3], str(tmp_path / "no"), "--out", str(tmp_path / "shards")]) == 2
    assert "jova.data.shards: expected" in capsys.readouterr().err


def test_a_bucket_has_a_name_and_a_record_of_its_own(tmp_path):
    write_manifest(tmp_path, [line("a", fps="24000/1001")])
    index = write_shards(tmp_path, *codecs(), None, tmp_path / "shards")
    (bucket,) = index.buckets.values()
    assert bucket.name == "9f-32x32-24000_1001fps"
    assert type(bucket).from_record(json.loads(json.dumps(bucket.record()))) == bucket
    assert replace(bucket, width=64).name == "9f-32x64-24000_1001fps"
