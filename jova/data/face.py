"""Draws a talking face and returns its keypoints.

A head is laid out in units, of which a frame of any size is 64 high; it stands in the middle of the width. Keypoints
and boxes are pixels of the finished frame, which is drawn at four times its size and averaged down.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from jova.data.vocabulary import Colour
from jova.mouth_box import mouth_boxes

SIZE = (64, 64)
"""Height and width of a frame, px, if no other is asked for: a pixel is a unit."""
_UNITS = 64
"""Height of a frame, and width of a square one."""
_SCALE = 4
_SHIFT = 4  # OpenCV's fixed-point fraction bits, for sub-pixel positions
MAX_GAP = 8.5
"""Inner-lip distance at opening 1, in units."""
MOUTH_MARGIN = 2.5
"""Units around the lip keypoints that still belong to the mouth box."""

KEYPOINTS = (
    "brow_left", "brow_right", "eye_left_outer", "eye_left_inner", "eye_right_inner", "eye_right_outer", "nose_tip",
    "mouth_left", "mouth_right", "upper_lip_outer", "upper_lip_inner", "lower_lip_inner", "lower_lip_outer",
    "chin", "jaw_left", "jaw_right",
)  # fmt: skip
"""Names of the keypoints, in order; left and right are the viewer's."""
_LIPS = ("mouth_left", "mouth_right", "upper_lip_outer", "upper_lip_inner", "lower_lip_inner", "lower_lip_outer")
_LIP: Colour = (186, 70, 76)
Point = npt.NDArray[np.float64]
"""(2,) x, y px."""
Points = npt.NDArray[np.float64]
"""(n, 2) px."""


@dataclass(frozen=True)
class Look:
    """Appearance of a face, constant through a clip."""

    hair: Colour
    skin: Colour
    clothes: Colour
    background: Colour
    long_hair: bool
    head_width: float
    """Half-width of the head, units."""
    mouth_width: float
    """Half-width of the resting mouth, units."""


@dataclass(frozen=True)
class Pose:
    """Pose of a face in one frame."""

    dx: float
    dy: float
    """Translation of the head, units."""
    tilt: float
    """Rotation of the head, radians."""
    eyelid: float
    """0 open, 1 closed."""
    opening: float
    width: float
    teeth: float
    """Mouth shape, each in [0, 1]."""


def keypoints(look: Look, pose: Pose, size: tuple[int, int] = SIZE) -> npt.NDArray[np.float32]:
    """Returns the K keypoints of a frame of `size` (H, W), (K, 2) as (x, y) px."""
    return _in_pixels(_keypoints(look, pose).astype(np.float64), size).astype(np.float32)


def _in_pixels(points: Points, size: tuple[int, int]) -> Points:
    """Converts points (n, 2) from units to pixels of a frame of `size` (H, W)."""
    height, width = size
    return (points + np.array(((width / height - 1) * _UNITS / 2, 0.0))) * (height / _UNITS)


def _keypoints(look: Look, pose: Pose) -> npt.NDArray[np.float32]:
    """Returns the K keypoints of a frame, (K, 2) as (x, y) in units."""
    gap = MAX_GAP * pose.opening
    half = look.mouth_width * (0.72 + 0.45 * pose.width) - 0.12 * gap
    jaw = 0.35 * gap
    w = look.head_width
    mouth_y = 10.5
    points = np.array(
        [
            (-7.5, -9.0), (7.5, -9.0), (-10.5, -4.0), (-4.5, -4.0), (4.5, -4.0), (10.5, -4.0), (0.0, 3.5),
            (-half, mouth_y), (half, mouth_y),
            (0.0, mouth_y - 0.4 * gap - 1.6), (0.0, mouth_y - 0.4 * gap),
            (0.0, mouth_y + 0.6 * gap), (0.0, mouth_y + 0.6 * gap + 1.9),
            (0.0, 21.0 + jaw), (-w, 4.0), (w, 4.0),
        ]
    )  # fmt: skip
    cos, sin = np.cos(pose.tilt), np.sin(pose.tilt)
    turned = points @ np.array([[cos, sin], [-sin, cos]])
    return (turned + _centre(pose)).astype(np.float32)


