"""How much faster our SyncNet is than the original's arithmetic, and that it gives the same scores.

    taskset -c 1 python benchmarks/syncnet.py > results/benchmarks/syncnet.md

One thread, random weights, one track of 5 s. The original is written out below as joonson/syncnet_python@6efbb1c
computes it (SyncNetInstance.py): every window copied, convolutions in 3-D, one window's distances at a time. All
forms take turns in one run, so that whatever else the machine does slows all of them. Takes about two minutes.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import numpy as np
import torch
from torch.nn import functional as F

from jova_bench.arrays import FloatArray
from jova_bench.metrics.lip_sync import curves
from jova_bench.metrics.lip_sync.mfcc import mfcc
from jova_bench.metrics.networks.syncnet import SyncNet, Towers

FRAMES, BATCH, SHIFT = 125, 20, curves.MAX_SHIFT
ROUNDS = 5
HEADER = """| form | processor s, median | times as fast as published | times as fast as that in inference mode \
| embeddings, largest difference | LSE-C | LSE-D | offset |
|---|---|---|---|---|---|---|---|"""
Scores = tuple[FloatArray, FloatArray]
"""(N, 2048) embeddings of picture and sound side by side, and the (31,) shift curve."""


def original(net: SyncNet, crops: np.ndarray, sound: FloatArray) -> Scores:
    """The published arithmetic, step by step."""
    images = np.transpose(np.expand_dims(np.stack(list(crops), axis=3), 0), (0, 3, 4, 1, 2))
    pictures = torch.from_numpy(images.astype(float)).float()
    cepstra = torch.from_numpy(mfcc(sound).T[None, None].copy()).float()
    count = min(len(crops), len(sound) // curves.SAMPLES_PER_FRAME) - 5
    seen, heard = [], []
    for start in range(0, count, BATCH):
        batch = range(start, min(count, start + BATCH))
        seen.append(net.encode_video(torch.cat([pictures[:, :, i : i + 5] for i in batch])).detach())
        heard.append(net.encode_audio(torch.cat([cepstra[..., 4 * i : 4 * i + 20] for i in batch])).detach())
    video, audio = torch.cat(seen), torch.cat(heard)
    padded = F.pad(audio, (0, 0, SHIFT, SHIFT))
    rows = [
        F.pairwise_distance(video[[i]].repeat(2 * SHIFT + 1, 1), padded[i : i + 2 * SHIFT + 1]) for i in range(count)
    ]
    return torch.cat([video, audio], dim=1).double().numpy(), torch.stack(rows).mean(dim=0).double().numpy()


def ours(towers: Towers, crops: np.ndarray, sound: FloatArray) -> Scores:
    """Computes what the metrics do, with the original's windows and edges."""
    video = towers.encode_video(crops[:-1])
    audio = towers.encode_audio(mfcc(sound))[: len(video)]
    return np.concatenate([video, audio], axis=1), curves.shift_curve(video + 1e-6, audio, "padded")


def main() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    net = SyncNet((64, 192, 384, 256, 256, 512), (96, 256, 256, 256, 256, 512), 512, 1024).eval()
    crops = rng.integers(0, 256, (FRAMES, 224, 224, 3), dtype=np.uint8)
    sound = np.rint(3000 * rng.standard_normal(FRAMES * curves.SAMPLES_PER_FRAME))
    exact, rough = Towers(net, "cpu"), Towers(net, "cpu", torch.bfloat16)
    forms: dict[str, tuple[Callable[[], Scores], AbstractContextManager[object]]] = {
        "original, gradients kept (as published)": (lambda: original(net, crops, sound), nullcontext()),
        "original, inference mode": (lambda: original(net, crops, sound), torch.inference_mode()),
        "ours, float32": (lambda: ours(exact, crops, sound), nullcontext()),
        "ours, bfloat16": (lambda: ours(rough, crops, sound), nullcontext()),
    }
    spent: dict[str, list[float]] = {name: [] for name in forms}
    scores: dict[str, Scores] = {}
    for _ in range(ROUNDS):
        for name, (compute, mode) in forms.items():
            with mode:
                start = time.process_time()
                scores[name] = compute()
                spent[name].append(time.process_time() - start)
    report(spent, scores)


def report(spent: dict[str, list[float]], scores: dict[str, Scores]) -> None:
    names = list(spent)
    features, curve = scores[names[0]]
    print("# SyncNet: our form against the original's arithmetic\n")
    print(f"Made by `python benchmarks/syncnet.py`: one thread, one track of {FRAMES} frames, random weights,")
    print(f"{ROUNDS} rounds in which the forms take turns, torch {torch.__version__}. Processor seconds, because")
    print("other work shared the machine (and its caches and memory: absolute times are not those of an idle core).")
    print("Speed is the median over rounds of the ratio within a round, its range in brackets.\n")
    print(HEADER)
    for name in names:
        found, shifts = scores[name]
        ratios = [_ratio(spent[names[k]], spent[name]) for k in (0, 1)]
        error = np.abs(found - features).max()
        reads = (curves.lse_c_of, curves.lse_d_of, curves.offset_frames_of)
        values = " | ".join(f"{read(shifts):.6g}" for read in reads)
        print(f"| {name} | {np.median(spent[name]):.2f} | {ratios[0]} | {ratios[1]} | {error:.1e} | {values} |")
    print(f"\nLargest embedding entry: {np.abs(features).max():.3f}. ", end="")
    print(f"Largest difference of a mean distance, float32: {np.abs(scores[names[2]][1] - curve).max():.1e}.")


def _ratio(slow: list[float], fast: list[float]) -> str:
    ratios = np.array(slow) / np.array(fast)
    return f"{np.median(ratios):.2f} ({ratios.min():.2f} to {ratios.max():.2f})"


if __name__ == "__main__":
    main()
