"""PESQ, STOI, DNSMOS and loudness: known values, what damage does to them, and what they refuse to judge."""

from fractions import Fraction
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from jova_bench.cache import NoCache
from jova_bench.errors import Undefined
from jova_bench.media.clip import Clip
from jova_bench.metrics.base import MetricContext
from jova_bench.metrics.signal.audio import slaney_edges_hz
from jova_bench.metrics.sound import loudness
from jova_bench.metrics.speech import dnsmos
from jova_bench.metrics.speech import pesq_stoi as audio
from jova_bench.runs import scoring
from support.clips import audio_clip, sine


def voiced(seconds=3.0, rate=16_000):
    """Speech-like and the same everywhere: a gliding buzz through three formants, in syllables of a quarter second."""
    t = np.arange(round(seconds * rate)) / rate
    phase = 2 * np.pi * (120 * t + 8 * np.sin(2 * np.pi * 0.7 * t))
    sound = np.zeros_like(t)
    for harmonic in range(1, 40):
        hz = 120 * harmonic
        gain = sum(np.exp(-0.5 * ((hz - f) / w) ** 2) for f, w in ((500, 120), (1500, 200), (2500, 300)))
        sound += (gain + 0.02) * np.sin(harmonic * phase)
    syllables = np.clip(np.sin(2 * np.pi * 4 * t), 0, 1) ** 0.5 * (0.6 + 0.4 * np.sin(2 * np.pi * 0.9 * t))
    return (0.03 * sound * syllables).astype(np.float32)


def tone(hz, dbfs, seconds=5.0, rate_hz=48_000):
    """(1, N) samples."""
    return sine(hz, seconds, rate_hz, 10 ** (dbfs / 20))[None]


aligned = partial(audio_clip, timing="aligned")

PAIRED = [
    audio.pesq(MetricContext(NoCache(), "cpu"), "embedded"),
    audio.stoi(MetricContext(NoCache(), "cpu"), "embedded"),
]
by_name = pytest.mark.parametrize("metric", PAIRED, ids=["pesq", "stoi"])


def runnable(metric):
    if reason := metric.check():
        pytest.skip(reason)
    return metric


@by_name
def test_more_noise_is_never_better(metric):
    metric, clean = runnable(metric), voiced()
    noise = np.random.default_rng(0).normal(size=len(clean)).astype(np.float32)
    values = []
    for snr_db in (60, 30, 20, 10, 0):
        gain = np.sqrt(np.mean(clean**2)) * 10 ** (-snr_db / 20)
        values.append(metric.score(aligned(clean + gain * noise), None, aligned(clean)).value)
    assert all(np.diff(values) < 0), values
    assert values[0] - values[-1] > (2 if metric.spec.name == "pesq" else 0.15)


def test_a_copy_scores_the_top_of_the_scale():
    clean = aligned(voiced())
    # P.862.2 maps the raw score 4.5 to 0.999 + 4 / (1 + e^(-1.3669 * 4.5 + 3.8224)) = 4.6439
    assert runnable(PAIRED[0]).score(clean, None, clean).value == pytest.approx(4.6439, abs=1e-4)
    assert runnable(PAIRED[1]).score(clean, None, clean).value == pytest.approx(1, abs=1e-6)


@by_name
@pytest.mark.parametrize(
    ("clip", "reference", "reason"),
    [
        (audio_clip(voiced(), timing="free"), aligned(voiced()), "free generation"),
        (audio_clip(voiced(), timing="reference"), aligned(voiced()), "is the reference"),
        (aligned(voiced()), None, "no reference clip"),
        (aligned(np.zeros(48_000, np.float32)), aligned(voiced()), "silent"),
        (aligned(voiced()), aligned(np.zeros(48_000, np.float32)), "the reference is silent"),
        (aligned(voiced()[:-700]), aligned(voiced()), "not aligned: 2.96 s of sound against 3.00 s in the reference"),
    ],
)
def test_what_cannot_be_compared_is_undefined(metric, clip, reference, reason):
    outcome = metric.score(clip, None, reference)
    assert (outcome.status, outcome.value, outcome.reason) == ("undefined", None, reason)


def test_too_short_is_undefined_not_a_number():
    blip = aligned(voiced()[500:3900])
    assert runnable(PAIRED[0]).score(blip, None, blip).reason == "too short: 0.21 s, PESQ needs 0.25 s"
    assert runnable(PAIRED[1]).score(blip, None, blip).reason == "too short: 0.21 s, STOI needs 0.41 s"
    # Two seconds of which one syllable sounds: pystoi alone would warn and return 1e-5.
    mostly_silent = np.zeros(32_000, np.float32)
    mostly_silent[16_000:18_000] = voiced()[:2_000]
    outcome = runnable(PAIRED[1]).score(aligned(mostly_silent), None, aligned(mostly_silent))
    assert outcome.reason == "too short: less than 0.41 s of the reference is not silent"


