import pytest

from jova.timeline import Timeline


def test_lengths_of_the_embedded_format():
    clock = Timeline()
    # 73 = 1 + 4 * 18 = 1 + 2 * 36 frames; 73 frames * 640 samples = 46720 samples; 73 / 25 = 2.92 s.
    assert (clock.frames, clock.samples, clock.latent_frames, clock.audio_tokens) == (73, 46720, 19, 37)
    assert clock.seconds == pytest.approx(2.92)
    # 37 tokens of 2 frames (1280 samples) are the clip and half a token of padding before it.
    assert clock.audio_tokens * 1280 == clock.samples + 640
    assert clock.audio_tokens_per_s == 12.5


def test_the_first_latent_covers_one_frame_and_each_other_four():
    clock = Timeline()
    assert list(clock.latent_span(0)) == [0]
    assert list(clock.latent_span(1)) == [1, 2, 3, 4]
    assert list(clock.latent_span(18)) == [69, 70, 71, 72]


def test_centre_times():
    clock = Timeline()
    # Frame 0 lasts from 0 to 40 ms. Latent 1 covers frames 1..4, from 40 to 200 ms, centre 120 ms.
    assert clock.latent_times_s[:3] == pytest.approx((0.02, 0.12, 0.28))
    # Audio token 1 covers frames 1 and 2, from 40 to 120 ms, centre 80 ms.
    assert clock.audio_times_s[:4] == pytest.approx((0.02, 0.08, 0.16, 0.24))
    for i in range(1, clock.latent_frames):
        pair = clock.audio_times_s[2 * i - 1 : 2 * i + 1]
        assert clock.latent_times_s[i] == pytest.approx(sum(pair) / 2)


def test_an_image_is_a_clip_of_one_frame():
    clock = Timeline(frames=1)
    assert (clock.latent_frames, clock.audio_tokens, clock.samples) == (1, 1, 640)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"frames": 75}, r"expected 1 \+ 4k frames, got 75; use 73"),
        ({"frames": 0}, r"got 0; use 1"),
        ({"sample_rate_hz": 44_110}, "whole number of samples per frame"),
        ({"frames_per_audio_token": 3}, "to divide frames_per_latent = 4, got 3"),
    ],
)
def test_lengths_that_do_not_fit_are_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        Timeline(**fields)
