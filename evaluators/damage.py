"""Degradations of known severity, which the embedders learn to detect, and mild ones that the others learn to ignore.

Every degradation has a severity in (0, 1]. Letters: B clips, T frames, N samples, F mel frames, M mel bands.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from jova_bench.arrays import Audio
from jova_bench.metrics.signal.audio import RATE_HZ


def _shuffle(frames: Tensor, severity: float, rng: np.random.Generator) -> Tensor:
    """Permutes frames, by up to about a second."""
    times = np.arange(len(frames)) + rng.normal(0, 20 * severity, len(frames))
    return frames[torch.from_numpy(times.argsort())]


def _freeze(frames: Tensor, severity: float, rng: np.random.Generator) -> Tensor:
    """Freezes a segment."""
    length = max(2, round(severity * len(frames)))
    start = int(rng.integers(0, len(frames) - length + 1))
    index = torch.arange(len(frames))
    index[start : start + length] = start
    return frames[index]


def _blur(frames: Tensor, severity: float, rng: np.random.Generator) -> Tensor:
    return gaussian_blur(frames, 0.3 + 1.7 * severity)


def _noise(frames: Tensor, severity: float, rng: np.random.Generator) -> Tensor:
    return frames + 0.15 * severity * _normal(frames.shape, rng)


def _colour(frames: Tensor, severity: float, rng: np.random.Generator) -> Tensor:
    gain = 1 + 0.35 * severity * rng.choice([-1, 1], 3) * rng.uniform(0.5, 1, 3)
    return frames * torch.from_numpy(gain.astype(np.float32))[None, :, None, None]


def _blocks(frames: Tensor, severity: float, rng: np.random.Generator) -> Tensor:
    """Blends frames with the means of 4x4 or 8x8 blocks."""
    size = int(rng.choice([4, 8]))
    coarse = F.interpolate(F.avg_pool2d(frames, size), scale_factor=size)
    return frames.lerp(coarse, severity)


def _ghost(frames: Tensor, severity: float, rng: np.random.Generator) -> Tensor:
    """Blends frames with earlier ones."""
    return 0.5 * (2 - severity) * frames + 0.25 * severity * (frames.roll(2, 0) + frames.roll(4, 0))


def _flicker(frames: Tensor, severity: float, rng: np.random.Generator) -> Tensor:
    return frames + 0.15 * severity * _normal((len(frames), 1, 1, 1), rng)


VIDEO: Mapping[str, Callable[[Tensor, float, np.random.Generator], Tensor]] = {
    "shuffle": _shuffle,
    "freeze": _freeze,
    "blur": _blur,
    "noise": _noise,
    "colour": _colour,
    "blocks": _blocks,
    "ghost": _ghost,
    "flicker": _flicker,
}
"""Degradations of frames (T, 3, H, W) in [0, 1], by name."""


def _hiss(audio: Audio, severity: float, rng: np.random.Generator) -> Audio:
    """Adds white noise, from 40 dB below the speech to the level of the speech."""
    level = np.sqrt(np.mean(audio**2)) * 10 ** (-2 * (1 - severity))
    return audio + (level * rng.standard_normal(len(audio))).astype(np.float32)


def _lowpass(audio: Audio, severity: float, rng: np.random.Generator) -> Audio:
    """Removes frequencies above 7 kHz (least severe) to 700 Hz (most severe)."""
    spectrum = np.fft.rfft(audio)
    spectrum[np.fft.rfftfreq(len(audio), 1 / RATE_HZ) > 7000 * 10**-severity] = 0
    return np.fft.irfft(spectrum, len(audio)).astype(np.float32)


def _clip(audio: Audio, severity: float, rng: np.random.Generator) -> Audio:
    ceiling = np.abs(audio).max() * 10 ** (-1.5 * severity)
    return np.clip(audio, -ceiling, ceiling)


def _smear(audio: Audio, severity: float, rng: np.random.Generator) -> Audio:
    """Perturbs phases, as a vocoder does."""
    from scipy.signal import istft, stft

    spectrum = stft(audio, nperseg=512)[2]
    turned = spectrum * np.exp(1j * np.pi * severity * rng.uniform(-1, 1, spectrum.shape))
    return istft(turned, nperseg=512)[1][: len(audio)].astype(np.float32)


def _echo(audio: Audio, severity: float, rng: np.random.Generator) -> Audio:
    """Adds reverberation: a decaying tail of noise of 0.3 s."""
    times = np.arange(int(0.3 * RATE_HZ)) / RATE_HZ
    tail = rng.standard_normal(len(times)) * np.exp(-times / 0.08)
    size = 1 << int(np.ceil(np.log2(len(audio) + len(tail))))
    wet = np.fft.irfft(np.fft.rfft(audio, size) * np.fft.rfft(tail / np.linalg.norm(tail), size), size)[: len(audio)]
    return (audio + severity * wet).astype(np.float32)


def _pitch(audio: Audio, severity: float, rng: np.random.Generator) -> Audio:
    """Resamples the audio to play up to a third faster or a quarter slower."""
    speed = 1 + severity * (0.33 if rng.random() < 0.5 else -0.25)
    return np.interp(np.arange(len(audio)) * speed, np.arange(len(audio)), audio, right=0.0).astype(np.float32)


def _dropout(audio: Audio, severity: float, rng: np.random.Generator) -> Audio:
    """Silences segments of 40 ms."""
    piece = RATE_HZ // 25
    kept = rng.random(-(-len(audio) // piece)) > 0.6 * severity
    return audio * kept.repeat(piece)[: len(audio)].astype(np.float32)


def _reorder(audio: Audio, severity: float, rng: np.random.Generator) -> Audio:
    """Permutes segments of 80 ms."""
    pieces = audio[: len(audio) // 1280 * 1280].reshape(-1, 1280)
    moved = pieces[(np.arange(len(pieces)) + rng.normal(0, 8 * severity, len(pieces))).argsort()].ravel()
    return np.concatenate([moved, audio[len(moved) :]])


AUDIO: Mapping[str, Callable[[Audio, float, np.random.Generator], Audio]] = {
    "hiss": _hiss,
    "lowpass": _lowpass,
    "clip": _clip,
    "smear": _smear,
    "echo": _echo,
    "pitch": _pitch,
    "dropout": _dropout,
    "reorder": _reorder,
}
"""Degradations of audio, (N,) samples at 16 kHz, by name."""


def gaussian_blur(frames: Tensor, sigma: float) -> Tensor:
    """Blurs (T, C, H, W) with a Gaussian 7x7 kernel, with replicated edges."""
    offsets = torch.arange(-3.0, 4.0)
    kernel = torch.exp(-0.5 * (offsets / sigma) ** 2)
    kernel = (kernel / kernel.sum()).expand(frames.shape[1], 1, 7)
    padded = F.pad(frames, (3, 3, 3, 3), mode="replicate")
    across = F.conv2d(padded, kernel[:, :, None, :], groups=frames.shape[1])
    return F.conv2d(across, kernel[:, :, :, None], groups=frames.shape[1])


def augment_frames(frames: Tensor, rng: np.random.Generator) -> Tensor:
    """Augments frames (B, T, C, H, W) like a codec or a good generator: slight blur, noise, gain and offset."""
    size = len(frames)
    soft = F.avg_pool2d(frames.flatten(0, 1), 3, 1, 1, count_include_pad=False).reshape(frames.shape)
    softness = _column(rng.uniform(0, 0.9, size) * (rng.random(size) < 0.6))
    gain, offset = _column(rng.normal(1, 0.06, size)), _column(rng.normal(0, 0.03, size))
    noise = _column(rng.uniform(0, 0.05, size) * (rng.random(size) < 0.5))
    return frames.lerp(soft, softness) * gain + offset + noise * _normal(frames.shape, rng)


def augment_mel(mel: Tensor, rng: np.random.Generator) -> Tensor:
    """Augments mel frames (B, F, M) like a vocoder: level, noise floor, noise and slight blur."""
    size = len(mel)
    soft = F.avg_pool2d(mel[:, None], (3, 3), 1, 1, count_include_pad=False)[:, 0]
    smeared = mel.lerp(soft, _column(rng.uniform(0, 0.8, size) * (rng.random(size) < 0.5), 3))
    grainy = smeared + _column(rng.uniform(0, 0.5, size), 3) * _normal(mel.shape, rng)
    level = _column(rng.normal(0, 0.5, size), 3)
    floor = _column(rng.uniform(-18.4, -11, size), 3) + 0.5 * _normal(mel.shape, rng)
    return torch.logaddexp(grainy + level, floor)


def _column(values: npt.NDArray[np.floating], dims: int = 5) -> Tensor:
    return torch.from_numpy(values.astype(np.float32)).reshape(-1, *[1] * (dims - 1))


def _normal(shape: tuple[int, ...], rng: np.random.Generator) -> Tensor:
    return torch.from_numpy(rng.standard_normal(shape, dtype=np.float32))
