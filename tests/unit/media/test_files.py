"""Clips keep their frames, their samples and, to the sample, their sync; whatever was wrong with them is said."""

import math
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from jova_bench.errors import BenchError
from jova_bench.media import files as media
from jova_bench.media.encode import repeatable
from jova_bench.media.files import clip_from_arrays, read, write
from support.muxed import FPS, RATE, codes, delay_samples, mux, noise, numbered, numbers


def test_written_clip_comes_back(tmp_path):
    frames, audio = numbered(73), noise(46720)
    write(tmp_path / "clip.mp4", frames, FPS, audio, RATE)
    clip = read(tmp_path / "clip.mp4")
    assert (clip.frames.shape, clip.fps, clip.sample_rate_hz) == ((73, 64, 64, 3), 25, RATE)
    assert numbers(clip.frames) == list(range(73))
    np.testing.assert_array_equal(clip.audio, audio)
    assert clip.findings == ()


def test_same_input_same_bytes(tmp_path):
    frames = np.random.default_rng(0).integers(0, 256, (10, 64, 64, 3), dtype=np.uint8)
    for name in ("a.mp4", "b.mp4"):
        write(tmp_path / name, frames, FPS, noise(6400), RATE)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4", "b.mp4"]


def test_colours_come_back(tmp_path):
    # 16-pixel patches, so chroma subsampling plays no part; a wrong matrix or range is off by 10 and more.
    colours = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255], [0, 0, 0], [210, 160, 130]])
    frames = np.zeros((5, 32, 192, 3), np.uint8)
    for k, colour in enumerate(colours):
        frames[:, :, 32 * k : 32 * k + 32] = colour
    write(tmp_path / "colours.mp4", frames, FPS, None, 0)
    got = read(tmp_path / "colours.mp4").frames[2, 16, 16::32]
    assert np.abs(got.astype(int) - colours).max() <= 5


@pytest.mark.parametrize("fps", [Fraction(24), Fraction(30000, 1001), Fraction(25, 2)])
@pytest.mark.parametrize("rate", [16000, 44100, 48000])
def test_a_flash_and_a_click_stay_together(tmp_path, fps, rate):
    frames = np.zeros((30, 64, 64, 3), np.uint8)
    frames[20] = 255
    audio = np.zeros((2, round(30 / fps * rate)), np.float32)
    click = round(20 / fps * rate)
    audio[:, click] = 0.5
    write(tmp_path / "clip.mp4", frames, fps, audio, rate)
    clip = read(tmp_path / "clip.mp4")
    assert clip.fps == fps
    assert clip.frames.mean(axis=(1, 2, 3)).argmax() == 20
    assert np.flatnonzero(clip.audio[0]).tolist() == [click]


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_aac_is_not_shifted(tmp_path, suffix):
    clip = read(mux(tmp_path / f"clip.{suffix}", range(50), "aac"))
    assert delay_samples(noise(), clip.audio) == 0
    if suffix == "mp4":
        # 32 blocks of 1024 were decoded; the container says 32000.
        assert clip.audio.shape == (1, 32000)
        assert clip.findings == ()


def test_aac_without_an_edit_list_is_flagged(tmp_path):
    # Without B-frames the picture starts at 0, so nothing in the file tells of the 1024 samples.
    clip = read(mux(tmp_path / "clip.mp4", range(50), "aac", options={"movflags": "frag_keyframe+empty_moov"}))
    assert "no_edit_list" in codes(clip)
    assert delay_samples(noise(), clip.audio) == 1024


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
@pytest.mark.parametrize(("video_start", "audio_start", "shift"), [(0, 4000, 4000), (10, 0, -6400), (5, 3200, 0)])
def test_start_offsets_are_corrected_to_the_sample(tmp_path, suffix, video_start, audio_start, shift):
    # 10 frames of 25 fps are 0.4 s or 6400 samples; 5 frames and 3200 samples are the same 0.2 s.
    pts = range(video_start, video_start + 50)
    clip = read(mux(tmp_path / f"clip.{suffix}", pts, audio_start=audio_start))
    assert numbers(clip.frames) == list(range(50))
    expected = np.pad(noise(), ((0, 0), (max(shift, 0), 0)))[:, max(-shift, 0) :]
    np.testing.assert_array_equal(clip.audio, expected)
    assert ("start_offset" in codes(clip)) == (shift != 0)


