"""Do mouths move with the sound by somebody else's eyes? Reads lips with MediaPipe's face mesh, trained on real faces.

python benchmarks/outside_reader.py runs/embedded-0a1b2c3d --models real codec jova shuffled > results/outside-reader.md

Needs mediapipe 0.10.21, the last release whose wheel carries its models (Python 3.11 or 3.12).
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from jova_bench.cache import NoCache
from jova_bench.errors import Undefined
from jova_bench.media import files as media
from jova_bench.metrics.lip_sync.mouth_correlation import correlation, openings
from jova_bench.runs.store import read_run

UPPER_LIP, LOWER_LIP = 13, 14
"""Middle of the inner lips in the mesh."""
SIDE = 256
"""Frames are enlarged to this, px: the face detector wants more than 64."""


def lip_gaps(frames: np.ndarray, mesh: object) -> np.ndarray:
    """(T,) inner-lip gap as a share of the frame's height; NaN where no face is found."""
    gaps = np.full(len(frames), np.nan)
    for index, frame in enumerate(frames):
        found = mesh.process(cv2.resize(frame, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC))  # type: ignore[attr-defined]
        if found.multi_face_landmarks:
            points = found.multi_face_landmarks[0].landmark
            gaps[index] = np.hypot(points[LOWER_LIP].x - points[UPPER_LIP].x, points[LOWER_LIP].y - points[UPPER_LIP].y)
    return gaps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--models", nargs="+", default=["real", "codec", "jova", "shuffled"])
    parser.add_argument("--clips", type=int, default=30, help="clips of each model")
    arguments = parser.parse_args()
    import mediapipe

    mesh = mediapipe.solutions.face_mesh.FaceMesh(static_image_mode=True, max_num_faces=1, min_detection_confidence=0.3)
    samples = read_run(arguments.run).samples
    print("Lip gap read by MediaPipe 0.10.21's face mesh, against the mouth opening that our hearer hears in the sound")
    print("and against the opening that our reader sees. Pearson correlation within clips, mean over clips.\n")
    print("| model | clips | frames with a face | outside reader and sound | outside reader and our reader |")
    print("|---|---|---|---|---|")
    for model in arguments.models:
        with_sound, with_reader, faces, frames = [], [], 0, 0
        for sample in [s for s in samples if s.model == model and s.clip][: arguments.clips]:
            clip = replace(media.read(arguments.run / str(sample.clip)), in_domain=True)
            assert clip.frames is not None
            gaps = lip_gaps(clip.frames, mesh)
            seen, heard = openings(clip, NoCache(), "cpu")
            both = np.isfinite(gaps[: len(seen)])
            faces, frames = faces + int(np.isfinite(gaps).sum()), frames + len(gaps)
            if both.sum() < 20:
                continue
            scaled = gaps[: len(seen)][both] / np.nanmax(gaps)
            try:
                with_sound.append(correlation(scaled, heard[both]))
                with_reader.append(correlation(scaled, seen[both]))
            except Undefined:
                continue
        print(
            f"| {model} | {len(with_sound)} | {100 * faces / max(frames, 1):.1f} % | "
            f"{np.mean(with_sound):.3f} | {np.mean(with_reader):.3f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
