"""Which settings reach which eyes, and what is said where one cannot be had."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from app import wiring_senses
from app.settings import Detection, Encoders, Privacy, Settings
from app.wiring_senses import Senses
from ingest.masking import MaskingReader
from retrieval.errors import EncoderUnavailable
from retrieval.types import Entity, EntityType

OPEN, YOLO = "open-vocabulary detector", "onnx detector"


@pytest.fixture(autouse=True)
def no_eyes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wiring_senses, "has_eyes", lambda: False)


def senses(folder: Path, **parts: Any) -> Senses:
    return Senses(Settings(data_dir=folder, **parts))


def camera(*blur: str) -> Entity:
    return Entity(id="CAM-07", type=EntityType.CAMERA, name="Camera 7", tenant="t", facts={"blur": list(blur)})


def lines(found: Senses, *site: Entity) -> dict[str, tuple[str, str]]:
    return {check.name: (check.state, check.detail) for check in found.checks(lambda: found.detectors(None), site)}


def test_what_is_not_set_is_off_and_how_to_set_it_is_said(tmp_path: Path) -> None:
    told = lines(senses(tmp_path))
    assert told[OPEN] == ("off", "no weights are named; set detection.open_vocabulary and detection.labels")
    assert told[YOLO] == ("off", "no weights are named; set detection.yolo")
    assert told["text masking"] == ("off", "privacy.text is off")
    assert senses(tmp_path).detectors(None) == () and senses(tmp_path).told() == ""


def test_what_is_set_and_cannot_be_had_is_off_with_the_reason_and_the_rest_goes_on(tmp_path: Path) -> None:
    given = Detection(open_vocabulary=str(tmp_path / "owl"), yolo=tmp_path / "gone.onnx")
    found = senses(tmp_path, detection=given)
    assert found.detectors(None) == ()
    told = lines(found)
    assert told[OPEN][0] == told[YOLO][0] == "failed"
    assert "set detection.labels" in told[OPEN][1] and "no file at" in told[YOLO][1]
    assert "open-vocabulary detector is off" in found.told() and "onnx detector is off" in found.told()


def test_settings_reach_the_detectors(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    given: dict[str, Any] = {}

    class Made:
        name, able, weak, aliases = "made", {"person": 1.0}, {}, {}

        def __init__(self, *args: Any, **named: Any) -> None:
            given[str(args[0])] = (args, named)

    monkeypatch.setattr(wiring_senses, "OpenVocabulary", Made)
    monkeypatch.setattr(wiring_senses, "OnnxYolo", Made)
    detection = Detection(
        open_vocabulary="owl", labels=("forklift",), open_score=0.2, yolo=Path("y.onnx"), yolo_score=0.4, threads=1
    )
    found = senses(tmp_path, detection=detection, encoders=Encoders(gpu=False))
    assert [each.name for each in found.detectors(None)] == ["made", "made"]
    (source, labels, score), _ = given["Given(model='owl', download=False, device='cpu', threads=1)"]
    assert (source.model, labels, score) == ("owl", ("forklift",), 0.2)
    assert given["y.onnx"] == ((Path("y.onnx"), None), {"score": 0.4, "gpu": False, "threads": 1})
    assert set(found.redactor.off) == {"plate"}, "what knows people can have them blurred, and their faces"
    assert "no detector of vehicles" in found.redactor.off["plate"]


def test_a_camera_that_asks_for_what_is_off_is_a_failure(tmp_path: Path) -> None:
    found = senses(tmp_path)
    assert set(found.redactor.off) == {"person", "face", "plate"}, "cascades alone find too few"
    assert all("install [eyes]" in why for why in found.redactor.off.values())
    assert lines(found, camera())["blurring"][0] == "ok"
    state, detail = lines(found, camera("face", "person"))["blurring"]
    assert state == "failed" and "CAM-07 asks for face" in detail and "refused" in detail


def test_faces_are_not_left_to_the_cascades_where_other_weights_are_named(tmp_path: Path) -> None:
    found = senses(tmp_path, privacy=Privacy(faces=tmp_path / "yunet.onnx"))
    assert "no YuNet file" in found.redactor.off["face"]


def test_with_the_detector_off_nobody_is_blurred_by_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(wiring_senses, "has_eyes", lambda: True)
    assert "person" in senses(tmp_path, encoders=Encoders(detector="off")).redactor.off


def test_readers_are_behind_the_masker_that_is_asked_for(tmp_path: Path) -> None:
    readers: list[Any] = [object()]
    assert senses(tmp_path).masked(readers) is readers
    found = senses(tmp_path, privacy=Privacy(text="patterns"))
    readers[0] = type("R", (), {"name": "r", "version": "1"})()
    (masked,) = found.masked(readers)
    assert isinstance(masked, MaskingReader) and masked.version == "1; masked by patterns 2"
    assert found.told() == "text masked by patterns 2" and lines(found)["text masking"] == ("ok", "patterns 2")


def test_nothing_is_taken_in_unmasked_because_presidio_is_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("ingest.presidio.importlib.util.find_spec", lambda name: None)
    found = senses(tmp_path, privacy=Privacy(text="presidio"))
    with pytest.raises(EncoderUnavailable, match=r"install \[privacy\]"):
        found.masked([])
    assert lines(found)["text masking"][0] == "failed"
