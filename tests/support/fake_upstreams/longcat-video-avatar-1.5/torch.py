"""As much of torch as the worker uses: the real one would take most of the test's time."""

from types import SimpleNamespace

bfloat16 = "bfloat16"
cuda = SimpleNamespace(is_initialized=lambda: False)


def manual_seed(seed):
    pass


class Generator:
    def __init__(self, device):
        self.device = device

    def manual_seed(self, seed):
        self.seed = seed
