"""Mouth-area loss: keypoints -> a box per frame -> a mask over latent cells -> a weight in the video loss.

The paper names the loss and its effect, not its formula; this is our reading of it.
"""

from __future__ import annotations

import torch
from torch import Tensor

from jova.timeline import Timeline


def mouth_boxes(keypoints: Tensor, margin: float) -> Tensor:
    """The box around the mouth in every frame.

    Args:
        keypoints: (T, K, 2) pixels (x, y) of the mouth.
        margin: added on every side, as a fraction of the box's own width or height.

    Returns:
        (T, 4) pixels x0, y0, x1, y1.
    """
    low, high = keypoints.amin(dim=1), keypoints.amax(dim=1)  # (T, 2)
    extra = margin * (high - low)
    return torch.cat([low - extra, high + extra], dim=1)


def boxes_off_mouth(boxes: Tensor) -> Tensor:
    """The control: boxes of the same size and sideways motion, moved up to the frame's top edge.

    Args:
        boxes: (T, 4) pixels x0, y0, x1, y1.

    Raises:
        ValueError: a mouth lies so high that the moved box would still cover part of it.
    """
    x0, y0, x1, y1 = boxes.unbind(1)
    if bool((y1 - y0 > y0).any()):
        frame = int((y1 - y0 - y0).argmax())
        raise ValueError(
            f"expected room above the mouth for a box of its size, got a mouth from y = {y0[frame]:.1f} "
            f"to {y1[frame]:.1f} px in frame {frame}"
        )
    return torch.stack([x0, torch.zeros_like(y0), x1, y1 - y0], dim=1)


def latent_mask(boxes: Tensor, timeline: Timeline, cells: int, pixels: int) -> Tensor:
    """The share of each latent cell that the box covers, in space and time.

    In space it is the overlapped fraction of the cell's area; in time the mean over the frames that the latent
    covers (not the maximum), so that the mask's sum is the mouth's mean area and a mouth that only passes
    through a cell weighs little there.

    Args:
        boxes: (T, 4) pixels x0, y0, x1, y1.
        timeline: the clip's clock, with T frames.
        cells: h, cells along each side of a latent frame.
        pixels: pixels along each side of a video frame.

    Returns:
        (F, h, h) mask M in [0, 1]: latent frame, row, column.
    """
    edges = torch.linspace(0, pixels, cells + 1)  # (h + 1,)
    size = pixels / cells
    x0, y0, x1, y1 = (side[:, None] for side in boxes.unbind(1))  # each (T, 1)
    across = (torch.minimum(x1, edges[1:]) - torch.maximum(x0, edges[:-1])).clamp(min=0) / size  # (T, h)
    down = (torch.minimum(y1, edges[1:]) - torch.maximum(y0, edges[:-1])).clamp(min=0) / size  # (T, h)
    per_frame = down[:, :, None] * across[:, None, :]  # (T, h, h)
    spans = (timeline.latent_span(latent) for latent in range(timeline.latent_frames))
    return torch.stack([per_frame[span.start : span.stop].mean(dim=0) for span in spans])


def mouth_weighted_mean(error: Tensor, mask: Tensor, mouth_weight: float) -> Tensor:
    """L = mean((1 + lambda M) error): the mean over all cells, not renormalised by the mask.

    Args:
        error: (B, F, h, h, C) squared error of each latent value.
        mask: (B, F, h, h) mask M.
        mouth_weight: lambda; 0 is the plain mean.
    """
    return ((1 + mouth_weight * mask) * error.mean(dim=-1)).mean()
