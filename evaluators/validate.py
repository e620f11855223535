"""Validates trained evaluators on held-out real clips: the table at the end of training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from evaluators import damage
from evaluators.data import Split, labels_of, mel_of
from jova_bench.metrics.distances.frechet_kernel import frechet
from jova_bench.metrics.lip_sync import curves
from jova_bench.metrics.networks import embedded as nets
from jova_bench.metrics.prompt.attributes import VOTERS

Networks = Mapping[str, Any]
"""Evaluator name -> network read back from its file."""
Rows = Iterator[tuple[str, float]]
"""Pairs of (what was measured, value)."""


def validation_rows(networks: Networks, split: Split, reference: Mapping[str, np.ndarray]) -> Rows:
    """Yields the measurements of every given network."""
    with torch.inference_mode():
        for name in (name for name in networks if name.startswith("syncnet")):
            yield from _sync_rows(name, networks[name], split)
        if {"mouth-reader", "mouth-hearer"} <= set(networks):
            yield from _mouth_rows(networks["mouth-reader"], networks["mouth-hearer"], split)
        for name in ("look-classifier", "voice-classifier"):
            if name in networks:
                yield from _class_rows(name, networks[name], split)
        if "video-embedder" in networks:
            yield from _video_rows(networks["video-embedder"], split, reference["video"])
        if "audio-embedder" in networks:
            yield from _audio_rows(networks["audio-embedder"], split, reference["audio"])


def _sync_rows(name: str, net: nets.SyncNet, split: Split) -> Rows:
    seen = [net.encode_video(nets.pictures(one, "cpu")[None])[0].double().numpy() for one in split.frames]
    heard = [net.encode_audio(torch.from_numpy(one)[None])[0].double().numpy() for one in split.mel]
    for what, shuffle in (("real", 0), ("shuffled", 1)):
        found = [
            curves.shift_curve(video, heard[(index + shuffle) % len(heard)], "masked")
            for index, video in enumerate(seen)
        ]
        yield f"{name} lse_c, {what}", float(np.mean([curves.lse_c_of(curve) for curve in found]))
        yield f"{name} lse_d, {what}", float(np.mean([curves.lse_d_of(curve) for curve in found]))
        yield f"{name} sync_within_1, {what}", float(np.mean([curves.sync_within_1_of(curve) for curve in found]))


def _mouth_rows(reader: nn.Module, hearer: nn.Module, split: Split) -> Rows:
    seen = [reader(nets.pictures(one, "cpu")).numpy() for one in split.frames]
    heard = hearer(torch.from_numpy(split.mel)).numpy()
    yield "mouth-reader error (RMS)", float(np.sqrt(np.mean((np.array(seen) - split.mouth_open) ** 2)))
    yield "mouth-hearer error (RMS)", float(np.sqrt(np.mean((heard - split.mouth_open) ** 2)))
    for what, shuffle in (("real", 0), ("shuffled", 1)):
        pairs = zip(seen, np.roll(heard, shuffle, axis=0), strict=True)
        yield f"mouth_audio_corr, {what}", float(np.mean([np.corrcoef(a, b)[0, 1] for a, b in pairs]))


def _class_rows(name: str, net: nets.LookClassifier | nets.VoiceClassifier, split: Split) -> Rows:
    if isinstance(net, nets.LookClassifier):
        voters = np.linspace(0, split.frames.shape[1] - 1, VOTERS).round().astype(int)
        votes = net(nets.pictures(split.frames[:, voters], "cpu"))
    else:
        votes = net(torch.from_numpy(split.mel))
    labels = labels_of(split, net.classes)
    for column, tag in enumerate(net.classes):
        yield f"{name} right, {tag}", float(np.mean(votes[column].argmax(1).numpy() == labels[:, column]))


def _video_rows(net: nn.Module, split: Split, reference: np.ndarray) -> Rows:
    def distance(kind: str | None) -> float:
        rng = np.random.default_rng(0)
        clips = (nets.pictures(one, "cpu") for one in split.frames)
        seen = (damage.VIDEO[kind](one, 0.5, rng).clamp(0, 1) if kind else one for one in clips)
        return frechet(np.stack([net(one[None])[0].numpy() for one in seen]), reference)

    for kind in (None, *damage.VIDEO):
        yield f"video Frechet distance, {kind or 'real'}", distance(kind)


def _audio_rows(net: nn.Module, split: Split, reference: np.ndarray) -> Rows:
    for kind in (None, *damage.AUDIO):
        rng = np.random.default_rng(0)
        heard = np.stack([damage.AUDIO[kind](one, 0.5, rng) if kind else one for one in split.audio])
        embedded = net(torch.from_numpy(mel_of(heard))).numpy()
        yield f"audio Frechet distance, {kind or 'real'}", frechet(embedded, reference)
