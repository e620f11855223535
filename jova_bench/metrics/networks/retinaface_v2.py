"""RetinaFace (Deng et al. 2019, arXiv 1905.00641) on a ResNet-50 v2, as insightface trained it: boxes and scores.

Our own reading of the retina-face package 0.0.19 (model/retinaface_pth_model.py), whose checkpoint retinaface.pth it
takes: its author's conversion of the one that 0.0.17 runs in TensorFlow. What it says of eyes, nose and mouth is left
out.

Letters: B images, A boxes of all cells of all three grids.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from jova_bench.metrics.networks.shaped import Shapes

EPS = 2e-5
STAGES = 4
GRIDS = ((32, (512, 256)), (16, (128, 64)), (8, (32, 16)))
"""Pixels between neighbouring cells of a grid, and sides, in pixels, of the square prior boxes of each."""
MIDDLE = 7.5
"""Where the prior boxes of the first cell of each grid have their middle, in pixels, the first of which is 0."""


class RetinaFaceV2(nn.Module):
    """Images to boxes and their scores."""

    def __init__(self, shapes: Shapes) -> None:
        """Builds layers of the shapes of a checkpoint, which may hold more."""
        super().__init__()
        self.bn_data, self.conv0 = _norm(3), _conv(shapes, "conv0", 2)
        self.bn0 = _norm(shapes["bn0.weight"][0])
        for stage in range(1, 1 + STAGES):
            count = len({name.split(".")[1] for name in shapes if name.startswith(f"stage{stage}.")})
            units = {f"unit{k}": Unit(shapes, f"stage{stage}.unit{k}.", 2 if stage > 1 and k == 1 else 1)
                     for k in range(1, 1 + count)}  # fmt: skip
            self.add_module(f"stage{stage}", nn.ModuleDict(units))
        self.bn1 = _norm(shapes["bn1.weight"][0])
        for name in ("ssh_c3_lateral", "ssh_c2_lateral", "ssh_c2_aggr", "ssh_m1_red_conv", "ssh_c1_aggr"):
            self.add_module(name, _conv(shapes, name))
            self.add_module(f"{name}_bn", _norm(shapes[f"{name}.weight"][0]))
        self.ssh_m3_det, self.ssh_m2_det, self.ssh_m1_det = (Context(shapes, f"ssh_m{k}_det.") for k in (3, 2, 1))
        for stride, _ in GRIDS:
            heads = {part: _conv(shapes, f"face_rpn_stride{stride}.{part}") for part in ("cls_score", "bbox_pred")}
            self.add_module(f"face_rpn_stride{stride}", nn.ModuleDict(heads))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Finds faces.

        Args:
            images: (B, 3, H, W) RGB, 0 to 255.

        Returns:
            (B, A, 4) the middles of the first and last pixels, x0, y0, x1, y1; (B, A) probabilities of a face.
        """
        x = F.relu(self.bn0(self.conv0(self.bn_data(images))))
        x = F.max_pool2d(x, 3, stride=2, padding=1)
        inside = []
        for stage in range(1, 1 + STAGES):
            for k, unit in enumerate(self.get_submodule(f"stage{stage}").children()):
                x, within = unit(x)
                inside += [] if k else [within]
        coarse = self._smoothed("ssh_c3_lateral", F.relu(self.bn1(x)))
        middle = self._smoothed("ssh_c2_lateral", inside[3])
        middle = self._smoothed("ssh_c2_aggr", middle + _twice(coarse, middle))
        fine = self._smoothed("ssh_m1_red_conv", inside[2])
        fine = self._smoothed("ssh_c1_aggr", fine + _twice(middle, fine))
        seen = (self.ssh_m3_det(coarse), self.ssh_m2_det(middle), self.ssh_m1_det(fine))
        found = [self._boxes(x, stride, sides) for x, (stride, sides) in zip(seen, GRIDS, strict=True)]
        boxes, scores = (torch.cat(one, dim=1) for one in zip(*found, strict=True))
        return boxes, scores

    def _smoothed(self, name: str, x: Tensor) -> Tensor:
        return F.relu(self.get_submodule(f"{name}_bn")(self.get_submodule(name)(x)))

    def _boxes(self, x: Tensor, stride: int, sides: tuple[int, ...]) -> tuple[Tensor, Tensor]:
        """Maps (B, C, h, w) to (B, h w sides, 4) boxes and (B, h w sides) probabilities; the sides vary fastest."""
        heads = self.get_submodule(f"face_rpn_stride{stride}")
        logits = heads.get_submodule("cls_score")(x).unflatten(1, (2, len(sides)))  # Of none and of a face.
        moves = heads.get_submodule("bbox_pred")(x).unflatten(1, (len(sides), 4)).permute(0, 3, 4, 1, 2)
        rows, columns = (torch.arange(n, device=x.device) * stride + MIDDLE for n in x.shape[2:])
        middle = torch.stack(torch.meshgrid(rows, columns, indexing="ij")[::-1], dim=2)[:, :, None].to(x)
        side = torch.tensor(sides, device=x.device)[:, None].to(x)
        centre, half = middle + moves[..., :2] * side, (moves[..., 2:].exp() * side - 1) / 2
        boxes = torch.cat([centre - half, centre + half], dim=4).flatten(1, 3)
        return boxes, logits.softmax(dim=1)[:, 1].permute(0, 2, 3, 1).flatten(1)


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=EPS)


