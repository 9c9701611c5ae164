"""A frame and what was found in it → a Draft."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ingest.ports import Draft
from ingest.video import seen as eyes
from ingest.video.burnt_in import Line
from ingest.video.clock import without_clock
from ingest.video.seen import Seen
from retrieval.types import FrameAt, Interval, Kind, Mention, Micros, Relation


class Picture(NamedTuple):
    """One frame or still. `span_ms` is what it stands for in media time; `valid` the same in UTC, or None."""

    jpeg: bytes
    span_ms: tuple[int, int]
    valid: Interval | None
    seen: Seen
    lines: Sequence[Line]
    data: dict[str, Any]
    notes: tuple[str, ...]


def draft(picture: Picture, label: str, camera: str | None, models: dict[str, str]) -> Draft:
    """`label` (the file's stem) is the text of a frame in which nothing is seen or read and whose camera is unknown."""
    totals = eyes.counts(picture.seen)
    said = eyes.words(totals)
    written = [line.text for line in picture.lines if line.text != camera]
    still = [rest for line in picture.lines if (rest := without_clock(line.text)) and rest != camera]
    text = _joined(camera, said, *written) or label
    data = {
        **picture.data,
        "detections": eyes.as_data(picture.seen),
        "counts": totals,
        "ocr": [{"text": line.text, "box": list(line.box), "carried": line.carried} for line in picture.lines],
    }
    start, end = picture.span_ms
    return Draft(
        kind=Kind.FRAME,
        locator=FrameAt(start, end),
        text=text,
        valid=picture.valid,
        media=picture.jpeg,
        media_type="image/jpeg",
        mentions=(Mention(camera, Relation.OBSERVED_AT),) if camera else (),
        data=data,
        models=models,
        notes=picture.notes,
        embed=_joined(camera, said, *still) if said or still else "",
    )


def between(start: Micros | None, span_ms: tuple[int, int]) -> Interval | None:
    """Media time → UTC."""
    return None if start is None else Interval(start + span_ms[0] * 1000, start + span_ms[1] * 1000)


def _joined(*parts: str | None) -> str:
    return " ".join(part for part in parts if part)
