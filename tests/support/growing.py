"""A run that is written line by line, as a process writes one, while something looks at it."""

import json
from fractions import Fraction

import numpy as np

from jova_bench.files.locks import acquire
from jova_bench.media import files as media
from jova_bench.runs.store import LOCK, SAMPLES, SCORES, SUMMARY
from support.made_runs import made_run, model_record, undefined

HOSTILE = "</script><img src=x onerror=alert(1)>"
COUNT = 4
VALUES = {"ours": {"score": [1.0, 2.0, undefined(HOSTILE), 5.0]}, "real": {"score": [3.0] * COUNT}}


class GrowingRun:
    """A run that was made, and is written once more line by line."""

    def __init__(self, folder):
        self.folder = made_run(folder, VALUES, failed=[("real", "p03", 0)], transcripts=[HOSTILE] * COUNT)
        frames = np.zeros((4, 32, 32, 3), np.uint8)
        media.write(folder / "c.mp4", frames, Fraction(25), np.zeros((1, 2560), np.float32), 16_000)
        plans = {f"p{k:02d}": {"why_not": "of no matter"} for k in range(COUNT)}
        manifest = json.loads((folder / "manifest.json").read_text())
        manifest["models"] = {name: model_record(plans=plans).model_dump(mode="json") for name in VALUES}
        self.manifest, self.specs = manifest | {"seeds": [0]}, manifest["specs"]
        self.lines = {name: (folder / name).read_text().splitlines(keepends=True) for name in (SAMPLES, SCORES)}
        self.summary = (folder / SUMMARY).read_text()
        (folder / SUMMARY).unlink()
        for name in self.lines:
            (folder / name).write_text("")
        self.write(specs=[])
        self.lock = None

    def write(self, **changes):
        (self.folder / "manifest.json").write_text(json.dumps(self.manifest | changes))

    def begin(self):
        self.lock = acquire(self.folder / LOCK)

    def end(self):
        self.lock.close()

    def add(self, name, count):
        with (self.folder / name).open("a") as file:
            file.writelines(self.lines[name][:count])
        del self.lines[name][:count]

    def page(self):
        """What the page shows: its state, and the text of `state.js` as an object."""
        pages = self.folder / "report"
        found = json.loads((pages / "state.js").read_text().removeprefix("jovaLive(").removesuffix(");\n"))
        index = (pages / "index.html").read_text()
        assert all(part in index for part in found["parts"].values())
        return found
