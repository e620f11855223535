"""ResNet with bottlenecks (He et al. 2015, arXiv 1512.03385), as torchvision has it: a stride is in the 3 x 3 filters.

Names of weights are torchvision's, which timm's and facexlib's are, too.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from jova_bench.metrics.networks.shaped import Shapes

STAGES = 4


class ResNet(nn.Module):
    """Pictures to the features of the first layer and of the four stages, with strides 2 to 32."""

    def __init__(self, shapes: Shapes) -> None:
        """Builds stages of the shapes of a checkpoint."""
        super().__init__()
        width = shapes["conv1.weight"][0]
        self.conv1 = nn.Conv2d(3, width, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        for stage in range(1, 1 + STAGES):
            prefix = f"layer{stage}."
            count = len({name.split(".")[1] for name in shapes if name.startswith(prefix)})
            blocks = []
            for k in range(count):
                inner = shapes[f"{prefix}{k}.conv1.weight"][0]
                outer = shapes[f"{prefix}{k}.conv3.weight"][0]
                blocks.append(Bottleneck(width, inner, outer, 2 if stage > 1 and not k else 1, shortcut=bool(k)))
                width = outer
            self.add_module(f"layer{stage}", nn.Sequential(*blocks))

    def forward(self, pictures: Tensor) -> list[Tensor]:
        """Maps (B, 3, H, W) to five (B, C, h, w)."""
        found = [F.relu(self.bn1(self.conv1(pictures)))]
        x = F.max_pool2d(found[0], 3, stride=2, padding=1)
        for stage in range(1, 1 + STAGES):
            x = self.get_submodule(f"layer{stage}")(x)
            found.append(x)
        return found


class Bottleneck(nn.Module):
    """Three convolutions beside a shortcut, which the first of a stage projects."""

    def __init__(self, before: int, inner: int, outer: int, stride: int, *, shortcut: bool) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(before, inner, 1, bias=False), nn.BatchNorm2d(inner)
        self.conv2 = nn.Conv2d(inner, inner, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(inner)
        self.conv3, self.bn3 = nn.Conv2d(inner, outer, 1, bias=False), nn.BatchNorm2d(outer)
        projected = nn.Sequential(nn.Conv2d(before, outer, 1, stride=stride, bias=False), nn.BatchNorm2d(outer))
        self.downsample = nn.Identity() if shortcut else projected

    def forward(self, x: Tensor) -> Tensor:
        """Maps (B, before, H, W) to (B, outer, H / stride, W / stride)."""
        y = F.relu(self.bn1(self.conv1(x)))
        y = F.relu(self.bn2(self.conv2(y)))
        return torch.relu(self.bn3(self.conv3(y)) + self.downsample(x))
