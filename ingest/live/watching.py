"""All cameras together: recorded side by side, examined one clip after the other, told every minute, and how they are as a file."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec
import structlog

from ingest.live.board import Board, CameraStanding
from ingest.live.cameras import Keep
from ingest.live.examiner import Clip, Examiner, Waiting
from ingest.live.recorder import Recorder, started
from ingest.live.ring import Ring
from ingest.live.roll import Roll
from retrieval.errors import StoreError
from retrieval.types import Layer, Micros

STANDING = "standing.json"
_TELL_S = 60.0
_TICK_S = 1.0
_WRITE_S = 5.0
# what a recorder may take to end with what it holds
_END_S = 15.0


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about a watch at one moment. `size` and `most` are the bytes of the ring and its cap, `oldest` its first clip's time."""

    at: Micros
    cameras: dict[str, CameraStanding]
    clips: int
    size: int
    most: int
    oldest: Micros | None
    trouble: str = ""


class Watch:
    """Runs until stopped. `examiner` is None where nothing is to be examined."""

    def __init__(
        self,
        recorders: Sequence[Recorder],
        examiner: Examiner | None,
        ring: Ring,
        rolls: Mapping[str, Roll],
        board: Board,
        keep: Keep,
        clock: Callable[[], Micros],
    ) -> None:
        self._recorders, self._examiner, self._ring = tuple(recorders), examiner, ring
        self._rolls, self._board, self._keep, self._clock = dict(rolls), board, keep, clock
        self._log = structlog.get_logger(__name__)

    def resume(self, waiting: Waiting | None) -> None:
        """Tell of clips that an earlier run kept and did not come to tell of; the last that wait are examined. Raises StoreError."""
        for segment in self._ring.segments():
            roll = self._rolls.get(segment.camera)
            if roll is None:
                continue
            clip = Clip(segment, segment.holes)
            if not _told(roll, Layer.RECORDED, clip):
                roll.recorded(clip.spans)
            if waiting is not None and waiting.takes(segment.camera) and not _told(roll, Layer.EXAMINED, clip):
                waiting.put(clip)

    def run(self, stop: threading.Event, folder: Path, tell: Callable[[Standing], None], every_s: float) -> None:
        """Watch until `stop`. `tell` is called every so many seconds, and at the end; the same is written into the folder more often."""
        recording = [started(each.run, name="recorder") for each in self._recorders]
        examining = [started(self._examiner.run, stop, name="examiner")] if self._examiner else []
        try:
            self._beat(stop, folder, tell, every_s)
        finally:
            stop.set()
            for recorder in self._recorders:
                recorder.stop()
            for thread in (*recording, *examining):
                thread.join(_END_S)
            self._tell()
            self._write(folder)
            tell(self.standing())

    def standing(self) -> Standing:
        held = self._ring.held()
        return Standing(
            at=self._clock(),
            cameras=self._board.standing(),
            clips=held.clips,
            size=held.size,
            most=int(self._keep.max_gb * 1e9),
            oldest=held.oldest,
            trouble=self._board.trouble,
        )

    def _beat(self, stop: threading.Event, folder: Path, tell: Callable[[Standing], None], every_s: float) -> None:
        due = {"tell": _TELL_S, "write": 0.0, "line": every_s}
        ticks = 0
        while not stop.wait(_TICK_S):
            ticks += 1
            now_s = ticks * _TICK_S
            if now_s >= due["tell"]:
                due["tell"] = now_s + _TELL_S
                self._forget()
                self._tell()
            if now_s >= due["write"]:
                due["write"] = now_s + _WRITE_S
                self._write(folder)
            if now_s >= due["line"]:
                due["line"] = now_s + every_s
                tell(self.standing())

    def _tell(self) -> None:
        """What cannot be told now is told with the next."""
        for roll in self._rolls.values():
            try:
                roll.tell()
            except StoreError as problem:
                self._log.warning("cannot tell what was recorded", camera=roll.source, why=str(problem))

    def _forget(self) -> None:
        try:
            self._ring.forget()
        except StoreError as problem:
            self._log.warning("old clips cannot be removed", why=str(problem))

    def _write(self, folder: Path) -> None:
        fresh = folder / f"{STANDING}.part"
        try:
            fresh.write_bytes(msgspec.json.encode(self.standing()))
            fresh.replace(folder / STANDING)
        except OSError as problem:
            self._log.warning("cannot write how the cameras are", why=problem.strerror)


def _told(roll: Roll, layer: Layer, clip: Clip) -> bool:
    """Whether all that came of a clip was told in this layer. Raises StoreError."""
    return all(roll.told(layer, span) for span in clip.spans)


def read_standing(folder: Path) -> Standing | None:
    """What the last watch over this folder wrote; None where none did."""
    try:
        return msgspec.json.decode((folder / STANDING).read_bytes(), type=Standing)
    except (OSError, msgspec.DecodeError):
        return None
