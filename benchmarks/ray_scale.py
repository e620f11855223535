"""Measures what thousands of samples cost the process that hands them to a Ray cluster, which loses a node.

    OMP_NUM_THREADS=1 python benchmarks/ray_scale.py > results/benchmarks/ray-scale.md

The cluster is two nodes of one core each on this machine, the second of which is killed halfway. Its model returns
one small clip for every prompt, so that all the time is the harness's: the clip is decoded and checked by a worker,
travels through Ray, and is written and recorded by this process. Takes ten minutes of two idle cores.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import numpy as np

import jova_bench
from jova_bench.media import files as media
from jova_bench.models.base import Generated, Plan
from jova_bench.prompts import Prompt
from jova_bench.suites.loading import Suite

HERE = Path(__file__).resolve().parent
FRAMES, SIZE, FPS, RATE_HZ = 5, 64, 25, 16_000
BATCH = 4
MB = 1e6


class Made:
    """One small clip for every prompt."""

    name, batch_size = "made", BATCH
    needs: tuple[str, ...] = ()

    def __init__(self, device: str) -> None:
        rng = np.random.default_rng(0)
        frames = rng.integers(0, 256, (FRAMES, SIZE, SIZE, 3), np.uint8)
        audio = rng.uniform(-0.5, 0.5, (1, FRAMES * RATE_HZ // FPS)).astype(np.float32)
        self.folder = tempfile.TemporaryDirectory()
        self.clip = Path(self.folder.name) / "clip.mp4"
        media.write(self.clip, frames, Fraction(FPS), audio, RATE_HZ)

    def check(self) -> None:
        """Returns None: there is nothing to load."""

    def plan(self, prompt: Prompt, suite: Suite) -> Plan:
        """Returns the format of the clip."""
        return Plan(frames=FRAMES, fps=FPS, height=SIZE, width=SIZE, sample_rate_hz=RATE_HZ, seconds=FRAMES / FPS)

    def generate(self, prompts: Sequence[Prompt], seed: int, suite: Suite) -> Iterator[Generated]:
        """Yields the clip's file."""
        for _ in prompts:
            yield Generated(self.clip, timing="free")


class Watch:
    """Progress that notes time and memory of this process, and calls something after some samples."""

    def __init__(self, every: int, at: int, then: Callable[[], None]) -> None:
        self.every, self.at, self.then = every, at, then
        self.rows: list[tuple[int, float, float, int]] = []
        """Samples, seconds, processor seconds of this process, its memory in bytes."""

    def say(self, line: str) -> None:
        """Prints a line for whoever waits."""
        print(line, file=sys.stderr)

    @contextmanager
    def phase(self, title: str, total: int) -> Iterator[Callable[[], None]]:
        """Yields what counts the samples of a phase."""
        done = 0

        def advance() -> None:
            nonlocal done
            done += 1
            if done == self.at:
                self.then()
            if done == 1 or done % self.every == 0:
                self.rows.append((done, time.monotonic(), time.process_time(), memory()))
                print(f"{title}: {done} of {total}", file=sys.stderr)

        yield advance


def memory() -> int:
    """Resident memory of this process in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def install(folder: Path) -> None:
    """Puts the model's record into a folder of the path, as pip would."""
    record = folder / "made-1.dist-info"
    record.mkdir()
    (record / "METADATA").write_text("Metadata-Version: 2.1\nName: made\nVersion: 1\n")
    (record / "entry_points.txt").write_text("[jova_bench.models]\nmade = ray_scale:Made\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=10_000)
    count = parser.parse_args().samples
    import ray
    from ray.cluster_utils import Cluster

    with tempfile.TemporaryDirectory() as scratch:
        site, out = Path(scratch) / "site", Path(scratch) / "run"
        site.mkdir()
        install(site)
        sys.path.insert(0, str(site))
        path = os.pathsep.join([str(site), str(HERE), str(HERE.parent), os.environ.get("PYTHONPATH", "")])
        prompts = Path(scratch) / "prompts.jsonl"
        lines = (
            {"id": f"p{k:05}", "video_caption": "a face", "audio_caption": "a voice", "transcript": f"number {k}"}
            for k in range(count)
        )
        prompts.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
        cluster = Cluster(
            initialize_head=True,
            head_node_args={"num_cpus": 1, "include_dashboard": False, "object_store_memory": 100_000_000},
        )
        lost = cluster.add_node(num_cpus=1, object_store_memory=100_000_000)
        ray.init(address=cluster.address, log_to_driver=False, runtime_env={"env_vars": {"PYTHONPATH": path}})
        watch = Watch(max(1, count // 10), count // 2, lambda: cluster.remove_node(lost, allow_graceful=False))
        result = jova_bench.run(
            ["made"], prompts, profile="standard", out=out, scoring=False, executor="ray", workers=2, progress=watch
        )
        report(count, watch, result.attempts[0].attempts, len(result.failed), out)
        ray.shutdown()
        cluster.shutdown()


def report(count: int, watch: Watch, attempts: int, failed: int, out: Path) -> None:
    """Prints the table of a run."""
    print("# Thousands of samples on a Ray cluster\n")
    print("Made by `benchmarks/ray_scale.py` on two nodes of one core each, on one machine.\n")
    print("| samples | since the first, s | processor time of this process, ms a sample | its memory, MB |")
    print("|---|---|---|---|")
    first = watch.rows[0]
    for done, wall, busy, used in watch.rows:
        each = f"{1e3 * (busy - first[2]) / (done - 1):.1f}" if done > 1 else ""
        print(f"| {done:,} | {wall - first[1]:.0f} | {each} | {used / MB:.0f} |")
    last = watch.rows[-1]
    size = sum(path.stat().st_size for path in out.rglob("*.mp4")) / MB
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / MB
    print(f"\nThe second node was killed after {watch.at:,} samples: {attempts:,} attempts, {failed} samples failed.")
    print(f"{count:,} clips, {size:.0f} MB together, took {(last[3] - first[3]) / MB:.0f} MB of this process's memory")
    print(f"({1e3 * (last[3] - first[3]) / MB / (count - 1):.1f} kB a sample); its peak was {peak:.0f} MB.")


if __name__ == "__main__":
    main()
