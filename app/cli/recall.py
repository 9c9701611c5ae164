"""The ids last printed, so that `watchfloor show` takes the short form that people see.

They lie in `<data_dir>/shown.json`, newest last. Losing the file loses nothing but that convenience.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

import msgspec

from app.words import SHORT_ID
from retrieval.errors import BadQuery

KEPT = 1000
_FILE = "shown.json"


def remember(data_dir: Path, ids: Sequence[str]) -> None:
    """Keep the ids. A data directory that cannot be written (another user's server) is left alone."""
    kept = [known for known in _read(data_dir) if known not in set(ids)]
    fresh = [*kept, *dict.fromkeys(ids)][-KEPT:]
    with contextlib.suppress(OSError):
        (data_dir / _FILE).write_bytes(msgspec.json.encode(fresh))


def expand(data_dir: Path, wanted: str) -> str:
    """A short id → the whole id where one printed id begins so, else what was given.

    Raises BadQuery when several do.
    """
    if len(wanted) < SHORT_ID - 5:
        return wanted
    matches = [known for known in _read(data_dir) if known.startswith(wanted)]
    if len(matches) > 1 and wanted not in matches:
        raise BadQuery(f"{wanted} could be {len(matches)} pieces of evidence; give more of the id")
    return matches[0] if len(matches) == 1 else wanted


def _read(data_dir: Path) -> list[str]:
    try:
        return msgspec.json.decode((data_dir / _FILE).read_bytes(), type=list[str])
    except (OSError, msgspec.DecodeError):
        return []
