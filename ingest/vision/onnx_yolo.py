"""Closed-set detection through any ONNX file of the YOLO family, with onnxruntime. The weights are the user's own.

Class names come from the file's metadata (`names`, as exporters write them: {0: 'person', …}) or from a text file, one a line.
"""

from __future__ import annotations

import ast
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from ingest.ports import Detection
from ingest.vision.boxes import Floats, detections
from ingest.vision.card import rates, read_card, sha256_of
from ingest.vision.yolo_layouts import Input, Layout, layout_of, read
from retrieval.errors import EncoderUnavailable

_DEFAULT_SIDE = 640
_SCORE = 0.3
_BATCH = 8
_GREY = 114
_REMEDY = "set detection.yolo to an .onnx file of a YOLO or RT-DETR model, or leave it out"


class Fitted(NamedTuple):
    """A picture in the network's input: `pixels` (h, w, 3) uint8 RGB; a point there is its fraction of the picture times `scale`
    plus `shift` (x, y), in input pixels."""

    pixels: Any
    scale: tuple[float, float]
    shift: tuple[float, float]


class OnnxYolo:
    """The Detector port over an ONNX file. `able` is from `<file's stem>.card.json`, 1.0 for every label without one."""

    def __init__(
        self,
        weights: Path,
        names: Path | None = None,
        *,
        score: float | None = None,
        gpu: bool = False,
        threads: int = 2,
    ) -> None:
        """Loads the file and looks at one grey picture, to learn its outputs. Raises EncoderUnavailable with reason and remedy."""
        self._lock = threading.Lock()
        self._session = _session(weights, gpu, threads)
        digest = sha256_of(weights)
        self._names = _names(self._session, names)
        given = self._session.get_inputs()[0]
        self._one_by_one = isinstance(given.shape[0], int) and given.shape[0] == 1
        self._input = Input(*_side(given.shape), len(self._names))
        self._layout = self._learn(given)
        rated = rates(self._names, read_card(weights.with_suffix(".card.json"), digest), score, _SCORE)
        self._score, self.able, self.aliases = rated
        self.weak: dict[str, float] = {}
        self.name = f"yolo {weights.stem}@{digest[:8]}{rated.told}"

    def detect(self, images: Sequence[Image.Image]) -> list[list[Detection]]:
        """One list a picture, best first; boxes in fractions of the picture, scores in [score, 1]."""
        step = 1 if self._one_by_one else _BATCH
        return [found for at in range(0, len(images), step) for found in self._batch(images[at : at + step])]

    def _batch(self, images: Sequence[Image.Image]) -> list[list[Detection]]:
        fitted = [fit(image, self._input, self._layout) for image in images]
        outputs = self._run(np.stack([planes(each, self._layout) for each in fitted]))
        found = read(self._layout, outputs, self._input, self._score)
        return [detections(one, self._names, each.scale, each.shift) for one, each in zip(found, fitted, strict=True)]

    def _run(self, pixels: Floats) -> list[Floats]:
        with self._lock:
            outputs = self._session.run(None, {self._session.get_inputs()[0].name: pixels})
        return [np.asarray(output, np.float32) for output in outputs]

    def _learn(self, given: Any) -> Layout:
        if len(self._session.get_inputs()) != 1 or given.type != "tensor(float)":
            raise EncoderUnavailable(f"its input must be one picture in 32-bit floats, this is {given.type}; {_REMEDY}")
        grey = np.full((1, 3, self._input.height, self._input.width), 0.5, np.float32)
        try:
            outputs = self._run(grey)
        except _failures() as error:
            raise EncoderUnavailable(f"the model cannot be run: {error}; {_REMEDY}") from error
        return layout_of([output.shape for output in outputs], self._input)


def fit(image: Image.Image, given: Input, layout: Layout) -> Fitted:
    """RT-DETR's picture is stretched, YOLOX's padded on the right and below, the others' on all sides; grey is what is padded with."""
    rgb = image.convert("RGB")
    if layout.stretched:
        pixels = np.asarray(rgb.resize((given.width, given.height), Image.Resampling.BILINEAR))
        return Fitted(pixels, (1.0, 1.0), (0.0, 0.0))
    ratio = min(given.width / rgb.width, given.height / rgb.height)
    width, height = max(1, round(rgb.width * ratio)), max(1, round(rgb.height * ratio))
    x, y = (0, 0) if layout is Layout.YOLOX else ((given.width - width) // 2, (given.height - height) // 2)
    pixels = np.full((given.height, given.width, 3), _GREY, np.uint8)
    pixels[y : y + height, x : x + width] = np.asarray(rgb.resize((width, height), Image.Resampling.BILINEAR))
    return Fitted(pixels, (float(width), float(height)), (float(x), float(y)))


def planes(fitted: Fitted, layout: Layout) -> Floats:
    """(3, h, w) float32: YOLOX takes BGR in 0–255, the others RGB in [0, 1]."""
    pixels = np.asarray(fitted.pixels, np.float32)
    ordered = pixels[..., ::-1] if layout is Layout.YOLOX else pixels / 255
    return np.ascontiguousarray(ordered.transpose(2, 0, 1))


def _session(weights: Path, gpu: bool, threads: int) -> Any:
    import onnxruntime

    if not weights.is_file():
        raise EncoderUnavailable(f"there is no file at {weights}; {_REMEDY}")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 3
    asked = ["CUDAExecutionProvider"] if gpu else []
    at_hand = [name for name in asked if name in onnxruntime.get_available_providers()]
    try:
        return onnxruntime.InferenceSession(str(weights), options, providers=[*at_hand, "CPUExecutionProvider"])
    except _failures() as error:
        raise EncoderUnavailable(f"{weights.name} cannot be loaded by onnxruntime: {error}; {_REMEDY}") from error


def _failures() -> tuple[type[Exception], ...]:
    """What onnxruntime raises: its own exceptions have no common base but Exception."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    own = "EPFail Fail InvalidArgument InvalidGraph InvalidProtobuf NoModel NoSuchFile NotFound NotImplemented RuntimeException"
    return (*(getattr(state, name) for name in own.split()), RuntimeError, ValueError, OSError)


def _names(session: Any, file: Path | None) -> list[str]:
    """Class names in the order of their numbers. Raises EncoderUnavailable where there are none."""
    if file is not None:
        try:
            lines = file.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise EncoderUnavailable(f"the class names in {file} cannot be read: {error}") from error
        found = [line.strip() for line in lines if line.strip()]
    else:
        found = _stated(session.get_modelmeta().custom_metadata_map.get("names", ""))
    if not found:
        raise EncoderUnavailable(
            "its metadata states no class names; set detection.yolo_labels to a text file with one name a line"
        )
    return found


def _stated(text: str) -> list[str]:
    """ "{0: 'person', 1: 'car'}" or "['person', 'car']" → names; [] for anything else."""
    try:
        stated = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return []
    if isinstance(stated, dict):
        stated = [stated[key] for key in sorted(stated, key=int)] if all(str(key).isdigit() for key in stated) else []
    return [str(name) for name in stated] if isinstance(stated, list | tuple) else []


def _side(shape: Sequence[Any]) -> tuple[int, int]:
    """Height and width of an input (n, 3, h, w); 640 where they may be anything. Raises EncoderUnavailable for another shape."""
    if len(shape) != 4 or (isinstance(shape[1], int) and shape[1] != 3):
        raise EncoderUnavailable(f"its input must be (n, 3, h, w), this is {tuple(shape)}; {_REMEDY}")
    height, width = (side if isinstance(side, int) and side > 0 else _DEFAULT_SIDE for side in shape[2:])
    return height, width
