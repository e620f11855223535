"""Each planted change does what it says, to the sample and the frame, and nothing else."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from jova_bench.calibration import changes, pictures
from jova_bench.calibration.changes import KINDS, Change, chosen
from jova_bench.errors import BenchError
from jova_bench.ids import check_id
from jova_bench.media import files as media
from jova_bench.media.encode import LOSSLESS
from jova_bench.metrics.responses import PICTURE, Axis, expected
from jova_bench.records import MetricSpec

RATE_HZ = 16_000


def made(fps=Fraction(25), rate_hz=RATE_HZ, seconds=1, seed=0):
    """A clip of noise in sound and picture, whose every sample and pixel is its own."""
    rng = np.random.default_rng(seed)
    frames = rng.integers(0, 256, (round(fps * seconds), 36, 48, 3), dtype=np.uint8)
    sound = (rng.standard_normal((1, rate_hz * seconds)) / 8).astype(np.float32)
    return media.clip_from_arrays(frames, fps, sound, rate_hz)


@pytest.fixture(scope="module")
def clip():
    return made()


def plant(axis, strength, clip, other=None):
    return KINDS[axis].plant(clip, strength, lambda: other or made(seed=9))


@pytest.mark.parametrize(
    ("fps", "rate_hz", "frames", "samples"),
    # 3 frames at 30000/1001 fps are 0.1001 s: 4414.41 samples at 44.1 kHz.
    [
        (25, 16_000, 3, 1920),
        (25, 16_000, -15, -9600),
        (Fraction(30_000, 1001), 44_100, 3, 4414),
        (24, 48_000, -1, -2000),
    ],
)
def test_an_offset_is_exact_to_the_sample_and_keeps_the_length(fps, rate_hz, frames, samples):
    clip = made(Fraction(fps), rate_hz)
    found = plant(Axis.OFFSET, frames, clip)
    assert found.frames is clip.frames
    assert found.audio.shape == clip.audio.shape
    if samples > 0:  # The sound comes earlier.
        np.testing.assert_array_equal(found.audio[:, :-samples], clip.audio[:, samples:])
        assert not found.audio[:, -samples:].any()
    else:
        np.testing.assert_array_equal(found.audio[:, -samples:], clip.audio[:, :samples])
        assert not found.audio[:, :-samples].any()


def test_an_offset_longer_than_the_clip_leaves_silence():
    short = replace(made(), audio=made().audio[:, :1000])
    for frames in (15, -15):
        assert plant(Axis.OFFSET, frames, short).audio.shape == (1, 1000)
        assert not plant(Axis.OFFSET, frames, short).audio.any()


@pytest.mark.parametrize("axis", Axis)
def test_a_change_leaves_the_other_stream_as_it_is(axis, clip):
    for strength in KINDS[axis].strengths:
        found = plant(axis, strength, clip)
        if axis in PICTURE:
            assert found.audio is clip.audio
            assert len(found.frames) / found.fps == len(clip.frames) / clip.fps
            assert found.frames.shape[1:] == clip.frames.shape[1:]
        else:
            assert found.frames is clip.frames
            assert Fraction(found.audio.shape[1], found.sample_rate_hz) == 1
        same = plant(axis, strength, clip)
        assert same.digest == found.digest  # Seeded by the clip's content.


def level_db(clip, found):
    added = found.audio.astype(np.float64) - clip.audio
    return 10 * np.log10(np.mean(clip.audio.astype(np.float64) ** 2) / np.mean(added**2))


@pytest.mark.parametrize("axis", [Axis.NOISE, Axis.MUSIC])
def test_noise_and_music_have_the_level_that_they_state(axis, clip):
    for decibels in KINDS[axis].strengths:
        assert level_db(clip, plant(axis, decibels, clip)) == pytest.approx(decibels, abs=0.01)
    with pytest.raises(BenchError, match="silent"):
        plant(axis, 10, replace(clip, audio=np.zeros_like(clip.audio)))


def test_louder_noise_is_the_same_noise(clip):
    soft, loud = (plant(Axis.NOISE, decibels, clip).audio - clip.audio for decibels in (20, 0))
    np.testing.assert_allclose(loud, 10 * soft, atol=1e-5)


def test_music_is_made_of_tones(clip):
    music = (plant(Axis.MUSIC, 0, clip).audio - clip.audio)[0, : RATE_HZ // 2]
    power = np.sort(np.abs(np.fft.rfft(music)) ** 2)
    assert power[-60:].sum() > 0.9 * power.sum()  # Of 4001 bins; of noise these would have less than a tenth.


def test_aac_moves_nothing_in_time():
    rng = np.random.default_rng(3)
    smooth = np.convolve(rng.standard_normal(RATE_HZ), np.hanning(16), "same").astype(np.float32)[None] / 20
    found = plant(Axis.AAC, 48, replace(made(), audio=smooth)).audio
    assert found.shape == smooth.shape
    middle = slice(2000, 14_000)
    lags = [np.dot(smooth[0, middle], np.roll(found[0], -lag)[middle]) for lag in range(-50, 51)]
    assert np.argmax(lags) - 50 == 0
    assert np.corrcoef(smooth[0, middle], found[0, middle])[0, 1] > 0.9


def test_a_frame_rate_shows_the_frame_of_the_time():
    frames = np.arange(10, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 2, 3), dtype=np.uint8)
    found = pictures.at_rate(frames, Fraction(25), Fraction(30))
    assert found[:, 0, 0, 0].tolist() == [0, 0, 1, 2, 3, 4, 5, 5, 6, 7, 8, 9]
    slower = pictures.at_rate(frames, Fraction(25), Fraction(20))
    assert slower[:, 0, 0, 0].tolist() == [0, 1, 2, 3, 5, 6, 7, 8]


def test_a_stutter_repeats_so_many_frames_and_a_stronger_one_those_too():
    frames = np.arange(41, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 2, 3), dtype=np.uint8)
    few, many = (pictures.stuttering(frames, share, seed=4)[:, 0, 0, 0] for share in (0.25, 0.5))
    held = [set(np.flatnonzero(np.diff(one.astype(int)) == 0).tolist()) for one in (few, many)]
    assert [len(one) for one in held] == [10, 20]
    assert held[0] < held[1]
    assert all(few[k] in (k, few[k - 1]) for k in range(1, 41))


def test_a_crop_keeps_the_middle_and_a_mirror_turns_back(clip):
    left = np.zeros((1, 20, 40, 3), dtype=np.uint8)
    left[:, :, 10:30] = 200  # The middle half of the width, in all of the height.
    assert (pictures.cropped(left, 0.5) == 200).all()
    twice = plant(Axis.MIRROR, 0, plant(Axis.MIRROR, 0, clip))
    np.testing.assert_array_equal(twice.frames, clip.frames)


def test_the_sound_of_another_clip_is_cut_to_the_length_of_this_one(clip):
    other = made(rate_hz=8_000, seconds=2, seed=7)
    found = plant(Axis.OTHER_SOUND, 0, clip, other)
    assert found.sample_rate_hz == 8_000
    np.testing.assert_array_equal(found.audio, other.audio[:, :8_000])


def test_what_a_clip_lacks_cannot_be_changed(clip):
    mute, dark = replace(clip, audio=None, sample_rate_hz=0), replace(clip, frames=None, fps=Fraction(0))
    with pytest.raises(BenchError, match="no sound"):
        plant(Axis.OFFSET, 3, mute)
    with pytest.raises(BenchError, match="no picture"):
        plant(Axis.OFFSET, 3, dark)


def test_changed_clips_are_stored_without_loss(tmp_path, clip):
    odd = replace(clip, frames=clip.frames[:, :35, :47], audio=np.rint(clip.audio * 32768) / np.float32(32768))
    media.write(tmp_path / "odd.mp4", odd.frames, odd.fps, odd.audio, odd.sample_rate_hz, codec=LOSSLESS)
    found = media.read(tmp_path / "odd.mp4")
    np.testing.assert_array_equal(found.frames, odd.frames)
    np.testing.assert_array_equal(found.audio, odd.audio)
    assert found.fps == odd.fps


def test_names_are_those_of_models_and_select_changes():
    names = [one.name for one in chosen(None)]
    assert len(names) == len(set(names)) == 59
    assert all(check_id(name) == name for name in names)
    assert [one.name for one in chosen(["mirror", "offset-late-3"])] == ["offset-late-3", "mirror"]
    assert chosen(["offset-early-3"]) == (Change(Axis.OFFSET, 3),)
    assert len(chosen(["offset", "offset-early-3"])) == 30
    for wrong in (["blur"], [], ["offset-early-16"]):
        with pytest.raises(BenchError, match="expected"):
            chosen(wrong)


def spec(name, *needs):
    return MetricSpec(
        name=name, version=1, profile="standard", backend="x", direction="up", needs=needs, domain="", description=""
    )


def test_a_metric_should_ignore_what_it_does_not_read_and_is_held_to_what_it_is_for():
    sound = spec("mine", "audio")
    assert {axis for axis in Axis if expected(sound, axis, 0) == "ignore"} == PICTURE
    assert not any(expected(sound, axis, 0) == "notice" for axis in Axis)
    assert not any(expected(spec("mine", "audio", "video"), axis, 0) for axis in Axis)
    lips = spec("lse_d_at_0", "audio", "video")
    assert expected(lips, Axis.OFFSET, 1) == "notice"
    assert [expected(lips, Axis.H264, crf) for crf in (18, 28, 38)] == ["ignore", "ignore", None]
    assert expected(spec("wer", "audio"), Axis.H264, 48) == "ignore"


def test_the_controls_offset_is_ours(clip):
    from jova_baselines.controls import advance

    assert advance is changes.advance
