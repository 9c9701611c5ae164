"""What the catalog does for erasures, on SQLite and PostgreSQL: what is hidden is nowhere, others keep what is theirs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from alembic import command
from alembic.config import Config
from erasing_cases import ANN, BOB, CLIP, LOG, Books, Ticking, answer, on, piece, unit
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from retrieval.catalog import Catalog, migrations
from retrieval.catalog import tables as t
from retrieval.catalog.database import Database
from retrieval.catalog.erasures import ErasureBook
from retrieval.catalog.talks import Talk
from retrieval.erasure.values import Hold, State, Target
from retrieval.errors import BadQuery, ErasedMeanwhile, ErasureNotFound, EvidenceNotFound, LegalHold, SourceRejected
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
)


@pytest.fixture(params=["sqlite", "postgres"])
def books(request: pytest.FixtureRequest, tmp_path: Path, store_at: Callable[[Path], Path]) -> Iterator[Books]:
    on_postgres = request.param == "postgres"
    where = request.getfixturevalue("postgres_store")() if on_postgres else store_at(tmp_path / "catalog.db")
    clock = Ticking()
    made = Books(Catalog(where, clock), ErasureBook(Database(where), clock), clock)
    yield made
    made.erasures.close()
    made.catalog.close()


def test_hidden_is_nowhere_now_or_as_of_any_time(books: Books) -> None:
    catalog = books.catalog
    old, new, other = piece(LOG, "first report"), piece(LOG, "corrected report"), piece(CLIP, "frame of the pump")
    catalog.commit(unit(LOG, old))
    before = books.clock.now
    catalog.commit(unit(LOG, new, content="B"))
    catalog.commit(unit(CLIP, other))
    rows = {item.evidence.id: item.row for item in catalog.projected([old.id, new.id, other.id])}
    assert books.texts(as_of=before) == ["first report"]
    made = books.erase(sources=(LOG,))
    assert (made.state, made.tally.evidence, made.tally.revisions, made.tally.vectors) == (State.HIDDEN, 2, 2, 2)
    for as_of in (None, before, books.clock.now):
        assert catalog.get([old.id, new.id], ANN, as_of) == {}
        assert catalog.rows([rows[old.id], rows[new.id]], ANN, as_of) == {}
        assert catalog.shown([rows[old.id], rows[new.id]], ANN, as_of) == {}
        assert books.texts(as_of=as_of) == (["frame of the pump"] if as_of is None or as_of > before else [])
    assert catalog.projected([old.id, new.id]) == []
    assert list(catalog.embeddings([old.id, new.id])) == []
    assert catalog.row_numbers() == {rows[other.id]}
    assert [item.row for page in catalog.census.pages() for item in page] == [rows[other.id]]
    assert catalog.state("t", LOG) is None
    last = catalog.log(0)[-1]
    assert (last.sequence, set(last.evidence), last.removes) == (made.sequence, {old.id, new.id}, True)


def test_each_target_means_what_it_says(books: Books) -> None:
    day = 86_400_000_000
    pump, fan = piece(LOG, "pump", entities=on("P-1")), piece(LOG, "fan", entities=on("F-1"), labels=("hr",))
    maria = piece(LOG, "spoke with her", entities=on("E-7"), kind=Kind.TRANSCRIPT, valid=Interval(0, day))
    field = piece(LOG, "row of a table", data={"subject": "Maria Okafor"}, kind=Kind.ROW)
    books.catalog.commit(unit(LOG, pump, fan, maria, field))
    person = Entity(id="E-7", type=EntityType.PERSON, name="Maria Okafor", tenant="t", aliases=("M. Okafor",))
    books.catalog.commit(Unit("t", "site.yaml", "s", "site", entities=(person,)))
    mine = {
        "evidence": ({"evidence": (pump.id,)}, 1),
        "source": ({"sources": (LOG,)}, 4),
        "entity": ({"entities": ("P-1", "F-1")}, 2),
        "narrowed": ({"entities": ("P-1", "F-1"), "evidence": (fan.id,)}, 1),
        "person": ({"subject": "m. okafor"}, 1),
        "person and field": ({"subject": "Maria Okafor"}, 2),
        "label": ({"subject": "hr"}, 1),
        "kind": ({"sources": (LOG,), "kinds": (Kind.ROW,)}, 1),
        "recorded": ({"before": 1}, 0),
        "all recorded": ({"before": books.clock.now}, 4),
        "happened, else recorded": ({"before": day, "by": "valid"}, 4),
        "happened later": ({"before": day - 1, "by": "valid"}, 3),
        "nobody": ({"subject": "Ann"}, 0),
    }
    for name, (target, count) in mine.items():
        assert books.count(**target).evidence == count, name
    with pytest.raises(BadQuery):
        books.count(kinds=(Kind.ROW,))
    assert books.erasures.hide(Target(sources=(LOG,)), BOB) is None


def test_a_person_goes_with_links_and_what_was_answered(books: Books) -> None:
    person = Entity(id="E-7", type=EntityType.PERSON, name="Maria Okafor", tenant="t")
    asset = Entity(id="P-1", type=EntityType.ASSET, name="Pump", tenant="t")
    link = Link("E-7", LinkType.PART_OF, "P-1", "t")
    books.catalog.commit(Unit("t", "site.yaml", "s", "site", entities=(person, asset), links=(link,)))
    seen, other = piece(LOG, "she was there", entities=on("E-7")), piece(CLIP, "the pump", entities=on("P-1"))
    books.catalog.commit(unit(LOG, seen))
    books.catalog.commit(unit(CLIP, other))
    books.catalog.record_ask(answer("an_1", seen), ANN, None, Talk("cv_1", 1, begins=True))
    books.catalog.record_ask(answer("an_2", other, text="Maria Okafor did."), ANN, None, Talk("cv_1", 2))
    books.catalog.record_ask(answer("an_3", other), ANN, None, Talk("cv_1", 3))
    books.catalog.record_feedback("an_1", True, "as Maria said", ANN)
    assert books.count(subject="Maria Okafor").answers == 2
    books.erase(subject="Maria Okafor")
    assert [each.id for each in books.catalog.entities(ANN)] == ["P-1"]
    assert books.catalog.links(ANN) == []
    assert [given.id for _, given in books.catalog.conversation("cv_1", ANN)[1]] == ["an_3"]
    for gone in ("an_1", "an_2"):
        with pytest.raises(EvidenceNotFound):
            books.catalog.answer(gone, ANN)
    stats = books.catalog.stats(ANN)
    assert (stats["asks"], stats["acceptance"]["accepted"]) == (3, 1)


def test_what_was_made_out_of_it_goes_too(books: Books) -> None:
    frame, kept = piece(CLIP, "a frame", kind=Kind.FRAME), piece(CLIP, "another frame", kind=Kind.FRAME)
    books.catalog.commit(unit(CLIP, frame, kept))
    for each in (frame, kept):
        source = derived_source(CLIP, each.id, "captions")
        books.catalog.commit(unit(source, piece(source, f"caption of {each.text}")))
    assert books.erase(evidence=(frame.id,)).tally.evidence == 2
    assert books.texts() == ["another frame", "caption of another frame"]


def test_what_was_examined_where_something_is_gone_is_not_vouched_for(books: Books) -> None:
    frame = piece(CLIP, "a man", kind=Kind.FRAME, valid=Interval(100, 200))
    told = {"source": CLIP, "subject": "CAM", "tenant": "t"}
    looked = [
        Coverage(layer=Layer.EXAMINED, by="yolo", valid=Interval(*span), **told) for span in ((0, 150), (300, 400))
    ]
    recorded = Coverage(layer=Layer.RECORDED, valid=Interval(0, 400), **told)
    books.catalog.commit(unit(CLIP, frame, coverage=[*looked, recorded]))
    books.erase(evidence=(frame.id,))
    assert books.catalog.coverage(ANN, ["CAM"]) == [recorded, looked[1]]


def test_a_hold_wins_and_is_named(books: Books) -> None:
    held, free = piece(LOG, "held", valid=Interval(10, 20)), piece(LOG, "free", valid=Interval(30, 40))
    books.catalog.commit(unit(LOG, held, free))
    placed = books.erasures.hold(
        Hold(id="", tenant="", subject="", why="court", placed_at=0, window=Interval(0, 15)), ANN
    )
    assert books.count(sources=(LOG,)).held == {placed.id: 1}
    assert books.erase(sources=(LOG,)).tally.evidence == 1
    assert books.texts() == ["held"]
    with pytest.raises(LegalHold, match=placed.id):
        books.erase(sources=(LOG,))
    with pytest.raises(ErasureNotFound):
        books.erasures.release_hold(placed.id, BOB)
    books.erasures.release_hold(placed.id, ANN)
    assert books.erasures.holds("t") == [] and len(books.erasures.holds("t", all_=True)) == 1
    books.erase(sources=(LOG,))
    assert books.texts() == []
    with pytest.raises(BadQuery):
        books.erasures.hold(Hold(id="", tenant="", subject="", why=" ", placed_at=0, sources=(LOG,)), ANN)


@pytest.mark.parametrize("named", ["evidence", "sources", "entities"])
def test_a_hold_keeps_what_a_caption_hangs_on_and_the_caption(books: Books, named: str) -> None:
    frame = piece(CLIP, "a frame", kind=Kind.FRAME, entities=on("CAM"))
    source = derived_source(CLIP, frame.id, "captions")
    books.catalog.commit(unit(CLIP, frame))
    books.catalog.commit(unit(source, piece(source, "its caption")))
    what = {"evidence": (frame.id,), "sources": (CLIP,), "entities": ("CAM",)}[named]
    books.erasures.hold(Hold(id="", tenant="", subject="", why="court", placed_at=0, **{named: what}), ANN)
    for target in ({"before": 2**60}, {"sources": (CLIP,)}, {"evidence": (frame.id,)}):
        with pytest.raises(LegalHold):
            books.erase(**target)
    assert len(books.texts()) == 2


@pytest.mark.parametrize("named", ["frame", "caption", "caption's source"])
def test_a_hold_keeps_that_the_clip_of_a_held_caption_was_examined(books: Books, named: str) -> None:
    frame, other = piece(CLIP, "a frame", kind=Kind.FRAME, valid=Interval(10, 20)), piece(CLIP, "another")
    source = derived_source(CLIP, frame.id, "captions")
    caption = piece(source, "its caption")
    looked = Coverage(source=CLIP, subject="CAM", tenant="t", layer=Layer.EXAMINED, by="yolo", valid=Interval(0, 90))
    captioned = msgspec.structs.replace(looked, source=source, by="captioner")
    books.catalog.commit(unit(CLIP, frame, other, coverage=[looked]))
    books.catalog.commit(unit(source, caption, coverage=[captioned]))
    on = {"frame": {"evidence": (frame.id,)}, "caption": {"evidence": (caption.id,)}}
    what = on.get(named, {"sources": (source,)})
    books.erasures.hold(Hold(id="", tenant="", subject="", why="court", placed_at=0, **what), ANN)
    made = books.erase(sources=(CLIP,))
    assert (made.tally.evidence, made.tally.coverage) == (1, 0)
    assert books.catalog.coverage(ANN, ["CAM"]) == [looked, captioned]
    # what another caption was made of is not kept by that
    books.catalog.commit(unit(LOG, piece(LOG, "a note"), coverage=[msgspec.structs.replace(looked, source=LOG)]))
    assert books.erase(sources=(LOG,)).tally.coverage == 1


def test_it_is_not_taken_in_again_until_that_is_allowed(books: Books) -> None:
    gone, stays = piece(LOG, "gone"), piece(CLIP, "stays")
    books.catalog.commit(unit(LOG, gone))
    books.gone(sources=(LOG,))
    with pytest.raises(SourceRejected, match="erased") as refused:
        books.catalog.commit(unit(LOG, gone, content="another"))
    assert refused.value.kind == "erased"
    with pytest.raises(SourceRejected, match="erased"):
        books.catalog.commit(Unit("t", "file:///copy.md", f"{LOG} A", "reader", [piece("file:///copy.md", "gone")]))
    together = books.catalog.commit_all([unit(LOG, gone), unit(CLIP, stays)])
    assert isinstance(together[0], SourceRejected) and books.texts() == ["stays"]
    books.catalog.commit(unit(LOG, piece(LOG, "gone", "other"), tenant="other"))
    assert books.texts(BOB) == ["gone"]
    assert books.erasures.allow(BOB, [LOG], []) == 0
    assert books.erasures.allow(ANN, [LOG], []) > 0
    books.catalog.commit(unit(LOG, gone))
    assert books.texts() == ["gone", "stays"]


def test_a_camera_goes_on_telling_of_its_coverage(books: Books) -> None:
    told = Coverage(source="camera:///C", subject="C", tenant="t", layer=Layer.RECORDED, valid=Interval(0, 5))
    unit_ = Unit("t", "camera:///C/~covered/1", "h", "live", coverage=[told])
    books.catalog.commit(unit_)
    made = books.erase(sources=("camera:///C/~covered/1",))
    assert made.tally.coverage == 1 and books.catalog.coverage(ANN, ["C"]) == []
    books.catalog.commit(unit_)
    assert books.catalog.coverage(ANN, ["C"]) == [told]


def test_the_same_may_be_erased_again_before_the_first_is_removed(books: Books) -> None:
    gone = piece(LOG, "gone")
    for _ in range(2):
        books.catalog.commit(unit(LOG, gone))
        books.erase(sources=(LOG,))
        books.erasures.allow(ANN, [LOG], [])
    waiting = books.erasures.unfinished()
    assert [books.erasures.traces(each).ids for each in waiting] == [[(gone.id, 1)], [(gone.id, 1)]]


def test_an_erased_piece_is_left_out_of_its_source(books: Books) -> None:
    gone, stays = piece(LOG, "gone"), piece(LOG, "stays")
    books.catalog.commit(unit(LOG, gone, stays))
    books.gone(evidence=(gone.id,))
    books.catalog.commit(unit(LOG, gone, stays, piece(LOG, "new"), content="B"))
    assert books.texts() == ["new", "stays"]
    # what only grew old may come again
    books.gone(before=2**60)
    books.catalog.commit(unit(LOG, stays, content="C"))
    assert books.texts() == ["stays"]


def test_an_answer_that_was_being_made_meanwhile_is_not_kept(books: Books) -> None:
    seen = piece(LOG, "seen")
    books.catalog.commit(unit(LOG, seen))
    late = answer("an_1", seen, sequence=books.catalog.sequence())
    books.erase(sources=(LOG,))
    with pytest.raises(ErasedMeanwhile):
        books.catalog.record_ask(late, ANN, None)
    with pytest.raises(EvidenceNotFound):
        books.catalog.answer("an_1", ANN)


def test_once_removed_no_row_of_any_table_names_it(books: Books) -> None:
    gone = piece(LOG, "gone", labels=("x",), entities=on("P-1"), media="a" * 64)
    books.catalog.commit(unit(LOG, gone))
    books.catalog.audit(ANN, "shown", {"evidence": gone.id})
    hold = books.erasures.hold(Hold(id="", tenant="", subject="", why="w", placed_at=0, evidence=(gone.id,)), ANN)
    books.erasures.release_hold(hold.id, ANN)
    made = books.gone(sources=(LOG,))
    assert books.erasures.left(made) == 0
    assert [set(entry.evidence) for entry in books.catalog.log(0)] == [set(), set()]
    told = dump(books.erasures, lambda row: True)
    assert gone.id not in told and "gone" not in told
    # again changes nothing
    books.erasures.remove(made, {gone.id})
    assert books.erasures.settle()
    books.erasures.compact()
    assert dump(books.erasures, lambda row: True) == told


def test_superseded_coverage_grows_old_but_not_where_it_is_held(books: Books) -> None:
    def record(camera: str, until: int) -> Unit:
        told = Coverage(source=camera, subject=camera, tenant="t", layer=Layer.RECORDED, valid=Interval(0, until))
        return Unit("t", camera, f"{camera}{until}", "live", coverage=[told])

    early = 0
    for until in (10, 20, 30):
        books.catalog.commit(record("CAM-1", until))
        books.catalog.commit(record("CAM-2", until))
        early = early or books.clock.now
    assert books.catalog.coverage(ANN, ["CAM-1"], as_of=early)
    books.erasures.hold(Hold(id="", tenant="", subject="", why="w", placed_at=0, entities=("CAM-2",)), ANN)
    before = books.clock.now + 1
    assert books.erasures.drop_coverage("t", before) == 2
    assert books.catalog.coverage_floor("t") == before == books.erasures.coverage_floor("t")
    assert books.catalog.coverage(ANN, ["CAM-1"], as_of=early) == []
    assert books.catalog.coverage(ANN, ["CAM-2"], as_of=early) != []
    assert [each.valid for each in books.catalog.coverage(ANN, ["CAM-1"])] == [Interval(0, 30)]
    assert books.erasures.drop_coverage("t", before) == 0 and books.catalog.coverage_floor("other") is None


def dump(book: ErasureBook, wanted: Callable[[Any], bool]) -> str:
    """Every value of every row that is wanted, of all tables."""
    told: list[str] = []
    with book._db.read() as connection:
        for table in t.metadata.sorted_tables:
            rows = connection.execute(select(table).order_by(*table.primary_key.columns))
            told += [f"{table.name}{tuple(row)!r}" for row in rows if wanted(row)]
    return "\n".join(told)


targets = st.one_of(
    st.builds(Target, sources=st.sampled_from([(LOG,), (CLIP,), (LOG, CLIP)])),
    st.builds(Target, entities=st.sampled_from([("P-1",), ("P-2", "E-7")])),
    st.builds(Target, subject=st.sampled_from(["Maria", "hr", "E-7"])),
    st.builds(
        Target,
        before=st.just(2**60),
        by=st.sampled_from(["recorded", "valid"]),
        kinds=st.sampled_from([(), (Kind.ROW,)]),
    ),
)


@settings(max_examples=8)
@given(st.lists(targets, min_size=1, max_size=3))
def test_another_tenant_s_rows_stay_as_they_were(store_at: Any, tmp_path_factory: Any, wanted: list[Target]) -> None:
    where = store_at(tmp_path_factory.mktemp("two") / "catalog.db")
    clock = Ticking()
    catalog, book = Catalog(where, clock), ErasureBook(Database(where), clock)
    for tenant, who in (("t", ANN), ("other", BOB)):
        fill(catalog, tenant, who)
    theirs = {item.row for page in catalog.census.pages() for item in page if item.evidence.tenant == "other"}

    def of_others(row: Any) -> bool:
        return getattr(row, "tenant", "") == "other" or (
            getattr(row, "row", None) in theirs and not hasattr(row, "tenant")
        )

    before = dump(book, of_others)
    for target in wanted:
        made = book.hide(target, ANN)
        if made is not None:
            book.commit_to(made, {})
            book.remove(made, {id_ for id_, _ in book.traces(made).ids})
    assert dump(book, of_others) == before
    assert all(each.tenant == "other" for each in catalog.scan(Filter(), BOB)) and len(theirs) == 3
    book.close()
    catalog.close()


def fill(catalog: Catalog, tenant: str, who: Principal) -> None:
    """The same site, sources and answers, whoever's it is."""
    person = Entity(id="E-7", type=EntityType.PERSON, name="Maria", tenant=tenant)
    catalog.commit(
        Unit(
            tenant, "site.yaml", "s", "site", entities=(person,), links=(Link("E-7", LinkType.PART_OF, "P-1", tenant),)
        )
    )
    note = piece(LOG, "note", tenant, entities=on("P-1"), labels=("hr",), valid=Interval(1, 2))
    row = piece(LOG, "row", tenant, entities=on("P-2", "E-7"), kind=Kind.ROW)
    frame = piece(CLIP, "frame", tenant, kind=Kind.FRAME, valid=Interval(5, 6))
    looked = Coverage(source=CLIP, subject="P-1", tenant=tenant, layer=Layer.EXAMINED, valid=Interval(0, 9))
    catalog.commit(unit(LOG, note, row, tenant=tenant))
    catalog.commit(unit(CLIP, frame, tenant=tenant, coverage=[looked]))
    catalog.record_ask(answer(f"an_{tenant}", note, frame), who, None, Talk(f"cv_{tenant}", 1, begins=True))


def test_answers_given_before_are_known_by_what_they_tell_of(store_at: Any, tmp_path: Path) -> None:
    """A store of before: its answers are brought along."""
    where, seen = store_at(tmp_path / "catalog.db"), piece(LOG, "seen")
    catalog = Catalog(where, Ticking())
    catalog.commit(unit(LOG, seen))
    for number in range(3):
        catalog.record_ask(answer(f"an_{number}", *([seen] if number else [])), ANN, None)
    catalog.close()
    older = Database(where)
    with older.write() as connection:
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(Path(migrations.__file__).parent))
        command.downgrade(config, "0007")
    older.close()
    catalog, book = Catalog(where, Ticking()), ErasureBook(Database(where), Ticking())
    assert book.count(Target(sources=(LOG,)), ANN).answers == 2
    book.close()
    catalog.close()


def test_the_same_target_encoded_is_the_same() -> None:
    target = Target(sources=("a",), before=5, kinds=(Kind.ROW,))
    assert msgspec.json.decode(msgspec.json.encode(target), type=Target) == target
