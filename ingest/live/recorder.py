"""One camera's recording: its child's pieces into the ring, what was recorded onto the roll, what became of the stream onto the board."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import closing
from random import Random
from typing import Any

import structlog

from ingest.live.board import RECORDING, Board
from ingest.live.child import Child
from ingest.live.examiner import Clip, Waiting
from ingest.live.messages import Lost, Message, Order, Piece, Running
from ingest.live.ring import Ring
from ingest.live.roll import Roll
from ingest.live.waits import Waits
from retrieval.errors import SourceRejected, StoreError
from retrieval.types import Interval, Micros

_WELL_S = 60.0
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.5, 30.0


class Recorder:
    """Runs in a thread of its own until stopped. A child that crashes or hangs is told as lost, and replaced after a while."""

    def __init__(
        self,
        camera: str,
        order: Order,
        ring: Ring,
        roll: Roll,
        board: Board,
        waiting: Waiting | None,
        clock: Callable[[], Micros],
    ) -> None:
        """`waiting` is where its clips wait to be examined; None: they are only recorded."""
        self._camera, self._order, self._ring, self._roll = camera, order, ring, roll
        self._board, self._waiting, self._clock = board, waiting, clock
        self._child: Child | None = None
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._log = structlog.get_logger(__name__)

    def run(self) -> None:
        waits = Waits(_FIRST_WAIT_S, _LONGEST_WAIT_S, Random())
        while not self._stopped.is_set():
            begun = time.monotonic()
            try:
                self._watched()
            except SourceRejected as problem:
                if self._stopped.is_set():
                    return
                if time.monotonic() - begun > _WELL_S:
                    waits.well()
                wait, now = waits.next(), self._clock()
                self._board.lost(self._camera, Lost(now, now, problem.kind, problem.reason, wait))
                self._stopped.wait(wait)

    def stop(self) -> None:
        """Ask for an end; what the child holds is still kept, in `run`'s thread."""
        self._stopped.set()
        recording = self._board.standing()[self._camera].state == RECORDING
        with self._lock:
            if self._child is not None:
                (self._child.stop if recording else self._child.kill)()

    def _watched(self) -> None:
        with closing(self._begun()) as child:
            for message in child.messages():
                self._heard(message)
        with self._lock:
            self._child = None

    def _begun(self) -> Child:
        with self._lock:
            if self._stopped.is_set():
                raise SourceRejected("the watch ends", kind="ended")
            self._child = Child(self._order)
            return self._child

    def _heard(self, message: Message) -> None:
        if isinstance(message, Piece):
            self._keep(message)
        elif isinstance(message, Running):
            self._board.running(self._camera, message)
        elif isinstance(message, Lost):
            self._board.lost(self._camera, message)

    def _keep(self, piece: Piece) -> None:
        try:
            segment = self._ring.add(self._camera, piece)
        except StoreError as problem:
            self._board.unkept(self._camera, str(problem))
            self._log.warning("clip not kept", camera=self._camera, why=str(problem))
            return
        clip = Clip(segment, [Interval(a, b) for a, b in piece.holes])
        self._roll.recorded(clip.spans)
        self._board.kept(self._camera, piece)
        if self._waiting is not None:
            self._board.waits(self._camera, *self._waiting.put(clip))


def started(work: Callable[..., Any], *args: Any, name: str) -> threading.Thread:
    thread = threading.Thread(target=work, args=args, name=name, daemon=True)
    thread.start()
    return thread
