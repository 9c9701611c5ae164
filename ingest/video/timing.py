"""When a clip happened: its start settled from sidecar, file name or burnt-in clock, and what its clock showed in each frame read."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from ingest.ports import SourcePolicy
from ingest.video.burnt_in import Line
from ingest.video.clock import ClockFit, Reading, Writing, clock_in, fit
from ingest.video.skew import skew
from ingest.video.start import Start, zone_of
from retrieval.times import iso, to_micros
from retrieval.types import Micros

_SKEW = 2_000_000
_RECENT = 24
_SECOND = 1_000_000

Read = tuple[int, Reading]
"""Media time in µs, and the clock read there."""


class ClipTiming:
    """The times of one clip, batch by batch. The start is settled with the first batch and then stands.

    Raises SourceRejected for an unknown zone in the policy.
    """

    def __init__(self, start: Start, policy: SourcePolicy) -> None:
        self.start = start
        self._policy = policy
        self._writing = Writing(zone_of(policy.timezone), policy.dates, start.at)
        self._made = ""
        self._settled = False
        self._recent: list[Read] = []
        self._fit: ClockFit | None = None
        self._half = False
        self._votes: list[tuple[int, Micros]] = []
        self._against: tuple[str, Micros] | None = None
        self._skew: dict[str, Any] | None = None

    def opened(self, made: str) -> None:
        """`made` is the creation time that the container states, or ""."""
        self._made = made

    def clock(self, lines: Sequence[Line]) -> Reading | None:
        """The clock of a frame, from the lines that were really read in it."""
        return clock_in([line.text for line in lines if not line.carried], self._writing)

    def take(self, clocks: Sequence[Read]) -> None:
        """The clocks read in a batch; with the first batch the start is settled."""
        self._half = self._half or any(reading.half for _, reading in clocks)
        self._recent = [*self._recent, *clocks][-max(_RECENT, len(clocks)) :]
        self._fit = fit(self._recent)
        if not self._settled:
            self._settled = True
            self._settle(len(clocks))
        if self._against:
            against, zero = self._against
            self._votes += [(ms, at - ms - zero) for ms, reading in clocks if (at := self._shown(ms, reading))]
            ahead = skew(self._votes, against)
            self._skew = msgspec.to_builtins(ahead) if ahead else None

    def data(self, ms: int, lines: Sequence[Line], clock: Reading | None) -> dict[str, Any]:
        """What a frame at `ms` of media time keeps of its clock, as plain JSON; {} where none was read or none is known.

        `clock`: {"at": what it shows, "read": what was read where that is something else, or null}. Clocks that advance with media time
        mend one that was misread. `clock_skew_s`: by how much it is ahead of the time the frame has from elsewhere. `skew`: the clip's.
        """
        if clock is None and all(line.carried for line in lines):
            return {}
        at = self._shown(ms * 1000, clock)
        return {} if at is None else self._told(ms, at, clock)

    def _told(self, ms: int, at: Micros, clock: Reading | None) -> dict[str, Any]:
        shown: dict[str, Any] = {"at": iso(at)}
        if clock is None or clock.at != at:
            shown["read"] = iso(clock.at) if clock else None
        data: dict[str, Any] = {"clock": shown}
        if self.start.at is not None and self.start.how != "clock":
            data["clock_skew_s"] = round((at - self.start.at - ms * 1000) / 1e6, 1)
        if self._skew:
            data["skew"] = self._skew
        return data

    def _shown(self, media: int, clock: Reading | None) -> Micros | None:
        """What the clock shows at a media time in µs: what was read, unless the others say otherwise."""
        agreed = self._fit if self._fit and self._fit.sure else None
        if clock is None or (self._half and not clock.half):
            return agreed.shown(media) if agreed else None
        return clock.at if agreed is None or agreed.fits(media, clock.at) else agreed.shown(media)

    def _settle(self, read: int) -> None:
        if self.start.at is None:
            self.start = _from_clock(self.start, self._fit, read, self._policy.timezone)
            made = _moment(self._made)
            if self.start.at is None and self._made:
                self._note(f"the container says it was made {self._made}: often the time of an export, so not used")
            elif self.start.at is not None and made is not None:
                self._against = ("container", made)
                self._compare("container's creation time", "clock")
            return
        self._against = (self.start.how, self.start.at)
        self._compare(self.start.how, self.start.how)

    def _compare(self, other: str, kept: str) -> None:
        """Note by how much the clock is ahead, where that is more than two seconds."""
        ahead = self._fit.start - self._against[1] if self._fit and self._against else 0
        if abs(ahead) > _SKEW:
            self._note(f"the burnt-in clock differs from the {other} by {ahead / 1e6:+.0f} s; the {kept} is kept")

    def _note(self, note: str) -> None:
        self.start = self.start._replace(notes=(*self.start.notes, note))


def _from_clock(start: Start, clock: ClockFit | None, read: int, zone: str) -> Start:
    if clock is None:
        why = (
            "no start time known"
            if not read
            else "the burnt-in clocks do not agree with media time; no start time known"
        )
        return start._replace(notes=(*start.notes, why))
    note = f"start time from the burnt-in clock, {clock.agreeing} of {clock.read} readings agree"
    if not clock.zoned:
        note += f", read in {zone}"
    if clock.pace is not None:
        note += f", pace {clock.pace:.3f}"
    return start._replace(at=clock.start, how="clock", notes=(*start.notes, note))


def _moment(made: str) -> Micros | None:
    """A container's creation time, UTC as the formats say (ISO/IEC 14496-12, 8.2.2); None for none, or the epochs of unset clocks."""
    try:
        moment = datetime.fromisoformat(made)
    except ValueError:
        return None
    return to_micros(moment) if moment.tzinfo is not None and moment.year > 1970 else None
