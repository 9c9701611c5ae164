"""The figures of the suite `entities`, counted by hand, and where its names and places come from."""

from __future__ import annotations

import json
import math
import string
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.entities import finders, gold, running, scoring
from eval.entities.gold import Labelled, Span
from eval.entities.scoring import Tally
from eval.entities.tried import abbreviated, misspelt, one_off, other_number
from retrieval.errors import InputError

TEXT = "replace air horn and bent return pipe"


def span(text: str, name: str, kind: str = "part") -> Span:
    at = text.index(name)
    return Span(at, at + len(name), kind)


def labelled(text: str, *names: str, kind: str = "part") -> Labelled:
    return Labelled(text, tuple(sorted(span(text, name, kind) for name in names)))


GOLD = [span(TEXT, name) for name in ("air horn", "horn", "return pipe", "pipe")]


def test_a_text_counted_by_hand() -> None:
    # "air horn" is right, "bent return" overlaps "return pipe", "replace" meets nothing; "horn" and "pipe" stay unfound
    said = [span(TEXT, name) for name in ("air horn", "bent return", "replace")]
    assert scoring.tally(GOLD, said) == Tally(4, 3, 1, 1, 2, 1, 3, 1)
    table = np.array([scoring.tally(GOLD, said)])
    assert scoring.exact(table) == pytest.approx((1 / 3, 1 / 4, 2 / 7))
    assert scoring.overlap(table) == pytest.approx((1.5 / 3, 1.5 / 4, 3 / 7))
    assert scoring.outer(table) == pytest.approx((1 / 3, 1 / 2, 2 / 5))


def test_a_name_of_two_kinds_counts_for_both() -> None:
    said = [span(TEXT, "air horn", kind) for kind in ("part", "sound")] + [span(TEXT, "pipe", "hose")]
    told = scoring.tally(GOLD, said)
    assert (told.found, told.exact, told.taken, told.right) == (2, 2, 3, 1)
    assert scoring.linked(np.array([told])) == pytest.approx((1 / 3, 1 / 4, 2 / 7))


def test_a_labelled_span_gives_credit_once() -> None:
    one = [span(TEXT, "bent return pipe")]
    assert scoring.tally(one, [span(TEXT, "bent"), span(TEXT, "pipe")]).partial == 1
    # what is found to the letter is not counted again by overlap
    assert scoring.tally(one, [*one, span(TEXT, "pipe")])[2:4] == (1, 0)


def test_sums_are_over_texts_and_nothing_is_not_zero() -> None:
    table = np.array([scoring.tally(GOLD, GOLD), scoring.tally(GOLD, [])])
    assert scoring.exact(table) == pytest.approx((1, 1 / 2, 2 / 3))
    precision, recall, f1 = scoring.exact(table[1:])
    assert math.isnan(precision) and (recall, f1) == (0, 0)
    assert math.isnan(scoring.exact(np.array([scoring.tally([], [])])).f1)


spans = st.lists(
    st.tuples(st.integers(0, 20), st.integers(1, 8)).map(lambda s: Span(s[0], s[0] + s[1], "part")), max_size=8
)


@given(spans, spans)
def test_every_figure_is_a_share_and_overlap_only_adds(labels: list[Span], said: list[Span]) -> None:
    table = np.array([scoring.tally(sorted(labels, key=lambda s: (s.start, -s.end)), said)])
    for figure in (scoring.exact, scoring.overlap, scoring.outer, scoring.linked):
        assert all(math.isnan(share) or 0 <= share <= 1 for share in figure(table))
    assert not scoring.overlap(table).f1 < scoring.exact(table).f1


def test_a_name_listed_again_is_the_next_place_it_stands() -> None:
    text = "VEERED OFF TAXIWAY. STRUCK TAXIWAY LIGHT. TAXIWAYS CLOSED"
    assert gold.placed(text, ["TAXIWAY LIGHT", "TAXIWAY", "TAXIWAY"]) == (
        (11, 18, "entity"), (27, 40, "entity"), (27, 34, "entity"),
    )  # fmt: skip
    with pytest.raises(InputError, match="more often"):
        gold.placed(text, ["TAXIWAY"] * 3)


def test_outermost_spans_lie_in_no_other() -> None:
    assert gold.outermost(tuple(sorted(GOLD, key=lambda s: (s.start, -s.end)))) == (GOLD[0], GOLD[2])


