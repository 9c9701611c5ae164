"""Faces and number plates by what OpenCV brings along: Haar cascades, and YuNet where its weights are given.

The cascades are old (Viola and Jones, CVPR 2001) and find upright faces seen from the front or the side, and plates seen from the
front whose letters are dark on light; smaller than some 20 pixels they find none. They miss most of what a camera of a plant sees: of
16 faces in 4 frames of intel_classroom, looked at by eye, 4 were found; of 2 plates seen from above (intel_car-detection), none. So they
are not used alone where a detector of people and vehicles is at hand (redact.py), and state no miss rate.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL.Image import Image

from ingest.vision.redact import padded
from retrieval.errors import EncoderUnavailable
from retrieval.types import Box

_FACES = ("haarcascade_frontalface_alt2.xml", "haarcascade_profileface.xml")
_PLATES = ("haarcascade_russian_plate_number.xml", "haarcascade_license_plate_rus_16stages.xml")
_SIDE = 20
# every neighbour asked for costs finds: a false one blurs a patch, a missed one shows a face
_NEIGHBOURS = 2
_SCALE = 1.1
_PAD = 0.15
_YUNET_SCORE = 0.5


class Cascades:
    """Finder over Haar cascades; both ways round where `mirrored`, since a profile is known from one side only."""

    within = ""
    missed: float | None = None

    def __init__(self, name: str, files: Sequence[str], *, mirrored: bool) -> None:
        """Raises EncoderUnavailable where this build of OpenCV has no cascades."""
        self.name, self._mirrored = name, mirrored
        self._cascades = [_cascade(each) for each in files]
        self._lock = threading.Lock()

    def find(self, images: Sequence[Image]) -> list[list[Box]]:
        """Boxes in fractions of each picture, some a little wider than found."""
        return [self._one(image) for image in images]

    def _one(self, image: Image) -> list[Box]:
        import cv2

        grey = cv2.equalizeHist(np.asarray(image.convert("L")))
        found = self._boxes(grey)
        if self._mirrored:
            found += [(1 - x1, y0, 1 - x0, y1) for x0, y0, x1, y1 in self._boxes(np.ascontiguousarray(grey[:, ::-1]))]
        return [padded(box, _PAD) for box in found]

    def _boxes(self, grey: Any) -> list[Box]:
        height, width = grey.shape
        with self._lock:
            found = [
                each
                for cascade in self._cascades
                for each in cascade.detectMultiScale(grey, _SCALE, _NEIGHBOURS, minSize=(_SIDE, _SIDE))
            ]
        return [
            (float(x / width), float(y / height), float((x + w) / width), float((y + h) / height))
            for x, y, w, h in found
        ]


def haar_faces() -> Cascades:
    return Cascades("haar faces", _FACES, mirrored=True)


def haar_plates() -> Cascades:
    return Cascades("haar plates", _PLATES, mirrored=False)


class YuNetFaces:
    """Finder over YuNet (Wu et al., Machine Intelligence Research 2023), whose weights OpenCV's zoo publishes under MIT."""

    within = ""
    missed: float | None = None

    def __init__(self, weights: Path) -> None:
        """Raises EncoderUnavailable for weights that are not there or not YuNet's."""
        import cv2

        if not weights.is_file():
            raise EncoderUnavailable(f"there is no YuNet file at {weights}; set privacy.faces to one, or leave it out")
        try:
            self._net = cv2.FaceDetectorYN.create(str(weights), "", (320, 320), _YUNET_SCORE)
        except cv2.error as error:
            raise EncoderUnavailable(f"{weights.name} cannot be loaded as YuNet: {error.err or error}") from error
        self.name = f"yunet {weights.stem}"
        self._lock = threading.Lock()

    def find(self, images: Sequence[Image]) -> list[list[Box]]:
        """Boxes in fractions of each picture."""
        return [self._one(image) for image in images]

    def _one(self, image: Image) -> list[Box]:
        width, height = image.size
        bgr = np.ascontiguousarray(np.asarray(image.convert("RGB"))[..., ::-1])
        with self._lock:
            self._net.setInputSize((width, height))
            _, rows = self._net.detect(bgr)
        found = [] if rows is None else rows
        boxes = (
            (x / width, y / height, (x + w) / width, (y + h) / height) for x, y, w, h in (row[:4] for row in found)
        )
        return [padded((float(a), float(b), float(c), float(d)), _PAD) for a, b, c, d in boxes]


def _cascade(file: str) -> Any:
    import cv2

    cascade = cv2.CascadeClassifier(str(Path(cv2.__file__).parent / "data" / file))
    if cascade.empty():
        raise EncoderUnavailable(f"this build of OpenCV lacks {file}; install opencv-python-headless")
    return cascade
