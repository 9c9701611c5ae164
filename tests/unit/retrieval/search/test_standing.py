"""A search says which indexes are behind or not to be trusted."""

from __future__ import annotations

from typing import Any

from retrieval.search import Models, Searcher, load_weights
from retrieval.types import CharSpan, Kind, Principal, Query


def test_what_is_wrong_with_the_indexes_is_said_with_what_is_found(house: Any) -> None:
    house.put(house.piece("log.md", Kind.PASSAGE, CharSpan(0, 30), "The seal of pump P-101 failed."))
    told = list[str]()
    searcher = Searcher(house._indexes, Models(house.encoder, None, None), load_weights(), None, lambda: told)
    query = Query(text="seal of pump")
    assert searcher.find(query, Principal("t")).degraded == ()
    told.append("vectors: 3 of 12 log entries are in it yet; it is being brought up")
    found = searcher.find(query, Principal("t"))
    assert found.degraded == tuple(told) and len(found.hits) == 1
    searcher.close()
