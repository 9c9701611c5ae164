"""A store that is opened twice in one process keeps what is written while other processes come and go."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from retrieval.catalog import Catalog

GLANCE = (
    "import sys; from retrieval.catalog import Catalog; c = Catalog(sys.argv[1]); print(c.meta('t', 'key')); c.close()"
)


def test_opening_a_store_again_takes_no_locks_away(tmp_path: Path) -> None:
    """Closing any file handle drops a process's locks on the file: the other process would take the log for nobody's and remove it."""
    path = tmp_path / "catalog.sqlite3"
    first, second = Catalog(path), Catalog(path)
    for n in range(3):
        first.set_meta("t", "key", str(n))
        told = subprocess.run([sys.executable, "-c", GLANCE, str(path)], capture_output=True, text=True, check=True)
        assert told.stdout == f"{n}\n" and second.meta("t", "key") == str(n)
    first.close()
    second.close()
