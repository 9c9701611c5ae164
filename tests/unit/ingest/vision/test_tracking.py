"""Following boxes from frame to frame: what always holds, and plain scenes whose outcome is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from ingest.ports import Detection
from ingest.video.tracks import Looked, summary
from ingest.vision.tracking import Counted, Following, Sight, Stretch, Tracker, colours_of, overlap
from retrieval.types import Box, FrameAt, Interval, Kind, Mention, Relation

GREY = np.zeros(6, np.float32)
PLAIN = Image.new("RGB", (160, 120), (90, 90, 90))

corner = st.integers(0, 90)
side = st.integers(2, 30)
boxes = st.builds(
    lambda x, y, w, h: (x / 100, y / 100, min(1.0, (x + w) / 100), min(1.0, (y + h) / 100)), corner, corner, side, side
)
scenes = st.lists(st.lists(boxes, max_size=5, unique=True), min_size=1, max_size=6)


def follow(scene: list[list[Box]], step_ms: int = 1000) -> list[list[int]]:
    tracker, new, made = Tracker(), 1, []
    for at, frame in enumerate(scene):
        ids = tracker.follow(at * step_ms, [Sight(box, GREY) for box in frame], 4 / 3, new)
        new = max([new, *(each + 1 for each in ids)])
        made.append(ids)
    return made


@given(scenes)
def test_no_track_is_twice_in_a_frame_and_ids_have_no_holes(scene: list[list[Box]]) -> None:
    made = follow(scene)
    assert all(len(set(ids)) == len(ids) == len(frame) for ids, frame in zip(made, scene, strict=True))
    assert {each for ids in made for each in ids} == set(
        range(1, max((max(i, default=0) for i in made), default=0) + 1)
    )


@given(scenes, st.randoms())
def test_the_order_of_boxes_does_not_matter(scene: list[list[Box]], random: object) -> None:
    shuffled = [random.sample(frame, len(frame)) for frame in scene]  # type: ignore[attr-defined]
    first, other = follow(scene), follow(shuffled)
    for frame, ids, mixed, theirs in zip(scene, first, shuffled, other, strict=True):
        assert dict(zip(frame, ids, strict=True)) == dict(zip(mixed, theirs, strict=True))


@given(scenes)
def test_there_are_at_least_as_many_tracks_as_things_at_once(scene: list[list[Box]]) -> None:
    following = Following()
    for at, frame in enumerate(scene):
        following.frame(
            (at * 1000, at * 1000 + 1000), {"eyes": [Detection("person", 0.9, box) for box in frame]}, PLAIN
        )
    for counted in following.counted():
        assert counted.most == max(len(frame) for frame in scene) <= counted.tracks
        assert 0 <= counted.lasting <= counted.tracks
        assert counted.tracks == len({each for ids in follow(scene) for each in ids})


@given(boxes, boxes)
def test_overlap_is_symmetric_and_a_share(one: Box, other: Box) -> None:
    assert overlap(one, other) == pytest.approx(overlap(other, one))
    assert 0 <= overlap(one, other) <= 1 and overlap(one, one) == pytest.approx(1)


def person(x: float, y: float = 0.5) -> Box:
    return x, y, x + 0.05, y + 0.2


def test_one_who_walks_stays_one_although_the_boxes_never_overlap() -> None:
    steps = [[person(0.1 + 0.1 * at)] for at in range(8)]
    assert overlap(steps[0][0], steps[1][0]) == 0
    assert follow(steps) == [[1]] * 8


def test_two_who_pass_each_other_keep_their_speed() -> None:
    scene = [[person(0.1 + 0.09 * at), person(0.78 - 0.09 * at, 0.56)] for at in range(9)]
    assert follow(scene) == [[1, 2]] * 9


def test_one_who_is_missed_in_a_look_is_found_again_and_one_who_is_gone_for_long_is_not() -> None:
    assert follow([[person(0.1)], [person(0.16)], [], [person(0.28)]]) == [[1], [1], [], [1]]
    assert follow([[person(0.1)], [person(0.16)], [], [], [], [], [person(0.28)]])[-1] == [2]


def test_what_stands_still_may_be_missed_for_longer() -> None:
    parked = [[person(0.5)], [person(0.5)], *[[]] * 20, [person(0.5)]]
    assert follow(parked)[-1] == [1]


def test_colours_tell_apart_who_stands_where_another_stood() -> None:
    red, blue = (np.array([each] * 2, np.float32).reshape(-1) for each in ([0.2, 0.5, 0.4], [0.2, 0.1, -0.5]))
    tracker = Tracker()
    assert tracker.follow(0, [Sight(person(0.3), red)], 1.0, 1) == [1]
    assert tracker.follow(1000, [Sight(person(0.4), blue)], 1.0, 2) == [2]


def test_mean_colours_are_those_of_cielab() -> None:
    picture = Image.new("RGB", (40, 40), (255, 255, 255))
    picture.paste((255, 0, 0), (0, 0, 40, 20))
    upper, lower = colours_of(picture, [(0.0, 0.0, 1.0, 1.0)])[0].reshape(2, 3)
    # CIELAB of sRGB red under D65 is (53.24, 80.09, 67.20), of white (100, 0, 0)
    assert upper == pytest.approx([0.2662, 0.8009, 0.6720], abs=0.005)
    assert lower == pytest.approx([0.5, 0, 0], abs=0.005)


def test_stretches_are_joined_over_half_a_minute_and_no_longer() -> None:
    following = Following()
    for ms in (0, 1000, 20_000, 90_000):
        following.frame((ms, ms + 1000), {"eyes": [Detection("car", 0.9, person(0.2))]}, PLAIN)
    (counted,) = following.counted()
    assert counted.stretches == (Stretch(0, 21_000, 1), Stretch(90_000, 91_000, 1))
    assert counted.span_ms == (0, 91_000)


def test_labels_are_followed_apart_and_whole_picture_attributes_not_at_all() -> None:
    following = Following()
    found = [Detection("person", 0.9, person(0.2)), Detection("truck", 0.8, person(0.2)), Detection("night", 0.4)]
    (made,) = following.frame((0, 1000), {"eyes": found}, PLAIN).values()
    assert [each.track for each in made] == [1, 2, None]
    assert [each.label for each in following.counted()] == ["person", "truck"]


def test_of_two_detectors_the_one_that_saw_more_at_once_is_told() -> None:
    following = Following()
    few, many = [Detection("person", 0.9, person(0.1))], [Detection("person", 0.9, person(x)) for x in (0.1, 0.6)]
    following.frame((0, 1000), {"a": few, "b": many}, PLAIN)
    (counted,) = following.counted()
    assert (counted.by, counted.most, counted.tracks) == ("b", 2, 2)


COUNTED = Counted("person", "eyes", 3, 5_000, 7, 5, (Stretch(1_000, 20_000, 3), Stretch(80_000, 90_000, 1)))
START = 1_772_590_200_000_000  # 2026-03-04 02:10:00 UTC


def test_what_was_counted_in_words() -> None:
    looked = Looked("clip", "CAM-02", START, 1000, {"eyes": {"person": 0.25}})
    made = summary(COUNTED, looked, {"detectors": "eyes"}, ("a note",))
    assert made.text == (
        "CAM-02 counts person: at most 3 at once, so 3 different ones or more if every box is right; "
        "5 were followed from look to look and 2 more seen in one look only (an estimate: one lost and found again "
        "counts twice, two taken for one count once). Most at once at "
        "2026-03-04 02:10:05 UTC. Seen from 2026-03-04 02:10:01 UTC to 2026-03-04 02:11:30 UTC, in 2 stretches. Looked at every 1 s at "
        "the least; a look misses 25% of them."
    )
    assert (made.kind, made.locator, made.media) == (Kind.PASSAGE, FrameAt(1_000, 90_000), None)
    assert made.valid == Interval(START + 1_000_000, START + 90_000_000)
    assert made.mentions == (Mention("CAM-02", Relation.OBSERVED_AT),) and made.notes == ("a note",)
    assert made.data["stretches"] == [[1_000, 20_000, 3], [80_000, 90_000, 1]] and made.data["missed"] == 0.25


def test_without_a_clock_and_a_measured_rate_that_is_said() -> None:
    made = summary(COUNTED, Looked("yard", None, None, 960, {"eyes": {"person": 1.0}}), {}, ())
    assert made.text.startswith("yard counts person") and "Most at once at 00:05 into the clip" in made.text
    assert "how many a look misses is not measured" in made.text
    assert made.valid is None and made.mentions == () and made.data["missed"] is None
