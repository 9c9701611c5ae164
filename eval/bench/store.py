"""The store that is asked: built once through the catalog and the projector, and kept where it is told to be."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from eval.bench.house import BenchParts, settings_for
from eval.bench.plant import TENANT
from eval.bench.sources import Sources, shares
from retrieval.errors import InputError

Progress = Callable[[int, int, str], None]
_FORMAT = 1
_NOTE = "bench.json"


class Built(msgspec.Struct, frozen=True):
    """What a store holds and what building it took, in seconds."""

    format: int
    n: int
    kinds: dict[str, int]
    sources: int
    commit_s: float
    project_s: float


def ready(folder: Path, n: int, progress: Progress) -> Built:
    """The store of `n` pieces in `folder`, built when it is not there. Raises InputError when another one is."""
    note = folder / _NOTE
    if note.is_file():
        built = msgspec.json.decode(note.read_bytes(), type=Built)
        if (built.format, built.n) != (_FORMAT, n):
            raise InputError(f"{folder} holds a store of {built.n} pieces, not {n}; name another --store")
        return built
    if (folder / "catalog.sqlite3").exists():
        raise InputError(f"{folder} holds half a store, or none of a benchmark; remove it or name another --store")
    built = _build(folder, n, progress)
    note.write_bytes(msgspec.json.encode(built))
    return built


def _build(folder: Path, n: int, progress: Progress) -> Built:
    settings = settings_for(folder)
    parts = BenchParts(settings)
    try:
        started = time.perf_counter()
        sources = _commit(parts, n, progress)
        committed = time.perf_counter()
        parts.follower.catch_up(lambda name, done, total: progress(done, total, name))
        ended = time.perf_counter()
        kinds = parts.book.stats(parts.keeper)["evidence_by_kind"]
    finally:
        parts.close()
    return Built(_FORMAT, n, kinds, sources, committed - started, ended - committed)


def _commit(parts: BenchParts, n: int, progress: Progress) -> int:
    total, done, count = sum(shares(n)), 0, 0
    for unit in Sources(n, parts.book.tenant_key(TENANT), parts.blobs):
        parts.book.commit(unit)
        done, count = done + len(unit.evidence), count + 1
        progress(done, total, unit.source)
    return count
