"""The procedural corpus: what is drawn and said is what the tracks and prompts say."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("cv2", reason="making the corpus needs jova-bench[corpus]")
pytest.importorskip("espeakng_loader", reason="making the corpus needs jova-bench[corpus]")

from jova.data import vocabulary
from jova.data.__main__ import main
from jova.data.corpus import FPS, FRAMES, SAMPLES, SPLITS, make_clip, make_prompt, seed_of, split_of
from jova.data.face import KEYPOINTS, MAX_GAP, Look, Pose, draw, keypoints, lip_boxes
from jova.data.folder import read_clip, read_folder, write_clip
from jova.data.speech import Delivery, speak
from jova.data.split import make_split
from jova.data.splits import missing_splits
from jova.data.visemes import mouth_track, viseme

LOOK = Look((20, 20, 20), (250, 220, 200), (200, 0, 0), (0, 200, 0), False, 16.5, 7.5)


@pytest.fixture
def in_this_process(monkeypatch):
    """Clips are made here: a process for each split would import torch; `test_stopped.py` has those that do."""
    monkeypatch.setattr("jova.data.split._pool", ThreadPoolExecutor)


def make(split, index):
    prompt = make_prompt(split, index)
    return prompt, make_clip(prompt["tags"], prompt["transcript"], seed_of(split, index))


def test_same_words_give_the_same_samples_in_one_process():
    delivery = Delivery("en-us+f2", 190, 50, (0, 120))
    first, second = (speak(("put", "blue", "two"), delivery) for _ in range(2))
    np.testing.assert_array_equal(first.audio, second.audio)
    assert first.phonemes == second.phonemes


def test_unknown_voice_is_an_error():
    with pytest.raises(RuntimeError, match="no-such-voice"):
        speak(("put",), Delivery("no-such-voice", 190, 50, ()))


def test_every_word_of_every_voice_has_visemes():
    words = [word for slot in vocabulary.SLOTS.values() for word in slot]
    for voice in vocabulary.VOICES.values():
        spoken = speak(tuple(words), Delivery(voice, 190, 50, (0,) * (len(words) - 1)))
        assert len(spoken.phonemes) > 2 * len(words)
        for phoneme in spoken.phonemes:
            viseme(phoneme)


def test_lips_close_for_b_and_open_for_a():
    # b from 0.2 s, a from 0.3 s, silence from 0.6 s: closed in the middle of b, open in the middle of a.
    track = mouth_track(("b", "'A:", "_"), np.array([0.2, 0.3, 0.6]), np.array([0.0, 0.24, 0.45, 0.9]))
    assert track[0, 0] < 0.01
    assert track[1, 0] < 0.15
    assert track[2, 0] > 0.95
    assert track[3, 0] < 0.01


def test_unknown_phoneme_is_not_drawn_as_silence():
    with pytest.raises(KeyError, match="no viseme"):
        viseme("q")


def test_keypoints_follow_shift_and_opening():
    at_rest = keypoints(LOOK, Pose(0, 0, 0, 0, 0, 0.5, 0))
    moved = keypoints(LOOK, Pose(3, -2, 0, 0, 0, 0.5, 0))
    np.testing.assert_allclose(moved - at_rest, np.broadcast_to((3, -2), at_rest.shape), atol=1e-5)
    upper, lower = (KEYPOINTS.index(f"{lip}_lip_inner") for lip in ("upper", "lower"))
    wide = keypoints(LOOK, Pose(0, 0, 0.1, 0, 0.5, 0.5, 0))
    # The gap is half of the largest, whatever the tilt.
    assert np.hypot(*(wide[lower] - wide[upper])) == pytest.approx(0.5 * MAX_GAP, abs=1e-4)


def test_mouth_box_holds_all_that_a_moving_mouth_changes():
    closed, open_ = (Pose(1, 1, 0.02, 0, opening, 0.5, 0.5) for opening in (0.0, 0.9))
    changed = np.abs(draw(LOOK, closed).astype(int) - draw(LOOK, open_).astype(int)).sum(-1) > 60
    ((x0, y0, x1, y1),) = lip_boxes(keypoints(LOOK, open_)[None])
    rows, columns = np.nonzero(changed)
    chin_x, chin_y = keypoints(LOOK, closed)[KEYPOINTS.index("chin")]
    mouth = (rows < chin_y - 4) & (np.abs(columns - chin_x) < 9)  # the outline of the jaw moves too
    assert mouth.sum() > 20
    assert rows[mouth].min() >= y0 - 1
    assert rows[mouth].max() <= y1 + 1
    assert columns[mouth].min() >= x0 - 1
    assert columns[mouth].max() <= x1 + 1


@pytest.mark.parametrize(
    ("size", "scale", "left"), [((64, 64), 1, 0), ((128, 128), 2, 0), ((128, 96), 2, -16), ((96, 160), 1.5, 32)]
)
def test_a_head_of_any_size_is_the_same_head(size, scale, left):
    # A frame is 64 units high: by hand, H / 64 px a unit, and (W - H) / 2 px from the left edge to that of the square.
    pose = Pose(1, -1, 0.05, 0, 0.9, 0.5, 0.5)
    points = keypoints(LOOK, pose)
    larger = keypoints(LOOK, pose, size)
    np.testing.assert_allclose(larger, points * scale + (left, 0), atol=1e-4)
    (box,), (of_larger,) = lip_boxes(points[None]), lip_boxes(larger[None], size)
    np.testing.assert_allclose(of_larger, box * scale + (left, 0, left, 0), atol=1e-4)
    frame = draw(LOOK, pose, size)
    assert frame.shape == (*size, 3)
    # The mouth is open at its keypoints, the cheek has the colour of the skin, the corner that of the background.
    upper, lower = (larger[KEYPOINTS.index(f"{lip}_lip_inner")] for lip in ("upper", "lower"))
    x, y = (0.3 * lower + 0.7 * upper).astype(int)
    assert np.abs(frame[y, x].astype(int) - LOOK.skin).max() > 100 or frame[y, x].min() > 230  # cavity or teeth
    x, y = (larger[KEYPOINTS.index("nose_tip")] + np.array((6, 0)) * scale).astype(int)
    np.testing.assert_array_equal(frame[y, x], LOOK.skin)
    assert frame[0, 0, 1] > 200
    assert frame[0, 0, 0] == 0


def test_a_larger_drawing_averages_to_the_smaller_one():
    pose = Pose(1, 0, 0, 0, 0.5, 0.5, 0.5)
    small, large = draw(LOOK, pose), draw(LOOK, pose, (128, 128))
    means = large.reshape(64, 2, 64, 2, 3).astype(float).mean((1, 3))
    same = np.abs(means - small).mean()
    assert same < 1.5  # of 255: outlines are a quarter of a drawn pixel wider
    moved = [np.abs(np.roll(means, by, axis) - small).mean() for by in (-1, 1) for axis in (0, 1)]
    assert min(moved) > 3 * same


@pytest.mark.usefixtures("in_this_process")
def test_a_corpus_has_clips_of_one_size(tmp_path: Path):
    make_split("validation", 1, tmp_path, size=(96, 128))
    assert read_folder(tmp_path)[0].media()[0].shape == (FRAMES, 96, 128, 3)
    assert read_folder(tmp_path)[0].track("mouth_box")[:, 1].min() > 48  # in the lower half of 96 px
    with pytest.raises(ValueError, match="64 x 64 pixels as asked for, got 96 x 128"):
        make_split("validation", 2, tmp_path)
    assert len(read_folder(tmp_path)) == 1  # still finished


@pytest.mark.parametrize("size", ["128", "127x128", "16x16", "128x96x3", "8000x64", "-64x64"])
def test_a_size_that_no_clip_has_is_refused(size, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(
        "sys.argv", ["data", "--split", "test", "--count", "1", "--out", str(tmp_path), f"--size={size}"]
    )
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 2
    assert "even numbers from 32 to 4096" in capsys.readouterr().err


def test_splits_share_no_sentence_and_no_seed():
    sentences = {split: {make_prompt(split, index)["transcript"] for index in range(200)} for split in SPLITS}
    for split, own in sentences.items():
        assert {split_of(sentence) for sentence in own} == {split}
    assert len({seed_of(split, index) for split in SPLITS for index in range(1000)}) == 1000 * len(SPLITS)


def test_clip_is_deterministic_and_its_sound_follows_its_tracks():
    prompt, clip = make("test", 3)
    again = make("test", 3)[1]
    np.testing.assert_array_equal(clip.frames, again.frames)
    np.testing.assert_array_equal(clip.audio, again.audio)
    assert clip.frames.shape == (FRAMES, 64, 64, 3)
    assert clip.audio.shape == (SAMPLES,)
    # Loudness per frame is high only while phonemes last.
    loud = np.sqrt((clip.audio.reshape(FRAMES, -1) ** 2).mean(1)) > 0.02
    starts, ends = clip.phoneme_times[0, 0], clip.phoneme_times[-1, 1]
    spoken = np.flatnonzero(loud) / FPS
    assert starts - 1 / FPS <= spoken.min() < starts + 0.25
    assert spoken.max() <= ends + 1 / FPS
    assert clip.mouth_open[~loud].mean() < 0.5 * clip.mouth_open[loud].mean()
    assert prompt["transcript"].split()[0] in vocabulary.SLOTS["command"]


def test_onset_and_length_of_speech_vary():
    clips = [make("train", index)[1] for index in range(12)]
    onsets = [clip.phoneme_times[0, 0] for clip in clips]
    lengths = [clip.phoneme_times[-1, 1] - clip.phoneme_times[0, 0] for clip in clips]
    assert np.std(onsets) > 0.15
    assert np.std(lengths) > 0.2


@pytest.mark.usefixtures("in_this_process")
def test_folder_dataset_is_resumed_and_read_back(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match=r"dataset\.json"):
        read_folder(tmp_path)
    make_split("validation", 1, tmp_path)
    before = (tmp_path / "clips" / "validation-00000.mp4").stat().st_mtime_ns
    make_split("validation", 2, tmp_path)
    assert (tmp_path / "clips" / "validation-00000.mp4").stat().st_mtime_ns == before
    items = read_folder(tmp_path)
    assert [item.id for item in items] == ["validation-00000", "validation-00001"]
    frames, audio = items[1].media()
    clip = make("validation", 1)[1]
    np.testing.assert_allclose(audio, clip.audio, atol=1 / 32768)
    # Colours are kept; at edges the halved chroma resolution of yuv420p shows.
    np.testing.assert_allclose(frames.mean((0, 1, 2)), clip.frames.mean((0, 1, 2)), atol=2.5)
    assert np.abs(frames.astype(float) - clip.frames)[:, :8, :8].mean() < 3
    np.testing.assert_array_equal(items[1].track("keypoints"), clip.keypoints)
    assert json.loads((tmp_path / "dataset.json").read_text())["count"] == 2


@pytest.mark.usefixtures("in_this_process")
def test_a_corpus_that_was_to_grow_is_unfinished_until_it_has(tmp_path: Path, monkeypatch):
    folder = tmp_path / "validation"
    make_split("validation", 1, folder)
    with monkeypatch.context() as stopped:
        stopped.setattr("jova.data.split.missing", lambda *_: 1 / 0)  # Before the second clip.
        with pytest.raises(ZeroDivisionError):
            make_split("validation", 2, folder)
    monkeypatch.setattr("jova.data.splits.VALIDATION_CLIPS", 2)
    assert missing_splits(tmp_path, 0)["validation"] == 2
    make_split("validation", 2, folder)
    assert len(read_folder(folder)) == 2


def test_written_clip_keeps_sync_to_the_sample(tmp_path: Path):
    frames = np.zeros((25, 32, 32, 3), np.uint8)
    frames[10] = 255  # a flash and a click at 0.4 s
    audio = np.zeros(16_000, np.float32)
    audio[6400] = 0.5
    write_clip(tmp_path / "flash.mp4", frames, audio)
    seen, heard = read_clip(tmp_path / "flash.mp4")
    assert int(seen.mean((1, 2, 3)).argmax()) == 10
    assert len(heard) == 16_000
    assert int(np.abs(heard).argmax()) == 6400


def test_without_its_packages_the_command_is_one_line(monkeypatch, capsys):
    from jova import data
    from jova.data.__main__ import main

    monkeypatch.setattr(data, "find_spec", lambda name: None if name == "cv2" else name)
    assert main() == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "jova.data: not installed: opencv-python-headless; to make clips, run pip install 'jova-bench[corpus]'"
    ]
