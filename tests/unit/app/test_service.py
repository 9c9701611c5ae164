"""What is done to the house is written down, over the real catalog."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from app.budget import Allowance, Budget
from app.ports import Ask, IngestSummary
from app.service import Watchfloor
from retrieval.errors import EvidenceNotFound, OverBudget
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


def test_the_budget_it_was_given_holds_from_the_first_question(service: tuple[Watchfloor, Any]) -> None:
    """One that nobody has used yet is empty; that is no reason to take another."""
    _, house = service
    given = Budget(Allowance(concurrent=1))
    watchfloor = Watchfloor(cast("Any", SimpleNamespace(book=house.catalog)), given)
    with given.taken(ANN), pytest.raises(OverBudget, match="1 questions of yours"):
        watchfloor.ask(Ask(question="What happened?", asked_at=0), ANN)
