"""The recorder: runs in a child of its own (worker "ingest.live.record:pieces") for as long as its camera is watched; imports av and numpy.

Packets are put into clips as they come; pictures are decoded only to see whether they still move. Whatever goes wrong with the stream is
told and tried again; SIGTERM ends it with what it holds.
"""

from __future__ import annotations

import signal
import struct
import time
from collections.abc import Iterator
from contextlib import closing
from random import Random
from typing import Any
from urllib.parse import quote, urlsplit

import av
import msgspec

from ingest.live.messages import Beat, Lost, Message, Order, Piece, Running
from ingest.live.reel import CODECS, Film, Reel, Shot, media_time, timed
from ingest.live.still import Eye, Stillness, moving
from ingest.live.waits import Waits
from ingest.live.wall import Wall
from retrieval.errors import SourceRejected
from retrieval.types import Micros

_BEAT_S = 1.0
# pictures a second, where a stream does not tell
_RATE = 15
# further than what comes can run ahead of or behind our clock: HLS brings pieces of ten seconds and more at once
_JUMP_US = {"rtsp": 10_000_000, "http": 30_000_000}
# a wrong password is tried seldom: cameras lock users out
_DENIED_S = 60.0
# pieces of one connection that follow each other within this are one stretch
_SEAM_US = 500_000
_AWAY: dict[type[Exception], tuple[str, str]] = {
    av.error.HTTPUnauthorizedError: ("unauthorized", "user or password is wrong or missing"),
    av.error.HTTPForbiddenError: ("unauthorized", "this user may not see it"),
    av.error.HTTPNotFoundError: ("not_found", "the camera knows no such stream"),
    av.error.ConnectionRefusedError: ("refused", "nothing listens there"),
    av.error.InvalidDataError: ("unreadable", "what comes is no stream that is known"),
    av.error.EOFError: ("ended", "the stream ended"),
}


class Stop:
    """Whether the parent wants an end."""

    def __init__(self) -> None:
        self.asked = False

    def ask(self, *_: object) -> None:
        self.asked = True


def pieces(args: dict[str, Any]) -> Iterator[Message]:
    """Yield Running, Beat, Piece and Lost until SIGTERM."""
    stop = Stop()
    signal.signal(signal.SIGTERM, stop.ask)
    yield from recorded(msgspec.convert(args, Order), stop)


def recorded(order: Order, stop: Stop) -> Iterator[Message]:
    """The same of an order, until a stop is asked for."""
    still, waits = Stillness(order.frozen_s), Waits(order.first_wait_s, order.longest_wait_s, Random())
    while not stop.asked:
        session = _Session(order, still, stop)
        try:
            yield from session.run()
        except SourceRejected as problem:
            if session.ran:
                waits.well()
            wait = max(waits.next(), _DENIED_S if problem.kind == "unauthorized" else 0.0)
            yield Lost(_now(), session.until or _now(), problem.kind, problem.reason, round(wait, 2))
            yield from _asleep(wait, stop)


class _Session:
    """One connection. `ran`: moving pictures came; `until`: up to when it was recorded (None: nothing was)."""

    def __init__(self, order: Order, still: Stillness, stop: Stop) -> None:
        self._order, self._still, self._stop = order, still, stop
        self._wall = Wall()
        self._zero: Micros | None = None
        self._size, self._beat_s, self._came_s = 0, 0.0, 0.0
        self.ran = False
        self.until: Micros | None = None

    def run(self) -> Iterator[Message]:
        """Raises SourceRejected when it ends by itself."""
        self._still.begin(time.monotonic())
        with closing(_opened(self._order)) as container:
            stream = container.streams.video[0]
            self._stream, self._reel = stream, Reel(stream, self._order.most_bytes)
            self._eye = Eye(_decoder(stream))
            self._came_s = time.monotonic()
            try:
                yield from self._read(container, stream)
                yield from self._rest()
            except (av.error.FFmpegError, SourceRejected) as problem:
                yield from self._rest()
                raise _told(problem, self._silence, "stalled") from None

    def _read(self, container: Any, stream: Any) -> Iterator[Message]:
        rate = stream.average_rate or stream.guessed_rate or _RATE
        for packet in timed(container.demux(stream), 1.0 / float(rate)):
            if self._stop.asked:
                return
            shot = Shot(packet, media_time(packet), time.monotonic())
            self._awake(shot.came_s)
            if self._still.time(shot.media / 1e6, shot.came_s):
                self._timed(shot)
                yield from self._taken(shot, stream)
            yield from self._beat(packet.size, shot.came_s)
        raise SourceRejected("the stream ended", kind="ended")

    @property
    def _silence(self) -> str:
        return f"nothing came for {self._order.stall_s:g} s"

    def _awake(self, now_s: float) -> None:
        """A wait that is given up first brings what the parser still holds. Raises SourceRejected (stalled)."""
        waited, self._came_s = now_s - self._came_s, now_s
        if waited >= self._order.stall_s:
            raise SourceRejected(self._silence, kind="stalled")

    def _timed(self, shot: Shot) -> None:
        """Raises SourceRejected (jumped) where media time and ours part."""
        now = _now()
        if self._zero is None:
            self._zero = now - shot.media
        if abs(now - shot.media - self._zero) > _JUMP_US[self._order.url[:4]]:
            raise SourceRejected("the stream's time jumped", kind="jumped")
        # what drifts slowly does not jump
        self._zero += (now - shot.media - self._zero) // 1000
        self._wall.saw(shot.media, now, _stated(shot.packet))

    def _taken(self, shot: Shot, stream: Any) -> Iterator[Message]:
        digest = self._eye.digest(shot.packet, shot.came_s)
        fresh = digest is not None and self._still.picture(digest, shot.came_s)
        if digest is not None and not self._still.alive:
            # the picture that stood still before: none of it is worth keeping
            self._reel.drop()
            return
        # not at a picture that is the last one again: it may stand still by now
        if fresh and shot.packet.is_keyframe and self._reel.seconds(shot.media) >= self._order.segment_s:
            yield from self._cut()
        self._reel.add(shot)
        if fresh and not self.ran:
            self.ran = True
            yield Running(_now(), stream.codec_context.name, stream.width, stream.height)

    def _rest(self) -> Iterator[Piece]:
        """What is held, as long as the picture moves in it."""
        if not self._still.alive:
            self._reel.drop()
        elif self._still.same_s is not None:
            self._reel.keep(self._moved(self._still.changed_s, self._still.same_s))
        yield from self._cut()

    def _moved(self, changed_s: float, same_s: float) -> int:
        """How many packets there are until the picture stood still, which was between these two looks."""
        first, packets = self._reel.between(changed_s, same_s)
        return first + moving(_decoder(self._stream), packets)

    def _cut(self) -> Iterator[Piece]:
        film = self._reel.cut()
        if film is not None:
            yield self._placed(film)

    def _placed(self, film: Film) -> Piece:
        anchor = self._wall.settle()
        start, end = anchor.zero + film.begin, anchor.zero + film.end
        if self.until is not None and abs(start - self.until) <= _SEAM_US:
            start = self.until
        self.until = max(end, start + 1)
        holes = tuple((anchor.zero + a, anchor.zero + b) for a, b in film.holes)
        return Piece(start, self.until, film.data, film.ending, holes, anchor.clock, anchor.ahead_s)

    def _beat(self, size: int, now_s: float) -> Iterator[Beat]:
        self._size += size
        if now_s - self._beat_s >= _BEAT_S:
            yield Beat(_now(), self._size)
            self._size, self._beat_s = 0, now_s


