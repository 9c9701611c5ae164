"""Every WordIndex: in memory and tantivy."""

import tempfile
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from retrieval.adapters.tantivy_words import TantivyWords
from retrieval.errors import ProjectionError, StoreBusy
from retrieval.fakes import MemoryLog, MemoryWords
from retrieval.projecting import admits
from retrieval.tags import tags
from retrieval.types import Evidence, Filter, Interval, Kind, Mention, Principal, Provenance, Relation, RowKey

ME = Principal("acme")


@pytest.fixture(params=["memory", "tantivy"])
def index(request, tmp_path):
    found = MemoryWords() if request.param == "memory" else TantivyWords(tmp_path / "words")
    yield found
    found.close()


@pytest.fixture
def log():
    return MemoryLog()


def make(id_: str, text: str = "pump", **more: object) -> Evidence:
    fields: dict[str, object] = {
        "tenant": "acme",
        "source": "file:///a",
        "kind": Kind.PASSAGE,
        "locator": RowKey("t", id_),
        "text": text,
        "provenance": Provenance("test"),
    }
    return Evidence(id=id_, **(fields | more))


def follow(index, log):
    index.apply(log.log(index.applied(), 10_000), log)


def put(index, log, *items, recorded_at=None):
    rows = log.add(items, recorded_at=recorded_at)
    follow(index, log)
    return rows


def find(index, text, k=10, filter_=None, principal=ME):
    return index.search(text, k, filter_ or Filter(), principal).rows.tolist()


def test_any_word_finds_and_more_words_rank_higher(index, log):
    rows = put(index, log, make("a", "the pump tripped"), make("b", "seal leaking at the pump"), make("c", "door open"))
    assert find(index, "leaking pump seal") == [rows[1], rows[0]]
    assert find(index, "conveyor") == []


def test_rare_words_weigh_more(index, log):
    common = [make(f"c{i}", "pump inspected today") for i in range(6)]
    rows = put(index, log, *common, make("rare", "cavitation inspected today"))
    found = index.search("pump cavitation", 10, Filter(), ME)
    assert found.rows[0] == rows[-1]
    assert found.scores[0] > found.scores[1]


@pytest.mark.parametrize("asked", ["leak", "leaks", "leaked", "leaking", "LEAKING!"])
def test_english_endings_do_not_matter(index, log, asked):
    (row,) = put(index, log, make("a", "Seal leaked overnight"))
    assert find(index, asked) == [row]


def test_stop_words_find_nothing(index, log):
    put(index, log, make("a", "the pump is on and it is to be in the zone"))
    assert find(index, "is it the") == []


@pytest.mark.parametrize("asked", ["P-101A", "p-101a", "P101A", "101A", "what about P-101A?"])
def test_tags_are_found_whole_and_in_pieces(index, log, asked):
    rows = put(index, log, make("a", "Pump P-101A tripped."), make("b", "Line 7, part 88-21/4"), make("c", "P-102 ok"))
    assert find(index, asked)[0] == rows[0]
    assert rows[1] not in find(index, asked)


def test_a_whole_tag_beats_its_pieces(index, log):
    rows = put(index, log, make("pieces", "CAM 07 and zone 12, CAM 12"), make("whole", "CAM-12 and zone 7"))
    assert find(index, "CAM-12")[0] == rows[1]


@pytest.mark.parametrize("asked", ["E0x3F", "88-21/4", "2026-03-04", "12.5"])
def test_codes_part_numbers_and_dates(index, log, asked):
    rows = put(index, log, make("a", "E0x3F on 88-21/4, 2026-03-04, 12.5 bar"), make("b", "no fault"))
    assert find(index, asked) == [rows[0]]


def test_other_scripts(index, log):
    rows = put(index, log, make("a", "Überlauf am Kühler"), make("b", "Отказ насоса"))
    assert find(index, "überlauf") == [rows[0]]
    assert find(index, "насоса") == [rows[1]]


@pytest.mark.parametrize(
    "text", ["", " ", '"', "a AND", "(pump", "body:pump OR [", "pump^", "*", "\x00", "-", "~1 pump/", "?!"]
)
def test_no_text_is_a_syntax_error(index, log, text):
    (row,) = put(index, log, make("a", "pump"))
    assert find(index, text) in ([], [row])
    assert ("pump" in text) == (find(index, text) == [row])


