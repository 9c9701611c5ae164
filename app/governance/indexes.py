"""The projections as erasure needs them: brought to a place of the log, and rid of the bytes of what was dropped.

Every instance keeps its projections in a folder of its own below `projections/`, and notes there (erased.json) up to which place of the
log it has given up what was erased. The log is scrubbed only once every instance has.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

import msgspec

from retrieval.errors import ProjectionError, StoreError
from retrieval.projector import Failure

_MARK = "erased.json"
_REACH_S = 120.0
_LOOK_S = 0.05


class _Marked(msgspec.Struct):
    sequence: int


@runtime_checkable
class Thorough(Protocol):
    """A projection that can give up the bytes of what was dropped without being made anew."""

    def compact(self) -> None: ...


class Follower(Protocol):
    """What keeps the projections up with the log."""

    def catch_up(self) -> Mapping[str, Failure]: ...

    def lag(self) -> dict[str, int]: ...

    def rebuild(self, name: str) -> Failure | None:
        """Throw one away and follow the log from its start; what kept it from being so."""

    def renew(self) -> object:
        """Remove all snapshots, and take a new one."""


class OwnIndexes:
    """Those of this process, by name, in `folder` (projections/<instance>). `sequence` gives the log's end; `snapshots` says whether any
    are taken; `elsewhere` what is kept on other machines, in words."""

    def __init__(
        self,
        follower: Follower,
        projections: Mapping[str, object],
        folder: Path,
        sequence: Callable[[], int],
        elsewhere: Sequence[str] = (),
        *,
        snapshots: bool = True,
    ) -> None:
        self._follower, self._projections, self._folder = follower, dict(projections), folder
        self._sequence, self._elsewhere, self._snapshots = sequence, tuple(elsewhere), snapshots

    def reach(self, sequence: int) -> None:
        """Bring every projection here to this place of the log. Raises ProjectionError for one that cannot be, StoreError where another
        instance has yet to give up what was erased before it."""
        until = time.monotonic() + _REACH_S
        while behind := self._behind(sequence):
            if time.monotonic() > until:
                raise ProjectionError(f"behind: {', '.join(behind)}; erasing goes on once they have caught up")
            time.sleep(_LOOK_S)

    def others(self, sequence: int) -> None:
        """Raises StoreError where another instance has not given up what was erased up to this place of the log."""
        waiting = [folder.name for folder in self._instances() if _mark_in(folder) < sequence]
        if waiting:
            told = ", ".join(sorted(waiting))
            raise StoreError(
                f"instance {told} has not given it up yet: it does so while it serves; if there is no such instance any "
                f"more, remove its folder below {self._folder.parent.name}"
            )

    def purge(self) -> None:
        """Give up all bytes of what was dropped, in memory and in files, and snapshots that may have them. Raises ProjectionError."""
        reached = self._sequence()
        self.reach(reached)
        for name, projection in self._projections.items():
            if isinstance(projection, Thorough):
                projection.compact()
            else:
                self._rebuild(name)
        self._told(self._follower.catch_up())
        if self._snapshots:
            self._follower.renew()
        self._note(reached)

    def purged(self) -> int:
        """Up to which place of the log what was erased has been given up here."""
        return _mark_in(self._folder)

    def mend(self, place: Sequence[str]) -> bool:
        """Make anew the projection, or the snapshots, that a file belongs to; whether it belongs to one of ours. Raises ProjectionError
        where that fails: what it was made of before may lie there still."""
        if place[:2] != ("projections", self._folder.name) or len(place) < 3:
            return False
        name = next((name for name in self._projections if place[2].startswith(name)), None)
        if name is not None:
            self._rebuild(name)
        elif place[2] == "snapshots":
            self._rebuild("vectors")
            self._follower.renew()
        return name is not None or place[2] == "snapshots"

    def beyond(self) -> tuple[str, ...]:
        return self._elsewhere

    def _behind(self, sequence: int) -> list[str]:
        end = self._sequence()
        self._told(self._follower.catch_up())
        return [name for name, lag in self._follower.lag().items() if end - lag < sequence]

    def _rebuild(self, name: str) -> None:
        if (failure := self._follower.rebuild(name)) is not None:
            raise ProjectionError(
                f"{name} could not be made anew ({failure.reason}); erasing goes on once that is mended"
            )

    def _told(self, failures: Mapping[str, Failure]) -> None:
        failed = [f"{name}: {failure.reason}" for name, failure in failures.items() if failure.kind == "failed"]
        if failed:
            raise ProjectionError(f"{'; '.join(failed)}; erasing goes on once that is mended")

    def _instances(self) -> list[Path]:
        """Folders of others that have projections in them."""
        parent = self._folder.parent
        found = [each for each in parent.iterdir() if each.is_dir()] if parent.is_dir() else []
        return [each for each in found if each != self._folder and any(each.iterdir())]

    def _note(self, sequence: int) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        fresh = self._folder / f".{_MARK}.{os.getpid()}"
        fresh.write_bytes(msgspec.json.encode(_Marked(sequence)))
        fresh.replace(self._folder / _MARK)


def _mark_in(folder: Path) -> int:
    try:
        return msgspec.json.decode((folder / _MARK).read_bytes(), type=_Marked).sequence
    except (OSError, msgspec.DecodeError):
        return 0
