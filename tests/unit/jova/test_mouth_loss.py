from fractions import Fraction

import numpy as np
import pytest
import torch

from jova.flow import Losses
from jova.mouth_box import mouth_boxes
from jova.mouth_loss import boxes_off_mouth, dilated, latent_mask, mouth_mean, mouth_weighted_mean
from jova.timeline import Stream
from jova.training.distributed import Ranks
from jova.training.losses import means

VIDEO = Stream(Fraction(25), 4)  # latent 0: frame 0; latent 1: frames 1..4


def test_box_around_keypoints_with_margin():
    keypoints = np.array([[[10.0, 20.0], [30.0, 24.0], [20.0, 28.0]]])
    # x from 10 to 30 and y from 20 to 28, and 2.5 pixels more on each side, whatever the size of the mouth.
    assert mouth_boxes(keypoints, 2.5).tolist() == [[7.5, 17.5, 32.5, 30.5]]


def test_mask_is_the_overlapped_share_of_space_and_time():
    # Frames of 16 pixels, 4 cells of 4 pixels. In frame 0, x 6..10 and y 8..10: half of columns 1 and 2, the upper
    # half of row 2, so a quarter of two cells. In frames 1..4: the whole cell (3, 0) in two frames, half in one,
    # nothing in one: (1 + 1 + .5 + 0) / 4 = .625.
    boxes = torch.tensor(
        [[6, 8, 10, 10], [0, 12, 4, 16], [0, 12, 4, 16], [0, 12, 2, 16], [0, 0, 0, 0]], dtype=torch.float32
    )
    mask = latent_mask(boxes, VIDEO, (4, 4), 4)
    expected = torch.zeros(2, 4, 4)
    expected[0, 2, 1] = expected[0, 2, 2] = 0.25
    expected[1, 3, 0] = 0.625
    assert torch.equal(mask, expected)


def test_a_picture_that_is_not_square_has_rows_and_columns_of_its_own():
    # 8 x 24 pixels in 2 x 6 cells of 4 pixels: x 16..24 is columns 4 and 5, y 4..8 row 1.
    mask = latent_mask(torch.tensor([[16.0, 4.0, 24.0, 8.0]]), VIDEO, (2, 6), 4)
    expected = torch.zeros(1, 2, 6)
    expected[0, 1, 4:] = 1
    assert torch.equal(mask, expected)


def test_a_clip_without_a_face_has_the_plain_loss():
    none = latent_mask(torch.full((5, 4), float("nan")), VIDEO, (2, 3), 4)
    error = torch.ones(1, 2, 2, 3, 4)
    assert mouth_weighted_mean(error, none[None], 5.0) == 1
    assert mouth_mean(error, none[None]).isnan()


def test_a_lost_keypoint_is_a_frame_without_a_face():
    lips = np.array([[[4.0, 4.0], [8.0, 8.0]], [[4.0, np.nan], [8.0, 8.0]]], np.float32)
    boxes = torch.from_numpy(mouth_boxes(lips, 0.0))
    assert boxes[0].tolist() == [4, 4, 8, 8]
    mask = latent_mask(boxes, Stream(Fraction(25), 1), (3, 3), 4)
    assert mask.sum(dim=(1, 2)).tolist() == [1, 0]


def test_dilation_spreads_the_mask_to_the_cells_around():
    # A quarter of cell (1, 2) and nothing else, in 4 rows and 6 columns.
    plain = torch.zeros(1, 4, 6)
    plain[0, 1, 2] = 0.25
    assert dilated(plain, 0) is plain
    once, twice = torch.zeros(1, 4, 6), torch.zeros(1, 4, 6)
    once[0, 0:3, 1:4] = twice[0, 0:4, 0:5] = 0.25
    assert torch.equal(dilated(plain, 1), once)
    assert torch.equal(dilated(plain, 2), twice)
    # The larger of two wins, so M stays a share; frames and clips stay apart.
    plain[0, 1, 3] = 0.5
    batch = torch.stack([plain, torch.zeros_like(plain)])  # (2, 1, 4, 6)
    assert dilated(batch, 1)[0, 0, 0].tolist() == [0, 0.25, 0.5, 0.5, 0.5, 0]
    assert dilated(batch, 1)[1].sum() == 0
    assert torch.equal(dilated(batch.half(), 1), dilated(batch, 1).half())


