"""Which cells an edit makes, and which models read what is given."""

import pytest
import torch

from jova.edits import made_mouth, made_picture, made_sound, made_speech
from jova.flow import Given
from support.jova_micro import CONFIG, latents, micro, mouth_masks, tokens


def cells(mask):
    return [index for index, made in enumerate(mask.flatten(1).any(1) if mask.ndim > 1 else mask) if made]


@pytest.mark.parametrize(
    ("start_s", "end_s", "video", "audio"),
    [
        # 9 frames of 40 ms. Latents begin at 0, .04 and .2 s; audio tokens at 0, .04, .12, .2 and .28 s.
        (0.0, 0.01, [0], [0]),
        (0.05, 0.11, [1], [1]),
        (0.05, 0.13, [1], [1, 2]),
        (0.1, 0.21, [1, 2], [1, 2, 3]),
        (0.29, 9.0, [2], [4]),
        (0.0, 0.36, [0, 1, 2], [0, 1, 2, 3, 4]),
    ],
)
def test_a_span_of_speech_is_rounded_outward(start_s, end_s, video, audio):
    made = made_speech(CONFIG, start_s, end_s)
    assert (cells(made.video), cells(made.audio)) == (video, audio)
    assert made.video.flatten(1).all(1).tolist() == made.video.flatten(1).any(1).tolist()  # whole frames


def test_a_mouth_is_made_in_a_box_over_the_whole_clip():
    (mouth,) = mouth_masks(1)
    made = made_mouth(CONFIG, mouth)
    assert not made.audio.any()
    for frame in made.video:
        assert frame.nonzero().tolist() == [[1, 2], [2, 2]]
    # One row above, none below, two columns to the left, and more to the right than there are.
    wide = made_mouth(CONFIG, mouth, (1, 0, 2, 5)).video
    assert wide[2].int().tolist() == [[1, 1, 1, 1], [1, 1, 1, 1], [1, 1, 1, 1], [0, 0, 0, 0]]
    with pytest.raises(ValueError, match="a mouth inside the picture, got none"):
        made_mouth(CONFIG, torch.zeros_like(mouth))


def test_picture_and_sound_are_made_whole():
    picture, sound = made_picture(CONFIG), made_sound(CONFIG)
    assert (picture.video.all().item(), picture.audio.any().item()) == (True, False)
    assert (sound.video.any().item(), sound.audio.all().item()) == (False, True)


def test_only_a_model_that_edits_reads_given_sound():
    x, text, time = latents(3), tokens(), torch.tensor([0.1, 0.5, 0.9])
    nothing = Given.nothing(latents(3, seed=2))
    sound = nothing._replace(audio=~nothing.audio)
    for editing in (False, True):
        model = micro(editing=editing)
        with torch.inference_mode():
            bare, none, some = (model(x, time, text, given) for given in (None, nothing, sound))
        assert torch.equal(bare.video, none.video)
        assert torch.equal(none.video, some.video) is not editing
        assert torch.equal(none.audio, some.audio) is not editing