def test_work_orders_are_read_with_their_places(tmp_path: Path) -> None:
    path = tmp_path / "gold.json"
    entities = [{"start": 1, "end": 3, "type": "PhysicalObject/A/B"}, {"start": 0, "end": 1, "type": "Activity"}]
    path.write_text(json.dumps([{"tokens": ["fix", "air", "horn"], "entities": entities}]))
    (one,) = gold.maintie(path)
    assert one == Labelled("fix air horn", (Span(0, 3, "Activity"), Span(4, 12, "PhysicalObject/A/B")))
    assert running.equipment([one])[0].spans == one.spans[1:]
    assert [s.kind for s in gold.truncated([one], 2)[0].spans] == ["Activity", "PhysicalObject/A"]
    assert {s.kind for s in gold.truncated([one], 0)[0].spans} == {""}


FAR = '[{"tokens": ["a"], "entities": [{"start": 3, "end": 4, "type": "x"}]}]'


@pytest.mark.parametrize("broken", ["{", '[{"tokens": ["a"]}]', FAR])
def test_other_files_are_refused(tmp_path: Path, broken: str) -> None:
    path = tmp_path / "gold"
    path.write_text(broken)
    with pytest.raises(InputError, match="MaintIE"):
        gold.maintie(path)
    with pytest.raises(InputError, match="OMIn"):
        gold.omin(path)
    with pytest.raises(InputError, match="OMIn"):
        gold.omin(tmp_path / "none")


def test_names_come_from_the_other_half_only() -> None:
    lonely = [labelled(f"fix the {name}", name) for name in ("pump", "fan", "valve", "hose")]
    assert running.measure(lonely).linker[:, 1].sum() == 0
    shared = [labelled(f"fix {n} air horn", "air horn") for n in range(10)]
    found = running.measure(shared)
    assert scoring.exact(found.linker) == (1, 1, 1) and found.known.tolist() == [1] * 10
    assert sorted(running.halves(7).tolist()) == [0, 0, 0, 0, 1, 1, 1]
    with pytest.raises(InputError, match="fewer than two"):
        running.measure(shared[:1])


def test_finders_differ_where_they_should() -> None:
    names = finders.book([labelled("the Air-Horn", "Air-Horn"), labelled("an air horn", "air horn", kind="sound")])
    assert names == {"part": {"Air-Horn"}, "sound": {"air horn"}}
    text = "AIR HORN, Air-Horn, air horns"
    assert finders.verbatim(names)(text) == [Span(10, 18, "part")]
    assert {s[:2] for s in finders.linker(names)(text)} == {(0, 8), (10, 18)}
    assert {s.kind for s in finders.linker(names)(text)} == {"part", "sound"}
    text = "the pump was badly leaking oil on 3 go"
    assert [text[s.start : s.end] for s in finders.noun_like(text)] == ["pump", "oil"]
    assert finders.verbatim({})("anything") == []


def test_wider_books() -> None:
    names = {"part": frozenset({"Brake pads", "hyd pump", "battery"})}
    assert other_number(names, [])["part"] - names["part"] == {"brake pad", "hyd pumps", "batteries"}
    assert abbreviated(names, [])["part"] - names["part"] == {"brk pads", "hydraulic pump", "hyd pmp", "batt"}
    texts = [Labelled("battary flat, charge it", ()), Labelled("buttery", ())]
    assert misspelt(names, texts)["part"] - names["part"] == {"battary", "buttery"}
    assert other_number({"a": frozenset({"fan"}), "b": frozenset({"fans"})}, []) == {"a": {"fan"}, "b": {"fans"}}


def edits(word: str) -> set[str]:
    letters = string.ascii_lowercase[:3]
    cuts = [(word[:i], word[i:]) for i in range(len(word) + 1)]
    out = {a + b[1:] for a, b in cuts if b} | {a + b[1] + b[0] + b[2:] for a, b in cuts if len(b) > 1}
    return out | {a + c + rest for a, b in cuts for c in letters for rest in (b, b[1:])}


words = st.text(string.ascii_lowercase[:3], max_size=5)


@given(words, words)
def test_one_letter_off(a: str, b: str) -> None:
    assert one_off(a, b) == (a != b and b in edits(a)) == one_off(b, a)
