"""RetinaFace (Deng et al. 2019, arXiv 1905.00641) on a ResNet-50, as biubug6/Pytorch_Retinaface trained it.

Our own reading of facexlib 0.3.0 (detection/retinaface.py, retinaface_net.py), whose checkpoint
detection_Resnet50_Final.pth it takes.

Letters: B images, A = two boxes for each cell of all three grids.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from jova_bench.metrics.networks.checkpoint import part
from jova_bench.metrics.networks.resnet import ResNet
from jova_bench.metrics.networks.shaped import Shapes

STRIDES = (8, 16, 32)
"""Pixels between neighbouring cells of the three grids."""
ANCHORS = ((16, 32), (64, 128), (256, 512))
"""Sides, in pixels, of the square prior boxes of each cell of a grid."""
VARIANCES = (0.1, 0.2)
"""Units of the predicted offsets and log sizes."""
MEAN_BGR = (104.0, 117.0, 123.0)


class RetinaFace(nn.Module):
    """Images to boxes, their scores and five points in each."""

    def __init__(self, shapes: Shapes) -> None:
        """Builds layers of the shapes of a checkpoint."""
        super().__init__()
        self.body = ResNet(part(shapes, "body."))
        widths = [shapes[f"fpn.output{k}.0.weight"][:2] for k in (1, 2, 3)]
        self.fpn = Pyramid(widths)
        width = widths[0][0]
        self.ssh1, self.ssh2, self.ssh3 = (Context(width) for _ in STRIDES)
        self.BboxHead, self.ClassHead, self.LandmarkHead = (
            nn.ModuleList(Head(width, len(sides), numbers) for sides in ANCHORS) for numbers in (4, 2, 10)
        )

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Finds faces.

        Args:
            images: (B, 3, H, W) **BGR** 0 to 255 less `MEAN_BGR`.

        Returns:
            In pixels (B, A, 4) x0, y0, x1, y1; (B, A) probabilities of a face; (B, A, 5, 2) x and y of right eye, left
            eye, tip of the nose, right and left corner of the mouth.
        """
        maps = self.fpn(self.body(images)[2:])
        seen = [context(x) for context, x in zip((self.ssh1, self.ssh2, self.ssh3), maps, strict=True)]
        offsets, logits, ways = (
            torch.cat([head(x) for head, x in zip(heads, seen, strict=True)], dim=1)
            for heads in (self.BboxHead, self.ClassHead, self.LandmarkHead)
        )
        cells = priors([(x.shape[2], x.shape[3]) for x in maps]).to(images)
        centres, sides = cells[:, :2], cells[:, 2:]
        middle = centres + offsets[..., :2] * VARIANCES[0] * sides
        half = sides * torch.exp(offsets[..., 2:] * VARIANCES[1]) / 2
        points = centres[:, None] + ways.reshape(*ways.shape[:2], 5, 2) * VARIANCES[0] * sides[:, None]
        return torch.cat([middle - half, middle + half], dim=2), logits.softmax(dim=2)[..., 1], points


def priors(sizes: Sequence[tuple[int, int]]) -> Tensor:
    """Returns (A, 3) centre x and y, and side, of the prior boxes in pixels, for rows and columns of each grid."""
    found = []
    for stride, sides, (rows, columns) in zip(STRIDES, ANCHORS, sizes, strict=True):
        y, x = (((torch.arange(count) + 0.5) * stride) for count in (rows, columns))
        grid = torch.stack(torch.meshgrid(y, x, indexing="ij"), dim=2).flip(2).reshape(-1, 1, 2)
        each = torch.tensor(sides, dtype=torch.float32)[None, :, None].expand(len(grid), -1, -1)
        found.append(torch.cat([grid.expand(-1, len(sides), -1), each], dim=2).reshape(-1, 3))
    return torch.cat(found)


class Head(nn.Module):
    """Reads so many numbers of each box of a grid."""

    def __init__(self, width: int, sides: int, numbers: int) -> None:
        super().__init__()
        self.numbers, self.conv1x1 = numbers, nn.Conv2d(width, sides * numbers, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Maps (B, D, h, w) to (B, h w sides, numbers)."""
        return self.conv1x1(x).permute(0, 2, 3, 1).reshape(len(x), -1, self.numbers)


def _conv(before: int, after: int, kernel: int = 3) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(before, after, kernel, padding=kernel // 2, bias=False), nn.BatchNorm2d(after))


class Pyramid(nn.Module):
    """Brings three feature maps to one width, and adds coarser ones to finer ones."""

    def __init__(self, widths: Sequence[tuple[int, ...]]) -> None:
        super().__init__()
        self.output1, self.output2, self.output3 = (_conv(before, after, 1) for after, before in widths)
        self.merge1, self.merge2 = (_conv(widths[0][0], widths[0][0]) for _ in range(2))

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """Maps three (B, C, h, w), finest first, to three (B, D, h, w)."""
        fine, middle, coarse = (
            F.relu(conv(x)) for conv, x in zip((self.output1, self.output2, self.output3), maps, strict=True)
        )
        middle = F.relu(self.merge2(middle + F.interpolate(coarse, middle.shape[2:])))
        fine = F.relu(self.merge1(fine + F.interpolate(middle, fine.shape[2:])))
        return [fine, middle, coarse]


class Context(nn.Module):
    """Looks at 3 x 3, 5 x 5 and 7 x 7 cells."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv3X3 = _conv(width, width // 2)
        self.conv5X5_1, self.conv5X5_2 = _conv(width, width // 4), _conv(width // 4, width // 4)
        self.conv7X7_2, self.conv7x7_3 = _conv(width // 4, width // 4), _conv(width // 4, width // 4)

    def forward(self, x: Tensor) -> Tensor:
        """Maps (B, D, h, w) to the same shape."""
        wider = F.relu(self.conv5X5_1(x))
        widest = self.conv7x7_3(F.relu(self.conv7X7_2(wider)))
        return F.relu(torch.cat([self.conv3X3(x), self.conv5X5_2(wider), widest], dim=1))
