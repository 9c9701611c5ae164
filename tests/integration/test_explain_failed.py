"""Where the encoder of texts fails, a search that explains itself still gives its hits, and says what failed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from litestar.testing import TestClient

from app.cli.main import main
from app.http.app import create_app
from app.http.context import Options
from app.settings import load
from app.wiring import build
from retrieval.adapters.minilm import SentenceTransformerEncoder
from retrieval.errors import EncoderUnavailable
from retrieval.types import Principal

OFF = {"image": "off", "detector": "off", "speech": "off"}


def call(data: Path, *words: str) -> Result:
    plain = {f"WATCHFLOOR_ENCODERS__{name.upper()}": value for name, value in OFF.items()}
    done = CliRunner(env=plain).invoke(main, ["--data-dir", str(data), *words], prog_name="watchfloor")
    assert done.exit_code == 0, done.output
    return done


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store with one report; its encoder fails from now on."""
    (tmp_path / "report.md").write_text("The seal of pump P-101 leaked.\n")
    call(tmp_path / "data", "ingest", "--json", str(tmp_path / "report.md"))

    def fails(*_: object) -> Any:
        raise EncoderUnavailable("the weights are gone; fetch them from https://models.plant.example/minilm")

    monkeypatch.setattr(SentenceTransformerEncoder, "encode", fails)
    return tmp_path / "data"


def checked(found: dict[str, Any]) -> None:
    (hit,) = found["hits"]
    assert "leaked" in hit["text"]
    failed, words = found["explain"]
    assert (failed["space"], failed["plan"], words["space"], words["found"]) == ("text", "failed", "words", 1)
    assert failed["why"].startswith("the weights are gone") and "models.plant" not in failed["why"]
    assert any(line.startswith("text: the weights are gone") for line in found["degraded"])


def test_over_the_command_line(data: Path) -> None:
    checked(json.loads(call(data, "search", "--explain", "--json", "pump seal").stdout))
    told = call(data, "search", "--explain", "pump seal").stdout
    assert "text: failed" in told and "the weights are gone" in told and "words: BM25" in told


def test_over_http(data: Path) -> None:
    service = build(load(data_dir=data, encoders=OFF))
    app = create_app(service, Principal("default"), Options(data_dir=data))
    with TestClient(app, base_url="http://127.0.0.1") as client:
        reply = client.post("/v1/search", json={"text": "pump seal", "explain": True})
    service.close()
    assert reply.status_code == 200, reply.text
    checked(reply.json())
