"""One question asks each thing of search once, whatever strategies try on the way."""

from __future__ import annotations

from typing import Any

from app.answer.brief import EvidenceBrief, investigate
from app.answer.desk import Found
from app.ports import Ask
from retrieval.types import CharSpan, Kind, Principal, Query, Verdict

ASKED_AT = 1_772_784_000_000_000


class Counting:
    """A finder that notes what it is asked."""

    def __init__(self, finder: Any) -> None:
        self._finder, self.asked = finder, list[Query]()

    def find(self, query: Query, principal: Principal) -> Found:
        self.asked.append(query)
        found: Found = self._finder.find(query, principal)
        return found


def test_what_nothing_answers_is_searched_for_once(house: Any) -> None:
    texts = ["The seal of the pump was replaced after a leak.", "Gearboxes are lubricated in spring."]
    passages = [house.piece(f"{n}.md", Kind.PASSAGE, CharSpan(0, 9), text) for n, text in enumerate(texts)]
    house.put(*passages)
    finder = Counting(house.searcher)
    brief = EvidenceBrief(house.tools._replace(finder=finder), lambda: ASKED_AT)
    desk = brief.open(Ask(question="Which captain commanded the longest voyage?", asked_at=ASKED_AT), house.me)
    assert investigate(desk).verdict is Verdict.INSUFFICIENT
    assert len(finder.asked) == len(set(finder.asked)) == 1
    assert {e.id for e in desk.met()} == {e.id for e in passages}


def test_another_filter_is_another_search(house: Any) -> None:
    house.put(house.piece("a.md", Kind.PASSAGE, CharSpan(0, 9), "The pump leaks."))
    desk = house.desk("Does the pump leak?")
    told = desk.search("pump", kinds=(Kind.PASSAGE,))
    assert [hit.evidence.text for hit in told] == ["The pump leaks."]
    assert desk.search("pump", kinds=(Kind.ALERT,)) == []
    assert desk.search("pump", kinds=(Kind.PASSAGE,)) == told
