"""Cnn14: 527 AudioSet logits of a whole clip and the 2,048 numbers before them.

The network of Kong et al. (2020, arXiv 1912.10211) with the names and shapes of `Cnn14_16k_mAP=0.438.pth` for 16 kHz
and `Cnn14_mAP=0.431.pth` for 32 kHz (qiuqiangkong/audioset_tagging_cnn pytorch/models.py @d2f4b8c). The checkpoint
contains its own Fourier and mel matrices (torchlibrosa: 512 or 1,024 samples, Hann, 64 Slaney bands from 50 to 8,000 or
14,000 Hz), and they are used as they are.

Letters: B clips, N samples, F frames, M mel bands (64), K classes (527).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from jova_bench.metrics.networks.shaped import Shapes, linear

BLOCKS = 6
FLOOR = 1e-10
"""Power below which the logarithm is not taken: -100 dB."""


class Cnn14(nn.Module):
    """(B, N) sound -> (B, 2048) embedding and (B, K) logits."""

    def __init__(self, shapes: Shapes) -> None:
        """Builds the layers.

        Args:
            shapes: of the checkpoint, by name; every width is read from them.
        """
        super().__init__()
        bins, _, window = shapes["spectrogram_extractor.stft.conv_real.weight"]
        hop = window * 5 // 16  # 10 ms of either rate
        parts = {name: nn.Conv1d(1, bins, window, hop, bias=False) for name in ("conv_real", "conv_imag")}
        self.spectrogram_extractor = nn.ModuleDict({"stft": nn.ModuleDict(parts)})
        self.logmel_extractor = nn.ParameterDict({"melW": torch.empty(shapes["logmel_extractor.melW"])})
        self.bn0 = nn.BatchNorm2d(shapes["bn0.weight"][0])
        self.blocks = [f"conv_block{number}" for number in range(1, BLOCKS + 1)]
        for name in self.blocks:
            self.add_module(name, Block(shapes, name))
        self.fc1 = linear(shapes, "fc1")
        self.fc_audioset = linear(shapes, "fc_audioset")

    def forward(self, audio: Tensor) -> tuple[Tensor, Tensor]:
        """Maps (B, N), at least 0.31 s (32 frames, which are halved five times), to (B, 2048) and (B, K)."""
        x = self.log_mel(audio)[:, None]  # (B, 1, F, M)
        x = self.bn0(x.transpose(1, 3)).transpose(1, 3)
        for name in self.blocks[:-1]:
            x = F.avg_pool2d(self.get_submodule(name)(x), 2)
        x = self.get_submodule(self.blocks[-1])(x).mean(dim=3)  # (B, C, F / 32)
        embedding = F.relu(self.fc1(x.amax(dim=2) + x.mean(dim=2)))
        return embedding, self.fc_audioset(embedding)

    def log_mel(self, audio: Tensor) -> Tensor:
        """Returns (B, F, M) decibels; frame k is centred on 10 k ms, and the signal is mirrored at its ends."""
        stft = self.spectrogram_extractor["stft"]
        assert isinstance(stft, nn.ModuleDict)
        real, imaginary = stft["conv_real"], stft["conv_imag"]
        assert isinstance(real, nn.Conv1d)
        reach = real.kernel_size[0] // 2
        padded = F.pad(audio[:, None], (reach, reach), mode="reflect")
        power = real(padded) ** 2 + imaginary(padded) ** 2  # (B, bins, F)
        return 10 * torch.log10((power.transpose(1, 2) @ self.logmel_extractor["melW"]).clamp(min=FLOOR))


class Block(nn.Module):
    """Two 3x3 convolutions."""

    def __init__(self, shapes: Shapes, name: str) -> None:
        super().__init__()
        width, channels, *_ = shapes[f"{name}.conv1.weight"]
        self.conv1 = nn.Conv2d(channels, width, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn1, self.bn2 = nn.BatchNorm2d(width), nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        """Maps (B, C, F, M) to (B, C', F, M)."""
        x = F.relu(self.bn1(self.conv1(x)), inplace=True)
        return F.relu(self.bn2(self.conv2(x)), inplace=True)
