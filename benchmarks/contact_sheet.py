"""Draws frames of a run's clips, one row a prompt, for people to look at.

python benchmarks/contact_sheet.py runs/embedded-0a1b2c3d --model jova --rows 8 --out results/contact-sheet.png
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from sheets import write_sheet

from jova.reading_flags import at_least
from jova_bench.errors import BenchError
from jova_bench.media import files as media
from jova_bench.runs.store import read_run

EVERY = 5
"""Frames between two columns."""
HEIGHT = 96
"""Height of a frame, px."""
BAND = 16
"""Height of the line of text above a row, px."""


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="run folder")
    parser.add_argument("--model", default="jova")
    parser.add_argument("--rows", type=at_least(1), default=8)
    parser.add_argument("--out", type=Path, required=True, help="PNG file")
    asked = parser.parse_args(arguments)
    write_sheet(asked.out, lambda: rows_of(asked.run, asked.model, asked.rows), parser)


def rows_of(run: Path, model: str, count: int) -> list[npt.NDArray[np.uint8]]:
    """Draws so many clips of a model in a run: for each a line of text, and its frames side by side.

    Raises:
        BenchError: the run has none, or a file is missing or damaged.
    """
    found = read_run(run)
    said = {prompt.id: prompt for prompt in found.manifest.prompts}
    samples = [s for s in found.samples if s.model == model and s.clip]
    if not samples:
        models = ", ".join(found.manifest.models)
        raise BenchError(f"expected clips by {model} in {run}, got none; name one of {models} as --model")
    rows: list[npt.NDArray[np.uint8]] = []
    for sample in samples[:: max(1, len(samples) // count)][:count]:
        frames = media.read(run / str(sample.clip)).frames
        assert frames is not None
        strip = np.concatenate(list(frames[::EVERY]), axis=1)
        scale = HEIGHT / len(strip)
        way = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA
        strip = cv2.resize(strip, None, fx=scale, fy=scale, interpolation=way).astype(np.uint8, copy=False)
        text = np.full((BAND, strip.shape[1], 3), 255, np.uint8)
        prompt = said[sample.prompt_id]
        line = f'"{prompt.transcript}"  {prompt.video_caption}; {prompt.audio_caption}'
        cv2.putText(text, line, (4, 12), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (40, 40, 40), 1, cv2.LINE_AA)
        rows += [text, strip]
    return rows


if __name__ == "__main__":
    main()
