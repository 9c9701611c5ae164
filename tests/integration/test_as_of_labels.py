"""What was open then and is labelled today, as of then: it is told to nobody who may not see it today, and hides nothing from anybody."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from retrieval.adapters.faiss_vectors import FaissVectors
from retrieval.adapters.tantivy_words import TantivyWords
from retrieval.catalog import Catalog
from retrieval.fakes import HashTextEncoder, MemoryGraph
from retrieval.ids import evidence_id
from retrieval.ports import Explained, Scored, Unit
from retrieval.projector import Projector
from retrieval.search import Indexes, Models, Searcher, deeper, load_weights
from retrieval.types import (
    CharSpan,
    Embedding,
    Evidence,
    Filter,
    Interval,
    Kind,
    Mention,
    Principal,
    Provenance,
    Query,
    Relation,
)

TEXT = HashTextEncoder()
OUTSIDER, INSIDER = Principal("t"), Principal("t", labels=("hr",))
SECRET, OPEN = "file:///secret.md", "file:///open.md"
LEAKED = "the pump seal leaked"
LONGER = f"{LEAKED} slowly beside the wall of the hall today"


def piece(source: str, place: int, text: str, labels: tuple[str, ...]) -> Evidence:
    at = CharSpan(place, place + 1, source)
    # as ingest has it, labels are part of what a piece says
    id_ = evidence_id(b"key", source, at, "\n".join((text, *labels)))
    return Evidence(
        id=id_, tenant="t", source=source, kind=Kind.PASSAGE, locator=at, text=text, provenance=Provenance("test"), labels=labels,
        valid=Interval(place, place + 1), entities=(Mention("P-1", Relation.MENTIONS),),
    )  # fmt: skip


class Counted(FaissVectors):
    """Tells how deep it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[int] = []

    def search(self, space: str, query: object, k: int, *rest: object) -> Scored:
        self.asked.append(k)
        return super().search(space, query, k, *rest)  # type: ignore[arg-type]


class Stack(NamedTuple):
    """A catalog with its indexes. `reads` stores what a source says, and gives the time at which that was known."""

    catalog: Catalog
    vectors: Counted
    words: TantivyWords
    searcher: Searcher
    contents: Iterator[int]

    def reads(self, source: str, texts: list[str], labels: tuple[str, ...] = ()) -> int:
        pieces = [piece(source, place, text, labels) for place, text in enumerate(texts)]
        made = [Embedding(each.id, TEXT.space, TEXT.encode([each.text])[0]) for each in pieces]
        self.catalog.commit(Unit("t", source, str(next(self.contents)), "test", pieces, made))
        assert not Projector(self.catalog, [self.vectors, self.words], lambda: 0).catch_up()
        with self.catalog._db.read() as connection:
            return int(connection.exec_driver_sql("SELECT recorded_at FROM head").scalar_one())

    def found(self, who: Principal, as_of: int | None, text: str = "pump seal leaked", **query: Any) -> list[str]:
        """The texts of what is found, best first."""
        wanted = Query(text=text, filter=Filter(as_of=as_of), **query)
        return [hit.evidence.text for hit in self.searcher.search(wanted, who)]


@contextmanager
def opened(folder: Path) -> Iterator[Stack]:
    ticks = count(1_000, 10)
    with (
        closing(Catalog(folder / "catalog.db", lambda: next(ticks))) as catalog,
        closing(Counted()) as vectors,
        closing(TantivyWords(folder / "words")) as words,
        closing(Searcher(Indexes(catalog, vectors, words, MemoryGraph()), Models(TEXT), load_weights())) as searcher,
    ):
        yield Stack(catalog, vectors, words, searcher, count())


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    with opened(tmp_path) as made:
        yield made


# --- what is withheld hides nothing ---

BETTER, SHOWN = [f"{LEAKED} {n}" for n in range(300)], [f"{LONGER} {n}" for n in range(5)]


@pytest.fixture
def relabelled(stack: Stack) -> tuple[Stack, int]:
    """300 pieces that fit better and came under a label, 5 that anybody may see; the time at which all were open."""
    stack.reads(SECRET, BETTER)
    then = stack.reads(OPEN, SHOWN)
    stack.reads(SECRET, BETTER, ("hr",))
    return stack, then


@pytest.mark.parametrize("channels", [(), ("text",), ("words",)])
@pytest.mark.parametrize("quick", [False, True])
def test_what_is_shown_is_found_however_much_that_fits_better_is_withheld(
    relabelled: tuple[Stack, int], channels: tuple[str, ...], quick: bool
) -> None:
    stack, then = relabelled
    for as_of in (then, None):
        assert sorted(stack.found(OUTSIDER, as_of, k=5, channels=channels, quick=quick)) == SHOWN
        assert set(stack.found(INSIDER, as_of, k=5, channels=channels, quick=quick)) <= set(BETTER)


