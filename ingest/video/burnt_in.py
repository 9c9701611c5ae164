"""Text burnt into frames, read within a budget.

Looking for lines in a whole frame costs some 0.6 s, reading a known line 0.02 s. So the whole frame is searched on the first frame, on
a change of scene and now and then; in between only the lines already known are read again, and on the rest of the frames a
line is carried over when its pixels have not changed (a clock's digits are never carried over). What looks like a clock is read again
with more room at both ends: a digit that the search cut off would make another time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image

from ingest.ocr import RegionReader
from ingest.ports import TextReader
from ingest.video.clock import may_be_clock, whole_parts, without_clock
from ingest.video.keep import OTHER_PICTURE
from retrieval.types import Box

_PAD = 0.006
_SAME = 10.0
_SAME_CLOCK = 25.0


class Line(NamedTuple):
    """A line of text. `carried`: taken over from an earlier frame whose pixels there look the same."""

    text: str
    box: Box
    carried: bool = False


class Budget(NamedTuple):
    """How often, in media time: a full search at most `full` times and every `full_ms`, known lines every `lines_ms`."""

    full: int = 4
    full_ms: int = 300_000
    lines_ms: int = 20_000

    @classmethod
    def for_length(cls, length_ms: int) -> Budget:
        """A few readings in a short clip, one every 20 s in a long one."""
        return cls(4 + length_ms // 300_000, 300_000, max(200, min(20_000, length_ms // 6)) if length_ms else 20_000)


class _Known(NamedTuple):
    text: str
    box: Box
    look: NDArray[np.int16]


class BurntIn:
    """Reads the frames of one clip in order. `looked` are the times (ms) of the frames that were really read."""

    def __init__(self, reader: TextReader, budget: Budget) -> None:
        self._reader = reader
        self._budget = budget
        self._known: list[_Known] = []
        self._fulls = 0
        self._last_full = self._last_read = -(1 << 40)
        self.looked: list[int] = []

    def read(self, ms: int, image: Image, changed: float) -> list[Line]:
        """The lines of a frame; `changed` is the share of the picture that is new."""
        other = changed > OTHER_PICTURE and self._fulls < self._budget.full
        if other or ms - self._last_full >= self._budget.full_ms:
            return self._search(ms, image)
        if self._known and ms - self._last_read >= self._budget.lines_ms:
            return self._again(ms, image)
        return self._carried(image)

    def _search(self, ms: int, image: Image) -> list[Line]:
        self._fulls += 1
        self._last_full = self._last_read = ms
        self.looked.append(ms)
        lines = self._whole(image, [Line(text, box) for text, box in self._reader.lines(image)])
        self._known = [_Known(line.text, line.box, _look(image, line.box)) for line in lines]
        return lines

    def _whole(self, image: Image, lines: list[Line]) -> list[Line]:
        """The lines, those that may be clocks with nothing cut off."""
        places = [place for place, line in enumerate(lines) if may_be_clock(line.text)]
        boxes = [_roomier(lines[place].box, [line.box for line in lines], image.size) for place in places]
        texts = recognise(self._reader, [_crop(image, box) for box in boxes]) if boxes else []
        for place, box, text in zip(places, boxes, texts, strict=True):
            if _worth(text) >= _worth(lines[place].text):
                lines[place] = Line(text, box)
        return lines

    def _again(self, ms: int, image: Image) -> list[Line]:
        self._last_read = ms
        self.looked.append(ms)
        texts = recognise(self._reader, [_crop(image, known.box) for known in self._known])
        lines = [Line(text, known.box) for text, known in zip(texts, self._known, strict=True) if text]
        self._known = [
            _Known(text or known.text, known.box, _look(image, known.box))
            for text, known in zip(texts, self._known, strict=True)
        ]
        return lines

    def _carried(self, image: Image) -> list[Line]:
        lines = []
        for known in self._known:
            rest = without_clock(known.text)
            limit = _SAME if rest == known.text else _SAME_CLOCK
            if rest and _difference(known.look, _look(image, known.box)) < limit:
                lines.append(Line(rest, known.box, carried=True))
        return lines


def recognise(reader: TextReader, crops: list[Image]) -> list[str]:
    """Read crops of one line each, the cheap way where the reader has one."""
    if isinstance(reader, RegionReader):
        return reader.recognise(crops)
    return [" ".join(text for text, _ in reader.lines(crop)) for crop in crops]


def _crop(image: Image, box: Box) -> Image:
    x0, y0, x1, y1 = box
    width, height = image.size
    pad = max(1, round(_PAD * height))
    return image.crop((
        max(0, round(x0 * width) - pad), max(0, round(y0 * height) - pad),
        min(width, round(x1 * width) + pad), min(height, round(y1 * height) + pad),
    ))  # fmt: skip


def _roomier(box: Box, others: Sequence[Box], size: tuple[int, int]) -> Box:
    """The box with the height of a line more at both ends, but not into other boxes beside it."""
    x0, y0, x1, y1 = box
    room = (y1 - y0) * size[1] / size[0]
    beside = [other for other in others if other != box and other[1] < y1 and y0 < other[3]]
    left = max([0.0, x0 - room, *(other[2] for other in beside if other[2] <= x0)])
    right = min([1.0, x1 + room, *(other[0] for other in beside if other[0] >= x1)])
    return (round(left, 4), y0, round(right, 4), y1)


def _worth(text: str) -> tuple[int, int]:
    """What a reading of a clock is preferred by: its whole parts, then its letters."""
    return whole_parts(text), sum(map(str.isalnum, text))


def _look(image: Image, box: Box) -> NDArray[np.int16]:
    return np.asarray(_crop(image, box).convert("L").resize((64, 16)), np.int16)


def _difference(left: NDArray[np.int16], right: NDArray[np.int16]) -> float:
    return float(np.abs(left - right).mean())