@by_name
def test_a_video_frame_more_or_less_is_cut_and_rates_may_differ(metric):
    metric, clean = runnable(metric), voiced()
    whole = metric.score(aligned(clean), None, aligned(clean)).value
    assert metric.score(aligned(clean[:-640]), None, aligned(clean)).value == pytest.approx(whole, abs=1e-3)
    stereo = np.stack([voiced(rate=48_000)] * 2)
    assert metric.score(aligned(stereo, 48_000), None, aligned(clean)).value > 0.95 * whole


def test_a_missing_package_is_a_failure_with_the_line_that_installs_it(monkeypatch):
    monkeypatch.setattr(audio, "find_spec", lambda name: None)
    outcome = PAIRED[0].score(aligned(voiced()), None, aligned(voiced()))
    assert outcome.status == "failed"
    assert outcome.reason == PAIRED[0].check() == "not installed: pip install pesq (needs a C compiler)"


@pytest.mark.parametrize(("timing", "decoded"), [("free", 0), ("reference", 0), ("aligned", 1)])
def test_a_reference_that_would_not_be_listened_to_is_not_decoded(timing, decoded):
    asked = []
    job = scoring.ScoringTask(("m", "p", 0), Path("clip.mp4"), "", "", timing, None, Path("real.mp4"), None, ())

    def reference():
        asked.append(job.reference)
        return aligned(voiced())

    outcome = scoring._outcome(runnable(PAIRED[1]), audio_clip(voiced(), timing=timing), job, reference, lambda: None)
    assert (len(asked), outcome.status) == (decoded, "ok" if decoded else "undefined")


# DNSMOS

dnsmos_runs = pytest.mark.skipif(
    dnsmos.dnsmos(MetricContext(NoCache(), "cpu"), "standard").check() is not None, reason="no speechmos"
)


@dnsmos_runs
@pytest.mark.parametrize(("seconds", "expected"), [(3.0, 1.51177), (9.5, 1.59008), (12.0, 1.61340)])
def test_dnsmos_equals_speechmos(seconds, expected):
    # `speechmos.dnsmos.run(voiced(seconds), 16000)["ovrl_mos"]` of speechmos 0.0.1.1 with onnxruntime 1.32.0
    assert dnsmos.overall(voiced(seconds)) == pytest.approx(expected, abs=1e-4)


@dnsmos_runs
def test_dnsmos_refuses_silence_and_listens_once_to_one_sound():
    class Counting:
        calls = 0

        def __init__(self):
            self.kept = {}

        def get(self, digest, extractor, compute):
            if (digest, extractor) not in self.kept:
                self.calls += 1
                self.kept[digest, extractor] = compute()
            return self.kept[digest, extractor]

    cache = Counting()
    metric = dnsmos.dnsmos(MetricContext(cache, "cpu"), "standard")
    assert metric.score(aligned(np.zeros(48_000, np.float32)), None, None).reason == "silent"
    assert metric.score(aligned(np.zeros(0, np.float32)), None, None).reason == "too short: 0.00 s, DNSMOS needs 0.25 s"
    assert metric.score(audio_clip(None), None, None).reason == "no audio stream"
    first = metric.score(aligned(voiced()), None, None)
    other_picture = Clip(np.zeros((75, 8, 8, 3), np.uint8), Fraction(25), voiced()[None], 16_000, "f" * 64)
    assert metric.score(other_picture, None, None) == first
    assert cache.calls == 1
    assert first.status == "ok"
    assert 1 < first.value < 5


@dnsmos_runs
@pytest.mark.parametrize(
    ("sound", "expected"),
    [
        (voiced(0.1), 2.496906),
        (voiced(3.0), 2.893605),
        (voiced(9.5), 2.978807),
        (voiced(12.0), 3.015931),
        (np.zeros(16_000, np.float32), 2.146801),
    ],
)
def test_mova_hears_by_the_network_of_p_808(sound, expected):
    # `ComputeScore(..., use_gpu=False)(file, 16000, False)["P808_MOS"]` of OpenMOSS/MOVA evaluation/metrics/dnsmos
    # @595a976 with librosa 0.11.0, of wav files of 16 bits.
    metric = dnsmos.dnsmos(MetricContext(NoCache(), "cpu"), "standard", "mova")
    assert metric.score(aligned(sound), None, None).value == pytest.approx(expected, abs=2e-5)