@pytest.mark.parametrize("channel", ["graph", "time_place"])
def test_what_is_shown_is_found_by_place_and_time_however_much_that_is_nearer_is_withheld(
    relabelled: tuple[Stack, int], channel: str
) -> None:
    stack, then = relabelled
    # those that anybody may see began first, and are the furthest from the middle
    narrow = Filter(as_of=then, entities=("P-1",), window=Interval(0, 600))
    query = Query(text="pump", k=5, filter=narrow, channels=(channel,))
    assert sorted(hit.evidence.text for hit in stack.searcher.search(query, OUTSIDER)) == SHOWN


def test_as_of_then_the_ranking_is_that_of_today_where_nothing_else_has_changed(relabelled: tuple[Stack, int]) -> None:
    stack, then = relabelled
    by_meaning: dict[str, Any] = {"channels": ("text",), "quick": True}
    assert stack.found(OUTSIDER, then, **by_meaning) == stack.found(OUTSIDER, None, **by_meaning) != []
    # what stood last stays as it was labelled
    stack.reads(SECRET, [])
    assert stack.found(OUTSIDER, then, **by_meaning) == stack.found(OUTSIDER, None, **by_meaning)


def test_only_where_something_is_withheld_is_more_asked_for(relabelled: tuple[Stack, int]) -> None:
    stack, then = relabelled
    depths = {}
    for who, as_of in ((OUTSIDER, None), (INSIDER, None), (INSIDER, then), (OUTSIDER, then)):
        stack.vectors.asked.clear()
        stack.found(who, as_of, channels=("text",), quick=True, k=25)
        depths[who.labels, as_of] = list(stack.vectors.asked)
    assert depths == {((), None): [100], (("hr",), None): [100], (("hr",), then): [100], ((), then): [100, 400, 1600]}


def test_where_too_much_is_withheld_to_look_behind_it_the_search_says_so(
    relabelled: tuple[Stack, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    stack, then = relabelled
    monkeypatch.setattr(deeper, "DEEPEST", 200)
    for who, as_of in ((OUTSIDER, then), (INSIDER, then), (OUTSIDER, None)):
        told = stack.searcher.find(Query(text="pump seal leaked", filter=Filter(as_of=as_of)), who).degraded
        said = [line.partition(":")[0] for line in told if "as of an earlier time no more than the best" in line]
        assert said == (["text", "words"] if (who, as_of) == (OUTSIDER, then) else [])


# --- and is not told ---

ASKED = ("kowals", "kowalski", "kowalsky", "kowalcz", "who is kowalski of the night shift", "seal")


def told(folder: Path, secret: str) -> tuple[list[list[Explained]], list[set[str]]]:
    """What an outsider is told of searches, and what they find, as of when three pieces with `secret` were open."""
    folder.mkdir()
    with opened(folder) as stack:
        stack.reads(SECRET, [f"{secret} {n}" for n in range(3)])
        stack.reads("file:///corrected.md", ["report of kowalczyk"])
        then = stack.reads(OPEN, ["guard kowalska saw the seal", "the seal is new"])
        stack.reads(SECRET, [f"{secret} {n}" for n in range(3)], ("hr",))
        stack.reads("file:///corrected.md", ["report of meier"])
        assert len(set(stack.found(INSIDER, then, secret)) - set(stack.found(OUTSIDER, then, secret))) == 3
        explained = [
            [
                one._replace(ms=0.0)
                for one in stack.searcher.explain(Query(text=text, filter=Filter(as_of=then)), OUTSIDER)
            ]
            for text in ASKED
        ]
        return explained, [set(stack.found(OUTSIDER, then, text, channels=("words",), quick=True)) for text in ASKED]


def test_nothing_shows_which_words_stand_in_what_is_withheld(tmp_path: Path) -> None:
    """Whatever stands in it, an outsider is told the same, and finds the same."""
    with_it, found = told(tmp_path / "with", "nurse kowalski of the night shift")
    assert (with_it, found) == told(tmp_path / "without", "nurse brenner of the night shift")
    every = [one for each in with_it for one in each]
    assert all(one.why.endswith("told only of what was known then and still stands") for one in every)
    # of the six that were known then two still stand
    assert {one.passing for one in every if one.space == TEXT.space} == {2}
    assert {one.found for one in every if one.space == "words"} <= {0, 1, 2}
    # by what begins so and by what is written like it, in what stands and in what was corrected
    assert found[:4] == [{"guard kowalska saw the seal"}] * 3 + [{"report of kowalczyk"}]
