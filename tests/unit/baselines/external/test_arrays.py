"""Pictures and sound of all kinds become arrays of one kind."""

import numpy as np
import torch

from jova_baselines.external import arrays


def test_pixels_of_all_kinds():
    floats = np.array([-1.5, -1.0, 0.0, 1.0, 2.0], np.float32).reshape(5, 1, 1, 1)
    assert arrays.pixels(floats).ravel().tolist() == [0, 0, 128, 255, 255]
    assert arrays.pixels(torch.from_numpy(floats).bfloat16().requires_grad_()).ravel().tolist() == [0, 0, 128, 255, 255]
    whole = np.arange(6, dtype=np.uint8)
    assert arrays.pixels(whole) is whole
    assert arrays.pixels(torch.from_numpy(whole)).tolist() == [0, 1, 2, 3, 4, 5]


def test_sound_of_all_kinds():
    assert arrays.samples(np.zeros(5)).shape == (1, 5)
    assert arrays.samples(torch.zeros(2, 5, dtype=torch.float16)).dtype == np.float32
    assert arrays.samples(torch.zeros(2, 5)).shape == (2, 5)