def test_a_start_one_millisecond_late_is_seen(tmp_path):
    # The finest offset that an mp4 of libav can state.
    clip = read(mux(tmp_path / "clip.mp4", range(50), audio_start=16))
    assert not clip.audio[0, :16].any()
    # FFmpeg 9 leaves as much out at the end of such a track as it starts late; what is before is where it was.
    assert clip.audio.shape[1] in (32016, 32000)
    np.testing.assert_allclose(clip.audio[0, 16:32000], noise()[0, :31984], atol=2**-14)
    assert clip.findings[0].detail == (
        "the sound starts 0.0010 s after the first frame at 16000 Hz: 16 samples of silence put before it"
    )


def test_a_hole_in_the_sound_becomes_silence(tmp_path):
    clip = read(mux(tmp_path / "clip.mkv", range(50), "pcm_s16le", hole=8000))
    assert "audio_gap" in codes(clip)
    np.testing.assert_array_equal(clip.audio[0, :16000], noise()[0, :16000])
    assert not clip.audio[0, 16000:24000].any()
    np.testing.assert_array_equal(clip.audio[0, 24000:], noise()[0, 16000:])


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_a_variable_frame_rate_is_found_and_resampled_by_time(tmp_path, suffix):
    # Steps of 40 and 47 ms in turn: 49 intervals are 2.128 s, 23.03 fps on average, on the grid of no rate.
    # The nearest common rate is 24000/1001; frame k of it shows the newest frame at k / fps.
    pts = [k // 2 * 87 + k % 2 * 40 for k in range(50)]
    clip = read(mux(tmp_path / f"clip.{suffix}", pts, time_base=Fraction(1, 1000)))
    assert "vfr" in codes(clip)
    assert clip.fps == Fraction(24000, 1001)
    shown = [max(n for n, time in enumerate(pts) if time / 1000 <= k / clip.fps) for k in range(len(clip.frames))]
    assert numbers(clip.frames) == shown
    assert len(shown) == int(2.128 * 24000 / 1001) + 1


@pytest.mark.parametrize("lost", [(30,), (20, 21), (1, 2), (10, 40), (1, 2, 3, 9, 30, 31)])
@pytest.mark.parametrize(("suffix", "scale"), [("mp4", 25), ("mp4", 50), ("mp4", 12800), ("mkv", 1000), ("avi", 25)])
def test_lost_frames_leave_the_others_in_their_places(tmp_path, suffix, scale, lost):
    # However coarse the ticks are, the rate is the declared one and the frame before a lost one stays.
    pts = [k for k in range(60) if k not in lost]
    mp4 = {"options": {"video_track_timescale": str(scale)}} if suffix == "mp4" else {}
    avi = {"codec": "pcm_s16le", "images": "ffv1"} if suffix == "avi" else {}
    path = mux(tmp_path / f"clip.{suffix}", pts, **mp4, **avi)
    with av.open(str(path)) as container:
        assert container.streams.video[0].time_base == Fraction(1, scale)
    clip = read(path)
    assert clip.fps == 25
    assert "vfr" in codes(clip)
    assert numbers(clip.frames) == [max(n for n, place in enumerate(pts) if place <= k) for k in range(60)]


@pytest.mark.parametrize("rounded", [math.floor, math.ceil, round])
@pytest.mark.parametrize("fps", [24, 30, 60])
def test_lost_frames_are_found_however_their_times_are_rounded(tmp_path, rounded, fps):
    # Matroska counts milliseconds; 1/60 s is 16.7 of them.
    pts = [k for k in range(60) if k not in (20, 21, 40)]
    ticks = [rounded(Fraction(1000 * k, fps)) for k in pts]
    clip = read(mux(tmp_path / "clip.mkv", ticks, time_base=Fraction(1, 1000), rate=fps))
    assert clip.fps == fps
    assert numbers(clip.frames) == [max(n for n, place in enumerate(pts) if place <= k) for k in range(60)]


def test_one_lost_frame_is_shown_twice(tmp_path):
    # 72 frames over 2.88 s are 71 / 2.88 = 24.65 fps on average; 25 is the nearest rate and keeps the others' times.
    clip = read(mux(tmp_path / "clip.mp4", [k for k in range(73) if k != 30]))
    assert clip.fps == 25
    assert numbers(clip.frames) == [*range(30), 29, *range(30, 72)]


def test_rounded_timestamps_are_no_variable_rate(tmp_path):
    # Matroska counts milliseconds: 33, 67, 100 ... for 29.97 fps.
    frames = numbered(40)
    path = tmp_path / "clip.mkv"
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=Fraction(30000, 1001), options={"bf": "0"})
        video.width = video.height = 64
        for k, image in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = k, Fraction(1001, 30000)
            container.mux(video.encode(frame))
        container.mux(video.encode())
    clip = read(path)
    assert codes(clip) == ["no_audio"]
    assert float(clip.fps) == pytest.approx(29.97, abs=0.01)


