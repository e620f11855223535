"""As much of torch as the worker uses: the real one would take most of the test's time."""

from types import SimpleNamespace

cuda = SimpleNamespace(is_initialized=lambda: False)
noise = 0


def manual_seed(seed):
    global noise
    noise = seed
