"""How the cameras are doing, as anybody may ask at any time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import msgspec
from msgspec.structs import replace

from ingest.live.messages import Lost, Piece, Running
from retrieval.types import Micros

CONNECTING, RECORDING = "connecting", "recording"


class CameraStanding(msgspec.Struct, frozen=True, kw_only=True):
    """One camera. `state` is connecting, recording, or why it is not recorded (stalled, frozen, refused …) since `since`; `why` in words.

    Counts are since the start: clips `recorded`, `examined`, `skipped` (recorded, but there was no time to examine them), `failed` (they
    could not be examined) and `unkept` (there was no room); `lost` counts how often the stream was. `waiting` are to be examined.
    `ahead_s`: by how much its clock is ahead of ours; None where it tells none.
    """

    state: str = CONNECTING
    since: Micros = 0
    why: str = ""
    recorded: int = 0
    recorded_s: float = 0.0
    size: int = 0
    examined: int = 0
    waiting: int = 0
    skipped: int = 0
    failed: int = 0
    unkept: int = 0
    lost: int = 0
    ahead_s: float | None = None


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A camera's state became another: when that was noticed, and since when it is so."""

    camera: str
    state: str
    at: Micros
    since: Micros
    why: str = ""


class Board:
    """Safe to share between threads. `told` is called with every change, in the thread in which it was noticed."""

    def __init__(self, cameras: Sequence[str], clock: Callable[[], Micros], told: Callable[[Change], None]) -> None:
        self._clock, self._told = clock, told
        self._lock = threading.Lock()
        self._now = {name: CameraStanding(since=clock()) for name in cameras}
        self.trouble = ""

    def standing(self) -> dict[str, CameraStanding]:
        with self._lock:
            return dict(self._now)

    def running(self, camera: str, message: Running) -> None:
        self._changed(camera, RECORDING, message.at, f"{message.codec} {message.width}x{message.height}")

    def lost(self, camera: str, message: Lost) -> None:
        self._count(camera, lost=1)
        self._changed(camera, message.kind, message.since, message.reason)

    def kept(self, camera: str, piece: Piece) -> None:
        self.trouble = ""
        self._count(camera, recorded=1, size=len(piece.data), recorded_s=(piece.end - piece.start) / 1e6)
        with self._lock:
            self._now[camera] = replace(self._now[camera], ahead_s=piece.ahead_s)

    def unkept(self, camera: str, why: str) -> None:
        self._count(camera, unkept=1)
        self.trouble = why

    def unlooked(self, camera: str, why: str) -> None:
        """A clip is given up before its turn ends; `why` is told as long as it is so, "" where there is nothing to mend."""
        self._count(camera, skipped=1)
        self.trouble = why or self.trouble

    def waits(self, camera: str, waiting: int, skipped: int = 0) -> None:
        self._count(camera, skipped=skipped)
        with self._lock:
            self._now[camera] = replace(self._now[camera], waiting=waiting)

    def looked(self, camera: str, well: bool) -> None:
        self._count(camera, **({"examined": 1} if well else {"failed": 1}))

    def _changed(self, camera: str, state: str, since: Micros, why: str) -> None:
        with self._lock:
            was = self._now[camera]
            # what goes on being so is no news, and has been so since it began
            news = (was.state, was.why) != (state, why)
            self._now[camera] = replace(was, state=state, why=why, since=since if was.state != state else was.since)
        if news:
            self._told(Change(camera=camera, state=state, at=self._clock(), since=since, why=why))

    def _count(self, camera: str, **more: float) -> None:
        with self._lock:
            was = self._now[camera]
            self._now[camera] = replace(was, **{name: getattr(was, name) + value for name, value in more.items()})