def test_a_slow_clip_does_not_end_early(tmp_path):
    # The last frame of 2 fps starts half a second before the end.
    write(tmp_path / "slow.mp4", numbered(5), Fraction(2), None, 0)
    clip = read(tmp_path / "slow.mp4")
    assert (len(clip.frames), clip.fps, codes(clip)) == (5, 2, ["no_audio"])


def test_missing_streams_are_findings(tmp_path):
    write(tmp_path / "mute.mp4", numbered(), FPS, None, 0)
    clip = read(tmp_path / "mute.mp4")
    assert (clip.audio, clip.sample_rate_hz, codes(clip)) == (None, 0, ["no_audio"])
    for name in ("sound.wav", "sound.flac"):
        write(tmp_path / name, None, FPS, noise(channels=2), 44100)
        clip = read(tmp_path / name)
        assert (clip.frames, clip.fps, codes(clip)) == (None, 0, ["no_video"])
        np.testing.assert_array_equal(clip.audio, noise(channels=2))


def test_silent_frozen_and_unequal_streams_are_findings(tmp_path):
    still = np.random.default_rng(0).integers(0, 256, (1, 64, 64, 3), dtype=np.uint8).repeat(50, axis=0)
    # 0.0009 is -60.9 dBFS. 33000 samples are 2.0625 s, 1.6 frames more than 50 frames.
    write(tmp_path / "clip.mp4", still, FPS, np.full((1, 33000), 0.0009, np.float32), RATE)
    assert codes(read(tmp_path / "clip.mp4")) == ["frozen", "silent", "length_mismatch"]
    # A pupil that moves by two pixels is no frozen picture, -59 dBFS is not silent, 0.9 frames is no mismatch.
    still[25:, 30:32, 30:32] = 255 - still[25:, 30:32, 30:32]
    write(tmp_path / "clip.mp4", still, FPS, np.full((1, 32576), 0.0011, np.float32), RATE)
    assert codes(read(tmp_path / "clip.mp4")) == []


def test_channels_are_kept(tmp_path):
    audio = noise(3200, channels=6)
    write(tmp_path / "clip.mp4", numbered(5), FPS, audio, RATE)
    np.testing.assert_array_equal(read(tmp_path / "clip.mp4").audio, audio)


PLACES = ["FL FR LFE", "FL FR FC", "FL FR BC", "FL FR FC BC", "FL FR BL BR", "FL FR SL SR", "FL FR FC LFE", "FC LFE"]
PLACES += ["FL FR FC BL BR", "FL FR FC SL SR", "FL FR FC LFE BL BR", "FL FR FC LFE SL SR", "FL FR FC LFE BL BR SL SR"]


@pytest.mark.parametrize("places", PLACES)
@pytest.mark.parametrize("suffix", ["mp4", "wav", "flac"])
def test_channels_keep_their_places(tmp_path, places, suffix):
    layout = tuple(places.split())
    audio, path = noise(3200, channels=len(layout)), tmp_path / f"clip.{suffix}"
    write(path, numbered(5) if suffix == "mp4" else None, FPS, audio, RATE, layout)
    clip = read(path)
    np.testing.assert_array_equal(clip.audio, audio)
    assert clip.layout == layout
    assert clip.digest == clip_from_arrays(clip.frames, clip.fps, audio, RATE, layout).digest


def test_places_that_no_file_can_state_are_not_made_up(tmp_path):
    for layout in ((), ("NONE",) * 3, ("FR", "FL", "FC"), ("FL", "FL", "FR"), ("FL", "FR", "TSL")):
        write(tmp_path / "sound.wav", None, FPS, noise(3200, channels=3), RATE, layout)
        clip = read(tmp_path / "sound.wav")
        assert (clip.layout, "layout_unknown" in codes(clip)) == (("NONE",) * 3, True)
        np.testing.assert_array_equal(clip.audio, noise(3200, channels=3))


