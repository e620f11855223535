"""The mouth-area loss: lip keypoints -> a box per frame -> a mask over latent cells -> a weight in the video loss.

    box     m pixels around the extremes of the lip keypoints of a frame             `jova.mouth_box`
    mask    M[f, y, x] in [0, 1], the share of latent cell (y, x) that the boxes cover,
            averaged over the frames of latent f; a frame without a face adds 0      `latent_mask`
    loss    L_video = mean((1 + lambda M) (v_hat - v)^2) over all latent values      `mouth_weighted_mean`

The method figure of JoVA (arXiv 2512.13677) gives the order: detect facial keypoints, locate the mouth region,
downsample it to the resolution of the VAE latents, increase the loss there; survey notes cite a Table 4 that ablates
its weight, lambda 0 against 5. No formula or code is published: the margin in pixels, the fractional mask, the mean
over time and the loss that is not renormalised by the mask are our reading.

These functions are the only ones that compute it. A frame in which no face was found has a box of NaN, here as in
stored tracks; its mask is 0, so the loss stays finite.

Letters: T frames, K keypoints, F latent frames, h x w cells of a latent frame, B clips, C channels.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from jova.timeline import Stream


def boxes_off_mouth(boxes: Tensor) -> Tensor:
    """Moves the boxes to the top edge of the frame: a control of the same size and sideways motion.

    Args:
        boxes: (T, 4) pixels x0, y0, x1, y1.

    Raises:
        ValueError: a mouth lies so high that the moved box would still cover part of it.
    """
    x0, y0, x1, y1 = boxes.unbind(1)
    if bool((y1 - y0 > y0).any()):
        frame = int((y1 - y0 - y0).nan_to_num(-torch.inf).argmax())
        raise ValueError(
            f"expected room above the mouth for a box of its size, got a mouth from y = {y0[frame]:.1f} "
            f"to {y1[frame]:.1f} px in frame {frame}"
        )
    return torch.stack([x0, torch.zeros_like(y0), x1, y1 - y0], dim=1)


def latent_mask(boxes: Tensor, video: Stream, cells: tuple[int, int], pixels_per_cell: int) -> Tensor:
    """Returns the share of each latent cell that the box covers, in space and time.

    In space it is the overlapped fraction of the cell's area; in time the mean over the frames that the latent
    covers (not the maximum), so that the mask's sum is the mouth's mean area and a mouth that only passes
    through a cell weighs little there.

    Args:
        boxes: (T, 4) pixels x0, y0, x1, y1; NaN in frames in which no face was found, which have M = 0.
        video: how the video codec divides the T frames.
        cells: (h, w).
        pixels_per_cell: pixels along each side of a cell.

    Returns:
        (F, h, w) mask M in [0, 1]: latent frame, row, column.
    """
    boxes = boxes.where(boxes.isfinite().all(dim=1, keepdim=True), 0.0)  # a box without area
    rows, columns = (torch.linspace(0, pixels_per_cell * count, count + 1) for count in cells)  # edges
    x0, y0, x1, y1 = (side[:, None] for side in boxes.unbind(1))  # each (T, 1)
    across = (torch.minimum(x1, columns[1:]) - torch.maximum(x0, columns[:-1])).clamp(min=0) / pixels_per_cell  # (T, w)
    down = (torch.minimum(y1, rows[1:]) - torch.maximum(y0, rows[:-1])).clamp(min=0) / pixels_per_cell  # (T, h)
    per_frame = down[:, :, None] * across[:, None, :]  # (T, h, w)
    spans = (video.span(latent) for latent in range(video.tokens(len(boxes))))
    return torch.stack([per_frame[span.start : span.stop].mean(dim=0) for span in spans])


def dilated(mask: Tensor, cells: int) -> Tensor:
    """Returns a mask that has grown by a number of cells on every side: M is the largest of the cells around.

    A codec's cell depends on more pixels than its own: one pixel moves Wan's latents within two cells.

    Args:
        mask: (..., F, h, w) mask M.
        cells: number of cells; 0 gives the mask.
    """
    if not cells:
        return mask
    grown = F.max_pool2d(mask.flatten(0, -3)[:, None], 2 * cells + 1, stride=1, padding=cells)
    return grown.view_as(mask)


def mouth_weights(mask: Tensor, mouth_weight: float) -> Tensor:
    """Returns the weight 1 + lambda M of each cell of a mask M."""
    return 1 + mouth_weight * mask


def mouth_weighted_mean(error: Tensor, mask: Tensor, mouth_weight: float) -> Tensor:
    """Returns L = mean((1 + lambda M) error): the mean over all cells, not renormalised by the mask.

    Args:
        error: (B, F, h, w, C) squared error of each latent value.
        mask: (B, F, h, w) mask M.
        mouth_weight: lambda; 0 gives the plain mean.
    """
    return (mouth_weights(mask, mouth_weight) * error.mean(dim=-1)).mean()


def mouth_mean(error: Tensor, mask: Tensor) -> Tensor:
    """Returns the mean error inside the mouth area, sum(M error) / sum(M): for monitoring, not part of the loss.

    It is NaN where no face was found.

    Args:
        error: (B, F, h, w, C) squared error of each latent value.
        mask: (B, F, h, w) mask M.
    """
    return (error.mean(dim=-1) * mask).sum() / mask.sum()