def _opened(order: Order) -> Any:
    """The stream, to be closed. Raises SourceRejected, never with the address in it."""
    begun, silence = time.monotonic(), f"no answer within {order.open_s:g} s"
    try:
        container = av.open(_address(order), options=_options(order), timeout=(order.open_s, order.stall_s))
    except (av.error.FFmpegError, OSError, ValueError) as problem:
        if time.monotonic() - begun >= order.open_s:
            # given up waiting for, it is often told as something else
            raise SourceRejected(silence, kind="unreachable") from None
        raise _told(problem, silence, "unreachable") from None
    try:
        _check(container)
    except SourceRejected:
        container.close()
        raise
    return container


def _check(container: Any) -> None:
    if not container.streams.video:
        raise SourceRejected("there is no video in the stream", kind="no_video")
    name = container.streams.video[0].codec_context.name
    if name not in CODECS:
        raise SourceRejected(f"video of {name} is not recorded; set the camera to H.264 or H.265", kind="codec")


def _address(order: Order) -> str:
    """With the login in it: FFmpeg takes it from nowhere else. It stays within this process."""
    if not order.user:
        return order.url
    parts = urlsplit(order.url)
    login = f"{quote(order.user, safe='')}:{quote(order.password, safe='')}"
    return parts._replace(netloc=f"{login}@{parts.netloc}").geturl()


def _options(order: Order) -> dict[str, str]:
    if order.url.startswith("rtsp"):
        return {
            "rtsp_transport": order.transport,
            "allowed_media_types": "video",
            # µs: what the stream says of itself is known by then, and its rate does not matter
            "analyzeduration": "1000000",
            "protocol_whitelist": "rtsp,rtp,udp,tcp,tls,srtp",
        }
    # the newest piece is the live one; a playlist must not name files of this machine
    return {"live_start_index": "-1", "protocol_whitelist": "http,https,tcp,tls,crypto"}


def _decoder(stream: Any) -> Any:
    """One of our own, so that what is decoded for a look leaves the stream's alone."""
    codec = av.CodecContext.create(stream.codec_context.name, "r")
    codec.extradata = stream.codec_context.extradata
    codec.thread_count = 1
    return codec


def _told(problem: Exception, silence: str, kind: str) -> SourceRejected:
    """In our words: the library's carry the address. `silence` and `kind` are for what was given up waiting for."""
    if isinstance(problem, SourceRejected):
        return problem
    if isinstance(problem, av.error.ExitError):
        return SourceRejected(silence, kind=kind)
    for known, (word, told) in _AWAY.items():
        if isinstance(problem, known):
            return SourceRejected(told, kind=word)
    return SourceRejected(getattr(problem, "strerror", None) or type(problem).__name__, kind="unreachable")


def _stated(packet: Any) -> Micros | None:
    """The camera's own time of a packet (producer reference time, from RTCP): the first 8 bytes, UTC µs."""
    found = packet.get_sidedata("prft")
    return int(struct.unpack("=q", bytes(found)[:8])[0]) if found else None


def _asleep(seconds: float, stop: Stop) -> Iterator[Beat]:
    until = time.monotonic() + seconds
    while not stop.asked and (left := until - time.monotonic()) > 0:
        time.sleep(min(left, _BEAT_S))
        yield Beat(_now())


def _now() -> Micros:
    return time.time_ns() // 1000
