"""Does the camera stand still, and where is footage cut?"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

_PROBES = 8
_SIZE = (160, 96)
_ALIKE = 0.35
_DARK = 3.0
_FEED_MS = 100
_CUT = 27.0
_SCENE_S = 0.5

Grey = NDArray[np.uint8]


def stands_still(container: Any, stream: Any) -> bool:
    """Whether neighbouring samples, spread over the clip, share their edges: the median correlation of their gradient
    magnitudes is at least 0.35. Edges survive a change of light; people in front of a fixed scene move few of them."""
    probes = _probe_by_seeking(container, stream)
    if len(probes) < 3:
        probes = _probe_in_order(container, stream)
    if len(probes) < 2:
        return True
    return float(np.median([likeness(a, b) for a, b in pairwise(probes)])) >= _ALIKE


def likeness(left: Grey, right: Grey) -> float:
    """Correlation of gradient magnitudes of two grey pictures, in [-1, 1]; 1 for pictures that are the same or both empty."""
    if float(np.mean(cv2.absdiff(left, right))) < _DARK:
        return 1.0
    a, b = (_edges(picture) for picture in (left, right))
    norm = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float((a * b).sum()) / norm if norm else 0.0


def _edges(picture: Grey) -> NDArray[np.float32]:
    dx, dy = cv2.Sobel(picture, cv2.CV_32F, 1, 0), cv2.Sobel(picture, cv2.CV_32F, 0, 1)
    magnitude = np.minimum(cv2.magnitude(dx, dy), 200.0)
    return np.asarray(magnitude - magnitude.mean(), np.float32)


def _grey(frame: Any) -> Grey:
    small = frame.reformat(width=_SIZE[0], height=_SIZE[1], format="gray", interpolation="AREA")
    return np.asarray(small.to_ndarray(), np.uint8)


def _probe_by_seeking(container: Any, stream: Any) -> list[Grey]:
    """One keyframe at each eighth of the clip; fewer where the container cannot seek."""
    if not container.duration or stream.codec_context.name == "gif":
        return []
    found: dict[int, Grey] = {}
    try:
        for index in range(_PROBES):
            container.seek(int(container.duration * index / _PROBES))
            frame = next(container.decode(stream), None)
            if frame is not None and frame.pts is not None:
                found.setdefault(frame.pts, _grey(frame))
    except av.error.FFmpegError:
        return []
    return [found[pts] for pts in sorted(found)]


def _probe_in_order(container: Any, stream: Any) -> list[Grey]:
    """Samples over the first 25 seconds, in order."""
    try:
        container.seek(0)
        frames = [_grey(frame) for _, frame in zip(range(1500), _head(container, stream), strict=False)]
    except av.error.FFmpegError:
        return []
    return frames[:: max(1, len(frames) // _PROBES)]


def _head(container: Any, stream: Any) -> Iterator[Any]:
    for frame in container.decode(stream):
        if frame.time is not None and frame.time > 25:
            return
        yield frame


class SceneCuts:
    """PySceneDetect's content detector, fed with small frames at most ten times a second. `latest` is the last cut in ms."""

    def __init__(self) -> None:
        from scenedetect.common import FrameTimecode
        from scenedetect.detector import FlashFilter
        from scenedetect.detectors import ContentDetector

        self.latest = -1
        self._timecode = FrameTimecode
        self._detector = ContentDetector(_CUT, _SCENE_S, filter_mode=FlashFilter.Mode.SUPPRESS)
        self._fed = -_FEED_MS

    def feed(self, ms: int, frame: Any) -> bool:
        """Whether the scene changes at this frame."""
        if ms - self._fed < _FEED_MS:
            return False
        self._fed = ms
        small = frame.reformat(width=_SIZE[0], height=_SIZE[1], format="bgr24", interpolation="AREA").to_ndarray()
        if self._detector.process_frame(self._timecode(ms, 1000.0), small):
            self.latest = ms
            return True
        return False
