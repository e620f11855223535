"""FaceNet, face recognition (Schroff et al. 2015, arXiv 1503.03832): Inception-ResNet v1 trained on VGGFace2.

Our own reading of the architecture (Szegedy et al. 2016, arXiv 1602.07261) and of timesler/facenet-pytorch @ 787da06
(models/inception_resnet_v1.py), whose checkpoint 20180402-114759-vggface2.pt it takes, without the classifier.

Letters: n faces.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Size = int | tuple[int, int]


class FaceNet(nn.Module):
    """Maps faces to points on a sphere; those of one person are close together."""

    def __init__(self) -> None:
        super().__init__()
        self.conv2d_1a = Conv(3, 32, 3, stride=2)
        self.conv2d_2a = Conv(32, 32, 3)
        self.conv2d_2b = Conv(32, 64, 3, padding=1)
        self.conv2d_3b = Conv(64, 80, 1)
        self.conv2d_4a = Conv(80, 192, 3)
        self.conv2d_4b = Conv(192, 256, 3, stride=2)
        self.repeat_1 = nn.Sequential(*(block35() for _ in range(5)))
        self.mixed_6a = Reduction(Conv(256, 384, 3, stride=2), _narrowing(256, 192, 192, 256))
        self.repeat_2 = nn.Sequential(*(block17() for _ in range(10)))
        self.mixed_7a = Reduction(_narrowing(896, 256, 384), _narrowing(896, 256, 256), _narrowing(896, 256, 256, 256))
        self.repeat_3 = nn.Sequential(*(block8(0.2, last=False) for _ in range(5)))
        self.block8 = block8(1.0, last=True)
        self.last_linear = nn.Linear(1792, 512, bias=False)
        self.last_bn = nn.BatchNorm1d(512, eps=1e-3)

    def forward(self, faces: Tensor) -> Tensor:
        """Maps (n, 3, 160, 160) faces in -1 .. 1 to (n, 512) of length 1."""
        x = self.conv2d_2b(self.conv2d_2a(self.conv2d_1a(faces)))
        x = self.conv2d_3b(F.max_pool2d(x, 3, stride=2))
        x = self.conv2d_4b(self.conv2d_4a(x))
        x = self.mixed_6a(self.repeat_1(x))
        x = self.mixed_7a(self.repeat_2(x))
        x = self.block8(self.repeat_3(x)).mean(dim=(2, 3))
        return F.normalize(self.last_bn(self.last_linear(x)), dim=1)


class Conv(nn.Module):
    """A convolution, a batch norm and a ReLU."""

    def __init__(self, before: int, after: int, kernel: Size, stride: int = 1, padding: Size = 0) -> None:
        super().__init__()
        self.conv = nn.Conv2d(before, after, kernel, stride=stride, padding=padding, bias=False)
        self.bn = nn.BatchNorm2d(after, eps=1e-3)

    def forward(self, x: Tensor) -> Tensor:
        """Maps (n, before, H, W) to (n, after, H', W')."""
        return F.relu(self.bn(self.conv(x)))


class Residual(nn.Module):
    """Branches side by side, projected to the width of the input and added to it with a share."""

    def __init__(self, width: int, share: float, last: bool, *branches: nn.Module, joined: int) -> None:
        super().__init__()
        for k, branch in enumerate(branches):
            self.add_module(f"branch{k}", branch)
        self.conv2d = nn.Conv2d(joined, width, 1)
        self.share, self.last, self.branches = share, last, len(branches)

    def forward(self, x: Tensor) -> Tensor:
        """Maps (n, width, H, W) to the same shape."""
        branches = torch.cat([self.get_submodule(f"branch{k}")(x) for k in range(self.branches)], dim=1)
        x = self.share * self.conv2d(branches) + x
        return x if self.last else F.relu(x)


def block35() -> Residual:
    """Builds a residual block on the finest grid (35 x 35 in the paper, 17 x 17 here)."""
    second = nn.Sequential(Conv(256, 32, 1), Conv(32, 32, 3, padding=1))
    third = nn.Sequential(Conv(256, 32, 1), Conv(32, 32, 3, padding=1), Conv(32, 32, 3, padding=1))
    return Residual(256, 0.17, False, Conv(256, 32, 1), second, third, joined=96)


def block17() -> Residual:
    """Builds a residual block on the middle grid."""
    second = nn.Sequential(
        Conv(896, 128, 1), Conv(128, 128, (1, 7), padding=(0, 3)), Conv(128, 128, (7, 1), padding=(3, 0))
    )
    return Residual(896, 0.1, False, Conv(896, 128, 1), second, joined=256)


def block8(share: float, last: bool) -> Residual:
    """Builds a residual block on the coarsest grid."""
    second = nn.Sequential(
        Conv(1792, 192, 1), Conv(192, 192, (1, 3), padding=(0, 1)), Conv(192, 192, (3, 1), padding=(1, 0))
    )
    return Residual(1792, share, last, Conv(1792, 192, 1), second, joined=384)


class Reduction(nn.Module):
    """Branches side by side, each at half the size, and the maxima of the input."""

    def __init__(self, *branches: nn.Module) -> None:
        super().__init__()
        for k, branch in enumerate(branches):
            self.add_module(f"branch{k}", branch)

    def forward(self, x: Tensor) -> Tensor:
        """Maps (n, C, H, W) to (n, C', H / 2, W / 2)."""
        return torch.cat([*(branch(x) for branch in self.children()), F.max_pool2d(x, 3, stride=2)], dim=1)


def _narrowing(before: int, *widths: int) -> nn.Sequential:
    """Builds a 1 x 1 convolution, then 3 x 3 ones, the last of which halves the size."""
    layers = [Conv(before, widths[0], 1)]
    layers += [Conv(a, b, 3, padding=1) for a, b in pairwise(widths[:-1])]
    return nn.Sequential(*layers, Conv(widths[-2], widths[-1], 3, stride=2))
