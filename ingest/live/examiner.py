"""Clips wait for their turn to be examined, few of each camera; the camera that has waited longest is next."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence

import structlog

from ingest.live.board import Board
from ingest.live.ring import Ring, Segment
from ingest.live.roll import Roll
from retrieval.errors import SourceRejected, WatchfloorError
from retrieval.intervals import gaps
from retrieval.types import Coverage, Interval

_TICK_S = 0.5
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.5, 15.0


class Clip:
    """A segment that waits, and the times in it of which nothing came."""

    def __init__(self, segment: Segment, holes: Sequence[Interval] = ()) -> None:
        self.segment, self.holes = segment, tuple(holes)

    @property
    def spans(self) -> list[Interval]:
        """Its time without the holes."""
        return gaps(self.holes, self.segment.span)


class Waiting:
    """At most `most` clips a camera; where one more comes, the oldest is given up. Safe to share between threads."""

    def __init__(self, cameras: Sequence[str], most: int) -> None:
        self._queues = {name: deque[Clip]() for name in cameras}
        self._order = deque(cameras)
        self._most = most
        self._ready = threading.Condition()

    def put(self, clip: Clip) -> tuple[int, int]:
        """How many of its camera wait now, and how many were given up for it."""
        with self._ready:
            queue, gone = self._queues[clip.segment.camera], 0
            queue.append(clip)
            while len(queue) > self._most:
                queue.popleft()
                gone += 1
            self._ready.notify()
            return len(queue), gone

    def takes(self, camera: str) -> bool:
        """Whether clips of this camera are examined at all."""
        return camera in self._queues

    def next(self, timeout_s: float) -> tuple[Clip, int] | None:
        """The oldest clip of the camera whose last turn is longest ago, and how many of it still wait; None where none comes in time."""
        with self._ready:
            self._ready.wait_for(lambda: any(self._queues.values()), timeout_s)
            for name in self._order:
                if queue := self._queues[name]:
                    self._order.remove(name)
                    self._order.append(name)
                    return queue.popleft(), len(queue)
            return None


class Examiner:
    """Takes clips in, one after the other, until stopped. A store or an encoder that fails is waited for; meanwhile clips are skipped."""

    def __init__(
        self,
        take: Callable[[Segment], Sequence[Coverage]],
        waiting: Waiting,
        ring: Ring,
        rolls: Mapping[str, Roll],
        board: Board,
    ) -> None:
        self._take, self._waiting, self._ring, self._rolls, self._board = take, waiting, ring, dict(rolls), board
        self._wait_s = _FIRST_WAIT_S
        self._log = structlog.get_logger(__name__)

    def run(self, stop: threading.Event) -> None:
        while not stop.is_set():
            found = self._waiting.next(_TICK_S)
            if found is not None:
                clip, left = found
                self._board.waits(clip.segment.camera, left)
                self._examine(clip, stop)

    def _examine(self, clip: Clip, stop: threading.Event) -> None:
        camera = clip.segment.camera
        try:
            with self._ring.kept(clip.segment) as there:
                if not there:
                    self._board.unlooked(camera, "")
                    return
                # frames that are kept stay for good: they must not fill what is left of the disk
                if why := self._ring.full():
                    self._board.unlooked(camera, f"not examined: {why}")
                    return
                looked = self._take(clip.segment)
            self._rolls[camera].examined(clip.spans, looked)
            self._board.looked(camera, well=True)
            self._wait_s = _FIRST_WAIT_S
        except (SourceRejected, OSError) as problem:
            self._board.looked(camera, well=False)
            self._log.warning("clip not examined", clip=clip.segment.path.name, why=str(problem))
        except WatchfloorError as problem:
            self._board.looked(camera, well=False)
            self._log.warning("nothing can be examined", why=str(problem), again_in_s=self._wait_s)
            stop.wait(self._wait_s)
            self._wait_s = min(2 * self._wait_s, _LONGEST_WAIT_S)