def _centre(pose: Pose) -> Point:
    """Returns the point about which the head turns, in units."""
    return np.array((_UNITS / 2 + pose.dx, 31.0 + pose.dy))


def lip_boxes(points: npt.NDArray[np.float32], size: tuple[int, int] = SIZE) -> npt.NDArray[np.float32]:
    """Returns the mouth box of every frame: `jova.mouth_box.mouth_boxes` of the lip keypoints.

    Args:
        points: (T, K, 2) keypoints as (x, y) px, in the order of `KEYPOINTS`.
        size: (H, W) of the frames.

    Returns:
        (T, 4) x0, y0, x1, y1 px.
    """
    lips = points[:, [KEYPOINTS.index(name) for name in _LIPS]]
    return mouth_boxes(lips, MOUTH_MARGIN * size[0] / _UNITS)


@lru_cache(maxsize=2)  # One per clip: nearly every clip has another colour.
def _backdrop(colour: Colour, size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """Returns the background of a frame of `size` at drawing size, slightly lighter at the top."""
    height, width = (side * _SCALE for side in size)
    light = np.linspace(1.06, 0.92, height)[:, None, None]
    return np.broadcast_to(np.clip(np.array(colour) * light, 0, 255), (height, width, 3)).astype(np.uint8, order="C")


def _arc(start: float, end: float, count: int) -> Points:
    """Returns (count, 2) points of the unit circle between two angles."""
    angles = np.linspace(start, end, count)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


_CIRCLE, _UPPER_HALF = _arc(0, 2 * np.pi, 49), _arc(np.pi, 2 * np.pi, 25)
_LIP_ARC = np.linspace(-1, 1, 21)[:, None]


class _Canvas:
    """Canvas of anti-aliased shapes; head coordinates are units from the centre of the head and rotate with it."""

    def __init__(self, background: Colour, size: tuple[int, int], centre: Point, tilt: float) -> None:
        self.pixels = _backdrop(background, size).copy()
        self.size = size
        self.centre = centre
        self.turn = np.array([[np.cos(tilt), np.sin(tilt)], [-np.sin(tilt), np.cos(tilt)]])

    def head(self, *points: tuple[float, float]) -> Points:
        """Converts points from head coordinates to units of the frame, (n, 2)."""
        return np.array(points) @ self.turn + self.centre

    def ellipse(self, at: Point, rx: float, ry: float, colour: Colour, *, upper_half: bool = False) -> None:
        """Fills an ellipse at units of the frame, rotated with the head."""
        circle = _UPPER_HALF if upper_half else _CIRCLE
        self.polygon((circle * (rx, ry)) @ self.turn + at, colour)

    def polygon(self, vertices: Points, colour: Colour) -> None:
        """Fills a polygon at units of the frame."""
        fixed = np.rint((_in_pixels(vertices, self.size) * _SCALE - 0.5) * (1 << _SHIFT)).astype(np.int32)
        cv2.fillPoly(self.pixels, [fixed], colour, cv2.LINE_AA, _SHIFT)

    def line(self, a: Point, b: Point, width: float, colour: Colour) -> None:
        """Draws a thick line at units of the frame."""
        along = (b - a) / max(float(np.hypot(*(b - a))), 1e-6)
        across = np.array((-along[1], along[0])) * width / 2
        self.polygon(np.stack([a + across, b + across, b - across, a - across]), colour)


def _shaded(colour: Colour, factor: float) -> Colour:
    """Multiplies a colour by a factor."""
    red, green, blue = (min(int(factor * value), 255) for value in colour)
    return red, green, blue


def draw(look: Look, pose: Pose, size: tuple[int, int] = SIZE) -> npt.NDArray[np.uint8]:
    """Draws a frame of `size` (H, W), (H, W, 3) uint8 RGB."""
    points = _keypoints(look, pose).astype(np.float64)
    canvas = _Canvas(look.background, size, _centre(pose), pose.tilt)
    _draw_body(canvas, look)
    _draw_head(canvas, look, points)
    _draw_eyes(canvas, look, pose, points)
    _draw_mouth(canvas, look, pose, points)
    return np.asarray(cv2.resize(canvas.pixels, size[::-1], interpolation=cv2.INTER_AREA), np.uint8)


def _draw_body(canvas: _Canvas, look: Look) -> None:
    """Draws the hair behind the face, shoulders and neck."""
    w = look.head_width
    if look.long_hair:
        canvas.ellipse(canvas.head((0, -4))[0], w + 4.5, 20, look.hair)
        canvas.polygon(canvas.head((-w - 4.5, -4), (w + 4.5, -4), (w + 3, 22), (-w - 3, 22)), look.hair)
    body = np.array((_UNITS / 2 + 0.4 * (canvas.centre[0] - _UNITS / 2), 0.0))
    canvas.ellipse(body + np.array((0.0, 69.0)), 29, 15, look.clothes)
    neck = np.concatenate([canvas.head((-6, 14), (6, 14)), body + np.array(((7.0, 58.0), (-7.0, 58.0)))])
    canvas.polygon(neck, _shaded(look.skin, 0.82))


def _draw_head(canvas: _Canvas, look: Look, points: Points) -> None:
    """Draws the face, whose chin follows the jaw, and the hair above it."""
    w = look.head_width
    jaw = float(np.hypot(*(points[KEYPOINTS.index("chin")] - canvas.head((0, 21))[0])))
    canvas.ellipse(canvas.head((0, -1))[0], w + 1.6, 21.5, look.hair, upper_half=True)
    canvas.ellipse(canvas.head((0, -1))[0], w, 20, look.skin)
    canvas.ellipse(canvas.head((0, 8.5 + jaw / 2))[0], w * 0.86, 12.5 + jaw / 2, look.skin)
    canvas.ellipse(canvas.head((0, -11.5))[0], w * 0.96, 9.5, look.hair, upper_half=True)
    nose_left, nose_right = canvas.head((-1.8, 4.2), (1.8, 4.2))
    canvas.line(nose_left, nose_right, 1.0, _shaded(look.skin, 0.78))


def _draw_eyes(canvas: _Canvas, look: Look, pose: Pose, points: Points) -> None:
    """Draws eyes and brows; lids follow the pose."""
    for outer, inner, brow in (
        ("eye_left_outer", "eye_left_inner", "brow_left"),
        ("eye_right_outer", "eye_right_inner", "brow_right"),
    ):
        corner, other = points[KEYPOINTS.index(outer)], points[KEYPOINTS.index(inner)]
        eye, height = (corner + other) / 2, 2.4 * (1 - pose.eyelid)
        if height > 0.4:
            canvas.ellipse(eye, 3.2, height, (250, 250, 250))
            canvas.ellipse(eye, 1.4, min(1.6, height), (40, 34, 36))
        else:
            canvas.line(corner, other, 0.8, _shaded(look.skin, 0.5))
        half = np.array((3.4, 0.0)) @ canvas.turn
        canvas.line(
            points[KEYPOINTS.index(brow)] - half, points[KEYPOINTS.index(brow)] + half, 1.3, _shaded(look.hair, 0.7)
        )


def _draw_mouth(canvas: _Canvas, look: Look, pose: Pose, points: Points) -> None:
    """Draws the lips and the cavity between them with tongue and teeth."""
    left, right, upper_outer, upper, lower, lower_outer = (points[KEYPOINTS.index(name)] for name in _LIPS)
    middle, half = (left + right) / 2, (right - left) / 2

    def between(top: Point, bottom: Point, inset: float) -> Points:
        """Returns the outline between two arcs that meet near the corners of the mouth."""
        bow = 1 - _LIP_ARC**2
        along = middle + _LIP_ARC * half * inset
        return np.concatenate([along + bow * (top - middle), (along + bow * (bottom - middle))[::-1]])

    canvas.polygon(between(upper_outer, lower_outer, 1.0), _LIP)
    gap = float(np.hypot(*(lower - upper)))
    if gap < 0.5:
        canvas.line(left * 0.9 + right * 0.1, left * 0.1 + right * 0.9, 0.7, (96, 30, 36))
        return
    canvas.polygon(between(upper, lower, 0.86), (58, 14, 20))
    if gap > 3.5:
        canvas.polygon(between(upper + 0.72 * (lower - upper), lower, 0.55), (188, 84, 90))
    if pose.teeth > 0.25:
        canvas.polygon(between(upper, upper + min(0.45, 1.6 / gap) * (lower - upper), 0.72), (244, 242, 236))
