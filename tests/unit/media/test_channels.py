"""Channels are mixed by their places as libswresample mixes them; what cancels is said and makes no number."""

import wave
from fractions import Fraction

import av
import numpy as np
import pytest

from jova_bench.cache import NoCache
from jova_bench.errors import BenchError, Undefined
from jova_bench.media import channels
from jova_bench.media.files import clip_from_arrays, read
from jova_bench.metrics.base import MetricContext
from jova_bench.metrics.build import build
from jova_bench.metrics.sound import loudness
from jova_bench.prompts import Prompt

RATE = 16_000
SIDES = ("FL", "FR", "FC", "LFE", "SL", "SR")


def syllables(seed=0, seconds=2.0):
    """(N,) noise in bursts, as speech comes."""
    n = round(seconds * RATE)
    noise = np.random.default_rng(seed).normal(0, 0.1, n)
    return (noise * (np.sin(2 * np.pi * 3 * np.arange(n) / RATE + seed) > -0.3)).astype(np.float32)


def clip(*rows, layout=()):
    return clip_from_arrays(None, Fraction(0), np.stack(rows).astype(np.float32), RATE, layout)


def codes(made):
    return [finding.code for finding in made.findings]


def swresample(audio, layout):
    """What libswresample mixes (C, N) to, as `ffmpeg -ac 1` in floating point does."""
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(audio.T).reshape(1, -1), format="flt", layout=layout)
    frame.sample_rate, frame.pts = RATE, 0
    return av.AudioResampler(format="fltp", layout="mono", rate=RATE).resample(frame)[0].to_ndarray()[0]


@pytest.mark.parametrize(
    "layout", ["3.0", "4.0", "quad", "5.0", "5.1", "5.1(side)", "6.1", "7.1", "7.1(wide)", "7.1.4"]
)
def test_places_are_mixed_as_libswresample_mixes_them(layout):
    places = tuple(channel.name for channel in av.AudioLayout(layout).channels)
    audio = np.random.default_rng(0).normal(0, 0.05, (len(places), 400)).astype(np.float32)
    np.testing.assert_allclose(clip(*audio, layout=places).mono(), swresample(audio, layout), atol=1e-6)


def test_speech_in_the_centre_stays_as_loud_as_it_is_heard():
    speech, nothing = syllables(), np.zeros(2 * RATE, np.float32)
    made = clip(nothing, nothing, speech, nothing, nothing, nothing, layout=SIDES)
    np.testing.assert_array_equal(made.mono(), speech)
    assert made.findings == ()


def test_a_sum_above_full_scale_is_turned_down_and_not_cut():
    speech = syllables() / np.abs(syllables()).max()
    mono = clip(*[speech] * 6, layout=SIDES).mono()
    assert np.abs(mono).max() == pytest.approx(1)
    np.testing.assert_allclose(mono, speech, atol=1e-6)


def test_the_low_frequency_effects_are_left_out():
    speech, nothing = syllables(), np.zeros(2 * RATE, np.float32)
    assert not clip(nothing, nothing, nothing, speech, nothing, nothing, layout=SIDES).mono().any()


@pytest.mark.parametrize("layout", [(), ("FL", "FR"), ("DL", "DR")])
def test_stereo_is_the_mean_and_its_digest_is_that_of_its_samples(layout):
    rows = np.stack([syllables(0), syllables(1)])
    made = clip(*rows, layout=layout)
    np.testing.assert_array_equal(made.mono(), rows.mean(axis=0, dtype=np.float32))
    assert made.digest == clip(*rows).digest
    assert clip(rows[0], layout=("FC",)).digest == clip(rows[0]).digest


def test_places_that_change_what_is_heard_change_the_digest():
    rows = [syllables(seed) for seed in range(6)]
    assert len({clip(*rows, layout=one).digest for one in ((), SIDES, SIDES[::-1])}) == 3


def test_places_that_nobody_states_are_said_and_mixed_alike(tmp_path):
    rows = np.stack([syllables(seed) for seed in range(6)])
    with wave.open(str(tmp_path / "six.wav"), "wb") as file:  # Without the extensible header that has a channel mask.
        file.setnchannels(6)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((rows.T * 32767).astype("<i2").tobytes())
    made = read(tmp_path / "six.wav")
    assert "layout_unknown" in codes(made)
    np.testing.assert_array_equal(made.mono(), made.audio.mean(axis=0, dtype=np.float32))
    with pytest.raises(Undefined, match="6 channels whose places are unknown"):
        loudness.integrated(made.audio, RATE, made.layout)


