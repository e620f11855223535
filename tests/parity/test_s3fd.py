"""S3FD against syncnet_python's on a random checkpoint, and its parts by hand."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from jova_bench.assets import table as assets
from jova_bench.errors import Unavailable, Undefined
from jova_bench.metrics.faces import s3fd as search
from jova_bench.metrics.networks import s3fd
from support.upstream import fake, fake_state, parity

cv2 = pytest.importorskip("cv2")
PARITY = parity("s3fd")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state as `sfd_face.pth` holds it."""
    state = fake_state(PARITY["shapes"])
    for name in state:
        if name.startswith("conf.") and name.endswith("weight"):
            state[name] = state[name] * PARITY["gain"]
    path = tmp_path_factory.mktemp("s3fd") / "sfd_face.pth"
    torch.save(state, path)
    return path


@pytest.fixture
def installed(checkpoint: Path, own_assets: Callable) -> None:
    own_assets({"s3fd": checkpoint})


@pytest.mark.parametrize("case", PARITY["raw"], ids=lambda case: str(case["size"]))
def test_boxes_and_scores_are_upstreams(checkpoint: Path, case: dict):
    height, width = case["size"]
    with torch.inference_mode():
        boxes, scores = s3fd.load(checkpoint)(fake((1, 3, height, width), f"image-{height}") * 60)
    assert boxes.shape == (1, case["cells"], 4)
    step = case["step"]
    np.testing.assert_allclose(boxes[0, ::step].reshape(-1), case["boxes"], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(scores[0, ::step], case["scores"], rtol=1e-4)
    assert boxes.double().abs().sum().item() == pytest.approx(case["box_sum"], rel=1e-5)
    assert scores.double().sum().item() == pytest.approx(case["score_sum"], rel=1e-5)


@pytest.mark.usefixtures("installed")
def test_detections_are_upstreams():
    small = fake((6, 9, 3), "picture").mul(64).add(128).clamp(0, 255).numpy().astype(np.uint8)
    frame = cv2.resize(small, (720, 480), interpolation=cv2.INTER_CUBIC)
    expected = np.reshape(PARITY["detected"], (-1, 5))
    for boxes in search.find(assets.asset_table(), np.stack([frame] * 5), "cpu"):  # More than a batch.
        np.testing.assert_allclose(boxes, expected, rtol=1e-4, atol=1e-2)


@pytest.mark.usefixtures("installed")
def test_small_odd_and_portrait_frames():
    # 109 pixels are 27 at a quarter of the size; 28 are needed.
    for height, width in ((109, 300), (300, 109), (2, 2)):
        with pytest.raises(Undefined, match=f"{width} x {height} are too small"):
            search.find(assets.asset_table(), np.zeros((1, height, width, 3), np.uint8), "cpu")
    for height, width in ((111, 301), (333, 113)):
        (boxes,) = search.find(assets.asset_table(), np.zeros((1, height, width, 3), np.uint8), "cpu")
        assert boxes.shape[1] == 5


def test_prior_by_hand():
    # An image of 32 rows and 64 columns, first map 8 x 16: the cell in row 1, column 2 is centred on pixel (10, 6) and
    # its box is 16 pixels; a map of 1 x 1 at stride 32 has one of 128 pixels around (16, 16).
    sizes = ((8, 16), (4, 8), (2, 4), (1, 1), (1, 1), (1, 1))
    cells = s3fd.priors(32, 64, sizes)
    assert cells.shape == (128 + 32 + 8 + 3, 4)
    np.testing.assert_allclose(cells[16 + 2] * torch.tensor([64, 32, 64, 32]), [10, 6, 16, 16])
    np.testing.assert_allclose(cells[168] * torch.tensor([64, 32, 64, 32]), [16, 16, 128, 128])


def test_decoding_by_hand():
    # An offset of 10 in units of a tenth of the box moves the centre by one box; log size 5 ln 2 / 1 doubles it.
    cell = torch.tensor([[0.5, 0.5, 0.2, 0.1]])
    log2 = float(np.log(2)) / 0.2
    got = s3fd.decode(torch.tensor([[[10.0, 0.0, 0.0, log2]]]), cell)
    np.testing.assert_allclose(got[0, 0], [0.6, 0.4, 0.8, 0.6], rtol=1e-6)


def test_the_surest_of_overlapping_boxes_stays():
    # Squares of 10: shifted by 5 they share a third, by 9 a nineteenth.
    boxes = np.array([[5, 0, 15, 10, 0.91], [0, 0, 10, 10, 0.95], [14, 0, 24, 10, 0.99]], dtype=np.float64)
    assert search.suppressed(boxes, 0.3)[:, 4].tolist() == [0.99, 0.95]
    assert search.suppressed(boxes, 0.4)[:, 4].tolist() == [0.99, 0.95, 0.91]
    assert search.suppressed(np.empty((0, 5)), 0.3).shape == (0, 5)


def test_missing_and_foreign_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(assets.FOLDER_VARIABLE, str(tmp_path))
    monkeypatch.delenv(assets.TABLE_VARIABLE, raising=False)
    assert (
        search.build(assets.asset_table()).missing(assets.asset_table())
        == "weights missing: jova-bench assets pull s3fd"
    )
    path = tmp_path / "other.pth"
    torch.save({"vgg.0.weight": torch.zeros(4, 3, 3, 3)}, path)
    with pytest.raises(Unavailable, match="no checkpoint of S3FD"):
        s3fd.load(path)
    state = fake_state(PARITY["shapes"])
    del state["L2Norm3_3.weight"]
    torch.save(state, path)
    with pytest.raises(Unavailable, match="does not fit"):
        s3fd.load(path)


def test_names_in_any_order(tmp_path: Path, checkpoint: Path):
    # safetensors sorts names: vgg.10 before vgg.2.
    from safetensors.torch import save_file

    state = torch.load(checkpoint, weights_only=True)
    path = tmp_path / "s3fd.safetensors"
    save_file({name: value.contiguous() for name, value in state.items()}, path)
    assert torch.equal(s3fd.load(path).vgg[10].weight, state["vgg.10.weight"])
