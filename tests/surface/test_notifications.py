"""What an object store posts is handed on as it is, and answered once it is on disk."""

from __future__ import annotations

from typing import Any

import pytest
from litestar.testing import TestClient

from app.fakes import MemoryService
from retrieval.errors import BadSettings, UpstreamError, WatchfloorError
from retrieval.types import Principal

EVENT = b'{"Records": [{"s3": {"bucket": {"name": "plant"}, "object": {"key": "a.md"}}}]}'


def test_an_event_is_handed_on_and_the_second_of_two_says_nothing_new(
    client: TestClient[Any], service: MemoryService
) -> None:
    replies = [client.post("/v1/notifications/s3", content=EVENT) for _ in range(2)]
    assert [reply.json() for reply in replies] == [
        {"stored": 1, "known": 0, "refused": []},
        {"stored": 0, "known": 1, "refused": []},
    ]
    assert service.notices == [EVENT, EVENT]


@pytest.mark.parametrize(
    ("problem", "status"), [(UpstreamError("the object store is away"), 503), (BadSettings("none are taken"), 400)]
)
def test_what_must_be_sent_again_is_told_from_what_is_wrong(
    client: TestClient[Any],
    service: MemoryService,
    monkeypatch: pytest.MonkeyPatch,
    problem: WatchfloorError,
    status: int,
) -> None:
    def refusing(body: bytes, principal: Principal) -> None:
        raise problem

    monkeypatch.setattr(service, "notified", refusing)
    assert client.post("/v1/notifications/s3", content=EVENT).status_code == status


def test_nothing_and_too_much_are_refused(client: TestClient[Any]) -> None:
    assert client.post("/v1/notifications/s3").status_code == 400
    assert client.post("/v1/notifications/s3", content=b"x" * (2 << 20)).status_code == 413


def test_a_page_of_another_origin_may_not_tell(client: TestClient[Any], service: MemoryService) -> None:
    reply = client.post("/v1/notifications/s3", content=EVENT, headers={"origin": "https://evil.example"})
    assert reply.status_code == 403 and service.notices == []
