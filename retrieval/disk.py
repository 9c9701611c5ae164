"""What makes a change of files last."""

from __future__ import annotations

import os
from pathlib import Path

from filelock import FileLock


def sync_file(path: Path) -> None:
    """What was written to it is on disk when this returns. Raises OSError; the file is then not to be relied on."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_folder(folder: Path) -> None:
    """A rename survives a power cut only once its folder is on disk too. Raises OSError."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sole_writer(path: Path) -> FileLock:
    """Held while a file that several processes write is read and replaced: what one writes is not undone by another who read before."""
    return FileLock(path.with_suffix(".lock"))
