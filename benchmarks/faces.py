"""Measures what face detection in every few frames saves, and what it costs.

    python benchmarks/faces.py FOLDER > results/benchmarks/faces.md
    python benchmarks/faces.py FOLDER --mtcnn BOXES.json >> results/benchmarks/faces.md

FOLDER has clips of people, any that `media.read` takes. Detectors that cannot run here are left out: run it where
mediapipe is installed. Times are seconds of one processor, all frames and few in turn. `--mtcnn` instead compares how
detectors draw a face's border with boxes that MTCNN drew: {clip stem: [boxes of every tenth frame at 25 fps]}, each box
[x0, y0, x1, y1, score], as `MTCNN(keep_all=True).detect(frame)` of facenet-pytorch gives them. That package needs
torchvision and so cannot run in this project's environment.
"""

from __future__ import annotations

import argparse
import json
import platform
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from jova_bench.arrays import FloatArray, Frames
from jova_bench.assets.records import sha256_of
from jova_bench.assets.table import asset_table
from jova_bench.cache import NoCache
from jova_bench.media import files as media
from jova_bench.media.clip import Clip
from jova_bench.metrics import faces
from jova_bench.metrics.base import MetricContext
from jova_bench.metrics.faces import blazeface, cuts, haar
from jova_bench.metrics.faces.crop import smoothed
from jova_bench.metrics.faces.follow import follow
from jova_bench.metrics.faces.looks import look
from jova_bench.metrics.faces.track import Boxes, Track, between, overlaps
from jova_bench.metrics.lip_sync import curves
from jova_bench.metrics.lip_sync import embedded as lipsync
from jova_bench.suites.loading import load_suite

