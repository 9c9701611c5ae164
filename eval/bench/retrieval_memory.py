"""What the vector index holds in memory, looked at in a process that does nothing else."""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path
from typing import Any

from app.wiring_store import StoreRooms
from eval.bench.retrieval_data import DIM, FILTERS, Material
from eval.bench.retrieval_finding import Ours, settle
from eval.bench.retrieval_store import follow, settings_at

_ROLLUP = Path("/proc/self/smaps_rollup")
_SEARCHES = 20


def anonymous_bytes() -> int:
    """Memory of this process that no file stands behind (Linux)."""
    gc.collect()
    for line in _ROLLUP.read_text(encoding="ascii").splitlines():
        if line.startswith("Anonymous:"):
            return int(line.split()[1]) * 1024
    raise OSError(f"{_ROLLUP} tells nothing of anonymous memory")


def run(folder: Path, material: Material, storage: str, progress: Callable[[int, int, str], None]) -> dict[str, Any]:
    """{raw_mib: the float32 vectors, grown_mib, ratio}: growth from an opened empty index to one that has followed and been searched."""
    rooms = StoreRooms(settings_at(folder, storage))
    try:
        # opened and imported before it is looked at: the index and what hangs on it is what is weighed
        rooms.vectors.spaces(), rooms.words, rooms.book.sequence()
        before = anonymous_bytes()
        follow(rooms, progress)
        settle(rooms, progress)
        ours = Ours(rooms)
        for name in FILTERS:
            for query, value in list(zip(material.queries, material.values[name], strict=True))[:_SEARCHES]:
                ours.search(query, name, value)
        grown = anonymous_bytes() - before
    finally:
        rooms.close()
    raw = 4 * DIM * material.n
    return {"raw_mib": round(raw / 2**20, 1), "grown_mib": round(grown / 2**20, 1), "ratio": round(grown / raw, 4)}
