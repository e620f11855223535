from dataclasses import asdict, replace
from fractions import Fraction

import pytest

from jova.timeline import Stream, Timeline
from jova.transformer import positions
from support.jova_micro import CONFIG


def test_lengths_of_the_embedded_format():
    clock = Timeline()
    # 73 = 1 + 4 * 18 = 1 + 2 * 36 frames; 73 frames * 640 samples = 46720 samples; 73 / 25 = 2.92 s.
    assert (clock.frames, clock.samples, clock.latent_frames, clock.audio_tokens) == (73, 46720, 19, 37)
    assert clock.seconds == 2.92
    # 37 tokens of 2 frames (1280 samples) are the clip and half a token of padding before it.
    assert clock.audio_tokens * 1280 == clock.samples + 640
    assert clock.audio.tokens_per_s == 12.5


def test_the_first_latent_covers_one_frame_and_each_other_four():
    video = Timeline().video
    assert [list(video.span(i)) for i in (0, 1, 18)] == [[0], [1, 2, 3, 4], [69, 70, 71, 72]]
    assert [video.units(count) for count in (1, 2, 19)] == [1, 5, 73]
    assert [video.tokens(count) for count in (1, 2, 5, 6, 73)] == [1, 2, 2, 3, 19]


def test_tokens_of_codecs_that_are_not_causal_are_alike():
    # 16 000 samples/s in blocks of 512: 31.25 tokens/s. 3 s are 93.75 tokens, which 94 cover.
    stream = Stream(Fraction("31.25"), 1, causal=False)
    assert [stream.span_s(0), stream.span_s(3)] == [(0, Fraction("0.032")), (Fraction("0.096"), Fraction("0.128"))]
    assert stream.tokens_in(Fraction(3)) == 94
    halves = Stream(Fraction(100), 4, causal=False)
    assert [list(halves.span(i)) for i in (0, 2)] == [[0, 1, 2, 3], [8, 9, 10, 11]]
    assert [halves.tokens(units) for units in (1, 4, 5)] == [1, 1, 2]


def test_centre_times():
    clock = Timeline()
    # Frame 0 lasts from 0 to 40 ms. Latent 1 covers frames 1..4, from 40 to 200 ms, centre 120 ms.
    assert [float(clock.video.centre_s(i)) for i in range(3)] == [0.02, 0.12, 0.28]
    # Audio token 1 covers frames 1 and 2, from 40 to 120 ms, centre 80 ms.
    assert [float(clock.audio.centre_s(j)) for j in range(4)] == [0.02, 0.08, 0.16, 0.24]
    for i in range(1, clock.latent_frames):
        pair = [clock.audio.centre_s(j) for j in (2 * i - 1, 2 * i)]
        assert clock.video.centre_s(i) == sum(pair) / 2


@pytest.mark.parametrize(
    ("fps", "audio"),
    [
        (Fraction(24), Stream(Fraction("31.25"), 1, causal=False)),  # 16 kHz in blocks of 512
        (Fraction(30_000, 1001), Stream(Fraction(44_100, 1024), 1, causal=False)),  # 43.07 tokens/s
        (Fraction(16), Stream(Fraction(100), 4)),  # 25 tokens/s
        (Fraction(30), Stream(Fraction(100), 4)),
    ],
)
def test_rates_without_a_common_grid_share_one_clock_of_seconds(fps, audio):
    clock = Timeline(frames=481, fps=fps, audio=audio)
    seconds = 481 / fps
    assert clock.samples == round(seconds * 16_000)
    assert audio.span_s(clock.audio_tokens - 1)[0] < seconds <= audio.span_s(clock.audio_tokens - 1)[1]
    for latent in range(clock.latent_frames):
        centre_s, frames = clock.video.centre_s(latent), clock.video.span(latent)
        assert float(centre_s) == pytest.approx((frames.start + frames.stop) / 2 / float(fps), abs=1e-9)


@pytest.mark.parametrize("unit", ["audio token", "video latent"])
def test_positions_of_a_model_are_the_seconds_of_the_clock_in_float32(unit):
    """24 frames and 31.25 tokens a second: the clock is exact, and a position is rounded twice, by 2^-24 of itself."""
    clock = Timeline(frames=121, fps=Fraction(24), audio=Stream(Fraction("31.25"), 1, causal=False))
    config = replace(CONFIG, timeline=clock, time_unit=unit)
    counts = (clock.latent_frames, clock.audio_tokens)
    rate = clock.audio.tokens_per_s if unit == "audio token" else clock.video.tokens_per_s
    made = positions(config, counts[0], config.patch, config.patch, counts[1])
    hand = [  # centres of 1 + 4k frames of 1/24 s, and of tokens of 1/31.25 s
        [Fraction(1, 48), *(Fraction(8 * k - 2, 48) for k in range(1, 31))],
        [Fraction(2 * j + 1, 2) / Fraction("31.25") for j in range(158)],
    ]
    for stream, found, wanted, count in zip((clock.video, clock.audio), made, hand, counts, strict=True):
        assert [stream.centre_s(index) for index in range(count)] == wanted
        seconds = [Fraction(float(t)) / rate for t in found[:, 0]]
        assert all(abs(a - b) <= b * Fraction(1, 2**23) for a, b in zip(seconds, wanted, strict=True))


def test_an_image_is_a_clip_of_one_frame():
    clock = Timeline(frames=1)
    assert (clock.latent_frames, clock.audio_tokens, clock.samples) == (1, 1, 640)


def test_a_timeline_survives_json_and_older_files_are_read():
    clock = Timeline(frames=9, fps=Fraction(30_000, 1001), audio=Stream(Fraction("31.25"), 1, causal=False))
    fields = asdict(clock)
    fields["fps"], fields["audio"]["units_per_s"] = str(fields["fps"]), str(fields["audio"]["units_per_s"])
    assert Timeline.from_fields(**fields) == clock
    older = {"frames": 9, "fps": 25, "sample_rate_hz": 16_000, "frames_per_latent": 4, "frames_per_audio_token": 2}
    assert Timeline.from_fields(**older) == Timeline(frames=9)


@pytest.mark.parametrize(
    ("fields", "message"),
    [({"frames": 75}, r"expected 1 \+ 4k frames, got 75; use 73"), ({"frames": 0}, r"got 0; use 1")],
)
def test_lengths_that_do_not_fit_are_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        Timeline(**fields)


def test_rates_and_strides_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match="rate above 0 and 1 unit or more per token, got 0 and 2"):
        Stream(Fraction(0), 2)
