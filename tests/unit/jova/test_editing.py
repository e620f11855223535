"""Edits of clips with a tiny model: what is kept stays, bit for bit; every door and every refusal."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from jova.editing import (
    LOWER_FACE,
    check,
    dub,
    edit,
    edit_latents,
    encode,
    made_by,
    picture_for,
    respeak,
    sound_for,
)
from jova.flow import Given, Latents
from jova.pasting import fades
from jova.pipeline import JovaPipeline, generator_of
from jova.samplers import GuidedField, Keeping, euler, flow_times, heun
from jova.text import Prompt
from support.jova_micro import (
    CONFIG,
    FRAMES,
    PROMPTS,
    SAMPLES,
    SIZE,
    editing_pipeline,
    latents,
    loud_clip,
    micro,
    tokens,
)

FAST = {"steps": 2, "guidance": 1.5}
HOW = {**FAST, "sampler": "euler", "precision": "float32"}
RESPOKEN = Prompt("red long", "low calm", "place [red] now")


@pytest.fixture(scope="module")
def pipeline():
    return editing_pipeline()


def all_edits(seed=0):
    frames, audio = loud_clip(seed)
    other = loud_clip(seed + 1)[1]
    return [
        respeak(frames, audio, RESPOKEN, 0.13, 0.19),
        dub(frames, other, PROMPTS[1], np.float32([9, 17, 23, 31])),
        picture_for(audio, PROMPTS[2]),
        sound_for(frames, PROMPTS[0]),
    ]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"edit": "hands"}, "expected an edit of speech, mouth, picture, sound, got 'hands'"),
        ({"mouth": np.zeros((5, 4), np.float32)}, r"of shape \(4,\) or \(9, 4\), got float32 of shape \(5, 4\)"),
        ({"mouth": np.zeros(3, np.float32)}, r"got float32 of shape \(3,\)"),
        ({"mouth": np.float32(3)}, r"got float32 of shape \(\)"),
        ({"mouth": "x"}, "expected a mouth of numbers"),
        ({"audio": np.full(SAMPLES, 1e30, np.float32)}, r"expected audio samples in \[-1, 1\], got one of 1e\+30"),
    ],
)
def test_edits_of_no_kind_shape_or_level_are_refused(changed, said):
    with pytest.raises(ValueError, match=said):
        check(replace(CONFIG, editing=True), replace(all_edits()[1], **changed))


def test_a_seed_is_a_whole_number():
    with pytest.raises(ValueError, match=r"expected a whole number as seed, got 1\.5"):
        generator_of(RESPOKEN, 1.5)


@pytest.mark.parametrize("solve", [euler, heun])
def test_what_is_kept_goes_straight_from_noise_to_what_is_given(solve):
    data, start, seen = latents(3, seed=4), latents(3, seed=5), []
    kept = Given.nothing(data)
    kept.video[:, :, 1:] = True
    kept.audio[:, 2:] = True

    def network(noisy, time, text, given):
        seen.append((noisy, float(time[0])))
        return Latents(*(torch.full_like(x, 9.0) for x in noisy))

    field = GuidedField(Keeping(network, kept), tokens(), kept, 3.0, 0.5)
    end = solve(field, start, flow_times(4))
    for noisy, time in seen:
        for x, x0, x1, mask in zip(noisy, start, data, (kept.video, kept.audio), strict=True):
            torch.testing.assert_close(x[:3][mask], torch.lerp(x0, x1, time)[mask], atol=1e-5, rtol=0)
    assert {len(noisy.video) for noisy, _ in seen} == {3, 6}
    for x, x1, mask in zip(end, data, (kept.video, kept.audio), strict=True):
        torch.testing.assert_close(x[mask], x1[mask], atol=1e-5, rtol=0)
        torch.testing.assert_close(x[~mask], torch.full_like(x, 9.0)[~mask], atol=1e-4, rtol=0)


def test_given_latents_pixels_and_samples_stay_bit_for_bit(pipeline):
    edits = all_edits()
    made = edit_latents(pipeline, edits, [0, 1, 2, 3], **HOW)
    clips = edit(pipeline, edits, [0, 1, 2, 3], **FAST)
    for row, each in enumerate(edits):
        video, audio = encode(pipeline, each)
        wanted = made_by(pipeline.config, each)
        assert torch.equal(~made.kept.video[row], wanted.video)
        assert torch.equal(~made.kept.audio[row], wanted.audio)
        assert torch.equal(made.latents.video[row][~wanted.video], video[~wanted.video])
        assert torch.equal(made.latents.audio[row][~wanted.audio], audio[~wanted.audio])
        if wanted.video.any():
            assert not torch.isclose(made.latents.video[row][wanted.video], video[wanted.video]).any()
    respoken, dubbed, pictured, voiced = edits
    # Speech: latent 1 (frames 1 to 4) and audio token 2 (frames 3 and 4) touch .13 to .19 s.
    assert np.array_equal(clips.frames[0][[0, 5, 6, 7, 8]], respoken.frames[[0, 5, 6, 7, 8]])
    assert not np.array_equal(clips.frames[0][1:5], respoken.frames[1:5])
    assert np.array_equal(clips.audio[0][: 3 * 640], respoken.audio[: 3 * 640])
    assert np.array_equal(clips.audio[0][5 * 640 :], respoken.audio[5 * 640 :])
    assert not np.isclose(clips.audio[0][3 * 640 : 5 * 640], respoken.audio[3 * 640 : 5 * 640]).all()
    # The mouth: columns 9 to 23 and rows 17 to 31 touch cells 1 and 2, and 2 and 3.
    outside = np.ones((SIZE, SIZE), bool)
    outside[16:32, 8:24] = False
    assert np.array_equal(clips.frames[1][:, outside], dubbed.frames[:, outside])
    assert not np.isclose(clips.frames[1][:, ~outside], dubbed.frames[:, ~outside]).all()
    for row, each in ((1, dubbed), (2, pictured)):
        assert np.array_equal(clips.audio[row], each.audio)
    assert np.array_equal(clips.frames[3], voiced.frames)
    assert clips.audio.shape == (4, SAMPLES)
    assert clips.function_evals == 3  # guided at t = 0, no more at t = 0.5


def test_the_wiener_filter_leaves_what_is_kept(pipeline):
    """The decoded cells next to what is made are decoded from the given latents."""
    seen = []
    codec = pipeline.video_codec
    filtered = codec.wiener_filter
    decode = codec.decode
    codec.wiener_filter = lambda video: filtered(video) + 1
    codec.decode = lambda video: seen.append(video) or decode(video)
    try:
        (each,) = edits = all_edits()[1:2]
        edit(pipeline, edits, [0], **FAST)
    finally:
        del codec.wiener_filter, codec.decode
    kept = ~made_by(pipeline.config, each).video
    assert torch.equal(seen[0][0][kept], encode(pipeline, each).video[kept])


def test_an_edit_depends_on_its_seed_and_not_on_its_batch(pipeline):
    together, again = (edit(pipeline, all_edits(), [5, 6, 7, 8], **FAST) for _ in range(2))
    assert np.array_equal(together.frames, again.frames)
    assert np.array_equal(together.audio, again.audio)
    latents_of = edit_latents(pipeline, all_edits(), [5, 6, 7, 8], **HOW).latents
    for row, each in enumerate(all_edits()):
        alone = edit_latents(pipeline, [each], [5 + row], **HOW).latents
        for a, b in zip(alone, latents_of, strict=True):
            torch.testing.assert_close(a[0], b[row], atol=1e-4, rtol=0)
        other = edit_latents(pipeline, [each], [50], **HOW).latents
        assert not torch.equal(other.video, alone.video) or not torch.equal(other.audio, alone.audio)


@pytest.mark.parametrize("how", [{"precision": "bfloat16"}, {"sampler": "heun"}, {"guidance": 1.0}])
def test_what_is_kept_stays_however_it_is_sampled(pipeline, how):
    made = edit_latents(pipeline, all_edits(), [0, 1, 2, 3], **(HOW | how))
    for row, each in enumerate(all_edits()):
        given = encode(pipeline, each)
        for x, y, kept in zip(made.latents, given, made.kept[1:], strict=True):
            assert torch.equal(x[row][kept[row]], y[kept[row]])
    usual = edit_latents(pipeline, all_edits(), [0, 1, 2, 3], **HOW)
    assert not torch.equal(made.latents.video, usual.latents.video)


def test_what_is_given_changes_what_is_made(pipeline):
    for one, two in zip(all_edits(0), all_edits(10), strict=True):
        a, b = (edit_latents(pipeline, [each], [0], **HOW) for each in (one, two))
        made = [~mask[0] for mask in a.kept[1:]]
        for x, y, mask in zip(a.latents, b.latents, made, strict=True):
            if mask.any():
                assert not torch.isclose(x[0][mask], y[0][mask]).all()


def test_a_picture_may_begin_with_an_image(pipeline):
    audio, image = loud_clip(0)[1], loud_clip(3)[0][0]
    plain, shown = (edit_latents(pipeline, [picture_for(audio, PROMPTS[0], x)], [0], **HOW) for x in (None, image))
    assert not torch.equal(plain.latents.video, shown.latents.video)
    assert not shown.kept.video.any()  # a hint, as in free generation


def test_sound_is_faded_inside_what_is_made():
    made = np.array([0, 0, 1, 1, 1, 1, 1, 1, 0, 0], bool)
    assert fades(made, 2).tolist() == pytest.approx([0, 0, 1 / 3, 2 / 3, 1, 1, 2 / 3, 1 / 3, 0, 0])
    assert fades(np.ones(4, bool), 2).tolist() == [1] * 4  # no seam at the ends of a clip


def test_words_are_told_when_only_in_edits_of_speech(pipeline, monkeypatch):
    seen = []
    context = type(pipeline.model).context
    monkeypatch.setattr(
        type(pipeline.model), "context", lambda self, *given: seen.append(given[-1].times_s) or context(self, *given)
    )
    edit_latents(pipeline, all_edits(), [0, 1, 2, 3], **{**HOW, "guidance": 1.0})
    # Loud from .04 to .32 s: place in .04 .. .13, red in .13 .. .19, now in .19 .. .32.
    assert seen[0][0][-3:].tolist() == pytest.approx([0.085, 0.16, 0.255])
    assert seen[0].count_nonzero() == 3


def test_the_default_mouth_is_the_lower_part_of_the_middle(pipeline):
    frames, audio = loud_clip(0)
    made = made_by(pipeline.config, dub(frames, audio, PROMPTS[0]))
    assert LOWER_FACE == (0.25, 0.5, 0.75, 0.875)
    assert made.video[0].nonzero().tolist() == [[2, 1], [2, 2], [3, 1], [3, 2]]  # rows 16 to 28, columns 8 to 24


FRAMES_0, AUDIO_0 = loud_clip(0)


@pytest.mark.parametrize(
    ("each", "message"),
    [
        (
            dub(FRAMES_0[:5], AUDIO_0, PROMPTS[0]),
            r"mouth to be uint8 of shape \(9, 32, 32, 3\), got uint8 of shape \(5,",
        ),
        (dub(FRAMES_0 / 255, AUDIO_0, PROMPTS[0]), r"frames for an edit of the mouth to be uint8 .* got float64"),
        (dub(FRAMES_0, AUDIO_0[:-1], PROMPTS[0]), r"to be float32 of shape \(5760,\), got float32 of shape \(5759,\)"),
        (replace(sound_for(FRAMES_0, PROMPTS[0]), frames=None), r"frames for an edit of the sound .* got none"),
        (
            replace(sound_for(FRAMES_0, PROMPTS[0]), audio=AUDIO_0),
            "audio for an edit of the sound to be none, got float",
        ),
        (replace(sound_for(FRAMES_0, PROMPTS[0]), image=FRAMES_0[0]), "for an edit of the picture alone"),
        (picture_for(AUDIO_0, PROMPTS[0], FRAMES_0), "expected an image of shape"),
        (respeak(FRAMES_0, AUDIO_0, RESPOKEN, 0.2, 0.2), "within 0 and 0.36 s, got 0.2 to 0.2 s"),
        (respeak(FRAMES_0, AUDIO_0, RESPOKEN, 0.2, 0.5), "within 0 and 0.36 s, got 0.2 to 0.5 s"),
        (respeak(FRAMES_0, AUDIO_0, PROMPTS[0], 0.1, 0.2), "words of the span in one pair of brackets"),
        *(
            (
                dub(FRAMES_0, AUDIO_0, PROMPTS[0], np.float32(box)),
                r"expected a mouth x0, y0, x1, y1 within 32 x 32 pixels",
            )
            for box in ([40, 40, 50, 50], [-1, 8, 24, 28], [8, 8, 24, 33], [24, 8, 8, 28])
        ),
        (dub(FRAMES_0, AUDIO_0 * np.float32("nan"), PROMPTS[0]), "expected finite audio samples, got NaN"),
        (sound_for(FRAMES_0, Prompt("green", "", "")), "words the model was trained on, got 'green'"),
    ],
)
def test_edits_that_do_not_fit_the_model_are_refused(pipeline, each, message):
    with pytest.raises(ValueError, match=message):
        edit(pipeline, [each], [0], **FAST)


def test_every_edit_has_a_seed(pipeline):
    with pytest.raises(ValueError, match="a seed for each, got 4 edits and 1 seeds"):
        edit(pipeline, all_edits(), [0], **FAST)
    with pytest.raises(ValueError, match="expected one edit or more"):
        edit(pipeline, [], [], **FAST)


def test_weights_without_edits_are_refused(pipeline):
    free = JovaPipeline(micro(), pipeline.video_codec, pipeline.audio_codec)
    with pytest.raises(
        ValueError, match="expected weights trained for editing, got weights that make whole clips only"
    ):
        edit(free, all_edits(), [0, 1, 2, 3])


def test_a_model_that_edits_also_makes_whole_clips(pipeline):
    assert pipeline.sample(PROMPTS, [0, 1, 2], **FAST).frames.shape == (3, FRAMES, SIZE, SIZE, 3)
    assert pipeline.config == replace(CONFIG, editing=True)
