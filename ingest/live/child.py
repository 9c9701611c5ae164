"""The process that records one camera: apart from us, capped in memory, and ended when it no longer answers."""

from __future__ import annotations

import signal
import tempfile
import time
from collections.abc import Iterator
from typing import IO, Any

import msgspec

from ingest.live.messages import ENDINGS, Lost, Message, Order, Piece, Running
from ingest.sandbox import Limits, Pipe, death, end, give, replies, start
from retrieval.errors import SourceRejected

WORKER = "ingest.live.record:pieces"
_GRACE_S = 2.0
_FOR_GOOD = 1 << 62
# a piece is of the last minutes
_LONG_US = 3_600_000_000
# what a camera sends is copied, hardly decoded: the time on the processor only grows because it never ends
_LIMITS = Limits(wall_s=30.0, cpu_s=1 << 30, memory_bytes=1 << 30, output_bytes=_FOR_GOOD)
_MESSAGE: Any = Message


class Child:
    """One recording process, begun when this is made; `close` ends it whatever it does.

    Raises SourceRejected (unstarted) where this machine has no process, no open file or no disk left for it.
    """

    def __init__(self, order: Order) -> None:
        self._order = order
        try:
            self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the child
            self._process = start(self._errors)
        except OSError as problem:
            why = f"the recorder cannot be started: {problem.strerror or problem}"
            raise SourceRejected(why, kind="unstarted") from problem
        self._pipe = _Patient(self._process, _LIMITS)

    def messages(self) -> Iterator[Message]:
        """What it tells, until it ends. Raises SourceRejected: hung, and as `sandbox.run` does where it died."""
        told = [WORKER, msgspec.to_builtins(self._order), _LIMITS]
        if not give(self._process, msgspec.msgpack.encode(told)):
            raise death(self._process, _LIMITS, self._errors)
        decoder = msgspec.msgpack.Decoder(_MESSAGE)
        self._pipe.patience(2 * self._order.open_s + _GRACE_S)
        try:
            for body in replies(self._pipe, self._process, _LIMITS, self._errors):
                message: Message = _sound(decoder.decode(body))
                self._await(message)
                yield message
        except SourceRejected as problem:
            if problem.kind == "timeout":
                raise SourceRejected("the recorder did not answer any more and was ended", kind="hung") from None
            raise
        except msgspec.DecodeError as problem:
            raise SourceRejected("the recorder told what makes no sense and was ended", kind="hung") from problem

    def _await(self, message: Message) -> None:
        """Opening a stream takes long; one that runs tells something every second, and of silence after `stall_s`."""
        if isinstance(message, Running):
            self._pipe.patience(self._order.stall_s + _GRACE_S)
        elif isinstance(message, Lost):
            self._pipe.patience(2 * self._order.open_s + _GRACE_S)

    def stop(self) -> None:
        """Ask it to end with what it holds; its last messages still come."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once: it holds nothing that is worth waiting for."""
        self._process.kill()

    def close(self) -> None:
        end(self._process)
        self._errors.close()


def _sound(message: Message) -> Message:
    """What comes out of a decoder is not trusted: it names files and times. Raises SourceRejected (hung)."""
    if isinstance(message, Piece):
        now = time.time_ns() // 1000
        timely = now - _LONG_US < message.start < message.end < now + _LONG_US
        within = all(message.start <= a <= b <= message.end for a, b in message.holes)
        if message.ending not in ENDINGS or not timely or not within:
            raise SourceRejected("the recorder told what makes no sense and was ended", kind="hung")
    return message


class _Patient(Pipe):
    """Waits so long for each answer, not for all of them."""

    def patience(self, seconds: float) -> None:
        self._wall = seconds

    def take(self, size: int) -> bytes:
        self._left = self._wall
        return super().take(size)
