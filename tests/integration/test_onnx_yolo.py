"""Detectors of the YOLO family from ONNX files: every layout of outputs through onnxruntime, with boxes that are known."""

from __future__ import annotations

import hashlib
import json
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ingest.ports import Detection
from ingest.vision.onnx_yolo import OnnxYolo
from ingest.vision.yolo_layouts import Layout
from retrieval.errors import EncoderUnavailable

sys.path.insert(0, str(Path(__file__).parent))
from onnx_writer import Array, write

SIDE, CELLS = 64, 8 * 8 + 4 * 4 + 2 * 2
NAMES = "{0: 'person', 1: 'forklift'}"
# twice as wide as high: in the network's square it takes 64 × 32 pixels
WHITE, BLACK = (Image.new("RGB", (128, 64), colour) for colour in ("white", "black"))
MIDDLE = (0.375, 0.375, 0.625, 0.625)
# the middle of the picture as centre and size in input pixels: padded on all sides, or below only
PADDED, BELOW = (32, 32, 16, 8), (32, 16, 16, 8)


def table(rows: int, columns: int) -> tuple[Array, Array]:
    return np.zeros((rows, columns), np.float32), np.zeros((rows, columns), np.float32)


def v8() -> list[tuple[Array, Array]]:
    fixed, grows = table(6, CELLS)
    for at, score in (
        (3, 0.8),
        (4, 0.6),
        (5, 0.5),
    ):  # the second is the first again; the third another label in the same place
        fixed[:4, at] = PADDED
        grows[4 + (at != 5), at] = score
    return [(fixed, grows)]


def v5() -> list[tuple[Array, Array]]:
    fixed, grows = table(3 * CELLS, 7)
    for at, score in ((3, 0.8), (4, 0.6), (5, 0.5)):
        fixed[at, :5] = (*PADDED, 0.5)
        grows[at, 5 + (at != 5)] = 2 * score
    return [(fixed, grows)]


def yolox(raw: bool) -> list[tuple[Array, Array]]:
    """The score grows with 0–255. Raw: cell (3, 1) of stride 8, an offset of one cell each way, logarithms of 2 and 1 cells."""
    fixed, grows = table(CELLS, 7)
    fixed[:, 2:4] = -1 if raw else 1
    for at, score in ((11, 0.8), (12, 0.6), (13, 0.5)):
        fixed[at, :4] = (1.0 - (at - 11), 1.0, math.log(2), 0.0) if raw else BELOW
        fixed[at, 4] = 1
        grows[at, 5 + (at != 13)] = score / 255
    return [(fixed, grows)]


def finished() -> list[tuple[Array, Array]]:
    fixed, grows = table(20, 6)
    for at, score, label in ((0, 0.8, 1), (1, 0.5, 0)):
        fixed[at] = (24, 28, 40, 36, 0, label)
        grows[at, 4] = score
    return [(fixed, grows)]


def detr(extra: int) -> list[tuple[Array, Array]]:
    """Two labels are two queries here. logit(.8) and logit(.5)."""
    boxes, still = table(10, 4)
    logits, grows = table(10, 2 + extra)
    boxes[:2], logits[:] = (0.5, 0.5, 0.25, 0.25), -9
    grows[0, 1], grows[1, 0] = math.log(4) + 9, 9
    if extra:
        grows[:, 2] = 30  # what is no thing at all counts for nothing
    return [(logits, grows), (boxes, still)]


def rtdetr() -> list[tuple[Array, Array]]:
    fixed, grows = table(10, 7)
    fixed[:2, :4] = (0.5, 0.5, 0.25, 0.25)
    grows[0, 5], grows[1, 4] = 0.8, 0.5
    return [(fixed, grows)]


@pytest.mark.parametrize(
    ("layout", "outputs", "names"),
    [
        (Layout.V8, v8(), NAMES),
        (Layout.V5, v5(), NAMES),
        (Layout.YOLOX, yolox(raw=False), NAMES),
        (Layout.YOLOX, yolox(raw=True), NAMES),
        (Layout.FINISHED, finished(), NAMES),
        (Layout.DETR, detr(0), NAMES),
        (Layout.DETR, detr(1)[::-1], NAMES),
        (Layout.RTDETR, rtdetr(), "['person', 'forklift', 'cone']"),
    ],
)
@pytest.mark.parametrize("batch", ["n", 1])
def test_boxes_are_where_they_are_and_only_in_the_picture_they_are_in(
    tmp_path: Path, layout: Layout, outputs: list[tuple[Array, Array]], names: str, batch: Any
) -> None:
    # the grey of the padding makes .36 of the best score, also around a black picture
    eyes = OnnxYolo(write(tmp_path / "own.onnx", (batch, SIDE, SIDE), outputs, names=names), score=0.4)
    dark, bright = eyes.detect([BLACK, WHITE])
    assert eyes._layout is layout and dark == []
    assert [each.label for each in bright] == ["forklift", "person"]
    assert [each.score for each in bright] == pytest.approx([0.8, 0.5], abs=1e-4)
    assert all(each.box == pytest.approx(MIDDLE, abs=1e-4) for each in bright)
    assert eyes.detect([]) == []


