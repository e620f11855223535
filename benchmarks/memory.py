"""How much memory scoring takes: the largest resident memory of a process that scores a folder of clips.

    OMP_NUM_THREADS=1 python benchmarks/memory.py > results/benchmarks/memory.md

The clips are made here: a square that moves and a tone, 1920 x 1080 at 24 frames a second. Each row is a `score` in
a process of its own, which decodes and scores (`workers=0`); its peak is what the system counted for it. SyncNet has
random weights of the real size. Takes about five minutes of an idle core and up to 3 GB; --seconds makes shorter clips.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
from fractions import Fraction
from pathlib import Path

import numpy as np
from rescoring import random_syncnet

from jova_bench import score
from jova_bench.media import files as media

HEIGHT, WIDTH, FPS, RATE_HZ = 1080, 1920, 24, 16_000
METRICS = ("", "loudness", "av_align", "lse_c@opencv-haar")
"""No clip at all; one metric that only listens; and two that look: at motion, and for faces in every frame."""


def write(folder: Path, count: int, seconds: float) -> None:
    """Clips that differ, each of (frames, 1080, 1920, 3)."""
    time = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    frames = np.empty((int(seconds * FPS), HEIGHT, WIDTH, 3), np.uint8)
    for number in range(count):
        for k, frame in enumerate(frames):
            frame[:] = 90 + 10 * number
            frame[400:700, (9 * k) % (WIDTH - 300) :][:, :300] = 200
        tone = np.sin(2 * np.pi * (220 + 40 * number) * time) * np.sin(2 * np.pi * 2 * time) ** 2 / 4
        media.write(folder / f"{number}.mp4", frames, Fraction(FPS), tone[None].astype(np.float32), RATE_HZ)


def peak_bytes(folder: Path, metric: str, out: Path) -> int:
    """Largest resident memory of a process that scores a folder."""
    arguments = [sys.executable, __file__, "--score", metric, str(folder), str(out)]
    return int(subprocess.run(arguments, check=True, capture_output=True, text=True).stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--score", nargs=3, metavar=("METRIC", "FOLDER", "OUT"), help="what each process does")
    options = parser.parse_args()
    if options.score:
        metric, folder, out = options.score
        if metric:
            own = random_syncnet(Path(out).parent)
            score(folder, metrics=[metric], device="cpu", out=out, workers=0, assets=own)
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
        return
    decoded = int(options.seconds * FPS) * HEIGHT * WIDTH * 3
    print("# Memory of scoring\n")
    print(f"Made by `benchmarks/memory.py`: {options.clips} clips of {options.seconds:g} s, {WIDTH} x {HEIGHT},")
    print(f"{FPS} frames a second, {decoded / 1e9:.2f} GB each when decoded. A process decodes every clip when it is")
    print("taken into the run, and again to score it, its sound alone where nothing looks.\n")
    print("| metrics | peak of the process, GB | beyond no clip, in decoded clips |")
    print("|---|---|---|")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "clips"
        folder.mkdir()
        # In a process of its own: what it took would count as a peak of those that it starts.
        here = str(Path(__file__).parent)
        code = f"import sys; sys.path.insert(0, {here!r}); import memory; from pathlib import Path"
        code += f"; memory.write(Path({str(folder)!r}), {options.clips}, {options.seconds})"
        subprocess.run([sys.executable, "-c", code], check=True)
        peaks = {metric: peak_bytes(folder, metric, Path(scratch) / f"run-{metric}") for metric in METRICS}
    for metric, peak in peaks.items():
        beyond = (peak - peaks[""]) / decoded
        print(f"| {metric or 'none: interpreter and packages'} | {peak / 1e9:.2f} | {beyond:.2f} |")


if __name__ == "__main__":
    main()
