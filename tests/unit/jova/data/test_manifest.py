import json
from fractions import Fraction

import numpy as np
import pytest
import torch

from jova.data.manifest import read_manifest
from jova.timeline import Timeline
from support.prepared_clips import line, write_manifest


def test_kept_clips_come_in_order_with_their_files(tmp_path):
    path = write_manifest(tmp_path, [line("b", fps="24000/1001"), line("x", status="rejected"), line("a", boxes=None)])
    kept = read_manifest(path)
    assert [clip.id for clip in kept] == ["b", "a"]
    assert read_manifest(tmp_path) == kept
    first, second = kept
    assert (first.frames, first.fps, first.height, first.width) == (9, Fraction(24000, 1001), 32, 32)
    assert first.prompt == ("red hair", "low voice", "place red now")
    assert first.speech == ((0.04, 0.12), (0.16, 0.3))
    assert first.picture(5).shape == (5, 32, 32, 3)
    # 9 frames at 24000/1001 frames/s are .375375 s; at 48 kHz 18018 samples.
    assert first.sound(Timeline(9, first.fps, 48_000)).shape == (18018,)
    assert first.mouth_boxes(9)[[0, 7, 8]].nan_to_num(-1).tolist() == [[8, 16, 24, 24]] * 2 + [[-1] * 4]
    assert bool(second.mouth_boxes(9).isnan().all())


def test_a_line_without_frames_has_those_from_start_to_end(tmp_path):
    record = line("a", fps="30/1", start_s=2.5, end_s=2.5 + 9 / 30)
    del record["frames"]
    path = tmp_path / "manifest.jsonl"
    path.write_text(json.dumps(record) + "\n")
    assert read_manifest(path)[0].frames == 9


def test_the_last_line_of_an_id_counts(tmp_path):
    lines = [line("a"), line("b"), line("a", transcript="now"), line("b", status="rejected")]
    (tmp_path / "manifest.jsonl").write_text("".join(json.dumps(one) + "\n" for one in lines))
    assert [(clip.id, clip.prompt.transcript) for clip in read_manifest(tmp_path)] == [("a", "now")]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"id": "../a"}, "expected id of 1 to 120 letters"),
        ({"id": "a/b"}, "expected id of 1 to 120 letters"),
        ({"id": 7}, "expected id of 1 to 120 letters"),
        ({"status": "maybe"}, "expected status to be kept or rejected, got 'maybe'"),
        ({"fps": 25}, "expected fps to be 'num/den', got 25"),
        ({"fps": "25/0"}, "expected fps above 0"),
        ({"frames": None, "end_s": 1.01}, "expected start_s and end_s of at least a frame"),
        ({"frames": True}, "expected frames to be a whole number above 0, got True"),
        ({"height": -4}, "expected height to be a whole number above 0, got -4"),
        ({"width": None}, "expected width to be a whole number above 0, got None"),
        ({"boxes": "/etc/passwd"}, "expected boxes to be null or 'tracks/b.npz', got '/etc/passwd'"),
        ({"speech": [[0.3, 0.1]]}, "expected speech to be a list of"),
        ({"speech": [[0.1, float("nan")]]}, "expected speech to be a list of"),
        ({"speech": [[0.1, 0.2], [0.3, 99]]}, "expected speech in the clip's 0.36 s, got some until 99 s"),
        ({"transcript": None}, "expected transcript to be a text, got None"),
    ],
)
def test_faults_name_the_file_and_the_line(tmp_path, fields, message):
    path = tmp_path / "manifest.jsonl"
    path.write_text(json.dumps(line("a")) + "\n" + json.dumps(line("b") | fields) + "\n")
    with pytest.raises(ValueError, match=r"manifest\.jsonl line 2: ") as fault:
        read_manifest(path)
    assert message in str(fault.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "expected kept clips in .*, got 0 that are rejected"),
        (b"{\n", "line 1: "),
        (b'"a"\n', "line 1: expected a JSON object, got str"),
        (b"\xff\n", "line 1: "),
        (b"[" * 100_000 + b"\n", "line 1: "),
        (b'{"id": "a", "status": "rejected"}\n', "got 1 that are rejected; their reasons say why"),
        (b'{"id": "a", "status": "rejected"}', "got half a line at its end; run data prepare to its end"),
    ],
)
def test_damaged_files_are_one_line(tmp_path, content, message):
    (tmp_path / "manifest.jsonl").write_bytes(content)
    with pytest.raises(ValueError, match=message) as fault:
        read_manifest(tmp_path)
    assert "\n" not in str(fault.value)


