"""What is made of an endpoint's replies to probes, over a transport in memory."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.model.pictures import plain
from app.model.port import Capabilities, Course
from app.model.probe import UNTOLD_CONTEXT, Place, Prober, Wanted
from prompts import load
from retrieval.errors import ModelUnavailable

PROMPT = load("probe", 1)
Answer = Callable[[httpx.Request], httpx.Response]


def completion(text: str, prompt_tokens: int | None = None, logprobs: bool = False) -> dict[str, Any]:
    choice: dict[str, Any] = {"index": 0, "message": {"role": "assistant", "content": text}}
    if logprobs:
        choice["logprobs"] = {"content": [{"token": text, "logprob": -0.5}]}
    return {"choices": [choice], "usage": {"prompt_tokens": prompt_tokens} if prompt_tokens else None}


class Endpoint:
    """Answers as an endpoint with these abilities would."""

    def __init__(self, **about: Any) -> None:
        self.about = {"images": 8, "schema": True, "logprobs": True, "counts": True, "blind": False} | about
        self.bodies: list[dict[str, Any]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v1/models":
            listed = {"id": "m", "max_model_len": 4096, "owned_by": self.about.get("owner", "vllm")}
            return httpx.Response(200, json=self.about.get("models", {"data": [listed]}))
        if request.url.path == "/version":
            return httpx.Response(200, json={"version": self.about.get("version", "0.14.1")})
        body = json.loads(request.content)
        self.bodies.append(body)
        images = sum(part["type"] == "image_url" for part in body["messages"][0]["content"])
        if images > self.about["images"] or (
            (self.about["schema"] == "refused" and "response_format" in body)
            or (self.about["logprobs"] == "refused" and "logprobs" in body)
        ):  # fmt: skip
            return httpx.Response(400, json={"error": {"message": "no"}})
        text = '{"state":"ready"}' if "response_format" in body and self.about["schema"] is True else "hello"
        tokens = 9 + (0 if self.about["blind"] else 7 * images)
        given = self.about["logprobs"] is True and body.get("logprobs", False)
        return httpx.Response(200, json=completion(text, tokens if self.about["counts"] else None, given))


def probe(answer: Answer, wanted: Wanted | None = None) -> Capabilities:
    client = httpx.Client(transport=httpx.MockTransport(answer))
    place = Place("http://model.test/v1", "m", "key")
    return Prober(client, place, wanted or Wanted(), PROMPT).probe(Course(time.monotonic() + 60))


def test_all_is_found_out_in_few_requests() -> None:
    endpoint = Endpoint()
    assert probe(endpoint) == Capabilities(
        name="m", context=4096, images=4, schema=True, logprobs=True, server="vLLM 0.14.1"
    )
    assert len(endpoint.bodies) == 3
    texts = {part["text"] for b in endpoint.bodies for part in b["messages"][0]["content"] if part["type"] == "text"}
    assert texts == {PROMPT.text}


@pytest.mark.parametrize("version", ["0.14.0", "0.9.2", "nightly", "", None, 7, "see http://x.example"])
def test_a_vllm_with_known_holes_or_of_no_known_version_gets_no_more_requests(version: Any) -> None:
    endpoint = Endpoint(version=version)
    with pytest.raises(ModelUnavailable, match=r"0\.14\.1"):
        probe(endpoint)
    assert endpoint.bodies == []


@pytest.mark.parametrize("version", ["0.9.2", "nightly"])
def test_the_floor_is_that_of_vllm_alone(version: str) -> None:
    assert probe(Endpoint(owner="somebody", version=version)).server == ""


@given(limit=st.integers(0, 20), wanted=st.integers(0, 20), counts=st.booleans())
def test_the_number_of_pictures_is_exact(limit: int, wanted: int, counts: bool) -> None:
    assert probe(Endpoint(images=limit, counts=counts), Wanted(wanted)).images == min(limit, wanted)


def test_pictures_that_are_accepted_but_not_counted_are_not_seen() -> None:
    assert probe(Endpoint(blind=True)).images == 0


@pytest.mark.parametrize("schema", [True, False, "refused"])
@pytest.mark.parametrize("logprobs", [True, False, "refused"])
def test_schema_and_logprobs_are_told_apart(schema: bool | str, logprobs: bool | str) -> None:
    able = probe(Endpoint(schema=schema, logprobs=logprobs))
    assert (able.schema, able.logprobs, able.images) == (schema is True, logprobs is True, 4)


def test_settings_come_before_probes() -> None:
    endpoint = Endpoint()
    able = probe(endpoint, Wanted(4, context=2048, images=1, schema=False, logprobs=False))
    assert (able.context, able.images, able.schema, able.logprobs) == (2048, 1, False, False)
    assert len(endpoint.bodies) == 1


@pytest.mark.parametrize(
    "models",
    [{"data": [{"id": "m"}]}, {"data": [{"id": "m", "max_model_len": "9"}]}, {"data": []}, {}, [], None, {"data": [7]}],
)
def test_an_untold_context_is_assumed_small(models: Any) -> None:
    assert probe(Endpoint(models=models)).context == UNTOLD_CONTEXT


def test_a_model_that_is_not_there_is_said_with_what_is() -> None:
    models = {
        "data": [{"id": "org/a"}, {"id": "b"}, {"id": "see http://x.example/?q=1 <b>"}, {"id": "http://x.example/y"}]
    }
    with pytest.raises(ModelUnavailable) as told:
        probe(Endpoint(models=models))
    assert str(told.value) == "the model's endpoint does not list m; it lists org/a, b"


@pytest.mark.parametrize("status", [401, 403, 500, 503])
def test_an_endpoint_that_refuses_everything_is_unavailable(status: int) -> None:
    with pytest.raises(ModelUnavailable, match=f"HTTP status {status}"):
        probe(lambda request: httpx.Response(status, text="a secret"))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["data", "id", "choices", "message", "content", "usage", "logprobs", "version"]), inner
        )
    ),
    max_leaves=12,
)


@given(JSON, st.sampled_from([200, 200, 400, 404, 500]))
def test_whatever_comes_is_an_ability_or_a_typed_error(told: Any, status: int) -> None:
    try:
        able = probe(lambda request: httpx.Response(status, content=json.dumps(told)))
    except ModelUnavailable:
        return
    assert 0 <= able.images <= 4 and able.context > 0


def test_probe_pictures_differ() -> None:
    assert len({plain(n) for n in range(20)}) == 20
