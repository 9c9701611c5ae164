"""Which frame stands for a moment, which moments come first, and what a policy leaves out."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.enrich.frames import Hidden, choose, stands_for, wanted
from retrieval.types import (
    Entity,
    EntityType,
    Evidence,
    FrameAt,
    Interval,
    Kind,
    Mention,
    Provenance,
    Relation,
)


def frame(n: int, moment: int | None = None, seen: int = 0, camera: str | None = "CAM-1", **data: Any) -> Evidence:
    told: dict[str, Any] = {"sharpness": 10.0, "changed": 0.0, "why": "floor"} | data
    told |= {} if moment is None else {"moment": moment}
    return Evidence(
        id=f"ev_{n:03}",
        tenant="t",
        source="file:///site/CAM-1_20260304.mp4",
        kind=Kind.FRAME,
        locator=FrameAt(1000 * n, 1000 * n + 1000),
        text="",
        media="0" * 64,
        valid=Interval(n, n + 1),
        provenance=Provenance("video", models={"blur": "YuNet"} if data.get("blurred") else {}),
        entities=(Mention(camera, Relation.OBSERVED_AT),) if camera else (),
        data=told | {"detections": [{"label": "person"}] * seen},
    )


@st.composite
def moments(draw: st.DrawFn) -> list[Evidence]:
    count = draw(st.integers(1, 12))
    number = st.integers(0, 3)
    values = st.floats(0, 255, allow_nan=False)
    return [
        frame(n, draw(number), draw(number), sharpness=draw(values), changed=draw(st.floats(0, 1)))
        for n in range(count)
    ]


@given(moments(), st.randoms())
def test_one_frame_stands_for_each_moment_in_whatever_order_they_come(frames: list[Evidence], rng: Any) -> None:
    chosen = choose(frames)
    by_id = {each.id: each for each in frames}
    assert sorted(by_id[c.frame].data["moment"] for c in chosen) == sorted({f.data["moment"] for f in frames})
    shuffled = list(frames)
    rng.shuffle(shuffled)
    assert choose(shuffled) == chosen


@given(moments())
def test_a_blurred_frame_never_stands_for_a_sharp_one(frames: list[Evidence]) -> None:
    best = stands_for(frames)
    clear = [f for f in frames if f.data["sharpness"] >= 0.5 * max(f.data["sharpness"] for f in frames)]
    assert best in clear
    assert len(best.data["detections"]) == max(len(f.data["detections"]) for f in clear)


def test_of_equals_the_most_changed_then_the_sharpest_then_the_first_stands() -> None:
    changed = [frame(0, 1), frame(1, 1, changed=0.4), frame(2, 1, changed=0.4, sharpness=12.0)]
    assert stands_for(changed).id == "ev_002"
    assert stands_for([frame(4, 1), frame(3, 1)]).id == "ev_003"
    assert stands_for([frame(0, 1, seen=3, sharpness=2.0), frame(1, 1)]).id == "ev_001"


def test_still_pictures_are_moments_of_their_own_and_what_has_no_picture_is_none() -> None:
    import msgspec

    bare = msgspec.structs.replace(frame(3), media=None)
    assert [c.frame for c in choose([frame(1), frame(2), bare])] == ["ev_001", "ev_002"]


def test_moments_without_anything_in_them_come_last_and_late_ones_before_early_ones() -> None:
    frames = [frame(0, 1), frame(1, 2, seen=1), frame(2, 3), frame(3, 4, why="onset"), frame(4, 5)]
    ordered = sorted(choose(frames), key=lambda c: c.turn)
    assert [c.frame for c in ordered] == ["ev_003", "ev_001", "ev_004", "ev_002", "ev_000"]
    assert [c.quiet for c in ordered] == [False, False, True, True, True]


@pytest.mark.parametrize(
    ("pattern", "meant"),
    [(None, True), ("CAM-1_*", True), ("*.mp4", True), ("file:///site/*", True), ("CAM-2_*", False), ("CAM-1", False)],
)
def test_sources_are_meant_by_their_name_or_their_whole_uri(pattern: str | None, meant: bool) -> None:
    assert wanted("file:///site/CAM-1_20260304.mp4", pattern) is meant


def entity(id_: str, kind: EntityType = EntityType.CAMERA, **facts: Any) -> Entity:
    return Entity(id=id_, type=kind, name=id_, tenant="t", facts=facts)


@pytest.mark.parametrize(
    ("shown", "entities", "covered"),
    [
        (frame(0), [entity("CAM-1")], False),
        # what was blurred when it was kept
        (frame(0, blurred={"face": 1}), [entity("CAM-1")], True),
        (frame(0, blurred={}), [], True),
        # what the site asks for now, though these frames were kept before
        (frame(0), [entity("CAM-1", blur=["face"])], True),
        (frame(0), [entity("CAM-2", blur=["face"]), entity("CAM-1")], False),
        (frame(0), [entity("north", EntityType.SITE, blur=["plate"]), entity("CAM-1")], True),
        # of no camera of the site: whatever any of them asks for
        (frame(0, camera=None), [entity("CAM-2", blur=["face"])], True),
        (frame(0), [entity("CAM-2", blur=["face"])], True),
        (frame(0, camera=None), [entity("CAM-2")], False),
    ],
)
def test_what_a_policy_blurs_is_left_out(shown: Evidence, entities: list[Entity], covered: bool) -> None:
    assert Hidden(entities).covers(shown) is covered
