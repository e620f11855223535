"""Writes a model's clips at half their height and width, for judges that know drawn heads of 64 pixels alone.

python benchmarks/halved.py runs/mine --model jova-heads-128 --out runs/halved
jova-bench score runs/halved --suite embedded --profile embedded

A pixel is the mean of four, as where `jova.data.face` draws at a multiple of the size and averages.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import numpy.typing as npt

from jova.data.folder import write_clip
from jova_bench.media import files as media
from jova_bench.runs.store import read_run


def halved(frames: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Returns frames (T, H, W, 3) at half the height and width."""
    count, height, width, _ = frames.shape
    return np.rint(frames.reshape(count, height // 2, 2, width // 2, 2, 3).mean((2, 4))).astype(np.uint8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="run folder")
    parser.add_argument("--model", required=True)
    parser.add_argument("--out", type=Path, required=True, help="folder of clips by prompt")
    arguments = parser.parse_args()
    found = read_run(arguments.run)
    for sample in found.samples:
        if sample.model == arguments.model and sample.clip:
            clip = media.read(arguments.run / str(sample.clip))
            assert clip.frames is not None
            assert clip.audio is not None
            assert clip.fps is not None
            path = arguments.out / f"{sample.prompt_id}.mp4"
            write_clip(path, halved(clip.frames), clip.audio.mean(0), clip.fps, clip.sample_rate_hz)


if __name__ == "__main__":
    main()
