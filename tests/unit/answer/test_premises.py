"""What is kept between questions is what the catalog holds now, for this asker."""

from __future__ import annotations

from typing import Any

import msgspec

from app.answer.premises import Premises
from retrieval.types import Coverage, Entity, EntityType, Interval, Layer, Principal


def entity(id_: str, *labels: str) -> Entity:
    return Entity(id=id_, type=EntityType.ASSET, name=id_, tenant="t", labels=labels)


def recorded(subject: str, source: str, t0: int) -> Coverage:
    return Coverage(source=source, subject=subject, layer=Layer.RECORDED, tenant="t", valid=Interval(t0, t0 + 1))


def test_it_is_read_once_until_the_log_moves(house: Any) -> None:
    premises = Premises(house.catalog)
    house.put(entities=[entity("P-1")])
    before = premises.of(house.me)
    assert premises.of(house.me) is before
    house.put(coverage=[recorded("CAM-1", "file:///site/a.mp4", 5)])
    after = premises.of(house.me)
    assert after is not before
    assert [c.subject for c in after.coverage()] == ["CAM-1"]


def test_nobody_is_given_what_another_may_see(house: Any) -> None:
    house.put(entities=[entity("P-1"), entity("P-2", "hr")])
    premises = Premises(house.catalog)
    assert set(premises.of(Principal("t", labels=("hr",))).site.entities) == {"P-1", "P-2"}
    assert set(premises.of(house.me).site.entities) == {"P-1"}
    assert set(premises.of(Principal("other")).site.entities) == set()


def test_coverage_by_subject_is_what_the_catalog_gives(house: Any) -> None:
    records = [recorded(f"CAM-{n % 3}", f"file:///site/{n % 2}.mp4", 9 - n) for n in range(6)]
    records.append(msgspec.structs.replace(records[0], valid=None))
    house.put(coverage=records)
    known = Premises(house.catalog).of(house.me)
    for subjects in (
        [],
        ["CAM-1"],
        ["CAM-0", "CAM-2"],
        ["file:///site/1.mp4"],
        ["CAM-1", "file:///site/0.mp4"],
        ["no"],
    ):
        assert list(known.coverage(subjects)) == house.catalog.coverage(house.me, subjects)
