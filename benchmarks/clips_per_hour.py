"""Measures what the standard profile costs: seconds a clip of every metric, and clips an hour.

    OMP_NUM_THREADS=1 python benchmarks/clips_per_hour.py NETWORKS results/clips-per-hour.json
    python benchmarks/clips_per_hour.py --page results/clips-per-hour.json > results/clips-per-hour.md

NETWORKS is a folder for random networks of the published sizes (13 GB, made where they are missing: `real_files.py`).
MediaPipe's come from the assets folder (`jova-bench assets pull mediapipe-face-mesh mediapipe-blazeface-short
mediapipe-blazeface-full`). Clips are made here: drawn people of the shipped suite, 512 x 512, 5 s, 25 frames a second.
Metrics that the file has are not measured again: the same command goes on after an interruption.

What a network costs does not depend on its numbers, but for what is computed after its answers: the planted detector
finds one face, and the planted Whisper writes 13 words. A recogniser that repeats itself writes up to 224 tokens at up
to six temperatures, and costs as much more. A metric that reads what another one has kept of a clip costs next to
nothing, as in a run. Networks are loaded before, by a clip of one second where a metric takes it. With
`--device cuda` seconds are wall time. Takes a quarter of an hour of an idle core for each clip, and 16 GB.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from stored import print_of

from jova_bench.assets.table import AssetTable, asset_table
from jova_bench.cache import DiskCache, NoCache
from jova_bench.errors import BenchError, Unavailable, Undefined
from jova_bench.execution.devices import device_name
from jova_bench.execution.placement import Room, device_bytes
from jova_bench.execution.processes import available_cores
from jova_bench.files.reading import read_json
from jova_bench.files.writing import write_file
from jova_bench.media import files as media
from jova_bench.media.limits import memory_bytes
from jova_bench.metrics.base import ClipMetric, Metric, MetricContext
from jova_bench.metrics.build import build, usual
from jova_bench.metrics.networks.network_cache import make_room
from jova_bench.prompts import Prompt
from jova_bench.runs.grouping import groups, networks
from jova_bench.suites.loading import load_suite

SEEN = ("test-00001", "test-00003", "test-00006", "test-00008")
"""Drawn people whose faces MediaPipe and OpenCV find, enlarged."""
ENLARGED, SECONDS, FPS = 8, 5, 25
Timed = tuple[Any, float, float]
"""What a function returned, processor seconds and wall seconds."""


def write_clips(folder: Path, count: int) -> list[tuple[Path, Prompt]]:
    """Writes a clip of one second and `count` others, and what their prompts name. Returns them with their prompts."""
    import cv2

    suite = load_suite("embedded")
    known = {prompt.id: prompt for prompt in suite.prompts}
    made = []
    for number in range(count + 1):
        prompt = known[SEEN[number % len(SEEN)]]
        clip = media.read(suite.path(str(prompt.reference)))
        assert clip.frames is not None
        assert clip.audio is not None
        rate, length = clip.sample_rate_hz, SECONDS if number else 1
        frames = np.tile(clip.frames, (2, 1, 1, 1))[number : number + length * FPS]  # No two clips are the same.
        audio = np.tile(clip.audio, 2)[:, number * rate // FPS :][:, : length * rate]
        large = frames.repeat(ENLARGED, axis=1).repeat(ENLARGED, axis=2)
        path = folder / f"{number}.mp4"
        media.write(path, large, Fraction(FPS), audio, rate)
        cv2.imwrite(str(folder / f"{number}.png"), large[0, ..., ::-1])
        given = {"image": str(folder / f"{number}.png"), "voice": str(path), "reference": str(path)}
        made.append((path, prompt.with_files(given)))
    return made


def timed(work: Callable[[], Any], device: str) -> Timed:
    """Runs something, to the end on a GPU, too."""
    wall, processor = time.perf_counter(), time.process_time()
    found = work()
    if device.startswith("cuda"):
        import torch

        torch.cuda.synchronize(device)
    return found, time.process_time() - processor, time.perf_counter() - wall


def answer(metric: Metric, clip: Any, prompt: Prompt, reference: Any) -> str:
    """Asks a metric of a clip. Returns the status, and the reason where there is one."""
    if isinstance(metric, ClipMetric):
        found = metric.score(clip, prompt, reference)
        return found.status if found.status == "ok" else f"{found.status}: {found.reason}"
    try:
        metric.features(clip)
    except (Undefined, Unavailable) as reason:
        return f"undefined: {reason}"
    return "ok"


def measure(names: Sequence[str], table: AssetTable, device: str, count: int, kept: Path) -> None:
    """Measures metrics on some clips, in the order of a run with one worker.

    Args:
        names: of the metrics.
        table: the networks.
        device: where they run.
        count: number of clips.
        kept: JSON file of a measurement, which grows by each metric; those that it has are not measured.
    """
    about: dict[str, Any] = {
        "device": device,
        "device_name": device_name(device),
        "torch": torch_version(),
        "threads": 1,
    }
    about |= {"clips": count, "seconds": SECONDS, "fps": FPS, "side": 64 * ENLARGED}
    found: dict[str, Any] = (
        read_json(kept) if kept.exists() else about | {"metrics": {}, "decoding": {}, "not_measured": {}}
    )
    if differs := [name for name, value in about.items() if found[name] != value]:
        raise BenchError(f"{kept}: expected a measurement of the same {', '.join(differs)}; write into another file")
    with tempfile.TemporaryDirectory() as scratch:
        (brief, loading), *files = write_clips(Path(scratch), count)
        metrics = build(None, "standard", MetricContext(DiskCache(Path(scratch) / "cache"), device, assets=table))
        asked_for = [one for one in metrics if one.spec.name in names]
        found["profile"] = [one.spec.name for one in metrics]
        found["not_measured"] |= {one.spec.name: reason for one in asked_for if (reason := one.check())}
        able = {one.spec.identity: one for one in asked_for if one.check() is None}
        needs = {one.spec.identity: networks(one.spec, table) for one in metrics}
        gpu = None if device == "cpu" else device_bytes((device,))
        room = Room(1, available_cores(), memory_bytes(), gpu, 0).for_networks(1)
        first = media.read(brief)
        clips = []
        for kind in (False, True):
            read = [timed(partial(media.read, path, pictures=kind), device) for path, _ in files]
            found["decoding"]["pictures" if kind else "sound alone"] = _spent(read)
            clips = [(clip, prompt) for (clip, *_), (_, prompt) in zip(read, files, strict=True)]
        passes = groups(needs, room)
        found["passes"], found["room_bytes"] = len(passes), room
        lacking = {name for one in able for name in needs[one] if one.name not in found["metrics"]}
        for together in passes:
            make_room(room)
            for metric in (able[identity] for identity in together if identity in able):
                if metric.spec.name in found["metrics"] and not lacking & needs[metric.spec.identity].keys():
                    continue  # Otherwise it is measured again: the first to ask a network may pay for others.
                answer(metric, first, loading, first)
                asked = [timed(partial(answer, metric, clip, prompt, clip), device) for clip, prompt in clips]
                answers = [one for one, *_ in asked]
                row = {"networks": sorted(needs[metric.spec.identity]), "answers": answers, **_spent(asked)}
                found["metrics"][metric.spec.name] = row
                write_file(kept, json.dumps(found, indent=1).encode())


def _spent(asked: Sequence[Timed]) -> dict[str, list[float]]:
    return {"cpu_s": [round(one[1], 4) for one in asked], "wall_s": [round(one[2], 4) for one in asked]}


def torch_version() -> str:
    """Returns torch's version."""
    import torch

    return torch.__version__