@pytest.mark.parametrize(
    ("layout", "place", "lufs"),
    [
        # BS.1770-4: a front channel counts once, one beside the listener 1.41 times (+1.49 dB).
        ("5.1(side)", "FC", -23.0),
        ("5.1(side)", "SL", -21.5),
        ("5.1", "BR", -21.5),
        ("7.1", "SR", -21.5),
        ("7.1", "BL", -23.0),  # Behind the listener where there are sides, too.
        ("4.0", "BC", -23.0),
    ],
)
def test_loudness_weighs_channels_by_their_places(layout, place, lufs):
    places = tuple(channel.name for channel in av.AudioLayout(layout).channels)
    audio = np.zeros((len(places), 5 * 48_000))
    audio[places.index(place)] = 0.1 * np.sin(2 * np.pi * 997 * np.arange(5 * 48_000) / 48_000)
    assert loudness.integrated(audio, 48_000, places) == pytest.approx(lufs, abs=0.05)


def test_the_low_frequency_effects_have_no_loudness():
    audio = np.zeros((6, 48_000))
    audio[3] = 0.1 * np.sin(2 * np.pi * 60 * np.arange(48_000) / 48_000)
    with pytest.raises(Undefined, match="silent"):
        loudness.integrated(audio, 48_000, SIDES)


def first_half(speech, other):
    return np.where(np.arange(len(speech)) < len(speech) // 2, other, speech)


SPEECH, MUSIC = syllables(0), syllables(7)
CANCEL = {
    "opposite": (SPEECH, -SPEECH),
    "nearly opposite": (SPEECH, -0.9 * SPEECH),
    "opposite for half of the time": (SPEECH, first_half(SPEECH, -SPEECH)),
    "speech opposite, a quiet hum not": (SPEECH + 0.2 * MUSIC, -SPEECH + 0.2 * MUSIC),
}
SOUND = {
    "equal": (SPEECH, SPEECH),
    "one channel alone": (SPEECH, 0 * SPEECH),
    "two sounds": (SPEECH, MUSIC),
    "two microphones 10 cm apart": (SPEECH, np.roll(SPEECH, 5)),
}


@pytest.mark.parametrize("rows", CANCEL.values(), ids=CANCEL)
def test_channels_that_cancel_have_no_mono(rows):
    made = clip(*rows)
    assert codes(made) == ["channels_cancel"]
    with pytest.raises(Undefined, match="the channels cancel"):
        made.mono()


@pytest.mark.parametrize("rows", SOUND.values(), ids=SOUND)
def test_what_does_not_cancel_is_heard(rows):
    made = clip(*rows)
    assert codes(made) == []
    assert len(made.mono()) == len(SPEECH)


def test_channels_that_cancel_in_part_are_a_finding():
    made = clip(SPEECH, -0.5 * SPEECH)
    assert codes(made) == ["channels_cancel_in_part"]
    np.testing.assert_allclose(made.mono(), 0.25 * SPEECH, atol=1e-7)


def test_opposite_fronts_cancel_around_a_silent_centre():
    nothing = 0 * SPEECH
    assert "channels_cancel" in codes(clip(SPEECH, -SPEECH, nothing, nothing, nothing, nothing, layout=SIDES))
    assert "channels_cancel" not in codes(clip(MUSIC, -MUSIC, SPEECH, nothing, nothing, nothing, layout=SIDES))


def test_no_metric_has_a_number_of_what_cancels_in_mono():
    frames = np.random.default_rng(0).integers(0, 256, (50, 64, 64, 3), dtype=np.uint8)
    made = clip_from_arrays(frames, Fraction(25), np.stack([SPEECH, -SPEECH]), RATE, in_domain=True)
    prompt = Prompt(id="a", video_caption="", audio_caption="", transcript="please call", tags={"voice": "deep"})
    heard = ["wer", "cer", "dnsmos", "lse_c", "mouth_audio_corr", "prompt_voice"]
    for metric in build(heard, "embedded", MetricContext(NoCache())):
        outcome = metric.score(made, prompt, None)
        assert outcome.status == "undefined", metric.spec.identity
        assert outcome.reason.startswith("the channels cancel"), metric.spec.identity


def test_a_layout_has_a_place_for_each_channel():
    with pytest.raises(BenchError, match="a speaker position for each of 2 channels"):
        clip(SPEECH, SPEECH, layout=SIDES)
    assert not channels.known(("NONE", "NONE"))
