"""What the recording child is told, and what it answers. Times are UTC µs by this machine's clock, unless they say otherwise."""

from __future__ import annotations

import msgspec

from retrieval.types import Micros

ENDINGS = (".mp4", ".mkv")


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """Which stream, and when it counts as ended; see `Camera`. `user` and `password` may be empty. It is tried again after `first_wait_s`,
    then twice as long each time up to `longest_wait_s`, half of it by chance."""

    url: str
    user: str = ""
    password: str = ""
    transport: str = "tcp"
    stall_s: float = 5.0
    frozen_s: float = 5.0
    segment_s: float = 15.0
    open_s: float = 8.0
    first_wait_s: float = 0.5
    longest_wait_s: float = 5.0
    most_bytes: int = 64 << 20

    def __repr__(self) -> str:
        return f"Order(url={self.url!r})"


class Running(msgspec.Struct, frozen=True, tag="running"):
    """Pictures that move come in."""

    at: Micros
    codec: str
    width: int
    height: int


class Beat(msgspec.Struct, frozen=True, tag="beat"):
    """The child lives; so many bytes have come since the last beat."""

    at: Micros
    size: int = 0


class Piece(msgspec.Struct, frozen=True, tag="piece"):
    """A clip of [start, end), whole in itself: it begins with a keyframe. `ending` is that of its format's files (".mp4"), `holes` are
    times in it of which nothing came.

    `clock` says where its time is from: "rtcp" (the camera's own, where it agrees with ours) or "arrival". `ahead_s`: by how much the
    camera's clock is ahead of ours, in seconds; None where it tells none.
    """

    start: Micros
    end: Micros
    data: bytes
    ending: str
    holes: tuple[tuple[Micros, Micros], ...]
    clock: str
    ahead_s: float | None = None


class Lost(msgspec.Struct, frozen=True, tag="lost"):
    """The stream ended, or could not be had: a stable word and the reason. What came after `since` was not recorded; it is tried again in
    `again_s`. The words: stalled, frozen, undecodable, ended, jumped, refused, unauthorized, not_found, unreachable, unreadable, no_video,
    codec, too_large; hung and unstarted of the recorder itself."""

    at: Micros
    since: Micros
    kind: str
    reason: str
    again_s: float


Message = Running | Beat | Piece | Lost
