"""What an erasure must leave: what stands beside an old revision of itself, what a hold keeps, and what others wrote meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from erasing_cases import ANN, CLIP, LOG, Books, Ticking, answer, on, piece, unit
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import event, insert, select, update

from retrieval.catalog import Catalog, choosing, codec, holding, pieces, purging
from retrieval.catalog import tables as t
from retrieval.catalog.database import Database
from retrieval.catalog.erasing import Some
from retrieval.catalog.erasures import ErasureBook
from retrieval.catalog.pieces import Piece
from retrieval.erasure.needles import ID
from retrieval.erasure.values import Hold, Target
from retrieval.errors import BadQuery, EvidenceNotFound, LegalHold, SourceRejected
from retrieval.ids import derived_source
from retrieval.ports import Unit
from retrieval.types import (
    Coverage,
    Entity,
    EntityType,
    Filter,
    Interval,
    Kind,
    Layer,
    Link,
    LinkType,
    Principal,
    Provenance,
)

TIM = Entity(id="E-7", type=EntityType.PERSON, name="Tim", tenant="t")
PUMP = Entity(id="P-1", type=EntityType.ASSET, name="Pump", tenant="t")
SITE = "file:///site/site.yaml"


@pytest.fixture
def books(tmp_path: Path, store_at: Callable[[Path], Path]) -> Iterator[Books]:
    where, clock = store_at(tmp_path / "catalog.db"), Ticking()
    made = Books(Catalog(where, clock), ErasureBook(Database(where), clock), clock)
    yield made
    made.erasures.close()
    made.catalog.close()


def site(content: str = "s") -> Unit:
    link = Link("E-7", LinkType.PART_OF, "P-1", "t")
    return Unit("t", SITE, content, "site", entities=(TIM, PUMP), links=(link,))


def held(books: Books, **what: Any) -> Hold:
    return books.erasures.hold(Hold(id="", tenant="", subject="", why="court", placed_at=0, **what), ANN)


def answers(books: Books, *ids: str) -> list[str]:
    """Those of them that are kept."""
    found = []
    for id_ in ids:
        try:
            found.append(books.catalog.answer(id_, ANN).id)
        except EvidenceNotFound:
            continue
    return found


def test_what_came_back_outlives_its_old_revision(books: Books) -> None:
    first, other = piece(LOG, "first"), piece(LOG, "other")
    books.catalog.commit(unit(LOG, first))
    books.catalog.commit(unit(LOG, other, content="B"))
    old = books.clock.now + 1
    books.catalog.commit(unit(LOG, first))
    books.catalog.record_ask(answer("an_1", first), ANN, None)
    made = books.erase(before=old)
    traces = books.erasures.traces(made)
    assert made.tally.revisions == 2 and made.tally.answers == 0 and LOG in traces.sources
    books.erasures.commit_to(made, {})
    kept = books.erasures.secrets(made)
    assert kept is not None and [each.kind for each in kept.needles].count(ID) == 1, "of what is gone for good alone"
    books.erasures.remove(made, {id_ for id_, _ in traces.ids})
    assert books.texts() == ["first"] and answers(books, "an_1") == ["an_1"]
    named = {id_ for entry in books.catalog.log(0) for id_ in entry.evidence}
    assert named == {first.id}, "an index that is made anew is told of it"
    books.catalog.commit(unit(LOG, first, content="C"))
    assert books.texts() == ["first"]


def test_the_original_of_what_stands_or_is_held_is_not_among_the_traces(books: Books) -> None:
    first, more = piece(LOG, "first"), piece(LOG, "more")
    books.catalog.commit(unit(LOG, first, more))
    held(books, evidence=(first.id,))
    traces = books.erasures.traces(books.erase(evidence=(more.id,)))
    assert (traces.sources, traces.held) == ([], [LOG])
    books.catalog.commit(unit(CLIP, piece(CLIP, "a"), piece(CLIP, "b")))
    caption = derived_source(CLIP, piece(CLIP, "a").id, "captions")
    books.catalog.commit(unit(caption, piece(caption, "caption of a")))
    assert books.erasures.traces(books.erase(sources=(caption,))).sources == [], "the clip stays"


def test_a_held_person_stays_with_answers_and_links(books: Books) -> None:
    books.catalog.commit(site())
    seen, note = piece(LOG, "was there", entities=on("E-7")), piece(CLIP, "a note", data={"subject": "Tim"})
    books.catalog.commit(unit(LOG, seen))
    books.catalog.commit(unit(CLIP, note))
    books.catalog.record_ask(answer("an_1", seen, text="Tim was there."), ANN, None)
    placed = held(books, entities=("E-7",))
    made = books.erase(subject="Tim")
    assert (made.tally.evidence, made.tally.held) == (1, {placed.id: 1})
    assert {each.id for each in books.catalog.entities(ANN)} == {"E-7", "P-1"} and len(books.catalog.links(ANN)) == 1
    assert answers(books, "an_1") == ["an_1"]
    with pytest.raises(LegalHold, match=placed.id):
        books.erase(subject="Tim")


def test_an_answer_that_rests_on_held_evidence_alone_stays_though_it_names_the_person(books: Books) -> None:
    books.catalog.commit(site())
    kept, free = piece(LOG, "was there", entities=on("E-7")), piece(CLIP, "the pump")
    books.catalog.commit(unit(LOG, kept))
    books.catalog.commit(unit(CLIP, free))
    books.catalog.record_ask(answer("an_held", kept, text="Tim was there."), ANN, None)
    books.catalog.record_ask(answer("an_free", free, text="Tim was there."), ANN, None)
    held(books, evidence=(kept.id,))
    books.erase(subject="Tim")
    assert answers(books, "an_held", "an_free") == ["an_held"]


@pytest.mark.parametrize("what", [{"sources": (SITE,)}, {"entities": ("E-7",)}])
def test_a_held_source_that_brought_entities_alone_stays(books: Books, what: dict[str, Any]) -> None:
    books.catalog.commit(site())
    placed = held(books, **what)
    with pytest.raises(LegalHold, match=placed.id):
        books.erase(sources=(SITE,))
    assert len(books.catalog.entities(ANN)) == 2 and len(books.catalog.links(ANN)) == 1


def test_held_coverage_stays_when_its_source_goes_whole(books: Books) -> None:
    told = [
        Coverage(source=CLIP, subject=name, tenant="t", layer=Layer.RECORDED, valid=Interval(0, 9))
        for name in ("CAM", "P-1")
    ]
    books.catalog.commit(unit(CLIP, piece(CLIP, "a frame"), coverage=told))
    held(books, entities=("P-1",))
    made = books.erase(sources=(CLIP,))
    assert made.tally.coverage == 1
    assert books.catalog.coverage(ANN, ["CAM", "P-1"]) == [told[1]]


def test_a_name_is_met_as_a_word_and_not_within_others_or_in_names_of_fields(books: Books) -> None:
    books.catalog.commit(site())
    seen = piece(LOG, "it ran")
    books.catalog.commit(unit(LOG, seen))
    texts = {"an_1": "It ran.", "an_2": "Optimal timing.", "an_3": "Asked TIM.", "an_4": "tim's pump"}
    for id_, text in texts.items():
        books.catalog.record_ask(answer(id_, seen, text=text), ANN, None)
    assert books.count(subject="Tim").answers == 2
    books.erase(subject="Tim")
    assert answers(books, *texts) == ["an_1", "an_2"]


def test_an_erased_person_does_not_come_back_with_the_site(books: Books) -> None:
    books.catalog.commit(site())
    books.gone(subject="Tim")
    books.catalog.commit(site("s2"))
    assert [each.id for each in books.catalog.entities(ANN)] == ["P-1"] and books.catalog.links(ANN) == []
    assert books.erasures.allow(ANN, [], ["E-7"]) == 1
    books.catalog.commit(site("s3"))
    assert len(books.catalog.entities(ANN)) == 2 and len(books.catalog.links(ANN)) == 1


def test_allowing_one_source_lifts_nothing_of_another(books: Books) -> None:
    mine, other, single = piece(LOG, "mine"), piece(CLIP, "other"), piece(LOG, "single")
    books.catalog.commit(unit(LOG, mine, single))
    books.gone(evidence=(single.id,))
    books.catalog.commit(unit(CLIP, other))
    books.gone(sources=(LOG, CLIP))
    for source, code in ((CLIP, "erased"), (LOG, "erased")):
        books.catalog.record_rejection("t", source, code, "it was erased")
    assert books.erasures.allow(ANN, ["file:///nobody"], []) == 0 and len(books.catalog.rejections(ANN)) == 2
    assert books.erasures.allow(ANN, [LOG], []) == 1
    assert [each.source for each in books.catalog.rejections(ANN)] == [CLIP]
    books.catalog.commit(unit(LOG, mine, single))
    assert books.texts() == ["mine"], "what was erased by itself stays out"
    for again in (
        unit(CLIP, other),
        Unit("t", "file:///copy.md", f"{LOG} A", "reader", [piece("file:///copy.md", "m")]),
    ):
        with pytest.raises(SourceRejected, match="erased"):
            books.catalog.commit(again)


def test_a_hold_names_no_more_than_a_statement_can_tell_and_says_what_it_keeps(books: Books) -> None:
    books.catalog.commit(unit(LOG, piece(LOG, "a"), piece(LOG, "b")))
    with pytest.raises(BadQuery, match="200"):
        held(books, sources=tuple(f"file:///{number}" for number in range(201)))
    most = held(books, sources=(LOG, *(f"file:///{number}" for number in range(199))))
    assert most.keeps == books.erasures.holds("t")[0].keeps == 2
    assert held(books, sources=("file:///misspelt",)).keeps == 0
    with pytest.raises(LegalHold):
        books.erase(before=2**60)
    assert books.erasures.drop_coverage("t", 2**60) == 0


def test_a_rule_goes_on_behind_what_is_held_through_what_it_hangs_on(books: Books) -> None:
    frame = piece(CLIP, "a frame", kind=Kind.FRAME, valid=Interval(0, 1))
    source = derived_source(CLIP, frame.id, "captions")
    books.catalog.commit(unit(CLIP, frame, closes=False))
    books.catalog.commit(unit(source, piece(source, "caption")))
    books.catalog.commit(unit(LOG, piece(LOG, "free")))
    held(books, sources=(source,))
    rule = Target(before=2**60)
    for _ in range(2):
        if books.texts() != ["a frame", "caption"]:
            books.erasures.hide(rule, ANN, Some(1))
    assert books.texts() == ["a frame", "caption"]
    with pytest.raises(LegalHold):
        books.erasures.hide(rule, ANN, Some(1))


def test_what_is_written_while_ids_are_scrubbed_is_not_lost(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = piece(LOG, "gone")
    books.catalog.commit(unit(LOG, gone))
    books.catalog.audit(ANN, "shown", {"evidence": gone.id})
    made = books.erase(sources=(LOG,))
    books.erasures.commit_to(made, {})
    found, written = purging.naming, list[int]()

    def naming(*given: Any) -> Any:
        mentions = found(*given)
        if not written:
            # another writes between the look and the scrubbing
            with books.erasures._db.write() as connection:
                written.append(connection.execute(update(t.audit).values(detail=f'{{"later":"{gone.id}"}}')).rowcount)
        return mentions

    monkeypatch.setattr(purging, "naming", naming)
    books.erasures.remove(made, {gone.id})
    with books.erasures._db.read() as connection:
        details = connection.execute(select(t.audit.c.detail)).scalars().all()
    assert written and set(details) == {'{"later":"erased"}'}


def test_jobs_forget_a_whole_source_by_path_and_by_uri(books: Books) -> None:
    books.catalog.commit(unit(LOG, piece(LOG, "gone")))
    empty = {column.name: 0 for column in t.jobs.columns if not column.nullable}
    row = empty | {"tenant": "t", "subject": "", "state": "done", "cancelling": False, "code": "", "by": ""}
    jobs = [
        row | {"id": "j1", "paths": f'["{LOG}","/site/other.md"]', "source": LOG, "reason": "log.md is broken"},
        row | {"id": "j2", "paths": '["/site/log.md"]', "source": "", "reason": "log.md is broken"},
        row | {"id": "j3", "paths": '["/site/other.md"]', "source": CLIP, "reason": "stopped"},
    ]
    with books.erasures._db.write() as connection:
        connection.execute(insert(t.jobs), jobs)
    books.erase(sources=(LOG,))
    with books.erasures._db.read() as connection:
        told = connection.execute(select(t.jobs.c.paths, t.jobs.c.source, t.jobs.c.reason).order_by(t.jobs.c.id)).all()
    kept = [(msgspec.json.decode(paths), source, reason) for paths, source, reason in told]
    assert kept == [(["/site/other.md"], "", ""), ([], "", ""), (["/site/other.md"], CLIP, "stopped")]


def test_nobody_else_is_touched_by_a_person_of_the_same_name(books: Books) -> None:
    theirs = Principal("other", "bob")
    books.catalog.commit(site())
    books.catalog.commit(Unit("other", SITE, "s", "site", entities=(msgspec.structs.replace(TIM, tenant="other"),)))
    books.gone(subject="Tim")
    assert [each.id for each in books.catalog.entities(theirs)] == ["E-7"]
    assert books.catalog.scan(Filter(), theirs) == []


def test_what_was_read_is_forgotten() -> None:
    text = codec.to_json(Provenance("a note of the erased"))
    codec._provenance_of(text)
    assert codec._provenance_of.cache_info().currsize
    codec.forget()
    assert not codec._provenance_of.cache_info().currsize


def test_many_holds_of_many_sources_are_obeyed_together(books: Books) -> None:
    books.catalog.commit(unit(LOG, piece(LOG, "free")))
    for first in range(6):
        held(books, sources=tuple(f"file:///{first}/{number}" for number in range(200)))
    assert books.erasures.drop_coverage("t", 2**60) == 0
    made = books.erasures.hide(Target(before=2**60), ANN, Some(10))
    assert made is not None and made.tally.evidence == 1


@pytest.mark.parametrize("named", ["evidence", "sources", "entities", "window"])
def test_a_rule_on_captions_sees_a_hold_on_the_frame_and_one_on_frames_a_hold_on_the_caption(
    books: Books, named: str
) -> None:
    frame = piece(CLIP, "a frame", kind=Kind.FRAME, entities=on("CAM"), valid=Interval(10, 20))
    source = derived_source(CLIP, frame.id, "captions")
    caption = piece(source, "its caption", entities=on("P-1"))
    books.catalog.commit(unit(CLIP, frame))
    books.catalog.commit(unit(source, caption))
    on_frame: dict[str, Any] = {
        "evidence": (frame.id,), "sources": (CLIP,), "entities": ("CAM",), "window": Interval(0, 15)
    }  # fmt: skip
    known = books.clock.now
    on_caption: dict[str, Any] = {
        "evidence": (caption.id,), "sources": (source,), "entities": ("P-1",), "window": Interval(known, known + 1)
    }  # fmt: skip
    for what, kind in ((on_frame[named], Kind.PASSAGE), (on_caption[named], Kind.FRAME)):
        placed = held(books, **{named: what})
        rule = Target(before=2**60, kinds=(kind,))
        assert books.erasures.count(rule, ANN).held[placed.id] >= 1
        for some in (Some(), Some(1)):
            with pytest.raises(LegalHold, match=placed.id):
                books.erasures.hide(rule, ANN, some)
        books.erasures.release_hold(placed.id, ANN)
    assert books.texts() == ["a frame", "its caption"]
    books.erase(before=2**60, kinds=(Kind.PASSAGE,))
    assert books.texts() == ["a frame"]


def place(books: Books, placed: Iterable[Hold]) -> None:
    """Many at once."""
    rows = [
        {"id": each.id, "tenant": "t", "subject": "ann", "placed_at": 1, "released_at": None}
        | {"body": codec.to_json(each)}
        for each in placed
    ]
    with books.erasures._db.write() as connection:
        connection.execute(insert(t.holds), rows)


def many(count: int) -> Iterator[Hold]:
    """Of every sort in turn; none of them keeps anything that these tests commit."""
    for number in range(count):
        what: dict[str, Any] = [
            {"evidence": (f"ev_{number:040x}",)},
            {"sources": (f"file:///other/{number}",)},
            {"entities": (f"X-{number}",)},
            {"window": Interval(-number - 2, -number - 1)},
        ][number % 4]
        yield Hold(id=f"hold_{number}", tenant="t", subject="ann", why="court", placed_at=1, **what)


def test_thousands_of_holds_are_obeyed_together(books: Books) -> None:
    """Five thousand: as conditions of one statement they were more than SQLite takes."""
    books.catalog.commit(site())
    kept, free = piece(LOG, "kept"), piece(LOG, "free", entities=on("E-7"))
    coverage = [Coverage(source=CLIP, subject="CAM", tenant="t", layer=Layer.RECORDED, valid=Interval(0, 9))]
    books.catalog.commit(unit(LOG, kept, free))
    for content in "AB":
        cover = [msgspec.structs.replace(each, valid=Interval(0, ord(content))) for each in coverage]
        books.catalog.commit(unit(CLIP, piece(CLIP, "a frame"), content=content, coverage=cover))
    mine = Hold(id="mine", tenant="t", subject="ann", why="court", placed_at=1, evidence=(kept.id,))
    place(books, [*many(5_000), mine])
    assert len(books.erasures.holds("t")) == 5_001
    assert books.erasures.drop_coverage("t", 2**60) == 1
    for some in (Some(), Some(1)):
        made = books.erasures.hide(Target(before=2**60, sources=(LOG,)), ANN, some)
        assert made is not None and (made.tally.evidence, made.tally.held) == (1, {"mine": 1})
        books.catalog.commit(unit(LOG, kept, free, content=f"again {some.limit}"))
    assert books.erase(subject="Tim").tally.evidence == 1
    made = books.erase(sources=(LOG, CLIP))
    assert made.tally.held == {"mine": 1} and books.texts() == ["kept"]
    traces = books.erasures.traces(made)
    assert (traces.sources, traces.held, traces.whole) == ([CLIP], [], [CLIP])
    place(books, [msgspec.structs.replace(mine, id=f"mine_{number}") for number in range(9)])
    with pytest.raises(LegalHold, match=r"mine_\d, and 5 more\)"):
        books.erase(sources=(LOG,))


def test_what_holds_keep_is_looked_up_without_reading_the_whole_tenant(books: Books) -> None:
    """Asked once for each erased source, a look through the tenant took 23 s of 2,000 sources among 30,000."""
    kept_by = holding.Holds("t", [Hold(id="h", tenant="t", subject="", why="w", placed_at=0, sources=(CLIP,))])
    caption = Piece(1, "ev_1", derived_source(CLIP, "ev_2", "captions"), "frame", None, (None, None), 1)
    asked = list[tuple[str, Any]]()
    with books.erasures._db.read() as connection:
        event.listen(connection, "before_cursor_execute", lambda *given: asked.append((given[2], given[3])))
        kept_by.keeps_of(connection, LOG)
        holding.held_ids(connection, "t", ["ev_1", "ev_2"], kept_by)
        pieces.relatives(connection, "t", [caption])
        choosing.standing(connection, "t", ["ev_1"])
        for target in (Target(evidence=("ev_1",)), Target(entities=("P-1",)), Target(sources=(LOG,))):
            choosing.choose(connection, "t", target)
        for statement, values in [each for each in asked if "FROM evidence" in each[0]]:
            plan = [row[-1] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)]
            assert not any("(tenant=?)" in step for step in plan), (statement, plan)
    assert len(asked) > 9


spans = st.tuples(st.integers(0, 12), st.integers(0, 3)).map(lambda told: Interval(told[0], told[0] + told[1]))


@given(st.lists(spans, min_size=1, max_size=8), spans)
def test_a_window_meets_what_an_interval_overlaps(times: list[Interval], window: Interval) -> None:
    found = holding._Times.of([(each.t0, each.t1) for each in times]).within(window).tolist()
    assert found == [at for at, each in enumerate(times) if each.overlaps(window)]
