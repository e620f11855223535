"""Crops of clips with mouth masks, as a training of a video codec on pixels needs them; clips may differ in size.

Letters: B clips, T frames, H x W pixels.
"""

from __future__ import annotations

from collections.abc import Sequence

import av
import torch
from torch import Tensor

from jova.data.folder import FPS, Item
from jova.extras import in_one_line
from jova.mouth_loss import latent_mask
from jova.timeline import Stream, Timeline

CELL = 8
"""Pixels along the side of a latent cell, of which sides are multiples."""


def read_pictures(item: Item) -> tuple[Tensor, Tensor]:
    """Reads the frames (T, H, W, 3) uint8 of a clip and its mouth boxes (T, 4) px, NaN where no face is known.

    Raises:
        ValueError: the clip is damaged, or there are not as many boxes as frames.
    """
    try:
        frames = torch.from_numpy(item.media()[0])
    except (av.FFmpegError, IndexError, ValueError) as error:  # Without pictures or sound, PyAV and numpy find no item.
        raise ValueError(f"expected a clip with picture and sound as {item.id}.mp4, got {in_one_line(error)}") from None
    if not (item.root / "tracks" / f"{item.id}.npz").is_file():
        return frames, torch.full((len(frames), 4), torch.nan)
    boxes = torch.from_numpy(item.track("mouth_box")).float()
    if boxes.shape != (len(frames), 4):
        raise ValueError(f"expected a mouth box for each of the {len(frames)} frames of {item.id}, got {len(boxes)}")
    return frames, boxes


def whole_cells(side: int, limit: int) -> int:
    """Returns the largest multiple of a cell's side that is neither above `side` nor above `limit`."""
    return min(side, limit) // CELL * CELL


def draw_crops(items: Sequence[Item], frames: int, side: int, random: torch.Generator) -> tuple[Tensor, Tensor]:
    """Draws a crop of each clip: where and when, uniformly.

    Args:
        items: the clips; a picture or clip that is smaller than asked for makes all crops smaller.
        frames: T, 1 + 4k.
        side: height and width, px.
        random: draws them.

    Returns:
        (B, T, H, W, 3) frames uint8, and (B, T, H, W) share of each pixel that the mouth's box covers.
    """
    clips = [read_pictures(item) for item in items]
    height, width = (min(whole_cells(clip.shape[axis], side) for clip, _ in clips) for axis in (1, 2))
    count = Timeline.nearest_length(min(frames, *(len(clip) for clip, _ in clips)))
    crops, masks = [], []
    for clip, boxes in clips:
        room = [whole - part + 1 for whole, part in zip(clip.shape, (count, height, width), strict=False)]
        first, y, x = (int(torch.randint(choices, (), generator=random)) for choices in room)
        crops.append(clip[first : first + count, y : y + height, x : x + width])
        inside = boxes[first : first + count] - torch.tensor([x, y, x, y])
        masks.append(latent_mask(inside, Stream(FPS, 1), (height, width), 1))
    return torch.stack(crops), torch.stack(masks)


def trimmed(frames: Tensor, boxes: Tensor) -> tuple[Tensor, Tensor]:
    """Returns the first 1 + 4k frames (T, H, W, 3) of a clip, cut to whole cells at the top left, and their boxes."""
    count = Timeline.nearest_length(len(frames))
    height, width = (whole_cells(side, side) for side in frames.shape[1:3])
    return frames[:count, :height, :width], boxes[:count]
