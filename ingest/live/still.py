"""Is what comes still alive? A stream may go on while its time or its picture stands still."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

import av

from retrieval.errors import SourceRejected

# where keyframes are further apart, what lies between them is decoded too
_SPARSE_S = 2.5
_APART_S = 1.0
# a picture must come within: after the first, and before it, for the next keyframe may be far
_BLIND_S, _FIRST_S = 9.0, 30.0


class Eye:
    """Looks at a stream's pictures, as seldom as will do: at keyframes, or once a second where those are far apart."""

    def __init__(self, codec: Any) -> None:
        self._codec = codec
        self._key_s = 0.0
        self._looked_s = -_APART_S
        self._since: list[Any] = []
        self._every = False

    def digest(self, packet: Any, now_s: float) -> int | None:
        """A digest of the picture, at full size; None where it is not looked at, or cannot be decoded."""
        if self._every:
            return self._looked(packet, now_s)
        if packet.is_keyframe:
            self._key_s, self._since = now_s, [packet]
            return self._of([packet, None])
        if not self._since:
            return None
        self._since.append(packet)
        if now_s - self._key_s <= _SPARSE_S:
            return None
        # from here on every picture is decoded; those since the last keyframe first
        self._every, self._looked_s = True, now_s
        self._codec.flush_buffers()
        return self._of(self._since)

    def _looked(self, packet: Any, now_s: float) -> int | None:
        found = self._of([packet])
        # at keyframes clips are cut
        if found is None or (now_s - self._looked_s < _APART_S and not packet.is_keyframe):
            return None
        self._looked_s = now_s
        return found

    def _of(self, packets: Sequence[Any]) -> int | None:
        """Of the last picture that they give; after the end (None) another keyframe may follow."""
        try:
            frames = [frame for packet in packets for frame in self._codec.decode(packet)]
        except av.error.FFmpegError:
            return None
        finally:
            if packets[-1] is None:
                self._codec.flush_buffers()
        return _digest(frames[-1]) if frames else None


def moving(codec: Any, packets: Sequence[Any]) -> int:
    """How many packets there are until the picture stands still for good, the first of the picture that stands counted in."""
    digests: list[int] = []
    for packet in (*packets, None):
        try:
            digests += [_digest(frame) for frame in codec.decode(packet)]
        except av.error.FFmpegError:
            continue
    return next((at + 2 for at in range(len(digests) - 2, -1, -1) if digests[at] != digests[-1]), min(1, len(digests)))


def _digest(frame: Any) -> int:
    """CRC-32 of the luma, or of the first plane where there is none apart: sensors' noise makes every picture another."""
    return zlib.crc32(bytes(frame.planes[0]))


class Stillness:
    """Since when time and picture stand still; outlives a connection, for a picture that stood still may still do so in the next.

    Seconds are of a clock that only runs forward. `limit_s` 0: standing still is usual. `alive`: in this connection a picture was another
    than the one before, at last at `changed_s`; `same_s` is the first look since then that showed the same (None: none did).
    """

    def __init__(self, limit_s: float) -> None:
        self._limit = limit_s
        self._picture: int | None = None
        self._media_s = -1e18
        self._moved_s = self._seen_s = self._begun_s = 0.0
        self.changed_s = 0.0
        self.same_s: float | None = None
        self.alive = False

    def begin(self, now_s: float) -> None:
        """A connection begins; its media time is another."""
        self._media_s, self._moved_s, self.changed_s = -1e18, now_s, now_s
        self._seen_s = self._begun_s = now_s
        self.alive, self.same_s = False, None

    def time(self, media_s: float, now_s: float) -> bool:
        """Whether media time has moved on. Raises SourceRejected: frozen, where it has stood still too long, and undecodable, where there
        has been no picture for too long."""
        blind = now_s - self._seen_s
        if blind >= (_FIRST_S if self._seen_s == self._begun_s else _BLIND_S):
            raise SourceRejected(
                f"packets come, but no picture that can be decoded for {blind:.0f} s", kind="undecodable"
            )
        if media_s > self._media_s:
            self._media_s, self._moved_s = media_s, now_s
            return True
        if self._limit and now_s - self._moved_s >= self._limit:
            raise SourceRejected(f"pictures come, but their time stands still for {self._limit:g} s", kind="frozen")
        return False

    def picture(self, digest: int, now_s: float) -> bool:
        """Whether the picture is another than the last. Raises SourceRejected (frozen) where it has been the same too long."""
        self._seen_s = now_s
        if digest != self._picture or not self._limit:
            self._picture, self.changed_s, self.alive, self.same_s = digest, now_s, True, None
            return True
        self.same_s = self.same_s or now_s
        if now_s - self.changed_s >= self._limit:
            told = f"the very same picture for {self._limit:g} s (where that is usual, set frozen_s: 0)"
            raise SourceRejected(told, kind="frozen")
        return False
