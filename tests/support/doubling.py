"""What workers do that double numbers: their start imports nothing more."""

import os
import signal


def init(context):
    """Doubles; 3 kills the worker, 4 leaves, 5 raises."""

    def answer(task):
        if task == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        if task == 4:
            os._exit(7)
        if task == 5:
            raise ValueError("not five")
        return 2 * task, os.environ["OMP_NUM_THREADS"], os.getpid(), context.device

    return answer


def broken(context):
    """Loads nothing."""
    raise ImportError("no module of this name")
