"""Erasure and legal holds over HTTP: who may, what is told, and the same through a running server."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from litestar.testing import TestClient

from app.cli.remote import RemoteService
from app.fakes import MemoryService
from app.governance import receipts
from app.governance.port import Again
from app.http.app import create_app
from app.http.context import Options
from app.http.governance import governing
from app.http.serve import Serving
from app.ports import Service
from retrieval.erasure.values import Hold, State, Target
from retrieval.errors import BadQuery, ErasureNotFound, LegalHold
from retrieval.types import Interval, Kind, Principal

PRINCIPAL = Principal("plant", labels=("ops",))
TOKEN = {"authorization": "Bearer local-token"}
PAGE = "file:///site/reports/shift%20log.pdf"
CHANGES = [
    ("post", "/v1/erasures/count", {"sources": [PAGE]}),
    ("post", "/v1/erasures", {"sources": [PAGE]}),
    ("post", "/v1/erasures/er_1/receipt", {}),
    ("post", "/v1/erasures/again", {"sources": [PAGE]}),
    ("post", "/v1/holds", {"why": "court", "sources": [PAGE]}),
    ("delete", "/v1/holds/hold_1", None),
    ("post", "/v1/retention", {}),
]


@pytest.mark.parametrize(("method", "path", "body"), CHANGES)
def test_nothing_is_changed_without_the_token(client: TestClient[Any], method: str, path: str, body: Any) -> None:
    given = {} if body is None else {"json": body}
    for headers in ({}, {"authorization": "Bearer guessed"}):
        assert client.request(method, path, headers=headers, **given).status_code == 403
    assert client.get("/v1/erasures").json()["erasures"] == [] and client.get("/v1/holds").json()["holds"] == []


def test_an_erasure_from_count_to_receipt(client: TestClient[Any], service: MemoryService) -> None:
    page = next(each for each in service._evidence.values() if each.source == PAGE)
    counted = client.post("/v1/erasures/count", json={"sources": [PAGE]}, headers=TOKEN).json()
    assert (counted["evidence"], counted["by_kind"]) == (1, {"passage": 1})
    assert client.get(f"/v1/evidence/{page.id}").status_code == 200
    made = client.post("/v1/erasures", json={"sources": [PAGE]}, headers=TOKEN)
    erasure = made.json()["erasure"]
    assert (made.status_code, erasure["state"], erasure["what"]) == (202, "hidden", "source")
    assert client.get(f"/v1/evidence/{page.id}").status_code == 404
    place = f"/v1/erasures/{erasure['id']}"
    assert client.post(f"{place}/receipt", headers=TOKEN).json() == {"receipt": None}
    service.governance.resume()
    assert client.get(place).json()["state"] == "purged"
    first, second = (client.post(f"{place}/receipt", headers=TOKEN).json()["receipt"] for _ in range(2))
    assert first["salt"] and second == first | {"salt": ""}
    assert page.id not in str(first) and PAGE not in str(first)
    assert client.post("/v1/erasures", json={"sources": [PAGE]}, headers=TOKEN).json() == {"erasure": None}
    assert client.get("/v1/erasures/er_unknown").status_code == 404


def test_a_hold_refuses_and_says_which(client: TestClient[Any]) -> None:
    held = client.post("/v1/holds", json={"why": "court", "sources": [PAGE]}, headers=TOKEN)
    assert held.status_code == 201
    refused = client.post("/v1/erasures", json={"sources": [PAGE]}, headers=TOKEN)
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "legal_hold")
    assert held.json()["id"] in refused.json()["error"]["message"]
    assert client.delete(f"/v1/holds/{held.json()['id']}", headers=TOKEN).json()["released_at"]
    assert client.delete(f"/v1/holds/{held.json()['id']}", headers=TOKEN).status_code == 404
    assert [len(client.get(f"/v1/holds?released={each}").json()["holds"]) for each in ("false", "true")] == [0, 1]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"kinds": ["frame"]},
        {"sources": [PAGE], "tenant": "other"},
        {"before": "yesterday"},
        {"sources": ["x"] * 10_001},
        {"kinds": ["smell"], "sources": [PAGE]},
    ],
)
def test_a_target_that_is_none_is_refused(client: TestClient[Any], service: MemoryService, body: Any) -> None:
    count = len(service._evidence)
    assert client.post("/v1/erasures", json=body, headers=TOKEN).status_code == 400
    assert len(service._evidence) == count


def test_the_command_line_says_the_same_through_a_server(
    granian: Callable[[Service], str], service: MemoryService
) -> None:
    remote = RemoteService(Serving(0, 0.0, granian(service), "one", "local-token"))
    try:
        book, page = remote.governance, Target(sources=(PAGE,), kinds=(Kind.PASSAGE,))
        hold = Hold(id="", tenant="", subject="", why="court", placed_at=0, sources=(PAGE,), window=Interval(0, 10**15))
        placed = book.hold(hold, PRINCIPAL)
        assert book.holds(PRINCIPAL) == [placed] and placed.window == hold.window
        assert book.count(page, PRINCIPAL).held == {placed.id: 1}
        with pytest.raises(LegalHold, match=placed.id):
            book.erase(page, PRINCIPAL)
        assert book.release_hold(placed.id, PRINCIPAL).released_at is not None
        made = book.erase(page, PRINCIPAL)
        assert made is not None and made == service.governance.erasure(made.id, PRINCIPAL)
        assert book.receipt(made.id, PRINCIPAL) is None
        service.governance.resume()
        assert book.erasure(made.id, PRINCIPAL).state is State.PURGED
        signed = book.receipt(made.id, PRINCIPAL)
        assert signed is not None and receipts.salt_of(signed) is not None and signed.key == book.public_key()
        assert [each.id for each in book.erasures(PRINCIPAL)] == [made.id]
        assert book.allow(Again((PAGE,), ("ev_1",)), PRINCIPAL) == 2
        assert book.retain(PRINCIPAL).erased == {}
        with pytest.raises(ErasureNotFound):
            book.erasure("../../etc", PRINCIPAL)
        with pytest.raises(BadQuery):
            book.count(Target(), PRINCIPAL)
    finally:
        remote.close()


def test_a_server_removes_what_is_hidden_beside_answering(service: MemoryService, options: Options) -> None:
    app = create_app(service, PRINCIPAL, options._replace(lifespan=[governing(service)]))
    with TestClient(app, base_url="http://127.0.0.1") as client:
        made = client.post("/v1/erasures", json={"sources": [PAGE]}, headers=TOKEN).json()["erasure"]
        waited = threading.Event()
        for _ in range(200):
            if client.get(f"/v1/erasures/{made['id']}").json()["state"] == "purged":
                break
            waited.wait(0.05)
        assert client.get(f"/v1/erasures/{made['id']}").json()["state"] == "purged"
