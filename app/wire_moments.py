"""Moments as JSON, and back."""

from __future__ import annotations

from urllib.parse import quote

import msgspec

from app.unwire import interval_of
from app.wire import Span, span_of
from retrieval.moment import Moment
from retrieval.types import Evidence, FrameAt, Kind, Provenance


class Thumbnail(msgspec.Struct, frozen=True):
    """A kept frame of a moment: it stands for [ms, end_ms) of media time."""

    evidence: str
    ms: int
    end_ms: int
    media: str


class WireMoment(msgspec.Struct, frozen=True):
    """From when to when a moment lasts, in ms of media time and in UTC where known; `clip` is the path that plays it."""

    frame: str
    source: str
    label: str | None
    start_ms: int
    end_ms: int
    valid: Span | None
    clip: str
    thumbnails: list[Thumbnail]


def moment_out(moment: Moment) -> WireMoment:
    asked = "" if moment.label is None else f"?label={quote(moment.label)}"
    places = [(each.id, each.locator) for each in moment.frames]
    return WireMoment(
        frame=moment.frame,
        source=moment.source,
        label=moment.label,
        start_ms=moment.span_ms[0],
        end_ms=moment.span_ms[1],
        valid=span_of(moment.valid),
        clip=f"/v1/evidence/{moment.frame}/clip{asked}",
        thumbnails=[
            Thumbnail(id_, at.ms, at.until_ms, f"/v1/evidence/{id_}/media")
            for id_, at in places
            if isinstance(at, FrameAt)
        ],
    )


def moment_in(wire: WireMoment, tenant: str) -> Moment:
    """The way back of moment_out: its frames hold their place and nothing else."""
    frames = tuple(
        Evidence(
            id=each.evidence,
            tenant=tenant,
            source=wire.source,
            kind=Kind.FRAME,
            locator=FrameAt(each.ms, each.end_ms),
            text="",
            provenance=Provenance(""),
        )
        for each in wire.thumbnails
    )
    span = (wire.start_ms, wire.end_ms)
    valid = interval_of(wire.valid)
    return Moment(frame=wire.frame, source=wire.source, label=wire.label, span_ms=span, valid=valid, frames=frames)