def test_what_cannot_be_written(tmp_path):
    frames, audio = numbered(5), noise(3200)
    with pytest.raises(BenchError, match=r"even height and width .* 63 x 64; crop or pad"):
        write(tmp_path / "odd.mp4", numbered(5, 63, 64), FPS, audio, RATE)
    with pytest.raises(BenchError, match=r"expected a name that ends in \.mp4"):
        write(tmp_path / "clip.avi", frames, FPS, audio, RATE)
    with pytest.raises(BenchError, match=r"ends in \.wav or \.flac"):
        write(tmp_path / "clip.mp4", None, FPS, audio, RATE)
    with pytest.raises(BenchError, match="got neither"):
        write(tmp_path / "clip.mp4", None, FPS, None, RATE)
    with pytest.raises(BenchError, match=r"in \[-1, 1\], got a peak of 2999; divide whole numbers"):
        write(tmp_path / "clip.mp4", frames, FPS, audio * np.float32(32768), RATE)
    with pytest.raises(BenchError, match=r"\(channels, N\), got \(3200, 2\): more channels .*transpose it"):
        write(tmp_path / "clip.mp4", frames, FPS, noise(3200, channels=2).T, RATE)
    for rate in (float("nan"), 16000.5, 0, -1):
        with pytest.raises(BenchError, match="whole rate > 0"):
            write(tmp_path / "clip.mp4", frames, FPS, audio, rate)
    with pytest.raises(BenchError, match="fps > 0"):
        write(tmp_path / "clip.mp4", frames, float("nan"), audio, RATE)
    with pytest.raises(BenchError, match="NaN"):
        write(tmp_path / "clip.mp4", frames, FPS, audio * np.float32("nan"), RATE)
    with pytest.raises(BenchError, match="cannot write"):
        write(Path(__file__) / "clip.mp4", frames, FPS, audio, RATE)
    assert list(tmp_path.iterdir()) == []


def test_digest_is_of_the_content():
    frames, audio = numbered(5), noise(3200)
    one = clip_from_arrays(frames, FPS, audio, RATE)
    assert clip_from_arrays(frames.copy(), Fraction(50, 2), audio.copy(), RATE, timing="aligned").digest == one.digest
    others = [
        clip_from_arrays(frames, Fraction(24), audio, RATE),
        clip_from_arrays(frames, FPS, audio, 8000),
        clip_from_arrays(frames, FPS, None, RATE),
        clip_from_arrays(frames, FPS, -audio, RATE),
        clip_from_arrays(frames[::-1], FPS, audio, RATE),
        clip_from_arrays(frames.reshape(5, 32, 128, 3), FPS, audio, RATE),
    ]
    assert len({clip.digest for clip in (one, *others)}) == 7


@pytest.mark.parametrize(("suffix", "codec"), [("mp4", "aac"), ("mp4", "flac"), ("mkv", "flac")])
@pytest.mark.parametrize("video_start", [0, 10])
def test_the_sound_alone_is_the_sound_of_a_whole_read(tmp_path, suffix, codec, video_start):
    path = mux(tmp_path / f"clip.{suffix}", range(video_start, video_start + 50), codec, audio_start=4000)
    whole, sound = read(path), read(path, pictures=False)
    np.testing.assert_array_equal(sound.audio, whole.audio)
    assert (sound.frames, sound.fps, sound.sample_rate_hz) == (None, 0, RATE)
    picture = {"no_video", "vfr", "frozen", "length_mismatch"}
    assert sound.findings == tuple(finding for finding in whole.findings if finding.code not in picture)
    # What sounds alike has one digest, whether there was a picture or not.
    assert sound.digest == clip_from_arrays(None, FPS, whole.audio, RATE).digest


def test_nothing_is_hashed_where_the_digest_is_known(tmp_path, monkeypatch):
    path = mux(tmp_path / "clip.mp4", range(50), "aac")
    whole = read(path)
    monkeypatch.setattr(media, "content_digest", lambda *clip: pytest.fail("hashed"))
    for clip in (read(path, digest="known"), read(path, pictures=False, digest="known")):
        assert clip.digest == "known"
        np.testing.assert_array_equal(clip.audio, whole.audio)
    np.testing.assert_array_equal(read(path, digest="known").frames, whole.frames)


def test_the_sound_alone_of_a_mute_clip_is_none(tmp_path):
    write(tmp_path / "mute.mp4", numbered(), FPS, None, 0)
    clip = read(tmp_path / "mute.mp4", pictures=False)
    assert (clip.frames, clip.fps, clip.audio, clip.sample_rate_hz, codes(clip)) == (None, 0, None, 0, ["no_audio"])


def test_x264_is_kept_from_instructions_with_which_it_repeats_nothing(monkeypatch):
    """With AVX-512 a few encodings in a hundred came out otherwise: too rare for a test to wait for."""
    from numpy._core._multiarray_umath import __cpu_features__ as features

    for wide, told in ((True, {"threads": "1", "x264-params": "asm=AVX2"}), (False, {"threads": "1"})):
        monkeypatch.setitem(features, "AVX2", True)
        monkeypatch.setitem(features, "AVX512F", wide)
        assert repeatable() == told
