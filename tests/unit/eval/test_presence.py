"""The suite `presence`: its annotation, and how seconds are judged and counted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.eyes import presence
from eval.eyes.annotations import LABELS, PERSON, VEHICLE, Annotation, read_all
from eval.eyes.presence import Second, Stored
from retrieval.errors import InputError
from retrieval.types import Coverage, Evidence, FrameAt, Kind, Layer, Provenance

CLIP = Annotation(
    clip="a.avi",
    seconds=6,
    note="",
    visible={PERSON: [(0, 2), (4, 6)], VEHICLE: [(1, 2)]},
    unsure={PERSON: [(5, 6)]},
    counts={PERSON: [(0, 1, 2), (4, 5, 1)]},
)


def frame(start_ms: int, end_ms: int, **counts: int) -> Evidence:
    return Evidence(
        id=f"e{start_ms}",
        tenant="t",
        source="file:///a.avi",
        kind=Kind.FRAME,
        locator=FrameAt(start_ms, end_ms),
        text="",
        provenance=Provenance("test"),
        data={"counts": counts},
    )


def examined(**able: float) -> Coverage:
    return Coverage(source="file:///a.avi", subject="s", layer=Layer.EXAMINED, tenant="t", by="eyes", able=able)


STORED = Stored(
    [frame(0, 1400, person=3), frame(1400, 3000, car=1), frame(3000, 5000, person=1, bus=1)], [examined(person=0.2)]
)


def test_every_clip_is_annotated_in_full_and_few_seconds_are_unsure() -> None:
    clips = read_all()
    assert len(clips) == 8 and sum(each.seconds for each in clips) == 272
    unsure = [there is None for each in clips for label in (PERSON, VEHICLE) for there in each.truth(label)]
    assert sum(unsure) <= 0.02 * len(unsure)
    for each in clips:
        for label in (PERSON, VEHICLE):
            for there, many in zip(each.truth(label), each.counted(label), strict=True):
                assert there is None or many is None or there == (many > 0), each.clip
        kinds = [each.truth(label) for label in LABELS[2:]]
        # whatever is seen of one kind is a vehicle
        assert all(vehicle or not any(rest) for vehicle, *rest in zip(each.truth(VEHICLE), *kinds, strict=True))


@pytest.mark.parametrize(
    "fields",
    [
        '"visible": {"person": [[0, 4]]}',  # beyond the end
        '"visible": {"person": [[2, 3], [0, 1]]}',  # out of order
        '"visible": {"person": [[1, 1]]}',  # empty
        '"visible": {"dog": [[0, 1]]}',  # no such label
        '"seen": {}',  # no such field
    ],
)
def test_an_annotation_that_is_wrong_is_refused_with_its_name(fields: str, tmp_path: Path) -> None:
    (tmp_path / "clip.json").write_text(f'{{"clip": "a.avi", "seconds": 3, "note": "", {fields}}}')
    with pytest.raises(InputError, match=r"clip\.json"):
        read_all(tmp_path)


def test_truth_and_counts_are_laid_out_by_second() -> None:
    assert CLIP.truth(PERSON) == [True, True, False, False, True, None]
    assert CLIP.truth("bus") == [False] * 6
    assert CLIP.counted(PERSON) == [2, None, None, None, 1, None]


def test_a_second_is_judged_by_the_frame_that_stands_for_its_middle() -> None:
    judged = presence.judged(CLIP, STORED, PERSON)
    assert [one.seen for one in judged] == [True, False, False, True, True, False]
    # a bus is a vehicle; nothing stands for the last second
    assert [one.seen for one in presence.judged(CLIP, STORED, VEHICLE)] == [False, True, True, True, True, False]


def test_figures_leave_out_what_is_unsure() -> None:
    told = presence.figures(presence.judged(CLIP, STORED, PERSON))
    assert (told["seconds"], told["there"], told["unsure"], told["runs"]) == (5, 3, 1, 3)
    assert told["precision"] == told["recall"] == told["F1"] == pytest.approx(2 / 3)
    assert presence.tally(presence.judged(CLIP, STORED, PERSON)) == {
        "seconds": 5,
        "there and seen": 2,
        "missed": 1,
        "false": 1,
        "neither": 1,
    }


def test_a_share_of_nothing_is_no_figure() -> None:
    told = presence.figures(presence.judged(CLIP, STORED, "truck"))
    assert told["there"] == 0 and told["precision"] is None and told["recall low"] is None and told["F1"] is None
    claimed = presence.figures(presence.judged(CLIP, STORED, "bus"))
    assert claimed["precision"] == 0.0 and claimed["recall"] is None


def test_counts_are_compared_where_they_were_made() -> None:
    told = presence.counting([CLIP], {"a.avi": STORED}, PERSON)
    assert told == {
        "seconds": 2,
        "mean_error": 0.5,
        "too_many": 1,
        "too_few": 0,
        "most": {"a.avi": {"by eye": 2, "stored": 3}},
    }


def test_the_rate_of_misses_is_the_mean_over_clips() -> None:
    there = [
        Second("a", True, False),
        Second("a", True, True),
        *[Second("b", True, True)] * 8,
        Second("b", False, True),
    ]
    told = presence.missing(there, [STORED], PERSON)
    assert told == {"missed": 1, "seconds": 10, "clips": 2, "rate": 0.25, "stated": [0.2]}


SECONDS = st.lists(
    st.builds(Second, st.sampled_from("ab"), st.sampled_from([True, False, None]), st.booleans()), min_size=1
).filter(lambda some: any(one.there is not None for one in some))


@given(SECONDS)
def test_runs_hold_every_second_once_and_tally_to_the_whole(seconds: list[Second]) -> None:
    stretches = presence.runs(seconds)
    assert [one for run in stretches for one in run] == seconds
    assert all(len({(one.clip, one.there) for one in run}) == 1 for run in stretches)
    total = np.array([presence.tallied(run) for run in stretches]).sum(axis=0)
    assert tuple(total) == presence.tallied(seconds)
