"""Which files are whole, as far as can be told from outside: those nobody has written to for a while."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ingest.media_types import AUDIO, BY_ENDING, IMAGES, VIDEO

# names that programs give to what they have not finished writing
_UNFINISHED = (
    ".part",
    ".partial",
    ".tmp",
    ".temp",
    ".crdownload",
    ".download",
    ".filepart",
    ".opdownload",
    ".swp",
    "~",
)
_LOCKS = ("~$", ".")
_RECORDED = VIDEO | IMAGES | AUDIO


def unfinished(name: str) -> bool:
    """Whether a file's name says that it is not finished, hidden, or a program's own."""
    return name.startswith(_LOCKS) or name.lower().endswith(_UNFINISHED)


def mark_of(path: Path) -> str:
    """Changes whenever what is read of the file may: size and time of change, of what describes it too. Raises OSError."""
    told = [_stat(path)]
    if BY_ENDING.get(path.suffix.lower()) in _RECORDED:
        for beside in (path.with_name(path.name + ".json"), path.with_suffix(".json")):
            if beside.is_file():
                told.append(_stat(beside))
    return " ".join(told)


def _stat(path: Path) -> str:
    found = path.stat()
    return f"{found.st_size}:{found.st_mtime_ns}"


class Quiet:
    """Remembers since when each file has looked as it does. By our own clock (seconds): those of file servers are not ours."""

    def __init__(self, quiet_s: float) -> None:
        self.quiet_s = quiet_s
        self._since: dict[str, tuple[str, float]] = {}

    def settled(self, marks: Mapping[str, str], now: float) -> set[str]:
        """Those of the names that have had their mark for long enough. What is not named any more is forgotten."""
        before = self._since
        self._since = {
            name: before[name] if name in before and before[name][0] == mark else (mark, now)
            for name, mark in marks.items()
        }
        return {name for name, (_, since) in self._since.items() if now - since >= self.quiet_s}