def seconds(found: Mapping[str, Any], one: Mapping[str, Any]) -> float:
    """Returns mean seconds: of the processor, or on a GPU of the wall."""
    return statistics.mean(one["cpu_s" if found["device"] == "cpu" else "wall_s"])


def total(found: Mapping[str, Any]) -> float:
    """Returns seconds a clip: all metrics, and decoding it for each pass."""
    decoding = found["passes"] * seconds(found, found["decoding"]["pictures"])
    return decoding + sum(seconds(found, one) for one in found["metrics"].values())


def page(found: Mapping[str, Any]) -> str:
    """Writes the page of a measurement."""
    whole = total(found)
    left = [name for name in found["profile"] if name not in {**found["metrics"], **found["not_measured"]}]
    cpu = found["device"] == "cpu"
    together: dict[tuple[str, ...], list[str]] = {}
    for name, one in found["metrics"].items():
        together.setdefault(tuple(one["networks"]), []).append(name)
    spent = {of: sum(seconds(found, found["metrics"][name]) for name in names) for of, names in together.items()}
    ears, eyes = (seconds(found, found["decoding"][kind]) for kind in ("sound alone", "pictures"))
    lines = [
        "# What the standard profile costs",
        "",
        f"**{'At most ' if left else ''}{3600 / whole:.1f} clips an hour** on one {'core' if cpu else 'GPU'} "
        f"({found['device_name']}), one thread: {whole:.0f} {'processor' if cpu else 'wall'} seconds a clip. To decode "
        f"a clip takes {eyes:.2f} of them, its sound alone {ears:.2f}; it is decoded once for each of the passes that "
        f"the memory for networks allows, here {found['passes']} ({found['room_bytes'] / 1e9:.0f} GB).",
        "",
        f"Made by `benchmarks/clips_per_hour.py`, which says how: {found['clips']} clip(s) of {found['seconds']} s, "
        f"{found['fps']} frames a second, {found['side']} x {found['side']}. Networks are random, of the published "
        "sizes, in single precision. A metric that reads what another one keeps costs nothing more. Where "
        "other work shares the core, processor time is longer: see the wall times in the data.",
        "",
        "| networks | metrics | s a clip | share |",
        "|---|---|---|---|",
    ]
    for of, cost in sorted(spent.items(), key=lambda one: -one[1]):
        names = ", ".join(f"{name}{'' if answered(found, name) else '*'}" for name in together[of])
        lines.append(f"| {', '.join(of) or 'none that is an asset'} | {names} | {cost:.2f} | {cost / whole:.1%} |")
    reasons = [f"{name}: {one['answers'][0]}" for name, one in found["metrics"].items() if not answered(found, name)]
    reasons += [f"{name}: not measured: {why}" for name, why in found["not_measured"].items()]
    if left:
        lines += ["", f"Not measured yet, so that fewer clips an hour are to be expected: {', '.join(left)}."]
    if reasons:
        lines += ["", "Without a value:", "", *(f"- {reason}" for reason in reasons)]
    return "\n".join(lines) + "\n"


def answered(found: Mapping[str, Any], name: str) -> bool:
    """Returns whether a metric had a value for every clip."""
    return set(found["metrics"][name]["answers"]) == {"ok"}


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", type=Path, nargs="?", help="folder of the random networks")
    parser.add_argument("json", type=Path, nargs="?", help="file of the measurement")
    parser.add_argument("--clips", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--metrics", help="some of them, with commas between; all by default")
    parser.add_argument("--page", type=Path, metavar="JSON", help="print the page of a measurement")
    options = parser.parse_args(argv)
    if options.page:
        print_of(options.page, page, parser)
        return
    if options.json is None:
        parser.error("expected a folder for the networks and a file for the measurement, or --page JSON")
    import torch
    from real_files import write

    torch.set_num_threads(1)
    names = options.metrics.split(",") if options.metrics else usual("standard", MetricContext(NoCache()))[0]
    table = asset_table(write(options.networks, names))
    try:
        measure(names, table, options.device, options.clips, options.json)
    except BenchError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
