"""What workers of a cluster do: their start imports nothing more."""

import os


class Lonely:
    """Doubles units, but not those that take its process along."""

    def __init__(self, context):
        self.context = context

    def __call__(self, task):
        if task == 3:
            os._exit(1)
        if task == 4:
            raise ValueError("not four")
        return 2 * task, os.environ["OMP_NUM_THREADS"], os.getpid()


class Reader:
    """Reads files of the caller, and asks its cache."""

    def __init__(self, context):
        self.context = context

    def __call__(self, task):
        import numpy as np

        path, folder = task
        copy = self.context.file(path)
        again = self.context.file(path)
        size = {"size": np.array(len(copy.read_bytes()))}
        first = self.context.cache(folder).get("d", "x", lambda: size)
        second = self.context.cache(folder).get("d", "x", lambda: {"size": np.array(-1)})
        return str(copy), copy == again, copy.read_text(), int(first["size"]), int(second["size"])
