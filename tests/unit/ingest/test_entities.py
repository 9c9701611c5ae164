import string
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.entities import EntityLinker
from retrieval.types import Entity, EntityType, Mention, Relation


def thing(name, kind=EntityType.ASSET, label=None, aliases=(), **facts):
    return Entity(id=name, type=kind, name=label or name, tenant="t", aliases=tuple(aliases), facts=facts)


SITE = [
    thing("P-101", label="Pump P-101", aliases=["pump 1"], type="pump"),
    thing("P-3", label="Feed pump", type="pump"),
    thing("P-101-VIB", EntityType.SENSOR, "P-101 vibration"),
    thing("CAM-07", EntityType.CAMERA, "Camera 7"),
    thing("zone-a", EntityType.ZONE, "Zone A", aliases=["pump hall"]),
    thing("CWC04009", label="Chiller 9"),
    thing("A"),
]
LINKER = EntityLinker(SITE)


def ids(text):
    return [found.entity for found in LINKER.find(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Why did P-101 trip?", ["P-101"]),
        ("p101 tripped", ["P-101"]),
        ("P 101, P_101 and P‑101", ["P-101"] * 3),
        ("pump P-101", ["P-101"]),
        ("pump 1 and pump 3", ["P-101", "P-3"]),
        ("CAM-07 cam 7 camera 7 Camera 07 CAM07", ["CAM-07"] * 5),
        ("P-101-VIB rose", ["P-101-VIB"]),
        ("in the Pump  Hall of zone A", ["zone-a", "zone-a"]),
        ("CHILLER 9 (cwc04009)", ["CWC04009", "CWC04009"]),
        ("P-1015, XP-101, P-10, pump 1.5 bar, CAM-070", []),
        ("a valve is A thing", []),
        ("asset A failed", ["A"]),
        ("the pump\n\n1 of them", []),
    ],
)
def test_names_and_variants(text, expected):
    assert ids(text) == expected


def test_offsets_quote_the_text():
    text = "At 02:41 pump P-101 tripped; seen on camera 7."
    assert [text[f.start : f.end] for f in LINKER.find(text)] == ["pump P-101", "camera 7"]


def test_mentions_are_unique_and_sorted():
    assert LINKER.mentions("P-3, then P-101, then P-3") == (
        Mention("P-101", Relation.MENTIONS),
        Mention("P-3", Relation.MENTIONS),
    )


def test_a_given_name_beats_a_derived_one_and_shared_names_give_both():
    linker = EntityLinker(
        [thing("P-1", type="pump"), thing("X-9", aliases=["pump 1", "spare"]), thing("Y-9", aliases=["spare"])]
    )
    assert [f.entity for f in linker.find("pump 1")] == ["X-9"]
    assert [f.entity for f in linker.find("the spare")] == ["X-9", "Y-9"]


def test_exact_needs_the_whole_name():
    assert LINKER.exact("chiller-9") == ("CWC04009",)
    assert LINKER.exact("chiller 9 east") == ()
    assert EntityLinker([]).find("P-101") == [] and EntityLinker([]).exact("") == ()


names = st.text(alphabet=string.ascii_letters + string.digits + "-_ ", min_size=2, max_size=12)


@given(st.lists(names, min_size=1, max_size=6, unique=True), st.text(max_size=80))
def test_found_spans_name_their_entity_and_never_overlap(chosen, noise):
    linker = EntityLinker([thing(name) for name in chosen])
    text = noise + " " + " ".join(chosen) + "; " + noise
    found = linker.find(text)
    spans = sorted({(f.start, f.end) for f in found})
    assert all(a[1] <= b[0] for a, b in pairwise(spans))
    for f in found:
        assert f.entity in linker.exact(text[f.start : f.end])
        assert not text[max(0, f.start - 1) : f.start + 1].isalpha() or f.start == 0
    assert [f.entity for f in linker.find(text.swapcase())] == [f.entity for f in found] or not text.isascii()


@given(st.text(alphabet="PQR", min_size=1, max_size=3), st.integers(1, 9999), st.sampled_from(["", "-", " ", "_"]))
def test_a_tag_is_found_however_it_is_joined(letters, digits, joint):
    linker = EntityLinker([thing(f"{letters}-{digits:04d}")])
    assert [f.entity for f in linker.find(f"look at {letters.lower()}{joint}{digits} now")] == [
        f"{letters}-{digits:04d}"
    ]