def test_a_very_long_question_is_served(index, log):
    (row,) = put(index, log, make("a", "pump tripped"))
    assert find(index, "pump " + " ".join(f"word{i}" for i in range(5000))) == [row]


def test_k_limits(index, log):
    put(index, log, *[make(f"e{i}") for i in range(5)])
    assert len(find(index, "pump", k=3)) == 3
    assert find(index, "pump", k=0) == []


def test_another_tenant_neither_shows_nor_shifts_the_scores(index, log):
    rows = put(index, log, make("a", "pump tripped"), make("b", "pump fine"))
    before = index.search("pump tripped", 10, Filter(), ME)
    put(index, log, *[make(f"x{i}", "tripped tripped pump " * i, tenant="other") for i in range(30)])
    after = index.search("pump tripped", 10, Filter(), ME)
    assert after.rows.tolist() == rows
    assert after.scores.tolist() == before.scores.tolist()
    assert find(index, "pump", principal=Principal("nobody")) == []


def test_closed_revisions_answer_only_for_their_time(index, log):
    (old,) = put(index, log, make("a"), recorded_at=100)
    log.close("acme", ["a"], superseded_at=200)
    (new,) = put(index, log, make("b"), recorded_at=200)
    times = {t: find(index, "pump", filter_=Filter(as_of=t)) for t in (99, 100, 199, 200)}
    assert times == {99: [], 100: [old], 199: [old], 200: [new]}
    assert find(index, "pump") == [new]
    assert index.rows() == {old, new}


def test_labels_of_today_apply(index, log):
    (row,) = put(index, log, make("a", labels=("hr", "security")))
    assert find(index, "pump") == []
    assert find(index, "pump", principal=Principal("acme", labels=("security",))) == [row]
    assert find(index, "pump", principal=Principal("acme", labels=("*",))) == []
    log.relabel("acme", "a", ())
    follow(index, log)
    assert find(index, "pump") == [row]


def test_removed_evidence_is_gone(index, log):
    _, second = put(index, log, make("a"), make("b"))
    log.remove("acme", ["a"])
    follow(index, log)
    assert find(index, "pump") == [second]
    assert index.rows() == {second}


def test_windows_overlap_as_intervals_do_instants_too(index, log):
    spans = [Interval(t0, t1) for t0 in range(-1, 4) for t1 in range(t0, 4)]
    rows = put(index, log, *[make(f"e{n}", valid=span) for n, span in enumerate(spans)], make("undated"))
    for window in spans:
        expected = [row for row, span in zip(rows, spans, strict=False) if span.overlaps(window)]
        assert sorted(find(index, "pump", 50, Filter(window=window))) == expected


def test_applying_twice_changes_nothing_and_reset_empties(index, log):
    put(index, log, make("a"), make("b", tenant="acme"))
    log.close("acme", ["b"])
    follow(index, log)
    before = index.search("pump", 10, Filter(), ME)
    index.apply(log.log(0), log)
    index.apply(log.log(0, 1), log)
    after = index.search("pump", 10, Filter(), ME)
    assert after.rows.tolist() == before.rows.tolist() == [1]
    assert len(index.rows()) == 2
    assert index.applied() == 2
    index.reset()
    assert (index.applied(), index.rows(), find(index, "pump")) == (0, set(), [])


MICROS = st.integers(-3, 12)
ENTITIES = ["P-1", "P-2", "CAM-7"]
LABELS = ["hr", "security"]


@st.composite
def windows(draw):
    t0 = draw(MICROS)
    return Interval(t0, t0 + draw(st.integers(0, 5)))


@st.composite
def evidences(draw, number):
    return make(
        f"e{number}",
        " ".join(draw(st.lists(st.sampled_from(["pump", "seal", "door"]), min_size=1, max_size=4))),
        tenant=draw(st.sampled_from(["acme", "other"])),
        source=draw(st.sampled_from(["file:///a", "file:///b"])),
        kind=draw(st.sampled_from([Kind.FRAME, Kind.PASSAGE, Kind.ALERT])),
        labels=tuple(draw(st.sets(st.sampled_from(LABELS)))),
        valid=draw(st.none() | windows()),
        entities=tuple(Mention(e, Relation.MENTIONS) for e in sorted(draw(st.sets(st.sampled_from(ENTITIES))))),
    )


