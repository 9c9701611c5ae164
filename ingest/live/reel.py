"""Packets of one connection → clips that are whole in themselves, without decoding."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from statistics import median
from typing import Any, NamedTuple

import av

from ingest.live.messages import ENDINGS
from retrieval.errors import SourceRejected
from retrieval.types import Micros

_MP4 = ("h264", "hevc")
CODECS = (*_MP4, "mpeg4", "mjpeg", "vp8", "vp9", "av1")
_MILLION = 1_000_000
# a longer wait between two pictures was no recording, unless they always come so slowly
_HOLE_US = 1_000_000


class Shot(NamedTuple):
    """A packet, its media time in µs, and the second (of a clock that only runs forward) at which it came."""

    packet: Any
    media: Micros
    came_s: float


class Film(NamedTuple):
    """A clip over media time [begin, end) in µs; of `holes` in it nothing came."""

    begin: Micros
    end: Micros
    holes: tuple[tuple[Micros, Micros], ...]
    data: bytes
    ending: str


def usual_step(shots: Sequence[Shot]) -> Micros:
    """The median time from one picture to the next, of two or more."""
    return int(median(b.media - a.media for a, b in pairwise(shots)))


def media_time(packet: Any) -> Micros:
    """The decoding time of a packet that has a time, in µs; it only grows."""
    at = packet.dts if packet.dts is not None else packet.pts
    return int(at * packet.time_base * _MILLION)


def timed(packets: Iterable[Any], step_s: float) -> Iterator[Any]:
    """Those with a time and with content. The first picture of an RTSP session often has none: it is one step before the second, which
    needs it."""
    first = None
    for packet in packets:
        if not packet.size:
            continue
        if packet.dts is None and packet.pts is None:
            first = packet if first is None and packet.is_keyframe else first
            continue
        if first is not None:
            at = packet.dts if packet.dts is not None else packet.pts
            first.pts = first.dts = at - max(1, round(step_s / packet.time_base))
            yield first
            first = None
        yield packet


class Reel:
    """Holds packets from a keyframe on. Raises SourceRejected (too_large) where `most` bytes come without one to cut at."""

    def __init__(self, stream: Any, most: int) -> None:
        self._stream, self._most = stream, most
        self._shots: list[Shot] = []
        self._bytes = 0

    def seconds(self, media: Micros) -> float:
        """From the first packet held to this media time."""
        return (media - self._shots[0].media) / 1e6 if self._shots else 0.0

    def add(self, shot: Shot) -> None:
        if not self._shots and not shot.packet.is_keyframe:
            return
        self._bytes += shot.packet.size
        if self._bytes > self._most:
            raise SourceRejected(f"more than {self._most >> 20} MB without a keyframe to cut at", kind="too_large")
        self._shots.append(shot)

    def drop(self) -> None:
        self._shots, self._bytes = [], 0

    def between(self, begin_s: float, end_s: float) -> tuple[int, list[Any]]:
        """The packets that came from the last keyframe at or before one time up to another, and how many come before them."""
        first = max((n for n, s in enumerate(self._shots) if s.packet.is_keyframe and s.came_s <= begin_s), default=0)
        return first, [shot.packet for shot in self._shots[first:] if shot.came_s <= end_s]

    def keep(self, count: int) -> None:
        """Forget what comes after the first so many."""
        self._shots = self._shots[:count]

    def cut(self) -> Film | None:
        """All that is held as one clip, which is then held no more; None where it is less than two pictures."""
        shots = self._shots
        self.drop()
        if len(shots) < 2:
            return None
        step = usual_step(shots)
        pairs = pairwise(shots)
        holes = tuple((a.media + step, b.media) for a, b in pairs if b.media - a.media > max(_HOLE_US, 3 * step))
        ending = ENDINGS[0] if self._stream.codec_context.name in _MP4 else ENDINGS[1]
        return Film(shots[0].media, shots[-1].media + step, holes, self._muxed(shots, ending), ending)

    def _muxed(self, shots: Sequence[Shot], ending: str) -> bytes:
        out = io.BytesIO()
        with av.open(out, "w", format="mp4" if ending == ENDINGS[0] else "matroska") as target:
            copy = target.add_stream_from_template(self._stream)
            _retimed([shot.packet for shot in shots])
            for shot in shots:
                shot.packet.stream = copy
                target.mux(shot.packet)
        return out.getvalue()


def _retimed(packets: Sequence[Any]) -> None:
    """From 0 on, every packet with its length: live streams tell none, and a clip would end with its last picture."""
    first = next(p.dts if p.dts is not None else p.pts for p in packets)
    for packet in packets:
        packet.dts = (packet.dts if packet.dts is not None else packet.pts) - first
        packet.pts = packet.dts if packet.pts is None else max(packet.dts, packet.pts - first)
    for packet, after in pairwise(packets):
        packet.duration = after.dts - packet.dts
    packets[-1].duration = max(1, packets[-1].dts // (len(packets) - 1))
