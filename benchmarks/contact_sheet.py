"""Draws frames of a run's clips, one row a prompt, for people to look at.

python benchmarks/contact_sheet.py runs/embedded-0a1b2c3d --model jova --rows 8 --out results/contact-sheet.png
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np

from jova_bench.media import files as media
from jova_bench.runs.store import read_run

EVERY = 5
"""Frames between two columns."""
HEIGHT = 96
"""Height of a frame, px."""
BAND = 16
"""Height of the line of text above a row, px."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="run folder")
    parser.add_argument("--model", default="jova")
    parser.add_argument("--rows", type=int, default=8)
    parser.add_argument("--out", type=Path, required=True, help="PNG file")
    arguments = parser.parse_args()
    found = read_run(arguments.run)
    said = {prompt.id: prompt for prompt in found.manifest.prompts}
    samples = [s for s in found.samples if s.model == arguments.model and s.clip]
    rows = []
    for sample in samples[:: max(1, len(samples) // arguments.rows)][: arguments.rows]:
        frames = media.read(arguments.run / str(sample.clip)).frames
        assert frames is not None
        strip = np.concatenate(list(frames[::EVERY]), axis=1)
        scale = HEIGHT / len(strip)
        way = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA
        strip = cv2.resize(strip, None, fx=scale, fy=scale, interpolation=way)
        text = np.full((BAND, strip.shape[1], 3), 255, np.uint8)
        prompt = said[sample.prompt_id]
        line = f'"{prompt.transcript}"  {prompt.video_caption}; {prompt.audio_caption}'
        cv2.putText(text, line, (4, 12), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (40, 40, 40), 1, cv2.LINE_AA)
        rows += [text, strip]
    cv2.imwrite(str(arguments.out), np.concatenate(rows)[..., ::-1])


if __name__ == "__main__":
    main()
