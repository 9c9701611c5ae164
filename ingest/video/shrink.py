"""Decoded frames, made small enough to compare. Runs in the sandbox's child."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from ingest.video.change import Plane, Planes

_PLANAR = frozenset({"yuv420p", "yuvj420p"})


class Shrinker:
    """Frames → Y, U and V planes at one work size, (width, height) in pixels, both multiples of 8.

    One scaler is kept for the whole clip: made anew for each frame, its tables cost more than the scaling. Frames that are stored as
    three planes, as nearly all are, are scaled where they lie.
    """

    def __init__(self, size: tuple[int, int]) -> None:
        self._width, self._height = size
        self._scaler = VideoReformatter()

    def small(self, frame: Any) -> Planes:
        """Area-averaged planes: y of shape (height, width), u and v of half of each side, uint8; not smoothed."""
        if frame.format.name in _PLANAR:
            half = (self._width // 2, self._height // 2)
            sizes = ((self._width, self._height), half, half)
            return Planes(*(_scaled(_plane(each), size) for each, size in zip(frame.planes, sizes, strict=True)))
        scaled = self._scaler.reformat(frame, self._width, self._height, "yuv420p", interpolation="AREA")
        small = np.asarray(scaled.to_ndarray(), np.uint8)
        quarter = self._height // 4
        u, v = small[self._height : self._height + quarter], small[self._height + quarter :]
        return Planes(small[: self._height], *(each.reshape(self._height // 2, self._width // 2) for each in (u, v)))


def _plane(plane: Any) -> Plane:
    """The pixels of a plane, without copying; its lines may be longer than the picture is wide."""
    return np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[: plane.height, : plane.width]


def _scaled(plane: Plane, size: tuple[int, int]) -> Plane:
    return np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_AREA), np.uint8)


def upright(picture: NDArray[np.uint8], degrees: int) -> NDArray[np.uint8]:
    """A picture of shape (h, w, 3) turned as its container says: `degrees` anticlockwise, in quarter turns."""
    turns = round(degrees / 90) % 4
    return np.ascontiguousarray(np.rot90(picture, turns)) if turns else picture
