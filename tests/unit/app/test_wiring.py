"""Which settings reach which part."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from app import wiring
from app.settings import Encoders, Settings


@pytest.mark.parametrize(("gpu", "device"), [(False, "cpu"), (True, None)])
def test_without_a_gpu_every_encoder_stays_on_the_processor(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, gpu: bool, device: str | None
) -> None:
    given: dict[str, Any] = {}

    def text(name: str | None, device: str | None = None) -> None:
        given["text"] = device

    def image(name: str, pretrained: str | None = None, device: str | None = None) -> None:
        given["image" if name == "ViT-B-32" else "site"] = device

    monkeypatch.setattr(wiring, "SentenceTransformerEncoder", text)
    monkeypatch.setattr(wiring, "OpenClipEncoder", image)
    monkeypatch.setattr(wiring.Parts, "book", property(lambda parts: _Sited()))
    for kind in ("ViT-B-32", "auto"):
        parts = wiring.Parts(Settings(data_dir=tmp_path, encoders=Encoders(image=kind, gpu=gpu)))
        _ = (parts._text, parts._image)
    assert given == {"text": device, "image": device, "site": device}


class _Sited:
    """A catalog of a site that brought its own encoder along."""

    def meta(self, tenant: str, key: str) -> str:
        return "clip"


def test_without_speech_weights_nothing_listens_and_that_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(wiring, "packaged", lambda: False)
    for speech in ("auto", "off"):
        parts = wiring.Parts(Settings(data_dir=tmp_path, encoders=Encoders(speech=speech)))
        check = parts._hearing()
        assert (check.name, check.state) == ("speech", "off") and "nothing listens" in check.detail
        assert parts.ears() == f"ears: {check.detail}" and parts._ears is None
    named = wiring.Parts(Settings(data_dir=tmp_path, encoders=Encoders(speech=str(tmp_path / "nowhere"))))
    assert named._hearing().state == "failed" and "nowhere" in named._hearing().detail
