"""The Reader for still pictures: jpg and png. One picture is one frame, [0, 0) of media time, at the instant it was taken."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

import msgspec

from ingest.ports import Batch, Detector, Item, TextReader
from ingest.sandbox import Limits, run_as
from ingest.still import Still, StillOrder
from ingest.video import seen as eyes
from ingest.video.burnt_in import Line
from ingest.video.clock import Writing, clock_in
from ingest.video.coverage import ClipCoverage
from ingest.video.drafts import Picture, between, draft
from ingest.video.messages import Sampling
from ingest.video.reader import open_jpeg, refuse_empty, versioned
from ingest.video.start import Start, find_start, offset_zone, zone_of
from ingest.video.veil import Veil
from ingest.vision.redact import Redactor
from retrieval.times import to_micros

_LIMITS = Limits(wall_s=60, cpu_s=60)


class ImageReader:
    """Reads stills. Their time comes from a sidecar, the file name, EXIF or a burnt-in clock; else it stays unknown."""

    name = "image"

    def __init__(
        self,
        detectors: Sequence[Detector] = (),
        ocr: TextReader | None = None,
        limits: Limits | None = None,
        sampling: Sampling | None = None,
        redactor: Redactor | None = None,
    ) -> None:
        self._detectors = tuple(detectors)
        self._ocr = ocr
        self._limits = limits or _LIMITS
        self._sampling = sampling or Sampling()
        self._redactor = redactor
        self.version = versioned("2", self._detectors, ocr, self._sampling) + (f"; {redactor.name}" if redactor else "")

    def accepts(self, item: Item) -> bool:
        return item.media_type in ("image/jpeg", "image/png")

    def read(self, item: Item, tenant: str) -> Iterator[Batch]:
        """Raises SourceRejected: empty, truncated, unreadable, too_large, timeout, and privacy where what its policy blurs
        cannot be found."""
        refuse_empty(item.path)
        start = find_start(item)
        veil = Veil(self._redactor, item.policy, start.camera)
        order = StillOrder(str(item.path), self._sampling.long_side, self._sampling.jpeg_quality)
        for still in run_as(Still, "ingest.still:picture", msgspec.to_builtins(order), self._limits):
            yield self._batch(item, still, start, tenant, veil)

    def _batch(self, item: Item, still: Still, start: Start, tenant: str, veil: Veil) -> Batch:
        image = open_jpeg(still.jpeg)
        lines = self._lines(still)
        start = _timed(start, still, lines, item)
        seen = eyes.look(self._detectors, [image])
        (shown,) = veil.over([still.jpeg], [image], seen, [lines])
        picture = Picture(
            shown.jpeg,
            (0, 0),
            between(start.at, (0, 0)),
            seen[0],
            shown.lines,
            {
                "brightness": still.brightness,
                "sharpness": still.sharpness,
                "width": still.width,
                "height": still.height,
            }
            | ({"blurred": shown.blurred} if veil.wanted else {}),
            (*start.notes, *veil.notes),
        )
        made = ClipCoverage(item, tenant, start.camera or item.uri, start.at, 0)
        records = [made.recorded(), *made.examined(self._detectors, 0, ""), *made.hidden(veil, 0, "")]
        if self._ocr is not None:
            records += made.text(self._ocr, [0])
        return Batch([draft(picture, Path(item.name).stem, start.camera, self._models() | veil.models)], records)

    def _lines(self, still: Still) -> list[Line]:
        if self._ocr is None:
            return []
        return [Line(text, box) for text, box in self._ocr.lines(open_jpeg(still.reading or still.jpeg))]

    def _models(self) -> dict[str, str]:
        models = {"ocr": self._ocr.name} if self._ocr else {}
        if self._detectors:
            models["detectors"] = ", ".join(detector.name for detector in self._detectors)
        return models


def _timed(start: Start, still: Still, lines: Sequence[Line], item: Item) -> Start:
    """The start as it stands, else from EXIF, else from a clock in the picture."""
    if start.at is not None:
        return start
    zone_name = item.policy.timezone
    zone = zone_of(zone_name)
    if still.taken:
        try:
            moment = datetime.strptime(still.taken.strip("\0 "), "%Y:%m:%d %H:%M:%S")  # noqa: DTZ007 - the zone follows
        except ValueError:
            return start._replace(notes=(*start.notes, f"EXIF states no readable time: {still.taken!r}"))
        stated = offset_zone(still.offset) if still.offset[:1] in ("+", "-") else None
        note = "time from EXIF" + ("" if stated else f", read in {zone_name}")
        return start._replace(
            at=to_micros(moment.replace(tzinfo=stated or zone)), how="made", notes=(*start.notes, note)
        )
    if found := clock_in([line.text for line in lines], Writing(zone, item.policy.dates)):
        note = "time from the burnt-in clock" + ("" if found.zoned else f", read in {zone_name}")
        return start._replace(at=found.at, how="clock", notes=(*start.notes, note))
    return start._replace(notes=(*start.notes, "time unknown"))
