"""The outputs that detectors of the YOLO family have as ONNX files, told apart by their shapes.

With A boxes a picture and C class names (A grows with the input; a grid of strides 8, 16 and 32 has G cells):

    v5        (n, 3G, 5+C)              centre and size in input pixels, objectness, class scores; also v7
    v8        (n, 4+C, A)               centre and size in input pixels, class scores; also v9, v11, v12
    yolox     (n, G, 5+C)               as v5 after decoding; or offsets in cells and logarithms of sizes, as YOLOX exports them
    finished  (n, A, 6)                 corners in input pixels, score, class: suppression is in the graph; also v10
    detr      (n, A, C or C+1) and (n, A, 4)  logits, and centre and size in fractions: RT-DETR as transformers exports it
    rtdetr    (n, A, 4+C)               centre and size in fractions, class scores: RT-DETR as one table

Of two classes, "finished" and "rtdetr" have one shape: it is taken for the former, and fractions in it are refused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import NamedTuple

import numpy as np

from ingest.vision.boxes import Floats, Found, best, suppressed, to_corners
from retrieval.errors import EncoderUnavailable

_STRIDES = (8, 16, 32)


class Layout(StrEnum):
    V5 = "v5"
    V8 = "v8"
    YOLOX = "yolox"
    FINISHED = "finished"
    DETR = "detr"
    RTDETR = "rtdetr"

    @property
    def stretched(self) -> bool:
        """Whether the picture is stretched to the input, instead of scaled and padded."""
        return self in (Layout.DETR, Layout.RTDETR)


class Input(NamedTuple):
    """The size of the network's input in pixels, and how many class names there are."""

    height: int
    width: int
    classes: int

    @property
    def cells(self) -> int:
        return sum((self.height // stride) * (self.width // stride) for stride in _STRIDES)


def layout_of(shapes: Sequence[tuple[int, ...]], given: Input) -> Layout:
    """Raises EncoderUnavailable, with the shapes, for outputs that are none of those above."""
    if _two_tables(shapes, given.classes):
        return Layout.DETR
    if len(shapes) == 1 and len(shapes[0]) == 3:
        _, rows, columns = shapes[0]
        for layout, fits in _tables(rows, columns, given):
            if fits:
                return layout
    told = ", ".join(str(shape) for shape in shapes)
    raise EncoderUnavailable(
        f"its outputs {told} are not those of a YOLO or RT-DETR with {given.classes} classes; check the class names"
    )


def _tables(rows: int, columns: int, given: Input) -> list[tuple[Layout, bool]]:
    with_objectness = columns == 5 + given.classes
    return [
        (Layout.V5, with_objectness and rows == 3 * given.cells),
        (Layout.YOLOX, with_objectness and rows == given.cells),
        # few boxes are left once suppression is done
        (Layout.FINISHED, columns == 6 and rows < given.cells),
        (Layout.RTDETR, columns == 4 + given.classes and rows < given.cells),
        (Layout.V8, rows == 4 + given.classes and columns == given.cells),
    ]


def _two_tables(shapes: Sequence[tuple[int, ...]], classes: int) -> bool:
    """Whether one of two is of boxes and the other of logits, with or without one for "nothing"."""
    if len(shapes) != 2 or any(len(shape) != 3 for shape in shapes):
        return False
    first, second = (shape[-1] for shape in shapes)
    return any(boxes == 4 and logits - classes in (0, 1) for boxes, logits in ((first, second), (second, first)))


def read(layout: Layout, outputs: Sequence[Floats], given: Input, least: float) -> list[Found]:
    """One Found a picture, in input pixels (fractions where `layout.stretched`), suppressed where the graph has not done it."""
    return [_READERS[layout]([output[at] for output in outputs], given, least) for at in range(len(outputs[0]))]


def _v5(outputs: Sequence[Floats], given: Input, least: float) -> Found:
    table = outputs[0]
    return suppressed(best(to_corners(table[:, :4]), table[:, 5:] * table[:, 4:5], least))


def _v8(outputs: Sequence[Floats], given: Input, least: float) -> Found:
    table = outputs[0].T
    return suppressed(best(to_corners(table[:, :4]), table[:, 4:], least))


def _yolox(outputs: Sequence[Floats], given: Input, least: float) -> Found:
    table = outputs[0]
    # sizes are never negative; their logarithms are, for everything smaller than a cell
    decoded = table if bool((table[:, 2:4] >= 0).all()) else _from_cells(table, given)
    return _v5([decoded], given, least)


def _from_cells(table: Floats, given: Input) -> Floats:
    """Offsets in cells and logarithms of sizes → input pixels (Ge et al., YOLOX, arXiv 2107.08430)."""
    corners, strides = [], []
    for stride in _STRIDES:
        down, across = given.height // stride, given.width // stride
        y, x = np.mgrid[:down, :across]
        corners.append(np.stack([x, y], axis=-1).reshape(-1, 2))
        strides.append(np.full((down * across, 1), stride))
    cell, stride_of = np.concatenate(corners), np.concatenate(strides)
    made = table.copy()
    made[:, :2] = (table[:, :2] + cell) * stride_of
    made[:, 2:4] = np.exp(np.minimum(table[:, 2:4], 20.0)) * stride_of
    return made


def _finished(outputs: Sequence[Floats], given: Input, least: float) -> Found:
    table = outputs[0]
    if given.classes == 2 and 0 < table.max(initial=0.0) <= 1:
        raise EncoderUnavailable(
            "its boxes are in fractions: a one-table RT-DETR of two classes; export it with two outputs"
        )
    classes = table[:, 5].astype(np.int64)
    keep = (table[:, 4] >= least) & (classes >= 0) & (classes < given.classes)
    return Found(table[keep, :4], table[keep, 4], classes[keep])


def _detr(outputs: Sequence[Floats], given: Input, least: float) -> Found:
    first, second = outputs
    # where both are four wide: logits come first
    boxes, logits = (second, first) if second.shape[-1] == 4 else (first, second)
    scores = 1 / (1 + np.exp(-np.clip(logits[:, : given.classes], -60, 60)))
    return best(to_corners(boxes), np.asarray(scores, np.float32), least)


def _rtdetr(outputs: Sequence[Floats], given: Input, least: float) -> Found:
    table = outputs[0]
    return best(to_corners(table[:, :4]), table[:, 4:], least)


_READERS: dict[Layout, Callable[[Sequence[Floats], Input, float], Found]] = {
    Layout.V5: _v5,
    Layout.V8: _v8,
    Layout.YOLOX: _yolox,
    Layout.FINISHED: _finished,
    Layout.DETR: _detr,
    Layout.RTDETR: _rtdetr,
}
