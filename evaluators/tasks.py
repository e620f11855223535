"""Training tasks of the evaluators, on the evaluator split alone.

Letters: B clips of a batch, T frames, F = 4 T mel frames, M mel bands, W windows, D embedding size.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from evaluators import damage
from evaluators.data import Split, classes_of, labels_of
from evaluators.fit import fit
from jova_bench.metrics.networks import embedded as nets
from jova_bench.metrics.prompt.attributes import VOTERS
from jova_bench.metrics.signal.audio import log_mel

Rng = np.random.Generator
T = TypeVar("T")
Trained = tuple[nn.Module, dict[str, object]]
"""A network and its config."""

MOUTH_CROP = (31, 55, 16, 48)
"""Rows and columns that contain the mouth of every corpus clip, including sway."""
SILENT_MEL = -9.0
"""Log-mel power below which a band is silent: pauses of the corpus are near -18, speech near -5."""
LOOKS, VOICES = ("hair", "background"), ("voice",)
EMBEDDED_LOOKS = ("style", "hair", "skin", "clothes", "background", "sway", "blink")
EMBEDDED_SOUNDS = ("voice", "pitch", "speed")
WIDTH = 32
"""Size of the embeddings behind FVD and FAD: a third of the 100 clips of the smallest suite."""


def cropped(frames: np.ndarray, crop: tuple[int, int, int, int], rng: Rng) -> Tensor:
    """Converts (B, T, 64, 64, 3) uint8 to crops (B, T, 3, h, w) in [0, 1], jittered by up to a pixel per clip."""
    y0, y1, x0, x1 = crop
    moves = rng.integers(-1, 2, (len(frames), 2)) * (y1 - y0 < 64)
    cut = [one[:, y0 + dy : y1 + dy, x0 + dx : x1 + dx] for one, (dy, dx) in zip(frames, moves, strict=True)]
    return nets.pictures(np.ascontiguousarray(np.stack(cut)), "cpu")


def syncnet(data: Split, seed: int, steps: int) -> Trained:
    """Trains by contrast of each 5-frame window with the audio of all others, of its clip and of other clips.

    Silent windows match no other window: they are driven to be orthogonal to everything, a distance of sqrt(2) at
    every shift. Otherwise pauses alone align, and clips with swapped sound seem to be in sync more often than chance.
    """
    torch.manual_seed(seed)
    config: dict[str, object] = {"crop": MOUTH_CROP, "width": 128, "seed": seed}
    net = nets.SyncNet(config)
    sharpness = nn.Parameter(torch.tensor(2.7))
    batch, length = 24, 44
    own_clip = torch.arange(batch).repeat_interleave(length - nets.WINDOW_FRAMES + 1)

    def loss_of(rng: Rng) -> Tensor:
        rows = rng.choice(len(data), batch, replace=False)
        starts = rng.integers(0, data.frames.shape[1] - length + 1, batch)
        frames = np.stack([data.frames[r, s : s + length] for r, s in zip(rows, starts, strict=True)])
        heard = np.stack([data.mel[r, 4 * s : 4 * (s + length)] for r, s in zip(rows, starts, strict=True)])
        mel = torch.from_numpy(heard)
        loud = (mel.amax(2).unfold(1, nets.WINDOW_MELS, nets.MELS_PER_FRAME).amax(2) > SILENT_MEL).flatten()  # (B W,)
        video = net.encode_video(damage.augment_frames(cropped(frames, MOUTH_CROP, rng), rng)).flatten(0, 1)  # (B W, D)
        sound = net.encode_audio(damage.augment_mel(mel, rng)).flatten(0, 1)
        cosine = video @ sound.T  # (B W, B W)
        alike = sharpness.exp() * cosine
        inside = alike.masked_fill(own_clip[:, None] != own_clip[None], -torch.inf)
        partner = torch.arange(len(alike))[loud]
        told_apart = [F.cross_entropy(table[loud], partner) for table in (alike, alike.T, inside, inside.T)]
        silent = cosine[~(loud[:, None] & loud[None])]
        return torch.stack(told_apart).mean() + 3 * silent.square().mean()

    fit(f"syncnet {seed}", nn.ModuleList([net, nn.ParameterList([sharpness])]), loss_of, steps, 2e-3, seed)
    return net, config


def mouth_reader(data: Split, seed: int, steps: int) -> Trained:
    """Trains a regression of the opening of the mouth from single frames."""
    torch.manual_seed(seed)
    config: dict[str, object] = {"crop": MOUTH_CROP, "seed": seed}
    net = nets.MouthReader(config)

    def loss_of(rng: Rng) -> Tensor:
        rows, times = rng.integers(0, len(data), 256), rng.integers(0, data.frames.shape[1], 256)
        seen = damage.augment_frames(cropped(data.frames[rows, times][:, None], MOUTH_CROP, rng), rng)[:, 0]
        return F.mse_loss(net(seen), torch.from_numpy(data.mouth_open[rows, times]))

    fit("mouth reader", nn.ModuleList([net]), loss_of, steps, 3e-3, seed)
    return net, config


def mouth_hearer(data: Split, seed: int, steps: int) -> Trained:
    """Trains a regression of the opening of the mouth from audio."""
    torch.manual_seed(seed)
    config: dict[str, object] = {"seed": seed}
    net = nets.MouthHearer(config)

    def loss_of(rng: Rng) -> Tensor:
        rows = rng.choice(len(data), 32, replace=False)
        heard = damage.augment_mel(torch.from_numpy(data.mel[rows]), rng)
        return F.mse_loss(net(heard), torch.from_numpy(data.mouth_open[rows]))

    fit("mouth hearer", nn.ModuleList([net]), loss_of, steps, 3e-3, seed)
    return net, config


def look_classifier(data: Split, seed: int, steps: int) -> Trained:
    """Trains a classifier of hair and background."""
    torch.manual_seed(seed)
    config: dict[str, object] = {"classes": classes_of(data, LOOKS), "seed": seed}
    net, labels = nets.LookClassifier(config), torch.from_numpy(labels_of(data, classes_of(data, LOOKS)))

    def loss_of(rng: Rng) -> Tensor:
        rows = rng.choice(len(data), 32, replace=False)
        times = rng.integers(0, data.frames.shape[1], VOTERS // 2)
        seen = damage.augment_frames(nets.pictures(data.frames[rows][:, times], "cpu"), rng)
        return _named(net(seen), labels[rows])

    fit("look classifier", nn.ModuleList([net]), loss_of, steps, 3e-3, seed)
    return net, config


def voice_classifier(data: Split, seed: int, steps: int) -> Trained:
    """Trains a classifier of the voice."""
    torch.manual_seed(seed)
    config: dict[str, object] = {"classes": classes_of(data, VOICES), "seed": seed}
    net, labels = nets.VoiceClassifier(config), torch.from_numpy(labels_of(data, classes_of(data, VOICES)))

    def loss_of(rng: Rng) -> Tensor:
        rows = rng.choice(len(data), 32, replace=False)
        return _named(net(damage.augment_mel(torch.from_numpy(data.mel[rows]), rng)), labels[rows])

    fit("voice classifier", nn.ModuleList([net]), loss_of, steps, 3e-3, seed)
    return net, config


def video_embedder(data: Split, seed: int, steps: int) -> Trained:
    """Trains an embedding of 32 numbers from which appearance, motion and degradations are predicted."""
    torch.manual_seed(seed)
    config: dict[str, object] = {"width": WIDTH, "seed": seed}
    classes = classes_of(data, EMBEDDED_LOOKS)
    labels = torch.from_numpy(labels_of(data, classes))
    net, heads = nets.VideoEmbedder(config), Heads(classes, 3 + len(damage.VIDEO))
    length = 40

    def loss_of(rng: Rng) -> Tensor:
        rows = rng.choice(len(data), 24, replace=False)
        start = int(rng.integers(0, data.frames.shape[1] - length + 1))
        severities = _severities(len(rows), len(damage.VIDEO), rng)
        clean = nets.pictures(data.frames[rows, start : start + length], "cpu")
        seen = torch.stack([_damaged(one, s, damage.VIDEO, rng) for one, s in zip(clean, severities, strict=True)])
        opening = torch.from_numpy(data.mouth_open[rows, start : start + length])
        motion = torch.stack([opening.mean(1), opening.std(1), opening.diff(dim=1).abs().mean(1)], dim=1)
        named, measured = heads(net(seen.clamp(0, 1)))
        return _named(named, labels[rows]) + 30 * F.mse_loss(measured, torch.cat([2 * motion, severities], dim=1))

    fit("video embedder", nn.ModuleList([net, heads]), loss_of, steps, 3e-3, seed)
    return net, config


def audio_embedder(data: Split, seed: int, steps: int) -> Trained:
    """Trains an embedding of 32 numbers from which voice, pitch, speed, words and degradations are predicted."""
    torch.manual_seed(seed)
    config: dict[str, object] = {"width": WIDTH, "seed": seed}
    classes = classes_of(data, EMBEDDED_SOUNDS)
    labels = torch.from_numpy(labels_of(data, classes))
    words = torch.from_numpy(_words_of(data))
    net, heads = nets.AudioEmbedder(config), Heads(classes, words.shape[1] + len(damage.AUDIO))

    def loss_of(rng: Rng) -> Tensor:
        rows = rng.choice(len(data), 32, replace=False)
        severities = _severities(len(rows), len(damage.AUDIO), rng)
        heard = [_damaged(data.audio[r], s, damage.AUDIO, rng) for r, s in zip(rows, severities, strict=True)]
        mel = np.stack([log_mel(one, nets.MELS)[: data.mel.shape[1]] for one in heard])
        named, measured = heads(net(torch.from_numpy(mel)))
        said, severity = measured.split([words.shape[1], len(damage.AUDIO)], dim=1)
        spoken = F.binary_cross_entropy_with_logits(said, words[rows])
        return _named(named, labels[rows]) + 3 * spoken + 10 * F.mse_loss(severity, severities)

    fit("audio embedder", nn.ModuleList([net, heads]), loss_of, steps, 3e-3, seed)
    return net, config


class Heads(nn.Module):
    """Head on the embedding: classes of attributes, and numbers; discarded after training."""

    def __init__(self, classes: Mapping[str, list[str]], numbers: int) -> None:
        super().__init__()
        self.sizes = [*(len(names) for names in classes.values()), numbers]
        self.layers = nn.Sequential(nn.Linear(WIDTH, 128), nn.ReLU(), nn.Linear(128, sum(self.sizes)))

    def forward(self, embedding: Tensor) -> tuple[tuple[Tensor, ...], Tensor]:
        """Maps (B, 32) to the logits of each attribute and (B, numbers)."""
        *named, numbers = self.layers(embedding).split(self.sizes, dim=1)
        return tuple(named), numbers


def _named(votes: tuple[Tensor, ...], labels: Tensor) -> Tensor:
    """Returns the mean cross-entropy over attributes."""
    losses = [F.cross_entropy(vote, label) for vote, label in zip(votes, labels.T, strict=True)]
    return torch.stack(losses).mean()


def _severities(clips: int, kinds: int, rng: Rng) -> Tensor:
    """Draws severities (clips, kinds): a third of the clips is clean, most others have one degradation, some two."""
    severities = np.zeros((clips, kinds), dtype=np.float32)
    for row in severities:
        for kind in rng.choice(kinds, rng.choice(3, p=[0.35, 0.5, 0.15]), replace=False):
            row[kind] = rng.uniform(0.05, 1)
    return torch.from_numpy(severities)


def _damaged(clean: T, severities: Tensor, kinds: Mapping[str, Callable[[T, float, Rng], T]], rng: Rng) -> T:
    for severity, damaged in zip(severities.tolist(), kinds.values(), strict=True):
        clean = damaged(clean, severity, rng) if severity else clean
    return clean


def _words_of(data: Split) -> np.ndarray:
    """Returns whether each word is spoken, (n, vocabulary)."""
    said = [set(prompt.transcript.lower().split()) for prompt in data.prompts]
    vocabulary = sorted(set().union(*said))
    return np.array([[word in one for word in vocabulary] for one in said], dtype=np.float32)
