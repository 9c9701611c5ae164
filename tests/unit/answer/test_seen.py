"""What eyes saw, and when they saw nothing: not observed, not recorded, or not known."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from retrieval.types import FrameAt, Kind, Principal, Verdict

from .conftest import covered, frames, site, span

DAY = "on 4 March 2026"


def test_episodes_join_near_frames_and_part_far_ones(plant: Any) -> None:
    finding = plant.find(f"Was any person seen on CAM-07 between 10:00 and 10:30 {DAY}?")
    assert finding.verdict is Verdict.ANSWERED
    texts = [c.text for c in finding.claims]
    assert len(texts) == 2 and "10:00:00–10:00:10" in texts[0] and "10:20:00–10:20:05" in texts[1]
    assert {c.kind for one in finding.claims for c in one.citations} == {Kind.FRAME}


def test_the_place_leads_to_its_camera(plant: Any) -> None:
    finding = plant.find(f"Was a person in Zone B between 10:00 and 11:00 {DAY}?")
    assert finding.verdict is Verdict.ANSWERED
    assert {c.source for one in finding.claims for c in one.citations} == {"file:///site/CAM-07.mp4"}


def test_counting_takes_the_most_at_once(plant: Any) -> None:
    finding = plant.find(f"How many people were seen on CAM-07 between 10:00 and 11:00 {DAY}?")
    assert "3 × person" in finding.claims[0].text and "10:40:00" in finding.claims[0].text


def test_counting_cites_what_was_followed_through_the_clip(tmp_path: Path, house_in: Callable[[Path], Any]) -> None:
    house = house_in(tmp_path)
    seen = frames(house, "CAM-07", ["10:00:00", "10:00:05"], person=2)
    told = {"label": "person", "most": 2, "tracks": 5, "lasting": 3}
    place, valid = FrameAt(0, 10_000), span("10:00:00", "10:00:10")
    made = [
        house.piece(
            "CAM-07.mp4",
            Kind.PASSAGE,
            place,
            f"counts {each}",
            valid=valid,
            on=("CAM-07",),
            data=told | {"label": each},
        )
        for each in ("person", "car")
    ]
    filmed = covered("CAM-07", "CAM-07.mp4", [span("10:00", "11:00")], "motion-sampling+d", {"person": 0.05}, 1.0)
    house.put(*seen, *made, coverage=filmed, **site())
    finding = house.find(f"How many people were seen on CAM-07 between 10:00 and 11:00 {DAY}?")
    at_once, followed = finding.claims
    assert "2 × person" in at_once.text and [each.kind for each in followed.citations] == [Kind.PASSAGE]
    assert "through CAM-07.mp4" in followed.text and "10:00:00" in followed.text
    assert "3 × person and 2 more seen in one look only, at most 2 at once; an estimate" in followed.text


@pytest.mark.parametrize(
    ("question", "verdict"),
    [
        # recorded and examined throughout by what can see people
        (f"Was any person seen on CAM-07 between 11:00 and 12:45 {DAY}?", Verdict.NOT_OBSERVED),
        (f"Was any person seen in Zone C between 10:00 and 12:00 {DAY}?", Verdict.NOT_OBSERVED),
        (f"Was there a fire on CAM-07 between 11:00 and 12:45 {DAY}?", Verdict.NOT_OBSERVED),
        # the camera was off for all, or for a part, of the window
        (f"Was any person seen on CAM-07 between 13:10 and 13:50 {DAY}?", Verdict.NOT_RECORDED),
        (f"Was any person seen on CAM-07 between 12:00 and 14:30 {DAY}?", Verdict.NOT_RECORDED),
        ("Was any person seen on CAM-07 on 20 January 2026?", Verdict.NOT_RECORDED),
        # this camera's detector is weak at fire: its silence means nothing
        (f"Was there a fire on CAM-08 between 10:00 and 12:00 {DAY}?", Verdict.INSUFFICIENT),
    ],
)
def test_verdicts_on_nothing(plant: Any, question: str, verdict: Verdict) -> None:
    finding = plant.find(question)
    assert finding.verdict is verdict, finding
    if verdict is not Verdict.NOT_OBSERVED:
        assert finding.claims == ()


def test_not_observed_says_what_looked(plant: Any) -> None:
    finding = plant.find(f"Was any person seen on CAM-07 between 11:00 and 12:45 {DAY}?")
    (made,) = finding.claims
    assert "5%" in made.text and made.citations
    assert [note.status for note in finding.notes] == ["examined"]
    assert "motion-sampling" in finding.notes[0].text


def test_the_gap_is_told(plant: Any) -> None:
    finding = plant.find(f"Was any person seen on CAM-07 between 12:00 and 14:30 {DAY}?")
    gaps = [note for note in finding.notes if note.status == "gap"]
    assert len(gaps) == 1 and gaps[0].valid is not None
    assert gaps[0].valid.seconds == 3600 and "13:00:00–14:00:00" in gaps[0].text


def test_what_is_seen_stays_within_the_tenant(plant: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plant, "me", Principal("other"))
    finding = plant.find(f"Was any person seen on CAM-07 between 10:00 and 10:30 {DAY}?")
    assert finding.claims == () and finding.verdict is not Verdict.NOT_OBSERVED
