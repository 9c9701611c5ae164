"""What health says of a model, through the real wiring: as the next question would find it, and without being one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.ports import Check
from app.settings import load
from app.wiring import Parts, build
from eval.stub import StubModel, claims, saying


@pytest.fixture(scope="module", autouse=True)
def warm() -> None:
    """langchain-openai takes seconds to import on a busy machine; time limits below are about asking."""
    import langchain_openai  # noqa: F401


def settings_for(url: str, folder: Path, **model: Any) -> Any:
    given = {"base_url": url, "cool_down_s": 0.05, "failures": 2, **model}
    return load(data_dir=folder, model=given, encoders={"image": "off", "detector": "off"})


@pytest.fixture
def stub() -> Iterator[StubModel]:
    with StubModel(claims(insufficient=True)) as made:
        yield made


@pytest.fixture
def parts(stub: StubModel, tmp_path: Path) -> Iterator[Parts]:
    made = Parts(settings_for(stub.url, tmp_path))
    yield made
    made.close()


def test_a_model_that_answers_is_told_with_what_it_can_do(parts: Parts, stub: StubModel) -> None:
    detail = f"{stub.name} on vLLM 0.14.1, 32768 tokens, 4 pictures a prompt"
    assert [parts.model_check() for _ in range(3)] == [Check("model", "ok", detail)] * 3
    assert len(stub.probes) == 3 and stub.requests == []


def test_looking_at_a_dead_model_counts_for_nothing(parts: Parts, stub: StubModel) -> None:
    stub.__exit__(None, None, None)
    for _ in range(5):
        told = parts.model_check()
        parts._model._look = None  # type: ignore[union-attr]
    assert told.state == "degraded" and told.detail.endswith(
        "cannot be reached; it is asked all the same, and the brief answers if it fails"
    )
    assert parts._model is not None and parts._model.state().level == "ok"


def test_a_model_that_is_back_is_told_before_anybody_asks(parts: Parts, stub: StubModel) -> None:
    breaker: Any = parts._model._breaker  # type: ignore[union-attr]
    for _ in range(2):
        breaker.failed("the model's endpoint cannot be reached", breaker.admit())
    told = parts.model_check()
    assert told.state == "degraded" and told.detail.endswith("; the evidence brief answers")
    while told.state != "ok":
        told = parts.model_check()
    assert told.detail.endswith("it failed before and answers again") and stub.requests == []


def test_names_that_an_endpoint_lists_give_no_address(tmp_path: Path) -> None:
    with StubModel(saying(""), name="www.evil.example/steal") as stub:
        parts = Parts(settings_for(stub.url, tmp_path))
        told = parts.model_check()
        parts.close()
    assert told.state == "degraded" and "it lists [address removed]" in told.detail


def test_what_is_closed_holds_no_connection(stub: StubModel, tmp_path: Path) -> None:
    settings = settings_for(stub.url, tmp_path)
    parts = Parts(settings)
    parts.model_check()
    client = parts._model._model._http  # type: ignore[union-attr]
    parts.close()
    assert client.is_closed


def test_the_limits_of_the_settings_are_the_services(stub: StubModel, tmp_path: Path) -> None:
    service = build(settings_for(stub.url, tmp_path))
    assert service._caps == (30.0, 4000)
    service.close()
