"""What is done to the house is written down, over the real catalog."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from app.ports import IngestSummary
from app.service import Watchfloor
from retrieval.errors import EvidenceNotFound
from retrieval.types import Principal

ANN, KEEPER = Principal("t", "ann"), Principal("t", "keeper")
REFUSED = {"source": "file:///secret.exe", "code": "unknown_type", "reason": "no reader takes .exe"}


def _ingested(*_: Any) -> IngestSummary:
    return IngestSummary(ingested=2, unchanged=1, rejected=(REFUSED,), evidence_by_kind={}, sequence=7)


@pytest.fixture
def service(house_in: Callable[[Path], Any], tmp_path: Path) -> tuple[Watchfloor, Any]:
    house = house_in(tmp_path)
    parts: Any = SimpleNamespace(
        book=house.catalog, follower=house.projector, ingester=SimpleNamespace(run=_ingested), keeper=KEEPER
    )
    return Watchfloor(parts), house


def test_who_did_what_is_kept_without_content(service: tuple[Watchfloor, Any]) -> None:
    watchfloor, house = service
    answer = house.ask("What happened?")
    house.catalog.record_ask(answer, ANN, None)
    watchfloor.ingest([], ANN)
    watchfloor.feedback(answer.id, True, ANN, "a note with names")
    watchfloor.reindex()
    watchfloor.reconcile()
    trail = [(e.subject, e.action, e.detail) for e in reversed(house.catalog.audit_trail(ANN))]
    assert trail[:2] == [
        ("ann", "ingest", {"ingested": 2, "unchanged": 1, "rejected": 1, "sequence": 7}),
        ("ann", "feedback", {"answer": answer.id, "accepted": True}),
    ]
    assert [each[:2] for each in trail[2:]] == [("keeper", "reindex"), ("keeper", "reconcile")]
    assert trail[3][2]["differences"] == 0
    assert house.catalog.audit_trail(Principal("other")) == []


def test_what_failed_was_not_done(service: tuple[Watchfloor, Any]) -> None:
    watchfloor, house = service
    with pytest.raises(EvidenceNotFound):
        watchfloor.feedback("an_none", True, ANN)
    assert house.catalog.audit_trail(ANN) == []
