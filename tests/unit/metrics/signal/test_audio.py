"""The shared audio front end: resampling moves nothing, mel bands sit where the scale says, silence is silence."""

import numpy as np
import pytest

from jova_bench.errors import Undefined
from jova_bench.metrics.signal.audio import (
    audio_digest,
    is_silent,
    log_mel,
    mel_bands,
    mono_16k,
    resample,
    resample_polyphase,
)
from support.clips import audio_clip, sine


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 48_000])
def test_resampling_moves_no_event_in_time(rate):
    # a smooth bump centred on 0.5 s must be centred on sample 8000 at 16 kHz
    seconds = np.arange(rate) / rate
    bump = np.exp(-0.5 * ((seconds - 0.5) / 0.002) ** 2).astype(np.float32)
    moved = resample(bump, rate, 16_000)
    assert len(moved) == 16_000
    assert np.sum(np.arange(16_000) * moved) / np.sum(moved) == pytest.approx(8_000, abs=0.1)
    assert moved.max() == pytest.approx(1, abs=0.01)


def level_db(hz, rate, by):
    """What of a tone is left at 16 kHz, wherever it lies then."""
    tone = (0.5 * np.sin(2 * np.pi * hz * np.arange(2 * rate) / rate)).astype(np.float32)
    left = by(tone, rate, 16_000)[1600:-1600].astype(np.float64)
    return 20 * np.log10(np.sqrt(np.mean(left**2)) / np.sqrt(np.mean(tone.astype(np.float64) ** 2)) + 1e-12)


@pytest.mark.parametrize("rate", [22_050, 24_000, 44_100, 48_000])
def test_what_is_above_eight_kilohertz_does_not_come_back_below(rate):
    for hz in (100, 1_000, 4_000, 7_000, 7_200):
        assert abs(level_db(hz, rate, resample)) < 0.1
    for hz in (8_100, 8_500, 9_000, 10_000):
        assert level_db(hz, rate, resample) < -100
    # The filter that the embedded evaluators were frozen with: what 8.5 kHz comes back as is a fifth of it.
    assert level_db(8_500, rate, resample_polyphase) == pytest.approx(-14.33, abs=0.1)


@pytest.mark.parametrize(
    "rates", [(48_000, 16_000), (44_100, 16_000), (4_000, 16_000), (384_000, 16_000), (16_000, 44_100)]
)
@pytest.mark.parametrize("samples", [0, 1, 7, 48_001])
def test_resampled_sound_is_as_long_as_before(rates, samples):
    made = resample(np.ones(samples, np.float32), *rates)
    assert (made.dtype, len(made)) == (np.float32, -(-samples * rates[1] // rates[0]))


def test_the_embedded_evaluators_hear_what_they_were_trained_on():
    sound = audio_clip(np.random.default_rng(0).normal(0, 0.1, (1, 44_100)).astype(np.float32), 44_100)
    ours, theirs = mono_16k(sound), mono_16k(sound, "embedded")
    np.testing.assert_array_equal(theirs, resample_polyphase(sound.mono(), 44_100, 16_000))
    assert np.abs(ours - theirs).max() > 1e-3


def test_mono_16k_averages_channels_and_leaves_16k_untouched():
    left, right = sine(300, 0.1), sine(700, 0.1)
    np.testing.assert_array_equal(mono_16k(audio_clip(np.stack([left, right]), 16_000)), (left + right) / 2)
    with pytest.raises(Undefined, match="no audio stream"):
        mono_16k(audio_clip(None))


@pytest.mark.parametrize(("samples", "frames"), [(46_720, 293), (16_000, 101), (159, 1), (160, 2), (0, 1)])
def test_log_mel_has_one_frame_per_hop_and_one_more(samples, frames):
    assert log_mel(np.zeros(samples, np.float32)).shape == (frames, 40)


def test_log_mel_frame_is_centred_on_its_hop():
    audio = np.zeros(16_000, np.float32)
    audio[50 * 160] = 1
    energy = np.exp(log_mel(audio, n_mels=80)).sum(axis=1)
    # The window spans 400 samples, so hops 49, 50, 51 hear the click, 50 most and its neighbours alike.
    assert energy.argmax() == 50
    assert energy[49] == pytest.approx(energy[51], rel=1e-5)
    assert energy[47] == pytest.approx(80 * 1e-8, rel=1e-4)


def test_log_mel_of_a_full_scale_sine_is_near_zero_in_its_band_and_floored_in_silence():
    # 1 kHz is bin 32 of 512 exactly; with 40 bands its two neighbouring triangles sum to 1 at every frequency.
    spectrum = np.exp(log_mel(sine(1000, 0.5))[25])
    assert abs(int(spectrum.argmax()) - np.argmax(mel_bands(40, 512)[:, 32])) == 0
    # Hann power over the main lobe: zero padding 400 -> 512 spreads 1.5 bins of a 400-point lobe over 1.92.
    assert spectrum.sum() == pytest.approx(1.5 * 512 / 400, rel=0.02)
    np.testing.assert_allclose(log_mel(np.zeros(800, np.float32)), np.log(1e-8), rtol=1e-6)


@pytest.mark.parametrize("n_mels", [40, 64, 80])
def test_every_mel_band_hears_something_and_bands_sum_to_one(n_mels):
    bands = mel_bands(n_mels, 512)
    assert (bands.sum(axis=1) > 0.5).all()
    centres = np.flatnonzero((np.fft.rfftfreq(512, 1 / 16_000) > 200) & (np.fft.rfftfreq(512, 1 / 16_000) < 7000))
    np.testing.assert_allclose(bands[:, centres].sum(axis=0), 1, atol=1e-9)


def test_ten_times_the_amplitude_is_two_log_tens():
    quiet, loud = log_mel(sine(440, 0.3, amplitude=0.05))[10], log_mel(sine(440, 0.3, amplitude=0.5))[10]
    heard = quiet > np.log(1e-6)
    np.testing.assert_allclose((loud - quiet)[heard], 2 * np.log(10), atol=1e-4)


def test_silence_is_below_minus_60_dbfs_whatever_the_offset():
    assert is_silent(np.zeros(16_000, np.float32))
    assert is_silent(np.zeros(0, np.float32))
    assert is_silent(np.full(16_000, 0.3, np.float32))
    assert is_silent(sine(440, 1, amplitude=1e-3))  # RMS 0.7e-3
    assert not is_silent(sine(440, 1, amplitude=2e-3))
    burst = np.zeros(16_000, np.float32)
    burst[8_000:8_400] = sine(440, 0.025, amplitude=0.01)
    assert not is_silent(burst)


def test_audio_digest_depends_on_samples_only():
    audio = sine(200, 0.1)
    assert audio_digest(audio) == audio_digest(audio[::1].copy()) != audio_digest(audio[1:])


def test_one_window_makes_a_clip_heard_wherever_it_is():
    """Neither the loudest sample nor its window need be what is above -60 dBFS."""
    alone = np.zeros(4000, np.float32)
    alone[100] = 0.015  # Of a window of 400 samples: 0.00075.
    assert is_silent(alone)
    for place in range(400, 4000, 400):
        steady = alone.copy()
        steady[place : place + 400 : 2], steady[place + 1 : place + 400 : 2] = 0.0011, -0.0011
        assert not is_silent(steady)
        assert is_silent(np.where(np.abs(steady) < 0.002, steady * 0.9, steady).astype(np.float32))
    short = np.full(300, 0.0012, np.float32)
    short[::2] *= -1
    assert not is_silent(short)  # The rest of its window is silence: 0.00104.
    assert is_silent(np.full(4000, 0.5, np.float32))
