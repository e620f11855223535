import pytest
import torch

from jova.devices import check_device, enough_memory


def test_a_device_that_is_not_there_is_refused():
    check_device("cpu")
    with pytest.raises(ValueError, match=r"expected one of \d+ GPUs, got cuda:99; use --device cpu"):
        check_device("cuda:99")


def test_too_little_memory_is_one_line_and_other_errors_are_left_alone():
    said = "expected memory for a clip, got too little: use fewer frames"
    with pytest.raises(ValueError, match=said), enough_memory("a clip", "use fewer frames"):
        torch.empty(1 << 55)
    with pytest.raises(RuntimeError, match="must match"), enough_memory("a clip", "use fewer frames"):
        torch.zeros(2) + torch.zeros(3)
