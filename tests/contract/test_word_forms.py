"""What operations people type is found however they type it: tags, codes, figures, times, words with their endings, slips of the pen."""

from __future__ import annotations

import json
import tempfile
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval.adapters.tantivy_words import Stemming, TantivyWords
from retrieval.errors import BadSettings, ProjectionError
from retrieval.fakes import MemoryLog, MemoryWords
from retrieval.ports import WordIndex, WordRead
from retrieval.tags import asked, tags
from retrieval.types import Evidence, Filter, Kind, Principal, Provenance, RowKey

ME = Principal("acme")
TEXTS = {
    "pump": "Pump P-101A tripped at 02:38, discharge 4,2 bar.",
    "sister": "Pump P-101B runs; suction at 42 bar.",
    "transmitter": "10-PT-4711 drifted after 14:05.",
    "drive": "Error E-1042 on the drive, Windows said 0x80070057.",
    "server": "SRVE0255E: no web group; 1,200 rpm.",
    "plc": "CPU 6ES7 315-2EH14-0AB0 was replaced.",
    "camera": "CAM 07 saw nothing.",
    "boiler": "Boiler at 10 bar; valve XV 12 A closed at 2:38 pm.",
}


@pytest.fixture(params=["memory", "tantivy"])
def index(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    found = MemoryWords() if request.param == "memory" else TantivyWords(tmp_path / "words")
    yield found
    found.close()


def piece(id_: str, text: str, tenant: str = "acme", labels: tuple[str, ...] = ()) -> Evidence:
    return Evidence(
        id=id_,
        tenant=tenant,
        source="file:///a",
        kind=Kind.PASSAGE,
        locator=RowKey("t", id_),
        text=text,
        provenance=Provenance("test"),
        labels=labels,
    )


def filled(index: Any, texts: dict[str, str], tenant: str = "acme") -> dict[int, str]:
    """Row → name of what was put in."""
    log = MemoryLog()
    rows = log.add([piece(name, text, tenant) for name, text in texts.items()])
    index.apply(log.log(index.applied(), 10_000), log)
    return dict(zip(rows, texts, strict=True))


def names(index: WordIndex, known: dict[int, str], text: str, principal: Principal = ME) -> list[str]:
    return [known[row] for row in index.search(text, 10, Filter(), principal).rows.tolist()]


TYPED = {
    "pump": ["P-101A", "p101a", "p 101 a", "P_101A", "P 101A", "4.2 bar", "4,2bar", "2:38"],
    "sister": ["P-101B", "42 bar", "42bar"],
    "transmitter": ["10-PT-4711", "10pt4711", "PT-4711", "pt4711", "pt 4711", "10 pt 4711", "14:05"],
    "drive": ["E-1042", "e1042", "E 1042", "0x80070057", "0X80070057"],
    "server": ["SRVE0255E", "srve0255e", "1200 rpm", "1.200 rpm"],
    "plc": ["6ES7 315-2EH14-0AB0", "6es7315-2eh14-0ab0", "6ES73152EH140AB0", "315-2EH14", "3152eh14"],
    "camera": ["CAM-07", "cam07", "CAM 07"],
    "boiler": ["10bar", "XV-12A", "xv12a", "xv 12 a", "14:38", "2:38 PM"],
}


@pytest.mark.parametrize(("name", "typed"), [(name, each) for name, typed in TYPED.items() for each in typed])
def test_what_people_type_finds_what_they_mean_first(index: Any, name: str, typed: str) -> None:
    known = filled(index, TEXTS)
    assert names(index, known, typed)[:1] == [name]
    assert names(index, known, f"What about {typed}?")[:1] == [name]


PIECE = st.from_regex(r"[A-Za-z]{1,4}|[0-9]{1,4}|[A-Za-z]{1,2}[0-9]{1,3}", fullmatch=True)


@settings(max_examples=60, deadline=None)
@given(
    pieces=st.lists(PIECE, min_size=2, max_size=4).filter(
        lambda some: any(c.isdigit() for c in "".join(some)) and any(c.isalpha() for c in "".join(some))
    ),
    joint=st.sampled_from("-_/"),
    typed=st.sampled_from(["-", "_", "/", ""]),
    case=st.sampled_from([str, str.lower, str.upper, str.title]),
)
def test_a_tag_is_found_in_any_case_with_or_without_its_joints(
    pieces: list[str], joint: str, typed: str, case: Any
) -> None:
    """Both sides have a form in common, which is what indexes look tags up by."""
    written, asked_for = joint.join(pieces), case(typed.join(pieces))
    found = set(asked(f"why did {asked_for} trip")) & set(tags(f"Then {written}, as said, tripped."))
    assert found, (written, asked_for)


@settings(max_examples=15, deadline=None)
@given(
    written=st.lists(
        st.from_regex(r"[A-Z]{1,3}-[0-9]{2,4}[A-C]?", fullmatch=True), min_size=2, max_size=12, unique=True
    )
)
def test_every_tag_of_a_store_is_found_first(written: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        index = TantivyWords(folder)
        known = filled(index, {tag: f"The seal of {tag} leaked again." for tag in written})
        for tag in written:
            bare = tag.replace("-", "")
            same = {other for other in written if other.replace("-", "") == bare}
            for typed in (tag.lower(), bare, f"what happened to {bare.lower()}?"):
                assert names(index, known, typed)[0] in same, typed
        index.close()


@pytest.mark.parametrize(
    ("typed", "forms"),
    [
        ("why did valve XV-4702 trip", ["xv-4702", "xv4702"]),
        ("why did valve xv 4702 trip", ["xv4702", "4702"]),
        ("did the pump p 101 a or cam 07 fail?", ["p101", "p101a", "101a", "cam07"]),
        ("unit tripped: 10 pt 4711", ["10pt4711", "pt4711", "4711"]),
        ("was it over 4.2 bar at 2:38 p.m.", ["4.2", "4.2bar", "14:38"]),
        ("at 2:38 p.mx", ["02:38"]),
    ],
)
def test_blanks_join_what_makes_a_tag_and_no_words_about_it(typed: str, forms: list[str]) -> None:
    assert asked(typed) == forms


def test_tags_are_never_taken_for_others(index: Any) -> None:
    """Only pieces bring them near each other."""
    texts = {"P-1011": "P-1011 tripped, then P-1012", "P-101": "Seal of P-101", "PT-4711": "10-PT-4711 drifted"}
    known = filled(index, texts)
    assert [names(index, known, tag)[0] for tag in texts] == list(texts)
    for tag, text in texts.items():
        assert not any(set(asked(other)) & set(tags(text)) for other in texts if other != tag)


# --- words ---


@pytest.mark.parametrize("text", ["Kühler KÜ-7 undicht", "débit élevé à Besançon", "Ängström"])
@pytest.mark.parametrize(("stored", "typed"), [("NFC", "NFD"), ("NFD", "NFC"), ("NFD", "NFD")])
def test_an_accent_apart_from_its_letter_is_the_same_letter(index: Any, text: str, stored: Any, typed: Any) -> None:
    known = filled(index, {"it": unicodedata.normalize(stored, text), "other": "Pump tripped"})
    for word in text.split():
        asked_for = unicodedata.normalize(typed, word)
        assert names(index, known, asked_for) == ["it"]
        assert {read.how for read in index.reading(asked_for, ME)} <= {"whole"}
    written = {unicodedata.normalize(stored, text), unicodedata.normalize(typed, text)}
    assert len({tuple(tags(each)) for each in written} | {tuple(asked(each)) for each in written}) <= 2


def test_a_word_that_is_there_is_looked_for_alone(index: Any) -> None:
    known = filled(index, {"exact": "vibration rose", "longer": "vibrationless drive"})
    assert names(index, known, "vibration") == ["exact"]
    assert index.reading("the vibration", ME) == [WordRead("vibration", "whole")]


@pytest.mark.parametrize(
    ("typed", "how"),
    [("vibr", "beginning"), ("vibraton", "likeness"), ("vibartion", "likeness"), ("compresor", "likeness")],
)
def test_what_is_nowhere_counts_half_for_what_is_near(index: Any, typed: str, how: str) -> None:
    known = filled(index, {"near": "Vibration of the compressor rose", "far": "Seal leaked"})
    (read,) = index.reading(typed, ME)
    assert (read.word, read.how) == (typed, how)
    assert names(index, known, typed) == ["near"]
    whole = index.search("vibration" if typed[0] == "v" else "compressor", 1, Filter(), ME).scores[0]
    assert 0 < index.search(typed, 1, Filter(), ME).scores[0] < whole


def test_how_words_were_searched_is_told(index: Any) -> None:
    assert index.explain("pump", 5, Filter(), ME)._replace(ms=0) == index.explain("?", 0, Filter(), ME)._replace(
        k=5, ms=0
    )
    filled(index, {"near": "Vibration of the compressor rose", "far": "Seal leaked", "more": "vibration"})
    told = index.explain("vibration compresor vibr the", 1, Filter(), ME)
    assert (told.space, told.total, told.passing, told.found, told.k, told.plan) == ("words", 3, 2, 1, 1, "BM25")
    assert told.why.startswith("vibration; compresor is nowhere: what is written like it")
    assert told.why.endswith("counts half; vibr is nowhere: what begins with it (vibration) counts half")


@pytest.mark.parametrize("typed", ["tank", "P-102", "1043", "pum", "E-1O42"])
def test_short_words_and_figures_stand_for_nothing_else(index: Any, typed: str) -> None:
    known = filled(index, {"a": "Pump P-101, E-1042, tan"})
    assert [name for name in names(index, known, typed) if typed not in ("P-102", "E-1O42")] == []
    assert all(read.how == "whole" for read in index.reading(typed, ME) if read.word != "tank")


def test_what_is_found_instead_does_not_tell_what_others_may_see(index: Any) -> None:
    """A word in a labelled document alone is, for who may not see it, a word that is nowhere."""
    log = MemoryLog()
    secrets = [piece(f"hidden{n}", "Marianna", labels=("hr",)) for n in range(80)]
    open_, *hidden = log.add([piece("open", "Marianne"), *secrets])
    index.apply(log.log(0), log)
    insider = Principal("acme", labels=("hr",))
    assert [index.search("Marianna", 99, Filter(), who).rows.tolist() for who in (ME, insider)] == [[open_], hidden]
    assert [index.reading("Marianna", who)[0].how for who in (ME, insider)] == ["likeness", "whole"]
    assert index.reading("Maria", ME)[0].terms == ("marianne",)
    assert sorted(index.reading("Maria", insider)[0].terms) == ["marianna", "marianne"]
    # far below the likeliest of its documents is one that everybody may see
    (last,) = log.add([piece("last", "Marianna wrote at great length of things that are of no interest to anybody")])
    index.apply(log.log(1), log)
    assert [index.reading("Marianna", who)[0].how for who in (ME, insider)] == ["whole", "whole"]
    assert index.search("Marianna", 99, Filter(), ME).rows.tolist() == [last]


def test_what_is_found_instead_goes_by_what_was_known_at_the_time(index: Any) -> None:
    """A word that stood in another revision alone does not keep what begins with it from being found."""
    log = MemoryLog()
    longer = log.add([piece("a", "Drehkolbenpumpe tripped"), piece("b", "Drehkolbensitz worn")], recorded_at=100)
    (exact,) = log.add([piece("c", "Drehkolben changed")], recorded_at=200)
    log.close("acme", ["c"], superseded_at=300)
    (late,) = log.add([piece("d", "Drehkolbenwelle bent")], recorded_at=400)
    index.apply(log.log(0), log)
    found = {at: index.search("Drehkolben", 9, Filter(as_of=at), ME).rows.tolist() for at in (99, 100, 200, 300, None)}
    assert {at: sorted(rows) for at, rows in found.items()} == {
        99: [],
        100: longer,
        200: [*longer, exact],
        300: longer,
        None: [*longer, late],
    }
    # what has ended since does not show by what is found instead, but is found before it
    assert index.search("Drehkolben", 9, Filter(as_of=200), ME).rows.tolist()[0] == exact
    (read,) = index.reading("Drehkolben", ME)
    assert (read.how, sorted(read.terms)) == ("beginning", ["drehkolbenpumpe", "drehkolbensitz", "drehkolbenwelle"])
    assert "drehkolbenwelle" not in index.explain("Drehkolben", 9, Filter(as_of=300), ME).why


def test_as_of_then_only_what_still_stands_is_told_of(index: Any) -> None:
    """What has ended may be kept from the asker by labels of today that the index does not know."""
    log = MemoryLog()
    stands, ended = log.add([piece("a", "Marianne and Kowalska"), piece("b", "Marianna and Kowalski")], recorded_at=100)
    log.close("acme", ["b"], superseded_at=200)
    index.apply(log.log(0), log)
    for typed in ("kowals", "kowalski", "kowalsky"):
        told = index.explain(typed, 9, Filter(as_of=100), ME)
        assert told.why == f"{typed}, and half what begins so or is written like it"
        assert (told.passing, told.found) == (1, 1)
        assert set(index.search(typed, 9, Filter(as_of=100), ME).rows.tolist()) == {stands, ended}
    assert index.search("Kowalski", 9, Filter(as_of=100), ME).rows.tolist() == [ended, stands]
    assert index.explain("kowalska", 9, Filter(as_of=100), ME).why == "kowalska"
    assert "kowalska" in index.explain("Kowals", 9, Filter(), ME).why


def test_of_many_words_that_begin_so_those_that_are_shown_are_found(index: Any) -> None:
    """However many others there are that are not."""
    log = MemoryLog()
    letters = "abcdefghijklmnopqrst"
    hidden = [piece(f"h{a}{b}", f"ventil{a}{b} ventil{a}{b}", labels=("hr",)) for a in letters for b in letters[:10]]
    log.add(hidden)
    log.add([piece("shown", "ventilzz")])
    index.apply(log.log(0), log)
    assert index.reading("ventil", ME)[0].terms == ("ventilzz",)


def test_few_words_of_one_question_have_others_stand_in_for_them(index: Any) -> None:
    """The rest of a text that is foreign to the store is looked for as it is."""
    texts = {
        name: f"{name * 3}welle {name * 3}sitz" for name in ("abc", "bcd", "cde", "def", "efg", "fgh", "ghi", "hij")
    }
    known = filled(index, {**texts, "last": "jklmnowelle", "exact": "pumpe"})
    typed = " ".join([*(name * 3 for name in texts), "jklmno", "pumpe"])
    assert [read.how for read in index.reading(typed, ME)] == ["beginning"] * 8 + ["whole"] * 2
    assert sorted(names(index, known, typed)) == sorted([*texts, "exact"])


# --- languages ---

GERMAN = {"a": "Die Pumpen am Kühler waren undicht.", "b": "Das Lager ist heiß gelaufen."}
SPANISH = {"a": "Se detectaron fugas en las bombas de alimentación.", "b": "La válvula quedó abierta."}
FRENCH = {"a": "Les pompes fuyaient; la vanne a été vérifiée.", "b": "Le moteur a calé."}
ENDINGS = [
    ("german", GERMAN, ["Pumpe", "undichte", "Kühlern", "kuhler"]),
    ("spanish", SPANISH, ["bomba", "fuga", "alimentacion", "¿dónde hubo fugas?"]),
    ("french", FRENCH, ["pompe", "vérifier", "verifiees", "quelles vannes"]),
    ("english", {"a": "The seals leaked", "b": "Motor stalled"}, ["seal", "leaking"]),
]


@pytest.mark.parametrize(("language", "texts", "typed"), ENDINGS)
def test_endings_do_not_matter_in_the_tenants_language(
    tmp_path: Path, language: str, texts: dict[str, str], typed: list[str]
) -> None:
    index = TantivyWords(tmp_path, stemming=Stemming(tenants={"acme": (language,)}))
    known = filled(index, texts)
    assert [names(index, known, each)[0] for each in typed] == ["a"] * len(typed)
    index.close()


def test_several_languages_at_once_and_each_tenant_its_own(tmp_path: Path) -> None:
    index = TantivyWords(tmp_path, stemming=Stemming(("english", "german"), {"lyon": ("french",)}))
    known = filled(index, {**GERMAN, "c": "The seals were leaking."})
    assert [names(index, known, typed)[0] for typed in ("Pumpe", "leaked seal", "Lagern")] == ["a", "c", "b"]
    index.reset()
    french = filled(index, FRENCH, "lyon")
    assert names(index, french, "vérifier", Principal("lyon")) == ["a"]
    assert names(index, french, "vérifier") == []
    index.close()


def test_a_language_without_stems_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match="no stems for klingon; there are english, french, german, spanish"):
        TantivyWords(tmp_path, stemming=Stemming(("klingon",)))
    with pytest.raises(BadSettings, match="no language"):
        TantivyWords(tmp_path, stemming=Stemming(()))


# --- another analysis ---


@pytest.mark.parametrize("written", ["old", "languages"])
def test_an_index_of_another_analysis_is_made_anew_and_says_so(tmp_path: Path, written: str) -> None:
    log = MemoryLog()
    (row,) = log.add([piece("a", "Die Pumpen")])
    first = TantivyWords(tmp_path)
    first.apply(log.log(0), log)
    assert "made anew" not in first.told()
    first.close()
    if written == "old":
        state = json.loads((tmp_path / "state.json").read_text())
        (tmp_path / "state.json").write_text(json.dumps({**state, "format": 1, "analysis": "1"}))
    index = TantivyWords(tmp_path, stemming=Stemming(("german",)) if written == "languages" else None)
    assert index.applied() == 0 and "made anew, it was written by analysis" in index.told()
    index.apply(log.log(0), log)
    assert index.search("Pumpen", 1, Filter(), ME).rows.tolist() == [row]
    index.close()
    again = TantivyWords(tmp_path, stemming=Stemming(("german",)) if written == "languages" else None)
    assert again.applied() == 1 and "made anew" not in again.told()
    again.close()


def test_an_index_of_a_newer_watchfloor_is_not_thrown_away(tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text('{"format": 3, "applied": 7, "analysis": "3"}')
    with pytest.raises(ProjectionError, match="format 3, this Watchfloor writes 2"):
        TantivyWords(tmp_path)
    assert json.loads((tmp_path / "state.json").read_text())["applied"] == 7
