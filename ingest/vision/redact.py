"""People, faces and number plates made unseen before a picture is kept.

Each box is filled with its own mean colour: three figures are all that is left of it, so that nothing can be made of them again, in
one frame or from many. What the finders miss stays visible; how much that is, is told where it was measured.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np
from PIL import Image

from ingest.ports import Detection, Detector
from ingest.vision.tracking import area
from retrieval.errors import SourceRejected
from retrieval.pictures import jpeg
from retrieval.types import Box

PERSON, FACE, PLATE = "person", "face", "plate"
BLURRABLE = (PERSON, FACE, PLATE)
_QUALITY = 85
# a line of text that shares so much of its area with what is blurred goes with it
_HIDDEN = 0.1
_PAD = 0.1
VEHICLES = frozenset({"car", "truck", "bus", "motorcycle", "van", "vehicle", "lorry"})
_PLATE_SIGNS = re.compile(r"(?=(?:\W*\w){5,9}\W*$)(?=.*[A-Za-z])(?=.*\d.*\d)[\w .:·-]+")


class Finder(Protocol):
    """Finds what must not be seen. `missed` is its measured miss rate in [0, 1], None where none was measured. What lies `within`
    something else that is blurred too need not be looked for."""

    name: str
    missed: float | None
    within: str

    def find(self, images: Sequence[Image.Image]) -> list[list[Box]]:
        """Boxes in fractions of each picture."""


class Written(Protocol):
    """A line of text in a picture."""

    @property
    def text(self) -> str: ...

    @property
    def box(self) -> Box: ...


class Redacted(NamedTuple):
    """A picture in which `boxes` (by what they hide) are filled."""

    image: Image.Image
    boxes: dict[str, list[Box]]

    def hides(self, box: Box) -> bool:
        """Whether more than a tenth of a box lies in one that is filled."""
        whole = max(area(box), 1e-9)
        return any(area(_shared(box, each)) > _HIDDEN * whole for found in self.boxes.values() for each in found)

    def jpeg(self) -> bytes:
        """The picture as JPEG, without anything of the one it was made from but its pixels."""
        return jpeg(self.image, _QUALITY)

    def counts(self) -> dict[str, int]:
        """How many boxes of each."""
        return {name: len(found) for name, found in self.boxes.items()}


class Redactor:
    """Fills what a policy asks for. `finders` are those at hand, `off` says of each of the rest why it is off and what to do."""

    def __init__(self, finders: Mapping[str, Sequence[Finder]], off: Mapping[str, str]) -> None:
        self._finders = {name: tuple(found) for name, found in finders.items()}
        self.off = dict(off)
        told = "; ".join(f"{name}: {_names(found)}" for name, found in sorted(self._finders.items()))
        self.name = f"blur 1 ({told or 'nothing'})"

    def refuse(self, wanted: Iterable[str]) -> None:
        """Raises SourceRejected when something that must be blurred cannot be found: such a picture is not kept at all."""
        for name in wanted:
            if name not in self._finders:
                why = self.off.get(name, "nothing here can find one")
                raise SourceRejected(f"its policy blurs every {name}, and that is off: {why}", kind="privacy")

    def redact(
        self, images: Sequence[Image.Image], wanted: Sequence[str], plates: Sequence[Sequence[Box]]
    ) -> list[Redacted]:
        """Each picture without what is wanted away. `plates` are boxes of plates that reading the picture gave, one list a picture.

        Raises SourceRejected as `refuse` does.
        """
        self.refuse(wanted)
        found: list[dict[str, list[Box]]] = [{name: [] for name in wanted} for _ in images]
        for name in wanted:
            for finder in self._finders[name]:
                if finder.within not in wanted:
                    for boxes, more in zip(found, finder.find(images), strict=True):
                        boxes[name] += more
        if PLATE in wanted:
            for boxes, read in zip(found, plates, strict=True):
                boxes[PLATE] += read
        return [Redacted(filled(image, boxes), boxes) for image, boxes in zip(images, found, strict=True)]

    def model(self, wanted: Sequence[str]) -> str:
        """What finds the things that are wanted away, for provenance."""
        return "; ".join(f"{name}: {_names(self._finders[name])}" for name in wanted)

    def notes(self, wanted: Sequence[str]) -> tuple[str, ...]:
        """What was done and what it may have missed, for provenance."""
        missed = ", ".join(f"{name} {_rate(self._missed(name))}" for name in wanted)
        return (
            f"blurred before it was kept: {', '.join(wanted)}; what was not found is still to be seen (missed: {missed})",
        )

    def able(self, wanted: Sequence[str]) -> dict[str, float]:
        """{"blurred face": miss rate}; 1.0 where none was measured."""
        rates = {name: self._missed(name) for name in wanted}
        return {f"blurred {name}": 1.0 if rate is None else rate for name, rate in rates.items()}

    def _missed(self, name: str) -> float | None:
        """The largest of the finders' miss rates: together they miss less, but how much less was not measured."""
        return max((each.missed for each in self._finders[name] if each.missed is not None), default=None)


