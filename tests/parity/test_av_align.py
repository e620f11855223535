"""AV-Align: onsets as librosa's, matching by hand, every protocol against its bench, and clips that have no answer."""

from dataclasses import replace
from itertools import combinations, permutations

import numpy as np
import pytest

from jova_bench.cache import NoCache
from jova_bench.metrics.audio_visual import av_align
from jova_bench.metrics.audio_visual.onsets import onset_strength, onset_times_s, peaks
from jova_bench.metrics.base import MetricContext
from jova_bench.metrics.faces import opencv
from support import upstream
from support.clips import clip_of

BENCHES = upstream.parity("av_align")["outputs"]
ONSETS = upstream.parity("onsets")["outputs"]
STARTS_S = (0.31, 0.9, 1.33, 1.36, 2.0, 2.71, 3.5, 3.58, 4.4)


@pytest.fixture(scope="module", autouse=True)
def flows():
    """Computes the flow of the same pictures once: most clips here differ in their sound alone."""
    real, known = av_align.flow, {}

    def flow(frames, side):
        key = frames.tobytes(), frames.shape, side
        if key not in known:
            known[key] = real(frames, side)
        return known[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(av_align, "flow", flow)
        yield


needs_opencv = pytest.mark.skipif(opencv.missing() is not None, reason="OpenCV is not installed")


def sound(rate_hz: int, seconds: float = 5.0) -> np.ndarray:
    """Tones that begin suddenly and fade, in weak noise."""
    t = np.arange(int(rate_hz * seconds)) / rate_hz
    y = 0.002 * upstream.fake(t.shape, f"onset sound {rate_hz}").numpy()
    for k, start in enumerate(STARTS_S):
        d = t - start
        tone = np.exp(-6 * np.maximum(d, 0)) * np.sin(2 * np.pi * (180 + 90 * k) * d)
        y = y + (0.1 + 0.05 * (k % 3)) * np.where(d >= 0, tone, 0)
    return y.astype(np.float32)


def scene(fps: int, seconds: int = 5, height: int = 60, width: int = 80) -> np.ndarray:
    """A bright patch that jumps seven times, over a still ground."""
    ground = (upstream.fake((height, width, 3), "ground").numpy() * 12 + 110).clip(0, 255)
    frames, place = [], 5.0
    for k in range(fps * seconds):
        t = k / fps
        jumps = sum(9 * np.exp(-(((t - s) / 0.05) ** 2)) for s in (0.32, 1.36, 2.0, 2.9, 3.52, 3.9, 4.4))
        place = (place + jumps + 0.05 * np.sin(9 * t) ** 2) % (width - 20)
        frame, x = ground.copy(), int(place)
        part = place - x
        frame[20:40, x : x + 16] = 230
        frame[20:40, x] = 230 * (1 - part) + ground[20:40, x] * part
        frames.append(frame.astype(np.uint8))
    return np.stack(frames)


@pytest.mark.parametrize("rate_hz", [16_000, 22_050, 24_000, 44_100, 48_000])
def test_onsets_are_librosas(rate_hz):
    expected, audio = ONSETS[str(rate_hz)], sound(rate_hz)
    strength = onset_strength(audio, rate_hz)
    assert len(strength) == expected["frames"]
    np.testing.assert_allclose(strength[::7], expected["strength"], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(onset_times_s(audio, rate_hz), expected["times_s"], atol=1e-6)


def test_sound_that_goes_on_has_no_onset_at_the_edges():
    silent = onset_times_s(sound(22_050), 22_050)
    inside = onset_times_s(sound(22_050), 22_050, "inside")
    # Noise that is cut out of longer noise: librosa hears it begin, 3 frames in.
    assert silent[0] == pytest.approx(3 * 512 / 22_050)
    np.testing.assert_allclose(inside, silent[1:])
    # What remains begins within 30 ms of a tone; two tones that begin within 30 ms of each other are one onset.
    assert np.abs(inside[:, None] - np.array(STARTS_S)).min(axis=1).max() < 0.03
    assert len(inside) == len(STARTS_S) - 1


def test_peaks_by_hand():
    # At 16 kHz 30 ms hold no whole frame and 100 ms three: a peak exceeds the mean of 3 + 1 + 3 frames by 0.07.
    strength = np.zeros(20)
    strength[[5, 6, 14]] = 1.0, 0.5, 0.3
    # Means: (1 + 0.5) / 7 = 0.21 at 5 and 6, 0.3 / 7 = 0.04 at 14.
    assert peaks(strength, 16_000).tolist() == [5, 6, 14]
    # At 44.1 kHz 30 ms hold two frames: 6 is too near to 5.
    assert peaks(strength, 44_100).tolist() == [5, 14]
    assert peaks(np.full(9, 3.0), 16_000).tolist() == []


@pytest.mark.parametrize("samples", [1, 511, 512, 1024, 5000])
def test_short_sounds_have_onsets_or_none_but_no_error(samples):
    assert len(onset_strength(np.ones(samples, np.float32), 16_000)) == samples // 512 + 1
    assert onset_times_s(np.zeros(samples, np.float32), 16_000).tolist() == []


def test_matches_by_hand():
    # Two onsets near one peak: one to one they match once, else twice. A distance of the tolerance is too far.
    sounds, motions = np.array([1.0, 1.01, 3.0, 4.0]), np.array([1.02, 3.04, 4.039])
    assert av_align.matches(sounds, motions, 0.04, one_to_one=True) == 2
    assert av_align.matches(sounds, motions, 0.04, one_to_one=False) == 3
    # The first onset must leave the second peak to the second onset.
    assert av_align.matches(np.array([1.0, 1.03]), np.array([0.98, 1.02]), 0.04, one_to_one=True) == 2


@pytest.mark.parametrize("seed", range(8))
def test_taking_the_first_free_peak_is_the_best_assignment(seed):
    rng = np.random.default_rng(seed)
    sounds, motions = np.sort(rng.uniform(0, 0.4, 4)), np.sort(rng.uniform(0, 0.4, 5))
    best = max(
        sum(abs(sounds[i] - motions[j]) < 0.04 for i, j in zip(of, to, strict=True))
        for of in combinations(range(4), 4)
        for to in permutations(range(5), 4)
    )
    assert av_align.matches(sounds, motions, 0.04, one_to_one=True) == best


def test_local_peaks_by_hand():
    speed = np.array([9.0, 1.0, 2.0, 2.0, 1.0, 3.0, 0.0, 0.05, 0.0])
    assert av_align.local_peaks(speed, 0.0).tolist() == [5, 7]  # Neither an edge nor a plateau.
    assert av_align.local_peaks(speed, 0.1).tolist() == [5]


@needs_opencv
@pytest.mark.parametrize("fps", [25, 24])
def test_flow_and_every_bench_equal_the_originals(fps):
    frames, expected = scene(fps), BENCHES[str(fps)]
    lengths = av_align.flow(frames, None)
    np.testing.assert_allclose(lengths[::6], expected["flow"], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(av_align.local_peaks(lengths, 0.1) / fps, expected["peaks_s"], atol=1e-6)
    for bench, rate_hz in (("tempotokens", 22_050), ("javisbench", 16_000), ("mova", 44_100)):
        clip = clip_of(frames, sound(rate_hz)[None], rate_hz, fps)
        outcome = av_align.av_align(MetricContext(NoCache(), "cpu"), bench).score(clip, None, None)
        assert outcome.value == pytest.approx(expected[bench], rel=1e-6), bench


@pytest.fixture(scope="module")
def clean():
    return av_align.av_align(MetricContext(NoCache(), "cpu"), "clean")


def flashes(at_s, fps=25, seconds=2, side=128):
    """Noise that shifts by 6 sides in 256 at given times, and stays otherwise."""
    ground = (upstream.fake((side, 3 * side, 3), "wide ground").numpy() * 30 + 120).clip(0, 255)
    ground = sum(np.roll(ground, k, axis=1) for k in range(-4, 5)) / 9
    frames, x = [], side // 2
    for k in range(fps * seconds):
        x += 3 * any(round(t * fps) == k for t in at_s)
        frames.append(ground[:, x : x + side].astype(np.uint8))
    return np.stack(frames)


def clicks(at_s, rate_hz=16_000, seconds=2):
    t = np.arange(rate_hz * seconds) / rate_hz
    decays = (np.where(t >= s, np.exp(-40 * np.maximum(t - s, 0)), 0) for s in at_s)
    return (0.5 * sum(decays) * np.sin(2 * np.pi * 700 * t)).astype(np.float32)[None]


@needs_opencv
def test_sounds_with_their_motion_align_and_moved_ones_do_not(clean):
    events = (0.4, 1.0, 1.6)
    assert clean.score(clip_of(flashes(events), clicks(events)), None, None).value == 1.0
    # 200 ms late: nothing matches, 0 of 6.
    assert clean.score(clip_of(flashes(events), clicks((0.6, 1.2, 1.8))), None, None).value == 0.0
    # One of three in time: 1 of 3 + 3 - 1.
    assert clean.score(clip_of(flashes(events), clicks((0.4, 1.2, 1.8))), None, None).value == pytest.approx(1 / 5)
    # Sound after the end of the picture counts for nothing.
    longer = clicks((*events, 2.5), seconds=3)
    assert clean.score(clip_of(flashes(events), longer), None, None).value == 1.0


@needs_opencv
@pytest.mark.parametrize("change", ["size", "fps", "rate", "stereo", "odd"])
def test_size_frame_rate_and_sampling_rate_change_nothing(clean, change):
    events = (0.4, 1.0, 1.6)
    frames, audio, fps, rate_hz = flashes(events), clicks(events), 25, 16_000
    if change == "size":
        frames = frames.repeat(3, axis=1).repeat(3, axis=2)
    elif change == "odd":
        frames = frames[:, :127, :125]
    elif change == "fps":
        frames, fps = flashes(events, fps=50), 50
    elif change == "rate":
        audio, rate_hz = clicks(events, 48_000), 48_000
    else:
        audio = audio.repeat(6, axis=0)
    assert clean.score(clip_of(frames, audio, rate_hz, fps), None, None).value == 1.0


@needs_opencv
def test_silence_and_stillness_have_no_events(clean):
    events = (0.4, 1.0, 1.6)
    still = flashes(())
    silent = (1e-5 * upstream.fake((1, 32_000), "hiss").numpy()).astype(np.float32)
    neither = clip_of(still, np.zeros((1, 32_000), np.float32))
    for clip, reason in (
        (clip_of(still, clicks(events)), "nothing moves"),
        (clip_of(flashes(events), silent), "no sound begins"),
        (neither, "nothing moves"),
    ):
        outcome = clean.score(clip, None, None)
        assert (outcome.status, outcome.reason) == ("undefined", reason)
    # The benches call that the worst value; librosa hears onsets in any hiss.
    assert av_align.av_align(MetricContext(NoCache(), "cpu"), "mova").score(neither, None, None).value == 0.0
    assert len(onset_times_s(silent[0], 16_000)) > 0


@pytest.mark.parametrize("protocol", av_align.VARIANTS)
def test_clips_without_a_stream_or_enough_frames_are_undefined(protocol):
    metric = av_align.av_align(MetricContext(NoCache(), "cpu"), protocol)
    clip = clip_of(scene(25, 1), sound(16_000, 1.0)[None])
    for broken, reason in (
        (replace(clip, frames=None), "no video stream"),
        (replace(clip, audio=None), "no audio stream"),
        (replace(clip, frames=clip.frames[:2]), "too short: 2 frames, 3 needed"),
    ):
        outcome = metric.score(broken, None, None)
        assert (outcome.status, outcome.reason) == ("undefined", reason)


def test_without_opencv_it_says_what_to_install(monkeypatch, clean):
    monkeypatch.setattr(opencv, "find_spec", lambda name: None)
    outcome = clean.score(clip_of(scene(25, 1), sound(16_000, 1.0)[None]), None, None)
    assert (outcome.status, outcome.reason) == ("failed", opencv.HOW)
    assert clean.check() == opencv.HOW
