"""Whether a word stands anywhere that an asker is shown decides what is looked for instead of it: the index counts where it can, and tells
what reading every document tells."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval.adapters.tantivy_words import TantivyWords
from retrieval.fakes import MemoryLog, MemoryWords
from retrieval.ports import WordIndex
from retrieval.types import Evidence, Filter, Kind, Principal, Provenance, RowKey

INSIDER, OUTSIDER = Principal("acme", labels=("hr",)), Principal("acme")
WORDS = ("turbine", "gearbox", "coupling")
KINDS = (Kind.PASSAGE, Kind.ALERT, Kind.ROW)


class Act(NamedTuple):
    """One change of the store: of the pieces with that number."""

    what: str
    number: int
    words: tuple[str, ...]
    secret: bool


ACTS = st.builds(
    Act,
    st.sampled_from(["add", "add", "add", "end", "remove", "relabel"]),
    st.integers(0, 11),
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=2, unique=True).map(tuple),
    st.booleans(),
)


def piece(act: Act) -> Evidence:
    return Evidence(
        id=f"piece{act.number}",
        tenant="acme",
        source="file:///a",
        kind=KINDS[act.number % len(KINDS)],
        locator=RowKey("t", str(act.number)),
        text=" ".join(act.words),
        provenance=Provenance("test"),
        labels=("hr",) if act.secret else (),
    )


def do(log: MemoryLog, act: Act, at: int) -> None:
    id_ = f"piece{act.number}"
    standing = [each for each in log.evidence().values() if each.id == id_ and each.superseded_at is None]
    if act.what == "add" and not standing:
        log.add([piece(act)], recorded_at=at)
    elif act.what == "end" and standing:
        log.close("acme", [id_], superseded_at=at)
    elif act.what == "remove" and standing:
        log.remove("acme", [id_])
    elif act.what == "relabel" and standing:
        log.relabel("acme", id_, ("hr",) if act.secret else ())


def stands(log: MemoryLog, word: str, asker: Principal) -> bool:
    """By reading every document."""
    return any(
        word in each.text and each.superseded_at is None and set(each.labels) <= set(asker.labels)
        for each in log.evidence().values()
    )


@given(st.lists(st.lists(ACTS, min_size=1, max_size=8), min_size=1, max_size=5))
@settings(deadline=None)
@pytest.mark.parametrize("made", [MemoryWords, TantivyWords], ids=["memory", "tantivy"])
def test_a_word_is_whole_where_the_asker_is_shown_a_document_with_it(made: type, batches: list[list[Act]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        index: WordIndex = made() if made is MemoryWords else made(Path(folder) / "words")
        log = MemoryLog()
        for at, batch in enumerate(batches, 1):
            for act in batch:
                do(log, act, at)
            index.apply(log.log(index.applied(), 1_000), log)
            for asker in (INSIDER, OUTSIDER):
                told = {read.word for read in index.reading(" ".join(WORDS), asker) if read.how == "whole"}
                assert told == {word for word in WORDS if stands(log, word, asker)}
            # asked of the time before, nothing of now counts
            early = index.search(" ".join(WORDS), 20, Filter(as_of=0), INSIDER).rows.tolist()
            assert early == []
        index.close()
