"""When a picture was taken, by this machine's clock: from when it came, or from the camera's own clock where that agrees."""

from __future__ import annotations

from typing import NamedTuple

from retrieval.types import Micros

# a camera's clock that is further off than this is set wrong; the way here takes less
_TRUSTED_US = 2_000_000


class Anchor(NamedTuple):
    """UTC of media time 0; where it is from ("arrival" or "rtcp"), and by how much the camera's clock is ahead of ours, in s."""

    zero: Micros
    clock: str
    ahead_s: float | None


class Wall:
    """The clock of one connection, settled anew for each piece, so that a camera whose clock runs fast or slow does not drift away.

    The packet that was quickest on its way tells best when media time 0 was: what came late, or in a burst, only came later.
    """

    def __init__(self) -> None:
        self._arrival: Micros | None = None
        self._stated: Micros | None = None

    def saw(self, media: Micros, arrived: Micros, stated: Micros | None) -> None:
        """A packet of this media time (µs) arrived; `stated` is its time by the camera's clock (RTCP sender report), where it has one."""
        zero = arrived - media
        self._arrival = zero if self._arrival is None else min(self._arrival, zero)
        if stated is not None:
            self._stated = stated - media

    def settle(self) -> Anchor:
        """Of what was seen since the last time; raises ValueError where that is nothing."""
        if self._arrival is None:
            raise ValueError("no packet was seen")
        arrival, stated = self._arrival, self._stated
        self._arrival = self._stated = None
        if stated is None:
            return Anchor(arrival, "arrival", None)
        ahead = round((stated - arrival) / 1e6, 3)
        if abs(stated - arrival) <= _TRUSTED_US:
            return Anchor(stated, "rtcp", ahead)
        return Anchor(arrival, "arrival", ahead)
