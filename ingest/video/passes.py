"""Ways through a clip: every frame, keyframes only, or the frames between two times. Runs in the sandbox's child."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import av

from ingest.packets import Packets
from ingest.video.messages import Sampling

Opener = Callable[[], Any]
_FAR_MS = 60_000
_BACK_MS = 1_000


class Timed(NamedTuple):
    """A decoded frame and its media time in ms from the first."""

    ms: int
    frame: Any


class MediaTime:
    """Media time that starts at 0 and always grows; a frame without a stamp, or with one far beyond the announced length, follows the one
    before, and where stamps fall back they are counted on from there. `origin` is the container's own time of the first frame, in
    seconds."""

    def __init__(self, stream: Any, announced_ms: int = 0) -> None:
        rate = stream.average_rate or stream.guessed_rate or Fraction(25)
        self.frame_ms = float(1000 / rate)
        self.origin: float | None = None
        self.latest = -1
        self.decoded = 0
        self._beyond = announced_ms * 1.1 + _FAR_MS if announced_ms else math.inf

    def of(self, frame: Any) -> int:
        """Of the next frame, in order."""
        self.decoded += 1
        expected = self.latest + self.frame_ms if self.latest >= 0 else 0.0
        if frame.time is not None:
            self.origin = frame.time if self.origin is None else self.origin
            expected = self._sane((frame.time - self.origin) * 1000, expected)
        self.latest = max(self.latest + 1, round(expected))
        return self.latest

    def _sane(self, stamped: float, expected: float) -> float:
        if stamped > self._beyond:
            return expected
        if stamped < self.latest - _BACK_MS:
            assert self.origin is not None
            self.origin -= (expected - stamped) / 1000
            return expected
        return stamped


def every_frame(container: Any, times: MediaTime, packets: Packets) -> Iterator[Timed]:
    """All frames, in order. Raises SourceRejected: truncated."""
    for frame in packets.frames(container, container.streams.video[0]):
        yield Timed(times.of(frame), frame)


class Keyframes:
    """Keyframes `step_ms` apart or more, and as many more as it takes that no two are over `brief_ms` apart where the clip has them;
    nothing else is decoded. `end_ms` is where the last packet ends.

    Every packet is read all the same: FFmpeg's demuxer can leave them out (AVDISCARD_NONKEY), but in MP4 with B-frames it then gives the
    keyframes the times of others (seen with FFmpeg 8.1.2).
    """

    def __init__(self, container: Any, times: MediaTime, packets: Packets, sampling: Sampling) -> None:
        self._container, self._times, self._packets = container, times, packets
        self._stream = container.streams.video[0]
        self._tick_ms = float(self._stream.time_base * 1000)
        self._step, self._brief = sampling.step_ms - times.frame_ms / 2, sampling.brief_ms
        self._last = -math.inf
        self._passed: Any = None
        self._end = 0.0

    def __iter__(self) -> Iterator[Timed]:
        """Raises SourceRejected: truncated."""
        for frame in self._packets.frames(self._container, self._stream, self._chosen):
            yield Timed(self._times.of(frame), frame)

    @property
    def end_ms(self) -> int:
        return round(self._end - (self._times.origin or 0.0) * 1000)

    def _chosen(self, packet: Any) -> Sequence[Any]:
        """What to decode now: this packet, after the keyframe passed over where too long would go by without it, or nothing."""
        if packet.pts is None:
            return (*self._late(self._end), packet) if not packet.size else ()  # what drains the decoder
        at = packet.pts * self._tick_ms
        length = packet.duration * self._tick_ms if packet.duration else self._times.frame_ms
        self._end = max(self._end, at + length)
        if not packet.is_keyframe:
            return ()
        late = self._late(at)
        if at - self._last < self._step:
            self._passed = packet
            return late
        self._last, self._passed = at, None
        return (*late, packet)

    def _late(self, at: float) -> Sequence[Any]:
        if self._passed is None or at - self._last <= self._brief:
            return ()
        passed, self._passed = self._passed, None
        self._last = passed.pts * self._tick_ms
        return (passed,)


class Between:
    """Frames between two times, on a second way into the same file. It is opened when first needed."""

    def __init__(self, opener: Opener, times: MediaTime) -> None:
        self._opener, self._times = opener, times
        self._container: Any = None

    def frames(self, after_ms: int, before_ms: int, step_ms: int) -> Iterator[Timed]:
        """Those in (after, before), `step_ms` apart or more. Damage ends them early: what is between two looks is extra."""
        self._container = self._container or self._opener()
        stream = self._container.streams.video[0]
        origin = self._times.origin or 0.0
        try:
            self._container.seek(int((origin + after_ms / 1000) / stream.time_base), stream=stream)
            yield from self._decoded(stream, origin, (after_ms, before_ms), step_ms)
        except av.error.FFmpegError:
            return

    def close(self) -> None:
        if self._container is not None:
            self._container.close()

    def _decoded(self, stream: Any, origin: float, span: tuple[int, int], step_ms: int) -> Iterator[Timed]:
        last = span[0]
        for frame in self._container.decode(stream):
            if frame.time is None:
                continue
            ms = round((frame.time - origin) * 1000)
            if ms >= span[1]:
                return
            if ms - last >= step_ms - self._times.frame_ms / 2:
                last = ms
                yield Timed(ms, frame)