def _conv(shapes: Shapes, name: str, stride: int = 1) -> nn.Conv2d:
    """Builds a convolution of the shape of its weight, which keeps the size but for its stride."""
    after, before, kernel, _ = shapes[f"{name}.weight"]
    return nn.Conv2d(before, after, kernel, stride, padding=kernel // 2, bias=f"{name}.bias" in shapes)


def _twice(coarse: Tensor, fine: Tensor) -> Tensor:
    """Doubles the sides of (B, C, h, w) and cuts the middle out, as large as `fine`."""
    x = F.interpolate(coarse, scale_factor=2)
    top, left = ((x.shape[k] - fine.shape[k]) // 2 for k in (2, 3))
    return x[:, :, top : top + fine.shape[2], left : left + fine.shape[3]]


class Unit(nn.Module):
    """Three convolutions, each after a norm, beside a shortcut, which the first of a stage projects."""

    def __init__(self, shapes: Shapes, prefix: str, stride: int) -> None:
        super().__init__()
        self.bn1, self.bn2, self.bn3 = (_norm(shapes[f"{prefix}bn{k}.weight"][0]) for k in (1, 2, 3))
        self.conv1, self.conv3 = _conv(shapes, f"{prefix}conv1"), _conv(shapes, f"{prefix}conv3")
        self.conv2 = _conv(shapes, f"{prefix}conv2", stride)
        self.sc = _conv(shapes, f"{prefix}sc", stride) if f"{prefix}sc.weight" in shapes else None

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Maps (B, C, H, W) to (B, D, H / stride, W / stride), and what its second convolution is given."""
        normed = F.relu(self.bn1(x))
        within = F.relu(self.bn2(self.conv1(normed)))
        y = self.conv3(F.relu(self.bn3(self.conv2(within))))
        return y + (x if self.sc is None else self.sc(normed)), within


class Context(nn.Module):
    """Looks at 3 x 3, 5 x 5 and 7 x 7 cells."""

    def __init__(self, shapes: Shapes, prefix: str) -> None:
        super().__init__()
        for name in ("conv1", "context_conv1", "context_conv2", "context_conv3_1", "context_conv3_2"):
            self.add_module(name, _conv(shapes, f"{prefix}{name}"))
            self.add_module(f"{name}_bn", _norm(shapes[f"{prefix}{name}.weight"][0]))

    def forward(self, x: Tensor) -> Tensor:
        """Maps (B, C, h, w) to (B, 2 C, h, w)."""
        wider = F.relu(self._normed("context_conv1", x))
        widest = self._normed("context_conv3_2", F.relu(self._normed("context_conv3_1", wider)))
        return F.relu(torch.cat([self._normed("conv1", x), self._normed("context_conv2", wider), widest], dim=1))

    def _normed(self, name: str, x: Tensor) -> Tensor:
        out: Tensor = self.get_submodule(f"{name}_bn")(self.get_submodule(name)(x))
        return out
