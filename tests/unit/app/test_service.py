"""What is done to the house is written down, over the real catalog."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from sqlalchemy import event

from app.budget import Allowance, Budget
from app.ports import Ask, IngestSummary
from app.service import Caps, Watchfloor
from retrieval.errors import BadQuery, EvidenceNotFound, OverBudget, QuestionTooLong
from retrieval.search import SearchResult
from retrieval.types import CharSpan, Kind, Principal, Query

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
    assert trail[3][2]["words"] == {"checked": 0, "missing": 0, "extra": 0, "stale": 0, "repaired": 0}
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


class Late:
    """Parts that take their time before the answerer is asked, and an answerer that only notes until when it may work."""

    def __init__(self, before_s: float) -> None:
        self.before_s, self.until = before_s, math.nan
        self.follower = self.conversations = self.answerer = self

    def catch_up(self) -> None:
        time.sleep(self.before_s)

    def open(self, ask: Ask, principal: Principal) -> Any:
        return SimpleNamespace(ask=ask)

    def answer(self, ask: Ask, *_: Any) -> Any:
        assert ask.until is not None
        self.until = ask.until
        raise EvidenceNotFound


@pytest.mark.parametrize(("deadline_s", "counted_s"), [(5.0, 5.0), (None, 7.0), (3600.0, 7.0), (math.inf, 7.0)])
def test_the_time_of_a_question_begins_when_it_is_taken_in(deadline_s: float | None, counted_s: float) -> None:
    late = Late(0.1)
    began = time.monotonic()
    with pytest.raises(EvidenceNotFound):
        Watchfloor(cast("Any", late), caps=Caps(answer_s=7.0)).ask(
            Ask(question="q", asked_at=0, deadline_s=deadline_s), ANN
        )
    assert began + counted_s <= late.until <= time.monotonic() - late.before_s + counted_s


@pytest.mark.parametrize("deadline_s", [0, 0.0, -1, math.nan, -math.inf])
def test_a_deadline_that_is_no_time_is_refused(deadline_s: float) -> None:
    with pytest.raises(BadQuery, match="deadline_s"):
        Watchfloor(cast("Any", None)).ask(Ask(question="q", asked_at=0, deadline_s=deadline_s), ANN)


def test_a_search_is_as_long_as_a_question_and_has_its_place_among_them() -> None:
    given, found = Budget(Allowance(concurrent=1, asks_per_minute=1)), list[Query]()
    seeker = SimpleNamespace(find=lambda query, principal: found.append(query) or SearchResult([], (), 1, {}))
    parts = SimpleNamespace(follower=Late(0.0), seeker=seeker)
    watchfloor = Watchfloor(cast("Any", parts), given, Caps(chars=10))
    with pytest.raises(QuestionTooLong, match="11 characters; the limit is 10"):
        watchfloor.search(Query(text="x" * 11), ANN)
    with given.taken(ANN), pytest.raises(OverBudget):
        watchfloor.search(Query(text="x"), ANN)
    # the one question of this minute is used up, searches are not counted in it
    assert watchfloor.search(Query(text="x" * 10), ANN) == [] and len(found) == 1


def test_a_search_tells_what_was_left_out_but_no_address() -> None:
    left_out = ("image: no encoder of pictures is configured", "graph: bolt://10.0.0.7:7687 does not answer")
    seeker = SimpleNamespace(find=lambda query, principal: SearchResult([], left_out, 1, {}))
    found = Watchfloor(cast("Any", SimpleNamespace(follower=Late(0.0), seeker=seeker))).find(Query(text="x"), ANN)
    assert found.degraded[0] == left_out[0] and len(found.degraded) == 2
    assert "10.0.0.7" not in found.degraded[1]


def test_with_a_full_disk_who_asks_is_answered_and_told(house_in: Callable[[Path], Any], tmp_path: Path) -> None:
    house = house_in(tmp_path)
    house.put(house.piece("log.md", Kind.PASSAGE, CharSpan(0, 40), "The seal of pump P-101 failed on Tuesday."))
    opened = SimpleNamespace(ask=None, conversation=None, closed=lambda answer, ask: answer)
    conversations = SimpleNamespace(open=lambda ask, principal: SimpleNamespace(**{**vars(opened), "ask": ask}))
    parts: Any = SimpleNamespace(
        book=house.catalog, follower=house.projector, conversations=conversations, answerer=house.brief
    )
    # no page more than there are: SQLite says then that the disk is full
    event.listen(house.catalog._db._engine, "checkout", lambda raw, *_: raw.execute("PRAGMA max_page_count = 1"))
    answers = [
        Watchfloor(parts).ask(Ask(question=f"What failed on pump P-101? {n}", asked_at=0), ANN) for n in range(12)
    ]
    assert all(answer.claims for answer in answers)
    untold = [line for answer in answers for line in answer.degraded if line.startswith("journal: ")]
    assert untold and all("has no room to write" in line for line in untold)
    assert house.catalog.stats(ANN)["asks"] == len(answers) - len(untold)
