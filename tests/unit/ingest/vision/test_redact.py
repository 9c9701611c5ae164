"""What must not be seen is filled for good, nothing else is touched, and what cannot be found is refused."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from ingest.ports import Detection, SourcePolicy, camera_key
from ingest.video.burnt_in import Line
from ingest.video.veil import Veil
from ingest.vision.redact import (
    Bumpers,
    Heads,
    People,
    Redacted,
    Redactor,
    filled,
    measured,
    padded,
    plate_boxes,
)
from retrieval.errors import SourceRejected
from retrieval.types import Box

NOISE = Image.fromarray(np.random.default_rng(4).integers(0, 256, (60, 80, 3), np.uint8))
fraction = st.floats(0, 1, width=32)
boxes = st.tuples(fraction, fraction, fraction, fraction).map(
    lambda c: (min(c[0], c[2]), min(c[1], c[3]), max(c[0], c[2]), max(c[1], c[3]))
)


class Marked(NamedTuple):
    """A finder that finds the same boxes in every picture."""

    found: list[Box]
    name: str = "marked 1"
    missed: float | None = 0.1
    within: str = ""

    def find(self, images: Sequence[Image.Image]) -> list[list[Box]]:
        return [list(self.found) for _ in images]


class Eyes:
    """A detector of one person and one car."""

    name = "eyes 1"
    able = {"person": 0.25, "car": 1.0}
    weak: dict[str, float] = {}
    aliases: dict[str, str] = {}

    def detect(self, images: Sequence[Image.Image]) -> list[list[Detection]]:
        seen = [Detection("person", 0.9, (0.2, 0.2, 0.4, 0.8)), Detection("car", 0.9, (0.6, 0.6, 0.9, 0.9))]
        return [seen for _ in images]


def pixels(box: Box, size: tuple[int, int]) -> tuple[slice, slice]:
    (w, h), (x0, y0, x1, y1) = size, box
    return slice(int(np.floor(y0 * h)), int(np.ceil(y1 * h))), slice(int(np.floor(x0 * w)), int(np.ceil(x1 * w)))


@given(boxes)
def test_one_colour_is_left_of_a_box_and_all_else_is_as_it_was(box: Box) -> None:
    before, after = np.asarray(NOISE), np.asarray(filled(NOISE, {"person": [box]}))
    inside = pixels(box, NOISE.size)
    untouched = np.ones(before.shape[:2], bool)
    untouched[inside] = False
    assert (before[untouched] == after[untouched]).all()
    assert len(np.unique(after[inside].reshape(-1, 3), axis=0)) <= 1


@given(boxes)
def test_what_is_under_a_box_cannot_be_told_from_the_pixels_left(box: Box) -> None:
    """Two pictures that differ only in how the pixels under the box are arranged come out the same."""
    other = np.asarray(NOISE).copy()
    inside = other[pixels(box, NOISE.size)]
    other[pixels(box, NOISE.size)] = inside[::-1, ::-1]
    assert filled(NOISE, {"face": [box]}).tobytes() == filled(Image.fromarray(other), {"face": [box]}).tobytes()


def test_the_kept_jpeg_carries_nothing_but_pixels() -> None:
    picture = NOISE.copy()
    picture.info["comment"] = b"the plate is AB12 CDE"
    made = Redacted(filled(picture, {}), {}).jpeg()
    with Image.open(io.BytesIO(made)) as read:
        assert read.info.get("comment") is None and not read.getexif()


def test_a_line_goes_when_a_tenth_of_it_is_under_a_box() -> None:
    made = Redacted(NOISE, {"person": [(0.5, 0.0, 1.0, 1.0)]})
    assert made.hides((0.4, 0.4, 0.6, 0.5)) and not made.hides((0.1, 0.4, 0.54, 0.5))
    assert not Redacted(NOISE, {}).hides((0.0, 0.0, 1.0, 1.0))


@pytest.mark.parametrize(
    ("text", "box", "is_one"),
    [
        ("AB12 CDE", (0.1, 0.1, 0.2, 0.15), True),
        ("1234 BCD", (0.1, 0.1, 0.2, 0.15), True),
        ("KA-MN 407", (0.1, 0.1, 0.2, 0.15), True),
        ("DHL", (0.65, 0.7, 0.75, 0.75), True),  # on the car
        ("DHL", (0.1, 0.1, 0.2, 0.15), False),
        ("EXIT", (0.1, 0.1, 0.2, 0.15), False),
        ("P-101", (0.1, 0.1, 0.2, 0.15), False),  # four signs are a tag
        ("2026-03-04 02:10:00", (0.1, 0.1, 0.4, 0.15), False),
        ("CAM-07", (0.1, 0.1, 0.2, 0.15), False),  # the camera's own name
        ("CAM-08", (0.1, 0.1, 0.2, 0.15), True),  # reads like one, and so counts as one
    ],
)
def test_text_that_gives_a_plate_away(text: str, box: Box, is_one: bool) -> None:
    seen = {"eyes 1": Eyes().detect([NOISE])[0]}
    assert plate_boxes([Line(text, box)], seen, "CAM-07") == ([box] if is_one else [])


def test_people_are_filled_with_a_margin_and_faces_by_their_heads() -> None:
    ((person,),) = People(Eyes()).find([NOISE])
    ((head,),) = Heads(Eyes()).find([NOISE])
    assert person == pytest.approx((0.18, 0.14, 0.42, 0.86))
    assert head == pytest.approx((0.18, 0.14, 0.42, 0.5))
    ((bumper,),) = Bumpers(Eyes()).find([NOISE])
    assert bumper == pytest.approx((0.57, 0.7, 0.93, 0.93))
    assert padded((0.0, 0.0, 1.0, 1.0), 0.1) == (0.0, 0.0, 1.0, 1.0)
    assert measured(Eyes(), "person") == 0.25 and measured(Eyes(), "car") is None


def test_what_lies_in_something_blurred_is_not_looked_for_again() -> None:
    redactor = Redactor(
        {"person": [Marked([(0, 0, 0.5, 0.5)])], "face": [Marked([(0, 0, 0.1, 0.1)], within="person")]}, {}
    )
    (both,) = redactor.redact([NOISE], ("face", "person"), [[]])
    assert both.counts() == {"face": 0, "person": 1}
    (face,) = redactor.redact([NOISE], ("face",), [[]])
    assert face.counts() == {"face": 1}


def test_what_cannot_be_found_is_refused_with_the_reason() -> None:
    redactor = Redactor({"face": [Marked([])]}, {"person": "no detector; install [eyes]"})
    with pytest.raises(
        SourceRejected, match=r"blurs every person, and that is off: no detector; install \[eyes\]"
    ) as caught:
        redactor.redact([NOISE], ("face", "person"), [[]])
    assert caught.value.kind == "privacy"
    with pytest.raises(SourceRejected, match="blurs every face"):
        Veil(None, SourcePolicy(blur=("face",)), None)


def test_a_veil_hides_pixels_and_words_and_says_so() -> None:
    redactor = Redactor({"person": [People(Eyes())], "plate": [Marked([], missed=None)]}, {})
    veil = Veil(redactor, SourcePolicy(blur=("person", "plate")), "CAM-07")
    lines = [
        Line("J. DOE", (0.25, 0.3, 0.35, 0.35)),
        Line("AB12 CDE", (0.65, 0.8, 0.75, 0.85)),
        Line("GATE", (0.0, 0.9, 0.1, 1.0)),
    ]
    (shown,) = veil.over([b"as it was"], [NOISE], [{"eyes 1": Eyes().detect([NOISE])[0]}], [lines])
    assert [line.text for line in shown.lines] == ["GATE"] and shown.blurred == {"person": 1, "plate": 1}
    with Image.open(io.BytesIO(shown.jpeg)) as kept:
        under = np.asarray(kept.convert("RGB"), np.int16)[pixels((0.25, 0.3, 0.35, 0.7), NOISE.size)]
    assert np.ptp(under.reshape(-1, 3), axis=0).max() < 12  # JPEG rounds a little; the noise had 255
    assert veil.models == {"blur": "person: eyes 1; plate: marked 1"}
    assert "missed: person 25%, plate not measured" in veil.notes[0]
    assert veil.able == {"blurred person": 0.25, "blurred plate": 1.0}


def test_without_a_policy_nothing_is_touched() -> None:
    veil = Veil(Redactor({}, {}), SourcePolicy(), "CAM-07")
    assert veil.over([b"jpeg"], [NOISE], [{}], [[]]) == [(b"jpeg", [], {})]
    assert (veil.models, veil.notes, veil.name) == ({}, (), "")


def test_a_camera_that_only_its_file_names_is_known_however_it_is_written_and_an_unknown_one_gets_all() -> None:
    policy = SourcePolicy(blur_by_camera={camera_key("CAM-07"): ("face",), camera_key("CAM-08"): ()}, blur=("plate",))
    assert policy.blurred("cam 07") == ("face", "plate")
    assert policy.blurred("CAM-08") == ("plate",)
    assert policy.blurred(None) == policy.blurred("CAM-99") == ("face", "plate")