def test_drawn_and_filmed_heads_have_boxes_of_one_formula(monkeypatch):
    """Both ask this function: one that adds a pixel moves the boxes of both."""
    from jova.data import face
    from jova_bench.data.mouth import FORMULA
    from jova_bench.registry import load

    assert load(FORMULA, "the formula of mouth boxes") is mouth_boxes
    points = np.random.default_rng(0).uniform(0, 64, (2, len(face.KEYPOINTS), 2)).astype(np.float32)
    before = face.lip_boxes(points)
    monkeypatch.setattr(face, "mouth_boxes", lambda lips, margin: mouth_boxes(lips, margin) + 1)
    np.testing.assert_allclose(face.lip_boxes(points), before + 1, rtol=1e-6)


def test_a_box_outside_the_frame_counts_for_nothing():
    boxes = torch.tensor([[-8.0, -8.0, 0.0, 0.0]] * 4 + [[-4.0, 0.0, 4.0, 4.0]])
    mask = latent_mask(boxes, VIDEO, (4, 4), 4)
    assert mask.sum() == 0.25  # the last frame covers cell (0, 0), one frame of four
    assert mask[1, 0, 0] == 0.25


def test_a_frame_without_a_face_has_no_mouth_and_never_nan():
    # Cell (1, 1) is whole in frames 1 and 2; no face in 0, 3 and 4: 2 of 4 frames of latent 1.
    found, none = [4.0, 4.0, 8.0, 8.0], [float("nan")] * 4
    boxes = torch.tensor([none, found, found, none, none])
    expected = torch.zeros(2, 4, 4)
    expected[1, 1, 1] = 0.5
    assert torch.equal(latent_mask(boxes, VIDEO, (4, 4), 4), expected)
    moved = torch.zeros(2, 4, 4)
    moved[1, 0, 1] = 0.5
    assert torch.equal(latent_mask(boxes_off_mouth(boxes), VIDEO, (4, 4), 4), moved)
    with pytest.raises(ValueError, match=r"from y = 2.0 to 8.0 px in frame 1"):
        boxes_off_mouth(torch.tensor([none, [4.0, 2.0, 8.0, 8.0]]))


def test_box_off_the_mouth_has_its_size_and_none_of_its_cells():
    # 16 x 8 pixels moved from y 40..48 to y 0..8.
    boxes = torch.tensor([[20.0, 40.0, 36.0, 48.0]] * 5)
    moved = boxes_off_mouth(boxes)
    assert moved[0].tolist() == [20, 0, 36, 8]
    on, off = (latent_mask(box, VIDEO, (8, 8), 8) for box in (boxes, moved))
    assert on.sum() == off.sum() == 2 * 16 * 8 / 64  # two latents, two cells' area each
    assert (on * off).sum() == 0


def test_a_mouth_too_high_to_move_away_from_is_refused():
    with pytest.raises(ValueError, match=r"from y = 6.0 to 16.0 px in frame 1"):
        boxes_off_mouth(torch.tensor([[0.0, 20.0, 8.0, 30.0], [0.0, 6.0, 8.0, 16.0]]))


def test_loss_is_the_mean_over_all_cells_and_not_renormalised():
    # Two cells of two channels. Cell errors (mean over channels) 2 and 4, mask 1 and .5, lambda 5:
    # (6 * 2 + 3.5 * 4) / 2 = 13; with lambda 0 the plain mean 3.
    error = torch.tensor([[1.0, 3.0], [4.0, 4.0]]).view(1, 1, 1, 2, 2)
    mask = torch.tensor([1.0, 0.5]).view(1, 1, 1, 2)
    assert mouth_weighted_mean(error, mask, 5.0).item() == 13
    assert mouth_weighted_mean(error, mask, 0.0).item() == 3
    assert mouth_weighted_mean(error, torch.zeros_like(mask), 5.0).item() == 3


def test_the_error_to_watch_is_that_of_the_mouth_alone():
    # Cell errors 2 and 4 with mask 1 and 1: mean 3; with mask 1 and 0: 2, as with a sixteenth of it. A batch without a
    # mouth has none, and does not count.
    error = torch.tensor([[1.0, 3.0], [4.0, 4.0]]).view(1, 1, 1, 2, 2)
    for mask, expected in (([1.0, 1.0], 3), ([1.0, 0.0], 2), ([0.0625, 0.0], 2)):
        assert mouth_mean(error, torch.tensor(mask).view(1, 1, 1, 2)).item() == expected
    none = mouth_mean(error, torch.zeros(1, 1, 1, 2))
    seen, blind = (Losses(*torch.tensor([4.0, 1.0, 3.0]), mouth) for mouth in (torch.tensor(0.5), none))
    for counts in (None, [1, 1]):
        assert means([seen, blind], Ranks(), "valid_", counts) == {
            "valid_total": 4, "valid_video": 1, "valid_audio": 3, "valid_mouth": 0.5
        }  # fmt: skip
        assert means([blind, blind], Ranks(), "", counts)["mouth"] == "undefined"
