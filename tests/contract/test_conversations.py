"""What every Service does with conversations: the real one over real catalogs, and the one in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from app.answer.brief import EvidenceBrief
from app.answer.places import Site
from app.conversation.memory import Conversations
from app.conversation.pointing import Around
from app.fakes import MemoryService
from app.ports import Ask, Service
from app.service import Watchfloor
from retrieval.catalog import Catalog, system_clock
from retrieval.errors import ConversationNotFound, EvidenceNotFound
from retrieval.types import CharSpan, Kind, Principal

ANN, BOB, STRANGER = Principal("t", "ann"), Principal("t", "bob"), Principal("other", "ann")
AT = 1_772_784_000_000_000


def _real(house: Any) -> Service:
    around = Around(Site({}, []), house.find_entities, house.zone)
    conversations = Conversations(house.catalog, lambda principal, as_of: around)
    brief = EvidenceBrief(house.tools, system_clock)
    parts: Any = SimpleNamespace(
        book=house.catalog, follower=house.projector, conversations=conversations, answerer=brief
    )
    return Watchfloor(parts)


@pytest.fixture(params=["memory", "real", "postgres"])
def service(request: pytest.FixtureRequest, tmp_path: Path, house_in: Callable[[Path], Any]) -> Iterator[Service]:
    house = house_in(tmp_path)
    if request.param == "postgres":
        # the same house over another catalog
        house = type(house)(Catalog(request.getfixturevalue("postgres_store")()), house.blobs, tmp_path)
        request.addfinalizer(house.close)
    report = house.piece("log.md", Kind.PASSAGE, CharSpan(0, 40), "The seal of pump P-101 failed on Tuesday.")
    house.put(report)
    yield MemoryService(tmp_path, [report]) if request.param == "memory" else _real(house)


def said(service: Service, question: str, conversation: str | None, who: Principal = ANN, at: int = AT) -> Any:
    return service.ask(Ask(question=question, asked_at=at, conversation=conversation), who)


def test_a_new_one_gets_an_id_and_holds_what_is_asked_in_it(service: Service) -> None:
    first = said(service, "What failed?", "new")
    second = said(service, "Which seal of pump P-101 failed?", first.conversation, at=AT + 5)
    assert first.conversation.startswith("cv_") and second.conversation == first.conversation
    talk = service.conversation(first.conversation, ANN)
    assert (talk.id, talk.title, talk.count) == (first.conversation, "What failed?", 2)
    assert [(t.question, t.asked_at, t.answer, t.verdict) for t in talk.turns] == [
        ("What failed?", AT, first.id, first.verdict.value),
        ("Which seal of pump P-101 failed?", AT + 5, second.id, second.verdict.value),
    ]
    cited = {cited.evidence for claim in second.claims for cited in claim.citations}
    assert set(talk.turns[1].evidence) == cited and cited
    assert talk.turns[1].reply


def test_asking_outside_of_one_leaves_none(service: Service) -> None:
    assert said(service, "What failed?", None).conversation == ""
    assert service.conversations(ANN) == []


def test_lists_are_ones_own_and_without_turns(service: Service) -> None:
    mine = said(service, "What failed?", "new").conversation
    bobs = said(service, "What failed?", "new", BOB).conversation
    assert [(talk.id, talk.count, talk.turns) for talk in service.conversations(ANN)] == [(mine, 1, ())]
    assert [talk.id for talk in service.conversations(BOB)] == [bobs]
    assert service.conversations(STRANGER) == []
    said(service, "What failed?", "new", at=AT + 9)
    assert len(service.conversations(ANN)) == 2 and len(service.conversations(ANN, 1)) == 1


@pytest.mark.parametrize("who", [BOB, STRANGER])
def test_anothers_is_as_if_it_were_not(service: Service, who: Principal) -> None:
    mine = said(service, "What failed?", "new").conversation
    for id_ in (mine, "cv_none", "", "../x", "x" * 9999):
        for act in (service.conversation, service.forget_conversation, lambda i, w: said(service, "And then?", i, w)):
            with pytest.raises(ConversationNotFound):
                act(id_, who)
    assert service.conversation(mine, ANN).count == 1


def test_deleting_takes_the_answers_along(service: Service) -> None:
    mine = said(service, "What failed?", "new")
    kept = said(service, "What failed?", "new")
    service.forget_conversation(mine.conversation, ANN)
    assert [talk.id for talk in service.conversations(ANN)] == [kept.conversation]
    with pytest.raises(EvidenceNotFound):
        service.feedback(mine.id, True, ANN)
    service.feedback(kept.id, True, ANN)
    for act in (service.conversation, service.forget_conversation, lambda i, w: said(service, "Why?", i, w)):
        with pytest.raises(ConversationNotFound):
            act(mine.conversation, ANN)


def test_a_name_of_ones_own_is_a_conversation_too(service: Service) -> None:
    first = said(service, "What failed?", "thread:slack/C1/1.0")
    again = said(service, "Which seal of pump P-101 failed?", "thread:slack/C1/1.0")
    other = said(service, "What failed?", "thread:slack/C1/2.0")
    bobs = said(service, "What failed?", "thread:slack/C1/1.0", BOB)
    assert first.conversation == again.conversation
    assert len({first.conversation, other.conversation, bobs.conversation}) == 3
    assert service.conversation(first.conversation, ANN).count == 2
    service.forget_conversation(first.conversation, ANN)
    assert said(service, "What failed?", "thread:slack/C1/1.0").conversation == first.conversation
    assert service.conversation(first.conversation, ANN).count == 1
