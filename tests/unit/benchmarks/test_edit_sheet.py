"""The sheet of edits shows the cells that the model made, which reach beyond what was asked for."""

import importlib
from pathlib import Path

import numpy as np
import pytest

from jova.config import JovaConfig
from jova_bench.prompts import Edit

ROOT = Path(__file__).parents[3]
CONFIG = JovaConfig(("word",))


@pytest.fixture(scope="module")
def sheet():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "benchmarks")
        yield importlib.import_module("edit_sheet")


def test_a_span_reaches_to_the_ends_of_its_cells(sheet):
    pixels, samples = sheet.made(Edit(kind="speech", clip="c.mp4", span_s=(0.5, 0.6), words=(0, 1)), CONFIG)
    # Frames 12 to 14 are asked for: latents of frames 9 to 12 and 13 to 16, tokens of 11 to 12 and 13 to 14.
    assert np.flatnonzero(pixels.any(axis=(1, 2))).tolist() == list(range(9, 17))
    assert pixels[9:17].all()
    assert np.flatnonzero(samples).tolist() == list(range(11 * 640, 15 * 640))


def test_a_box_reaches_to_the_ends_of_its_cells_in_every_frame(sheet):
    pixels, samples = sheet.made(Edit(kind="mouth", clip="c.mp4", box=(20, 36, 44, 52)), CONFIG)
    assert pixels[:, 32:56, 16:48].all()
    assert pixels.sum() == 73 * 24 * 32
    assert not samples.any()


@pytest.mark.parametrize(("kind", "given"), [("picture", {}), ("sound", {"clip": "c.mp4"})])
def test_a_whole_modality_is_made(sheet, kind, given):
    pixels, samples = sheet.made(Edit(kind=kind, **given), CONFIG)
    assert pixels.all() == pixels.any() == (kind == "picture")
    assert samples.all() == samples.any() == (kind == "sound")