def test_mova_has_no_answer_where_nothing_is_heard():
    metric = dnsmos.dnsmos(MetricContext(NoCache(), "cpu"), "standard", "mova")
    assert metric.score(aligned(np.zeros(0, np.float32)), None, None).reason == "no sound"
    assert metric.score(audio_clip(None), None, None).reason == "no audio stream"
    assert metric.spec.identity.startswith("dnsmos@2/standard/compat:mova@595a976:p808[9246480c5856]")


def test_the_loudest_is_one_and_what_is_80_db_below_minus_one():
    # A tone in one band, and far below it what leaks into the others.
    seen = dnsmos.spectrogram(np.sin(2 * np.pi * 1000 * np.arange(16_000) / 16_000).astype(np.float32))
    assert seen.shape == (100, 120)
    assert seen.max() == 1
    assert seen.min() == -1
    edges_hz = slaney_edges_hz(120, 8000)
    band = seen[50].argmax()
    assert edges_hz[band] < 1000 < edges_hz[band + 2]


def test_one_dnsmos_in_two_profiles_has_two_identities_and_the_same_weights():
    embedded, standard = (
        dnsmos.dnsmos(MetricContext(NoCache(), "cpu"), profile).spec for profile in ("embedded", "standard")
    )
    assert embedded.identity != standard.identity
    assert embedded.weights == standard.weights == "269fbebdb513"


# Loudness


@pytest.mark.parametrize("rate", [16_000, 44_100, 48_000])
def test_a_full_scale_sine_of_997_hz_is_minus_3_01_lufs(rate):
    # BS.1770-4, annex 1, gives -3.01 LKFS for this signal in one channel. The bilinear transform bends the shelf at
    # 16 kHz by 0.04 dB, below the 0.1 LU that EBU Tech 3341 allows.
    assert loudness.integrated(tone(997, 0, rate_hz=rate), rate) == pytest.approx(-3.01, abs=0.05)
    assert loudness.integrated(tone(997, -20, rate_hz=rate), rate) == pytest.approx(-23.01, abs=0.05)
    both = np.repeat(tone(997, -20, rate_hz=rate), 2, axis=0)
    assert loudness.integrated(both, rate) == pytest.approx(-20, abs=0.05)


def test_filters_at_48_khz_are_those_of_the_standard():
    (b1, a1), (b2, a2) = loudness.k_filters(48_000)
    np.testing.assert_allclose(b1, [1.53512485958697, -2.69169618940638, 1.19839281085285], atol=1e-8)
    np.testing.assert_allclose(a1, [1.0, -1.69065929318241, 0.73248077421585], atol=1e-8)
    np.testing.assert_allclose(b2, [1.0, -2.0, 1.0])
    np.testing.assert_allclose(a2, [1.0, -1.99004745483398, 0.99007225036621], atol=1e-8)


def test_gates_leave_out_pauses_and_quiet_parts():
    # EBU Tech 3341, case 3: -36, -23, -36 dBFS stereo for 10, 60, 10 s measures -23.0 +- 0.1 LUFS
    parts = [tone(1000, level, seconds, 16_000) for level, seconds in ((-36, 10), (-23, 60), (-36, 10))]
    assert loudness.integrated(np.repeat(np.concatenate(parts, axis=1), 2, axis=0), 16_000) == pytest.approx(
        -23, abs=0.1
    )
    # Silence is below the absolute gate, so it changes nothing but the blocks at its edge.
    padded = np.concatenate([tone(997, -20, 10, 16_000), np.zeros((1, 160_000))], axis=1)
    assert loudness.integrated(padded, 16_000) == pytest.approx(-23.01, abs=0.1)


@pytest.mark.parametrize(
    ("samples", "reason"),
    [
        (np.zeros((1, 16_000)), "silent"),
        (tone(997, -80, 1, 16_000), "silent"),
        (np.ones((1, 6_000)), "too short: 0.38 s"),
        (np.ones((6, 16_000)), "6 channels"),
    ],
)
def test_loudness_is_undefined_where_there_is_none(samples, reason):
    with pytest.raises(Undefined, match=reason):
        loudness.integrated(samples, 16_000)


def test_loudness_metric_is_a_target_and_needs_sound():
    metric = loudness.loudness(MetricContext(NoCache(), "cpu"), "standard")
    assert metric.spec.direction == "target"
    assert metric.check() is None
    assert metric.score(audio_clip(tone(997, -20), 48_000), None, None).value == pytest.approx(-23.01, abs=0.02)
    assert metric.score(audio_clip(None), None, None).reason == "no audio stream"
