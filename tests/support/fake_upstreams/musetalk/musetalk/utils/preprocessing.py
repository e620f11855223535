"""Faces, by networks that are loaded at import from where upstream stands; orders lie beside the pictures."""

import os
from pathlib import Path

import acts
import numpy as np
from PIL import Image

for file in ("./models/dwpose/dw-ll_ucoco_384.pth", "./musetalk/utils/preprocessing.py"):
    assert Path(file).is_file(), file
if not Path(os.environ["TORCH_HOME"], "hub/checkpoints/s3fd-619a316812.pth").is_file():
    raise RuntimeError("would be fetched from the network")

coord_placeholder = (0.0, 0.0, 0.0, 0.0)


def get_landmark_and_bbox(img_list, upperbondrange=0):
    orders = Path(img_list[0]).with_name("orders.txt").read_text()
    acts.note("boxes", pictures=len(img_list), shift=upperbondrange)
    acts.act(orders)
    pictures = [np.asarray(Image.open(path))[:, :, ::-1] for path in img_list]
    boxes = [(np.int32(16), 20, np.int32(48), np.int32(60)) for _ in pictures]
    if "[no face]" in orders:
        boxes[1] = coord_placeholder
    return boxes, pictures