FILTERS = st.builds(
    Filter,
    kinds=st.sets(st.sampled_from([Kind.FRAME, Kind.PASSAGE]), max_size=2).map(tuple),
    entities=st.sets(st.sampled_from(ENTITIES), max_size=2).map(tuple),
    sources=st.sets(st.sampled_from(["file:///a", "file:///b"]), max_size=1).map(tuple),
    window=st.none() | windows(),
    as_of=st.none() | st.integers(0, 25),
)
PRINCIPALS = st.builds(
    Principal,
    tenant=st.sampled_from(["acme", "other"]),
    labels=st.sets(st.sampled_from(LABELS), max_size=1).map(tuple),
)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_what_is_found_is_what_is_admitted_and_has_a_word(data):
    log = MemoryLog()
    for number in range(data.draw(st.integers(5, 20))):
        item = data.draw(evidences(number))
        log.add([item])
        act = data.draw(st.sampled_from(["nothing", "nothing", "close", "remove"]))
        if act != "nothing":
            getattr(log, act)(item.tenant, [item.id])
    with tempfile.TemporaryDirectory() as folder:
        index = TantivyWords(folder)
        follow(index, log)
        for _ in range(12):
            filter_, principal = data.draw(FILTERS), data.draw(PRINCIPALS)
            expected = {
                row
                for row, item in log.evidence().items()
                if admits(item, filter_, principal) and {"pump", "seal"} & set(item.text.split())
            }
            found = index.search("pumps sealed", 50, filter_, principal)
            assert sorted(found.rows.tolist()) == sorted(expected)
            assert (found.scores > 0).all()
            assert sorted(found.scores.tolist(), reverse=True) == found.scores.tolist()
        index.close()


def test_it_keeps_its_place_on_disk(tmp_path, log):
    index = TantivyWords(tmp_path)
    rows = put(index, log, make("a"), make("b", tenant="acme"))
    index.close()
    again = TantivyWords(tmp_path)
    assert (again.applied(), find(again, "pump")) == (1, rows)
    again.close()


def test_open_elsewhere_is_busy(tmp_path):
    index = TantivyWords(tmp_path)
    with pytest.raises(StoreBusy):
        TantivyWords(tmp_path)
    index.close()
    TantivyWords(tmp_path).close()


def test_one_thread_may_open_it_and_another_close_it(tmp_path):
    with ThreadPoolExecutor(1) as other:
        index = other.submit(TantivyWords, tmp_path).result()
    index.close()
    TantivyWords(tmp_path).close()


def test_a_tenant_that_cannot_be_let_go_of_keeps_nothing_else_open(tmp_path, log):
    index = TantivyWords(tmp_path)
    put(index, log, make("a"))
    kept = {path for path in tmp_path.iterdir() if path.is_dir()}
    put(index, log, make("b", tenant="other"))
    # the last to be written is the first to be let go of
    (lost,) = {path for path in tmp_path.iterdir() if path.is_dir()} - kept
    lost.rename(tmp_path / "aside")
    with pytest.raises(ProjectionError, match="merging failed"):
        index.close()
    (tmp_path / "aside").rename(lost)
    again = TantivyWords(tmp_path)
    # tantivy's own lock on each folder is free too
    put(again, log, make("c"))
    put(again, log, make("d", tenant="other"))
    assert [len(find(again, "pump", principal=Principal(tenant))) for tenant in ("acme", "other")] == [2, 2]
    again.close()


@pytest.mark.parametrize("damage", ["state", "meta", "gone", "format"])
def test_damage_is_said_and_mended_by_fresh(tmp_path, log, damage):
    index = TantivyWords(tmp_path)
    (row,) = put(index, log, make("a"))
    index.close()
    (folder,) = (path for path in tmp_path.iterdir() if path.is_dir())
    if damage == "state":
        (tmp_path / "state.json").write_text("{")
    elif damage == "meta":
        (folder / "meta.json").write_text("{bad")
    elif damage == "gone":
        (folder / "meta.json").unlink()
    else:
        (tmp_path / "state.json").write_text('{"format": 99, "applied": 3}')
    with pytest.raises(ProjectionError):
        TantivyWords(tmp_path)
    mended = TantivyWords(tmp_path, fresh=True)
    assert mended.applied() == 0
    follow(mended, log)
    assert find(mended, "pump") == [row]
    mended.close()


def test_tags_of_a_text():
    assert tags("Pump P-101A, E0x3F; well-known pump 7") == ["p-101a", "p101a", "e0x3f"]
    assert tags("x" * 100 + "-1") == []