LIGHT = ("opencv-haar", "mediapipe")
STEPS = (2, 5, 6, 8, 10)
"""Frames between looks that are tried."""
COLUMNS = """
k is the largest distance of two looks; where a face seems to have jumped, it is looked at in between. Tracks of at
least 20 frames are compared: how many frames of those from all frames are kept, the intersection over union of the
boxes, and how far the centre of the crop is off after smoothing, in units of half the face's longer side. k = 2 shows
how much of this is the detector's own trembling: half of its frames are the same. Times are those of `faces.tracks`
with cuts, detection and tracking."""
BORDERS = """
## How faces are drawn

Boxes as the detectors give them, against those of MTCNN, which was trained on WIDER FACE like S3FD. Medians over the
frames of a clip in which both found a face (IoU over 0.3), in units of half the detector's own longer side. The
constants `LARGER` and `UP` of `haar` and `blazeface` are from these tables."""
LONG = 20
"""Frames of a track that is worth comparing."""
SURE = 0.95
"""Score of MTCNN from which a face is one."""
CORPUS_CLIPS = 32
CANVAS, PICTURE, SWAY, PERIOD = 320, 192, 40, 50
"""Pixels of the canvas that a corpus clip moves on, of the clip, of its way to each side, and frames there and back."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--mtcnn", type=Path, help="boxes of MTCNN, JSON")
    arguments = parser.parse_args()
    clips = {file.stem: media.read(file) for file in sorted(arguments.folder.glob("*.mp4"))}
    context = MetricContext(NoCache())
    names = [name for name in LIGHT if faces.detector(name, context.assets).missing(context.assets) is None]
    if arguments.mtcnn:
        haar.LARGER = blazeface.LARGER = 1.0
        blazeface.UP = 0.0
        print(BORDERS)
        for name in names:
            borders(name, clips, json.loads(arguments.mtcnn.read_text()))
        return
    print("# Faces: looks at few frames against looks at all\n")
    print(f"Made by `benchmarks/faces.py`; {platform.machine()}, one thread, OpenCV {cv2.__version__}. {COLUMNS}")
    for name in names:
        chosen = faces.detector(name, context.assets)
        print(f"\n## {name}\n\n`{chosen.key}`")
        found = {stem: chosen.find(faces.at_25_fps(clip), "cpu") for stem, clip in clips.items()}
        accuracy(clips, found)
        times(name, clips, context)
        corpus(name)
    s3fd(clips)


def looks_of(shots: list[range], found: list[Boxes], every: int) -> list[dict[int, Boxes]]:
    """What `faces.tracks` would search of boxes that were found in every frame."""
    return [look(shot, every, lambda frames: [found[frame] for frame in frames]) for shot in shots]


def tracks_of(looks: list[dict[int, Boxes]]) -> list[Track]:
    """The tracks that are worth comparing."""
    tracks = [track for shot in looks for track in follow(list(shot), list(shot.values()))]
    return [track for track in tracks if len(track.boxes) >= LONG]


def pairs(dense: list[Track], sparse: list[Track]) -> Iterator[tuple[Track, Track, slice, slice]]:
    """Tracks of one face, with the parts of both that they share."""
    for a in dense:
        for b in sparse:
            low, high = max(a.first, b.first), min(a.stop, b.stop)
            in_a, in_b = slice(low - a.first, high - a.first), slice(low - b.first, high - b.first)
            if low < high and same(a.boxes[in_a], b.boxes[in_b]).mean() > 0.5:
                yield a, b, in_a, in_b


def same(a: Boxes, b: Boxes) -> FloatArray:
    """(n,) intersection over union, box by box."""
    return np.array([overlaps(one[None], other[None])[0, 0] for one, other in zip(a, b, strict=True)])


def accuracy(clips: dict[str, Clip], found: dict[str, list[Boxes]]) -> None:
    print("\n| k | clip | looks | tracks, all frames | tracks | frames kept | IoU, mean | IoU, 5 % | crop centre off |")
    print("|---|---|---|---|---|---|---|---|---|")
    for every in STEPS:
        for stem, clip in clips.items():
            shots = cuts.shots(faces.at_25_fps(clip))
            dense, few = tracks_of(looks_of(shots, found[stem], 1)), looks_of(shots, found[stem], every)
            sparse = tracks_of(few)
            start = f"| {every} | {stem} | {sum(map(len, few))} of {len(found[stem])} | {len(dense)} | {len(sparse)} |"
            shared, off = [], []
            for a, b, in_a, in_b in pairs(dense, sparse):
                shared.append(same(a.boxes[in_a], b.boxes[in_b]))
                (half, *here), (_, *there) = smoothed(a.boxes)[:, in_a], smoothed(b.boxes)[:, in_b]
                off.append(np.hypot(*(np.array(here) - np.array(there))) / half)
            if not shared:
                print(f"{start} | | | |")
                continue
            iou, covered = np.concatenate(shared), sum(map(len, shared)) / sum(len(track.boxes) for track in dense)
            print(
                f"{start} {covered:.1%} | {iou.mean():.3f} | {np.percentile(iou, 5):.3f} | "
                f"{np.concatenate(off).mean():.1%} |"
            )


def cpu_s(run: Callable[[], object]) -> float:
    start = time.process_time()
    run()
    return time.process_time() - start


def pixels(clip: Clip) -> Frames:
    """Returns the frames of a clip that has some, (T, H, W, 3)."""
    assert clip.frames is not None
    return clip.frames


def dense_and_sparse(name: str, clip: Clip, context: MetricContext) -> tuple[float, float]:
    """Seconds of one processor for all that it takes to get the tracks, with looks at every frame and at few."""
    dense, sparse = (cpu_s(partial(faces.tracks, clip, name, context, every)) for every in (1, faces.EVERY))
    return dense, sparse


def times(name: str, clips: dict[str, Clip], context: MetricContext) -> None:
    print(f"\n| clip | size | every frame, s | k = {faces.EVERY}, s | ratio |\n|---|---|---|---|---|")
    both = {stem: dense_and_sparse(name, clip, context) for stem, clip in clips.items()}
    for stem, (dense, sparse) in both.items():
        print(f"| {stem} | {size(clips[stem])} | {dense:.2f} | {sparse:.2f} | {dense / sparse:.1f} |")
    dense, sparse = np.sum(list(both.values()), axis=0)
    print(f"| all | | {dense:.2f} | {sparse:.2f} | **{dense / sparse:.1f}** |")


def size(clip: Clip) -> str:
    count, height, width = pixels(clip).shape[:3]
    return f"{width} x {height}, {count} frames"


def s3fd(clips: dict[str, Clip]) -> None:
    """Cost of S3FD with random weights, which find nothing of use."""
    import torch

    from jova_bench.metrics.networks.s3fd import S3FD

    torch.set_num_threads(1)
    torch.manual_seed(0)
    net = S3FD((64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024), (256, 512, 128, 256))
    stem, clip = next((stem, clip) for stem, clip in clips.items() if pixels(clip).shape[2] >= pixels(clip).shape[1])
    print(f"\n## s3fd\n\nRandom weights: times are those of the real ones, boxes are not. Clip {stem}, scaled.")
    print(f"\n| size | every frame, s | a frame, ms | k = {faces.EVERY}, s | ratio |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "s3fd.pth"
        torch.save(net.state_dict(), path)
        table = Path(folder) / "assets.toml"
        table.write_text(f'[s3fd]\nfile = "{path}"\nsha256 = "{sha256_of(path)}"\n')
        context = MetricContext(NoCache(), assets=asset_table(table))
        for width, height in ((768, 480), (1280, 720)):
            scaled = resized(clip, width, height)
            dense, sparse = dense_and_sparse("s3fd", scaled, context)
            ratio = f"{dense / len(pixels(scaled)) * 1000:.0f} | {sparse:.1f} | **{dense / sparse:.1f}**"
            print(f"| {size(scaled)} | {dense:.1f} | {ratio} |")


def resized(clip: Clip, width: int, height: int) -> Clip:
    frames = np.stack([cv2.resize(frame, (width, height)) for frame in pixels(clip)])
    return media.clip_from_arrays(frames, clip.fps, None, 0)


def borders(name: str, clips: dict[str, Clip], theirs: dict[str, list[list[list[float]]]]) -> None:
    """How a detector draws faces, against MTCNN: in units of its own half side, one row a clip."""
    print(f"\n| {name} | MTCNN's faces | found | others | longer side, times | centre, right | centre, down |")
    print("|---|---|---|---|---|---|---|")
    rows = []
    for stem, boxes in theirs.items():
        ours = faces.detector(name, asset_table()).find(faces.at_25_fps(clips[stem])[::10], "cpu")
        found = [pair for a, b in zip(boxes, ours, strict=True) for pair in matched(np.reshape(a, (-1, 5)), b)]
        count = sum(score > SURE for frame in boxes for *_, score in frame)
        start = f"| {stem} | {count} | {len(found)} | {sum(map(len, ours)) - len(found)} |"
        if found:
            rows.append(np.median(found, axis=0))
            print(f"{start} {rows[-1][0]:.3f} | {rows[-1][1]:+.3f} | {rows[-1][2]:+.3f} |")
        else:
            print(f"{start} | | |")
    columns = [f"{np.median(column):.3f} +- {np.std(column):.3f}" for column in np.transpose(rows)]
    print("| median +- deviation | | | | " + " | ".join(columns) + " |")


def matched(theirs: Boxes, ours: Boxes) -> list[tuple[float, float, float]]:
    """Returns the ratio of sizes and the offset of centres of each face that both found."""
    found = []
    for box in theirs[theirs[:, 4] > SURE]:
        shared = overlaps(box[None], ours)[0] if len(ours) else np.zeros(1)
        if shared.max() > 0.3:
            other = ours[shared.argmax()]
            (side, their_side) = ((b[2:4] - b[:2]).max() / 2 for b in (other, box))
            off = (box[:2] + box[2:4] - other[:2] - other[2:4]) / 2 / side
            found.append((their_side / side, off[0], off[1]))
    return found


def corpus(name: str) -> None:
    """Scores drawn clips, re-cropped by following the face, with the embedded judge."""
    suite = load_suite("embedded")
    ways = {"as it is": None, "cut out where it is": 0, "followed, every frame": 1}
    ways |= {f"followed, k = {every}": every for every in STEPS} | {f"the same, k = {faces.EVERY}, straight lines": -1}
    scores: dict[str, list[float]] = {way: [] for way in ways}
    for prompt in suite.prompts[:CORPUS_CLIPS]:
        clip = replace(media.read(suite.path(str(prompt.reference))), in_domain=True)
        moving, corners = swaying(clip)
        found = faces.detector(name, asset_table()).find(moving, "cpu")
        looks = {every: looks_of([range(len(moving))], found, every) for every in (1, *STEPS)}
        tracks = {every: tracks_of(few) for every, few in looks.items()}
        if any([(track.first, track.stop) for track in one] != [(0, len(moving))] for one in tracks.values()):
            continue
        frames = np.array(list(looks[faces.EVERY][0]))
        tracks[-1] = [between(frames, tracks[faces.EVERY][0].boxes[frames])]
        half, *centre = smoothed(tracks[1][0].boxes)
        shift = np.median((corners.T + PICTURE / 2 - np.array(centre)) / half, axis=1)
        reach = np.median(PICTURE / half)
        for way, every in ways.items():
            if every is None:
                scores[way].append(judged(clip, pixels(clip)))
                continue
            windows = np.column_stack([corners, np.full(len(moving), PICTURE)])
            if every:
                half, *centre = smoothed(tracks[every][0].boxes)
                middle = np.array(centre) + shift[:, None] * half
                windows = np.column_stack([(middle - reach * half / 2).T, reach * half])
            scores[way].append(judged(clip, cut(moving, windows, pixels(clip).shape[1])))
    count = len(scores["as it is"])
    print(f"\nDrawn clips of the shipped suite that sway by {SWAY} of {PICTURE} px every two seconds, cut out again by")
    print(
        f"the boxes; {count} of {CORPUS_CLIPS} were followed from end to end. LSE-C is that of the embedded judge `a`,"
    )
    print("whose scale is not SyncNet's: how much following matters to a judge of lips, not what a paper loses.")
    print("\n| picture | LSE-C | change from every frame, mean | mean of its size |\n|---|---|---|---|")
    for way, values in scores.items():
        change = np.array(values) - scores["followed, every frame"]
        print(f"| {way} | {np.mean(values):.4f} | {change.mean():+.4f} | {np.abs(change).mean():.4f} |")


def swaying(clip: Clip) -> tuple[Frames, FloatArray]:
    """(T, 320, 320, 3) the clip moving in a figure of eight on its own background, and (T, 2) its corner's place."""
    phase = 2 * np.pi * np.arange(len(pixels(clip))) / PERIOD
    corners = np.rint((CANVAS - PICTURE) / 2 + SWAY * np.stack([np.sin(phase), np.sin(2 * phase) / 2], axis=1))
    frames = np.empty((len(pixels(clip)), CANVAS, CANVAS, 3), np.uint8)
    frames[:] = pixels(clip)[0, 0, 0]
    for frame, (x, y), picture in zip(frames, corners.astype(int), pixels(clip), strict=True):
        frame[y : y + PICTURE, x : x + PICTURE] = cv2.resize(picture, (PICTURE, PICTURE), interpolation=cv2.INTER_CUBIC)
    return frames, corners


def cut(frames: Frames, windows: FloatArray, side: int) -> Frames:
    """(T, side, side, 3) of (T, 3) windows x0, y0 and side."""
    out = []
    for frame, (x, y, reach) in zip(frames, windows, strict=True):
        scale = reach / side
        matrix = np.array([[scale, 0, x + scale / 2 - 0.5], [0, scale, y + scale / 2 - 0.5]])
        out.append(cv2.warpAffine(frame, matrix, (side, side), flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP))
    return np.stack(out)


def judged(clip: Clip, frames: Frames) -> float:
    new = media.clip_from_arrays(frames, Fraction(clip.fps), clip.audio, clip.sample_rate_hz, in_domain=True)
    return curves.lse_c_of(lipsync.embedded_curve(new, NoCache(), "a", "cpu"))


if __name__ == "__main__":
    main()