@pytest.mark.parametrize(
    ("box", "got"),
    [
        ([24, 16, 8, 24], "a box that ends before it begins"),
        ([8, 24, 24, 16], "a box that ends before it begins"),
        ([1e9, 16, 2e9, 24], "none in the picture"),
    ],
)
def test_boxes_that_are_none_are_refused(tmp_path, box, got):
    (clip,) = read_manifest(write_manifest(tmp_path, [line("a")]))
    np.savez(clip.boxes_path, mouth_box=np.array([[np.nan] * 4, *[box] * 8]))
    with pytest.raises(ValueError, match=f"line 1: expected mouth_box as x0, y0, x1, y1 .* got {got}"):
        clip.mouth_boxes(9)
    np.savez(clip.boxes_path, mouth_box=np.array([[30, 16, 40, 24], *[[40, 16, 50, 24]] * 8]))
    assert clip.mouth_boxes(9).tolist()[8] == [40, 16, 50, 24]  # A mouth may leave the picture.


def test_the_rate_of_a_line_is_that_of_its_file(tmp_path):
    path = write_manifest(tmp_path, [line("a"), line("b", fps="30000/1001")])
    for told, frame in (("50/1", "1 where frame 2.0"), ("24/1", None), ("22/1", "5 where frame 4.4")):
        path.write_text(json.dumps(line("a", fps=told, speech=[])) + "\n")
        (clip,) = read_manifest(path)
        if frame is None:  # A third of a frame at the end: less than a time of another file is rounded by.
            assert len(clip.picture(9)) == 9
            continue
        with pytest.raises(ValueError, match=f"line 1: expected a constant {told[:2]} frames a second .*frame {frame}"):
            clip.picture(9)
    path.write_text(json.dumps(line("b", fps="30000/1001")) + "\n")
    assert len(read_manifest(path)[0].picture(9)) == 9


def test_a_missing_manifest_says_what_makes_it(tmp_path):
    with pytest.raises(FileNotFoundError, match="got no file; run jova-bench data prepare"):
        read_manifest(tmp_path)


def test_files_that_are_not_what_their_line_says_are_refused(tmp_path):
    lines = [line(name) for name in ("long", "small", "damaged", "gone", "boxes", "pickled")]
    path = write_manifest(tmp_path, lines)
    (tmp_path / "clips" / "damaged.mp4").write_bytes(b"no video")
    (tmp_path / "clips" / "gone.mp4").unlink()
    np.savez(tmp_path / "tracks" / "boxes.npz", mouth_box=np.zeros((5, 4)))
    np.savez(tmp_path / "tracks" / "pickled.npz", mouth_box=np.array([{}], dtype=object))
    lines[0]["frames"], lines[1]["width"] = 13, 64
    path.write_text("".join(json.dumps(one) + "\n" for one in lines))
    clips = {clip.id: clip for clip in read_manifest(path)}
    for name, read, message in (
        ("long", lambda clip: clip.picture(13), "line 1: expected 13 frames of 32 x 32 pixels in .*, got 9 of 32 x 32"),
        ("small", lambda clip: clip.picture(9), "line 2: expected 9 frames of 32 x 64 pixels in .*, got 9 of 32 x 32"),
        ("damaged", lambda clip: clip.picture(9), "line 3: expected the files of clip damaged"),
        ("damaged", lambda clip: clip.sound(Timeline(9)), "line 3: expected the files of clip damaged"),
        ("gone", lambda clip: clip.picture(9), "line 4: .*no file; prepare it again"),
        ("boxes", lambda clip: clip.mouth_boxes(9), r"line 5: expected mouth_box of \(9, 4\) in .*, got \(5, 4\)"),
        ("pickled", lambda clip: clip.mouth_boxes(1), "line 6: expected the files of clip pickled"),
    ):
        with pytest.raises(ValueError, match=message):
            read(clips[name])
    assert torch.equal(clips["boxes"].mouth_boxes(5), torch.zeros(5, 4))