def test_scores_below_the_least_are_left_out(tmp_path: Path) -> None:
    path = write(tmp_path / "own.onnx", ("n", SIDE, SIDE), v8(), names=NAMES)
    assert [each.label for each in OnnxYolo(path, score=0.7).detect([WHITE])[0]] == ["forklift"]


def test_without_a_card_nothing_is_claimed_to_be_seen_well(tmp_path: Path) -> None:
    eyes = OnnxYolo(write(tmp_path / "own.onnx", ("n", SIDE, SIDE), v8(), names=NAMES))
    assert eyes.able == {"person": 1.0, "forklift": 1.0} and "miss rates not measured" in eyes.name


def card(path: Path, **changed: Any) -> None:
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    measured = [{"label": "forklift", "miss_rate": 0.1, "aliases": ["truck", "person"]}]
    told = {"sha256": digest, "score": 0.4, "attributes": measured} | changed
    path.with_suffix(".card.json").write_text(json.dumps(told))


def test_a_card_says_what_was_measured_from_its_score_on(tmp_path: Path) -> None:
    path = write(tmp_path / "own.onnx", ("n", SIDE, SIDE), v8(), names=NAMES)
    card(path)
    eyes = OnnxYolo(path)
    assert eyes.able == {"forklift": 0.1, "person": 1.0} and eyes.aliases == {"truck": "forklift"}
    assert "not measured" not in eyes.name and eyes._score == 0.4
    assert OnnxYolo(path, score=0.3).able["forklift"] == 0.1
    assert OnnxYolo(path, score=0.5).able["forklift"] == 1.0, "a higher score misses more than was measured"


@pytest.mark.parametrize("changed", [{"sha256": "0" * 64}, {"score": 2}, {"attributes": [{"label": "forklift"}]}])
def test_a_card_of_other_weights_or_shape_is_refused(tmp_path: Path, changed: dict[str, Any]) -> None:
    path = write(tmp_path / "own.onnx", ("n", SIDE, SIDE), v8(), names=NAMES)
    card(path, **changed)
    with pytest.raises(EncoderUnavailable, match=r"card own\.card\.json"):
        OnnxYolo(path)


def test_class_names_from_a_file(tmp_path: Path) -> None:
    path = write(tmp_path / "own.onnx", ("n", SIDE, SIDE), v8())
    (tmp_path / "names.txt").write_text("worker\n\nreach truck\n")
    assert [each.label for each in OnnxYolo(path, tmp_path / "names.txt").detect([WHITE])[0]] == [
        "reach truck",
        "worker",
    ]


@pytest.mark.parametrize(
    ("names", "outputs", "why"),
    [
        ("", v8(), "states no class names; set detection.yolo_labels"),
        ("__import__('os')", v8(), "states no class names"),
        ("['person']", v8(), r"outputs \(1, 6, 84\) are not those of a YOLO or RT-DETR with 1 classes"),
        (NAMES, v8() * 3, "are not those of a YOLO"),
    ],
)
def test_what_cannot_be_read_is_said(tmp_path: Path, names: str, outputs: list[tuple[Array, Array]], why: str) -> None:
    path = write(tmp_path / "own.onnx", ("n", SIDE, SIDE), outputs, names=names)
    with pytest.raises(EncoderUnavailable, match=why):
        OnnxYolo(path)


def test_no_model_at_all(tmp_path: Path) -> None:
    with pytest.raises(EncoderUnavailable, match=r"no file at .*gone.onnx; set detection.yolo"):
        OnnxYolo(tmp_path / "gone.onnx")
    (tmp_path / "bad.onnx").write_bytes(b"not a model")
    with pytest.raises(EncoderUnavailable, match="cannot be loaded by onnxruntime"):
        OnnxYolo(tmp_path / "bad.onnx")


def test_fractions_in_a_table_of_two_classes_are_refused(tmp_path: Path) -> None:
    fixed, grows = table(10, 6)
    fixed[0, :4], grows[0, 4] = (0.5, 0.5, 0.25, 0.25), 0.9
    eyes = OnnxYolo(write(tmp_path / "own.onnx", ("n", SIDE, SIDE), [(fixed, grows)], names=NAMES))
    with pytest.raises(EncoderUnavailable, match="boxes are in fractions"):
        eyes.detect([WHITE])


def test_the_same_things_survive_as_by_torchvision() -> None:
    """Suppression against an independent implementation, on crowded random boxes."""
    import torch
    from torchvision.ops import batched_nms

    from ingest.vision.boxes import Found, suppressed

    for seed in range(20):
        rng = np.random.default_rng(seed)
        low = rng.random((60, 2), np.float32)
        corners = np.concatenate([low, low + rng.random((60, 2), np.float32) * 0.5 + 0.01], axis=1)
        scores, labels = rng.random(60, np.float32), rng.integers(0, 3, 60)
        kept = batched_nms(torch.tensor(corners), torch.tensor(scores), torch.tensor(labels), 0.5).numpy()
        assert suppressed(Found(corners, scores, labels)).scores.tolist() == scores[kept].tolist()


def test_detections_are_of_the_port(tmp_path: Path) -> None:
    eyes = OnnxYolo(write(tmp_path / "own.onnx", ("n", SIDE, SIDE), v8(), names=NAMES))
    assert all(isinstance(each, Detection) and each.track is None for each in eyes.detect([WHITE] * 9)[8])