def filled(image: Image.Image, boxes: Mapping[str, Sequence[Box]]) -> Image.Image:
    """A copy in which each box is its own mean colour; boxes are widened to whole pixels, and none is left unfilled."""
    before = np.asarray(image.convert("RGB"))
    after = before.copy()
    height, width = before.shape[:2]
    for box in (box for found in boxes.values() for box in found):
        x0, y0 = max(0, int(np.floor(box[0] * width))), max(0, int(np.floor(box[1] * height)))
        x1, y1 = min(width, int(np.ceil(box[2] * width))), min(height, int(np.ceil(box[3] * height)))
        if x1 > x0 and y1 > y0:
            after[y0:y1, x0:x1] = before[y0:y1, x0:x1].reshape(-1, 3).mean(axis=0).round()
    return Image.fromarray(after)


def plate_boxes(lines: Sequence[Written], seen: Mapping[str, Sequence[Detection]], camera: str | None) -> list[Box]:
    """Where text gives a number plate away: any line on a vehicle, and any that reads like a plate (5 to 9 letters and figures, at
    least one letter and two figures), but for the camera's own name. A tag that reads like a plate counts as one."""
    vehicles = [d.box for found in seen.values() for d in found if d.box and d.label in VEHICLES]
    return [
        line.box
        for line in lines
        if line.text != camera
        and (
            _PLATE_SIGNS.fullmatch(line.text)
            or any(area(_shared(line.box, box)) > _HIDDEN * max(area(line.box), 1e-9) for box in vehicles)
        )
    ]


class People:
    """People by the boxes of a detector, a tenth wider on each side."""

    within = ""

    def __init__(self, detector: Detector) -> None:
        self.name, self._detector = detector.name, detector
        self.missed: float | None = measured(detector, PERSON)

    def find(self, images: Sequence[Image.Image]) -> list[list[Box]]:
        return [[padded(box, _PAD) for box in found] for found in boxes_of(self._detector, images)]


class Heads:
    """The upper half of every person a detector sees: faces too small, too dark or too far turned for a finder of faces. Of people who
    sit behind something the box ends there, so that less than a half would leave chins."""

    within = PERSON
    missed: float | None = None

    def __init__(self, detector: Detector) -> None:
        self.name, self._detector = f"upper halves of people by {detector.name}", detector

    def find(self, images: Sequence[Image.Image]) -> list[list[Box]]:
        return [[_part(box, -_PAD, 0.5) for box in found] for found in boxes_of(self._detector, images)]


class Bumpers:
    """The lower two thirds of every vehicle a detector sees: plates that no finder of plates finds."""

    within = ""
    missed: float | None = None

    def __init__(self, detector: Detector) -> None:
        self.name, self._detector = f"lower parts of vehicles by {detector.name}", detector

    def find(self, images: Sequence[Image.Image]) -> list[list[Box]]:
        return [[_part(box, 1 / 3, 1 + _PAD) for box in found] for found in boxes_of(self._detector, images, VEHICLES)]


def boxes_of(
    detector: Detector, images: Sequence[Image.Image], labels: frozenset[str] = frozenset({PERSON})
) -> list[list[Box]]:
    """The boxes of what is labelled so in each picture."""
    return [[d.box for d in found if d.label in labels and d.box] for found in detector.detect(images)]


def measured(detector: Detector, label: str) -> float | None:
    """A detector's miss rate; None where it stands at 1.0, which says that none was measured."""
    rate = detector.able.get(label, 1.0)
    return rate if rate < 1.0 else None


def padded(box: Box, share: float) -> Box:
    """A box with `share` of its width and height added on each side, cut at the picture's edges."""
    x, y = share * (box[2] - box[0]), share * (box[3] - box[1])
    return max(0.0, box[0] - x), max(0.0, box[1] - y), min(1.0, box[2] + x), min(1.0, box[3] + y)


def _part(box: Box, top: float, bottom: float) -> Box:
    """A box from one share of its height to another, and a tenth wider on each side."""
    wide, high = padded(box, _PAD), box[3] - box[1]
    return wide[0], max(0.0, box[1] + top * high), wide[2], min(1.0, box[1] + bottom * high)


def _shared(one: Box, other: Box) -> Box:
    return max(one[0], other[0]), max(one[1], other[1]), min(one[2], other[2]), min(one[3], other[3])


def _names(finders: Sequence[Finder]) -> str:
    return ", ".join(each.name for each in finders)


def _rate(missed: float | None) -> str:
    return "not measured" if missed is None else f"{missed:.0%}"
