"""Measures the cost of DNSMOS when rows of the spectrogram that were seen before are not convolved again.

    OMP_NUM_THREADS=1 taskset -c 1 python benchmarks/dnsmos.py > results/benchmarks/dnsmos.md

The published network as it is, window by window, against `metrics/dnsmos_rows.py`, in turns on the same windows, one
process and one thread, processor time. Clips are those of the embedded suite; other lengths are cut out of several of
them in a row. Takes about two minutes of an idle core.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np

from jova_bench.media import files as media
from jova_bench.metrics.networks.onnx_session import open_session
from jova_bench.metrics.speech import dnsmos
from jova_bench.metrics.speech.dnsmos_rows import WAVE, run
from jova_bench.suites.loading import load_suite

CLIPS = 32
SECONDS = (0.3, 1.0, 4.4, 5.3, 8.5, 10.0, 12.0, 30.0)


def sounds() -> Iterator[tuple[str, list[np.ndarray]]]:
    suite = load_suite("embedded")
    clips = [media.read(suite.path(prompt.reference)).mono() for prompt in suite.prompts[:CLIPS] if prompt.reference]
    yield f"{len(clips)} clips of the suite, 2.92 s", clips
    speech = np.concatenate(clips)
    for seconds in SECONDS:
        yield f"{seconds} s", [speech[1000:][: round(seconds * 16_000)]]


def main() -> None:
    whole, rows = open_session(dnsmos._content(dnsmos.P835)), dnsmos._p835()
    print("# DNSMOS\n")
    print("Made by `benchmarks/dnsmos.py`: the published network as it is against ours, in turns, one thread,")
    print("processor time per clip; the median of clips, with their range. Answers are compared bit by bit.\n")
    print("| sound | windows | the network, ms | ours, ms | faster | answers that differ |")
    print("|---|---|---|---|---|---|")
    for name, clips in sounds():
        before, after, differ = [], [], 0
        for clip in clips:
            windows = dnsmos.windows(np.clip(clip, -1, 1))
            start = time.process_time()
            expected = [run(whole, WAVE, window) for window in windows]
            middle = time.process_time()
            got = rows(windows)
            after.append(time.process_time() - middle)
            before.append(middle - start)
            differ += sum(one.tobytes() != other.tobytes() for one, other in zip(expected, got, strict=True))
        ratio = np.median(np.array(before) / after)
        cells = [f"{1000 * np.median(t):.0f} ({1000 * min(t):.0f} to {1000 * max(t):.0f})" for t in (before, after)]
        print(f"| {name} | {len(windows)} | {cells[0]} | {cells[1]} | {ratio:.2f}x | {differ} |", flush=True)


if __name__ == "__main__":
    main()
