"""What workers score with that ends them."""

import os
import signal

from jova_bench.cache import NoCache
from jova_bench.media import files as media
from jova_bench.metrics.base import ClipMetric
from support.specs import clip_spec


class Metric(ClipMetric):
    """Says 1 of every clip, or kills its process."""

    def __init__(self, name):
        self.spec = clip_spec(name, needs=())

    def check(self):
        return None

    def measure(self, clip, prompt, reference):
        if self.spec.name == "deadly":
            os.kill(os.getpid(), signal.SIGSEGV)
        return 1.0


def load(context):
    """What a worker scores with."""
    return [Metric("before"), Metric("deadly"), Metric("after")], NoCache()


def deadly_to_read(context):
    """What a worker scores with that the system ends when it reads the clip `bomb`, as it does for want of memory."""

    real = media.read

    def read(path, **how):
        with (path.parent / "read").open("a") as log:
            log.write(f"{path.stem}\n")
        if path.stem == "bomb":
            os.kill(os.getpid(), signal.SIGKILL)
        return real(path, **how)

    media.read = read
    return [Metric("before"), Metric("other"), Metric("after")], NoCache()
