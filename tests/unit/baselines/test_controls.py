"""Each control breaks its clip in exactly one known way."""

from fractions import Fraction

import numpy as np
import pytest

from jova_baselines import controls
from jova_bench.errors import BenchError
from jova_bench.media import files as media
from jova_bench.models.base import settings_of
from jova_bench.models.registry import CONTROLS, MODELS, create_model
from jova_bench.suites.loading import load_suite

RATE_HZ = 16_000
SAMPLES_PER_FRAME = 640


@pytest.fixture
def suite(tmp_path):
    """Four prompts; the picture of clip i has brightness 40 (i + 1) + frame number, its sound peaks at 0.1 (i + 1)."""
    lines = []
    for i in range(4):
        frames = (
            np.full((10 + i, 16, 16, 3), 40 * (i + 1), np.uint8)
            + np.arange(10 + i, dtype=np.uint8)[:, None, None, None]
        )
        audio = np.full((1, (10 + i) * SAMPLES_PER_FRAME), 0.1 * (i + 1), np.float32)
        audio[:, : SAMPLES_PER_FRAME * 5] *= 0.5
        media.write(tmp_path / f"p{i}.mp4", frames, Fraction(25), audio, RATE_HZ)
        lines.append(
            f'{{"id": "p{i}", "video_caption": "v", "audio_caption": "a", "transcript": "t", "reference": "p{i}.mp4"}}'
        )
    (tmp_path / "prompts.jsonl").write_text("\n".join(lines))
    return load_suite(tmp_path / "prompts.jsonl")


def made(name, prompt, suite, seed=0):
    (generated,) = create_model(name, "cpu").generate([prompt], seed, suite)
    return generated


def test_every_control_is_a_registered_model():
    assert set(CONTROLS) <= set(MODELS)


def test_every_control_says_whose_sound_it_has():
    sounds = [settings_of(create_model(name, "cpu"))["audio"] for name in CONTROLS]
    own, early, given = "the real clip's", "the real clip's, 0.2 s early", "as given; silence where none is"
    assert sounds == [own, f"{own}, through the codec", "none", own, f"{own} of another prompt", early, given]


def test_real_is_the_file_itself(suite):
    generated = made("real", suite.prompts[1], suite)
    assert generated.media == suite.root / "p1.mp4"
    assert generated.timing == "reference"
    assert not generated.timed


def test_silence_keeps_the_picture(suite):
    real, silent = media.read(suite.root / "p1.mp4"), made("silence", suite.prompts[1], suite).media
    np.testing.assert_array_equal(silent.frames, real.frames)
    assert silent.audio.shape == real.audio.shape
    assert not silent.audio.any()


def test_still_keeps_the_sound(suite):
    real, still = media.read(suite.root / "p1.mp4"), made("still", suite.prompts[1], suite).media
    np.testing.assert_array_equal(still.audio, real.audio)
    assert still.frames.shape == real.frames.shape
    assert (still.frames == real.frames[0]).all()


def test_shifted_sound_is_five_frames_early_and_ends_in_silence(suite):
    real, shifted = media.read(suite.root / "p2.mp4"), made("shifted", suite.prompts[2], suite)
    np.testing.assert_array_equal(shifted.media.frames, real.frames)
    # 0.2 s at 16 kHz is 3200 samples: what was heard at 0.2 s is heard at 0.
    np.testing.assert_array_equal(shifted.media.audio[:, :-3200], real.audio[:, 3200:])
    assert not shifted.media.audio[:, -3200:].any()
    # The step from half to full loudness was with frame 5 and is now with frame 0: the sound leads by 5 frames.
    assert real.audio[0, 3199] == pytest.approx(0.15, abs=1e-4)
    assert shifted.media.audio[0, 0] == pytest.approx(0.3, abs=1e-4)
    # Sample n of it does not belong to sample n of the reference.
    assert shifted.timing == "free"


def test_shuffled_has_the_sound_of_another_prompt_at_the_length_of_its_picture(suite):
    partners = []
    for i, prompt in enumerate(suite.prompts):
        generated = made("shuffled", prompt, suite, seed=i)
        assert generated.timing == "free"
        shuffled = generated.media
        np.testing.assert_array_equal(shuffled.frames, media.read(suite.root / f"p{i}.mp4").frames)
        assert shuffled.audio.shape == (1, len(shuffled.frames) * SAMPLES_PER_FRAME)
        partners.append(round(float(shuffled.audio.max()) * 10) - 1)
    # Loudness tells whose sound it is: everybody gets one, nobody their own.
    assert sorted(partners) == [0, 1, 2, 3]
    assert all(partner != i for i, partner in enumerate(partners))


def test_a_derangement_is_fixed_by_its_seed_and_moves_everything():
    for count in (2, 3, 100):
        order = controls.derangement(count, controls.SHUFFLE_SEED)
        assert sorted(order) == list(range(count))
        assert all(place != index for index, place in enumerate(order))
    assert controls.derangement(100, 1) != controls.derangement(100, 2)
    with pytest.raises(BenchError, match="at least 2 prompts"):
        controls.derangement(1, 0)


def test_a_prompt_without_a_real_clip_is_refused_before_generation(suite):
    bare = suite.prompts[0].model_copy(update={"reference": None})
    with pytest.raises(BenchError, match="expected a prompt with a reference clip, got prompt 'p0'"):
        create_model("still", "cpu").plan(bare, suite)
