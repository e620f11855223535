"""PaSST: 527 AudioSet logits of up to 10 s of audio and the 768 numbers before them.

The transformer of Koutini et al. (2022, arXiv 2110.05069) with the names and shapes of
`passt-s-f128-p16-s10-ap.476-swa.pt`, and the spectrogram that goes with it (kkoutini/passt_hear21 @5f1cce6,
`get_basic_model`). Patches overlap; time and frequency have position embeddings of their own, and shorter sound takes
the first of the former.

Letters: B clips, N samples, F frames, D width (768), P patches, K classes (527).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from jova_bench.metrics.networks.shaped import Shapes, linear
from jova_bench.metrics.signal.htk_mel import htk_bands

RATE_HZ, WINDOW, HOP, FFT = 32_000, 800, 320, 1024
MELS, LOW_HZ, HIGH_HZ = 128, 0, 15_000
STRIDE = 10
"""Mel bands and frames from one patch to the next."""
HEAD = 64
"""Width of an attention head; a narrower network has one."""


def spectrogram(audio: Tensor) -> Tensor:
    """Returns (B, 128, F) normalised log mel spectrogram of (B, N) sound at 32 kHz.

    Pre-emphasis 0.97, 25 ms symmetric Hann windows every 10 ms, powers, Kaldi's bands, (log(x + 1e-5) + 4.5) / 5.
    """
    emphasised = audio[:, 1:] - 0.97 * audio[:, :-1]
    window = torch.hann_window(WINDOW, periodic=False, device=audio.device)
    spectrum = torch.stft(emphasised, FFT, HOP, WINDOW, window, center=True, return_complex=True)
    bands = torch.tensor(htk_bands(MELS, FFT, RATE_HZ, LOW_HZ, HIGH_HZ), dtype=torch.float32, device=audio.device)
    power = torch.view_as_real(spectrum).square().sum(dim=-1)
    return ((bands @ power + 1e-5).log() + 4.5) / 5


class PaSST(nn.Module):
    """(B, N) sound at 32 kHz -> (B, D) embedding and (B, K) logits."""

    cls_token: Tensor
    dist_token: Tensor
    new_pos_embed: Tensor
    freq_new_pos_embed: Tensor
    time_new_pos_embed: Tensor

    def __init__(self, shapes: Shapes) -> None:
        """Builds the layers.

        Args:
            shapes: of the checkpoint, by name; every width is read from them.
        """
        super().__init__()
        width, channels, *patch = shapes["patch_embed.proj.weight"]
        for name in PaSST.__annotations__:
            self.register_parameter(name, nn.Parameter(torch.empty(shapes[name])))
        self.patch_embed = nn.ModuleDict({"proj": nn.Conv2d(channels, width, (patch[0], patch[1]), STRIDE)})
        depth = len({name.split(".")[1] for name in shapes if name.startswith("blocks.")})
        self.blocks = nn.Sequential(*(Block(shapes, f"blocks.{number}") for number in range(depth)))
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.head = nn.Sequential(nn.LayerNorm(width), linear(shapes, "head.1"))
        # Trained with the network, but without a part in what it says.
        self.head_dist = linear(shapes, "head_dist")

    def forward(self, audio: Tensor) -> tuple[Tensor, Tensor]:
        """Maps (B, N), at least 16 frames (0.15 s) and at most 10 s, to (B, D) and (B, K)."""
        x = self.patch_embed["proj"](spectrogram(audio)[:, None])  # (B, D, 12, up to 99)
        x = x + self.time_new_pos_embed[..., : x.shape[-1]] + self.freq_new_pos_embed
        tokens = torch.cat([self.cls_token, self.dist_token], dim=1) + self.new_pos_embed
        x = torch.cat([tokens.expand(len(x), -1, -1), x.flatten(2).transpose(1, 2)], dim=1)  # (B, 2 + P, D)
        x = self.norm(self.blocks(x))
        embedding = x[:, :2].mean(dim=1)
        return embedding, self.head(embedding)


class Block(nn.Module):
    """Attention and a perceptron, each after a normalisation and around a residual."""

    def __init__(self, shapes: Shapes, name: str) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(shapes[f"{name}.norm1.weight"], eps=1e-6)
        self.attn = nn.ModuleDict({part: linear(shapes, f"{name}.attn.{part}") for part in ("qkv", "proj")})
        self.norm2 = nn.LayerNorm(shapes[f"{name}.norm2.weight"], eps=1e-6)
        self.mlp = nn.ModuleDict({part: linear(shapes, f"{name}.mlp.{part}") for part in ("fc1", "fc2")})

    def forward(self, x: Tensor) -> Tensor:
        """Maps (B, 2 + P, D) to the same shape."""
        batch, tokens, width = x.shape
        qkv = self.attn["qkv"](self.norm1(x)).view(batch, tokens, 3, -1, min(HEAD, width))
        query, key, value = qkv.permute(2, 0, 3, 1, 4)  # (B, heads, 2 + P, 64) each
        attended = F.scaled_dot_product_attention(query, key, value)
        x = x + self.attn["proj"](attended.transpose(1, 2).reshape(batch, tokens, width))
        return x + self.mlp["fc2"](F.gelu(self.mlp["fc1"](self.norm2(x))))
