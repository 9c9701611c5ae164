"""What files are called in the catalog, and when they count as changed: by where they lie, unless they were fetched from elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from ingest.walk import fingerprint


class Naming(Protocol):
    """`uri` is the source under which a file's evidence is kept, `fingerprint` changes whenever what is read of the file may."""

    def uri(self, path: Path) -> str: ...

    def fingerprint(self, path: Path) -> str: ...


class OnDisk:
    """A file is called by its path and told by its bytes."""

    def uri(self, path: Path) -> str:
        return path.as_uri()

    def fingerprint(self, path: Path) -> str:
        """Raises OSError."""
        return fingerprint(path)


ON_DISK = OnDisk()
