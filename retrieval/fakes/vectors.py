"""Nearest neighbours by comparing with everything that passes the filter."""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from retrieval.errors import BadQuery, ProjectionError
from retrieval.fakes.shelf import Shelf
from retrieval.ports import Explained, LogReader, Scored
from retrieval.projecting import UNKNOWN, Times
from retrieval.types import Evidence, Filter, Interval, Micros, Principal, Vector


class _Dumped(msgspec.Struct):
    """Beside the vectors, one after another: which (row, space) each belongs to."""

    applied: int
    evidence: dict[int, Evidence]
    dims: dict[str, int]
    owners: list[tuple[int, str]]
    left_out: list[tuple[int, str]] = []


class _Seen(NamedTuple):
    about: _Dumped
    vectors: list[Vector]

    @property
    def applied(self) -> int:
        return self.about.applied

    def write(self, folder: Path) -> None:
        (folder / "evidence.json").write_bytes(msgspec.json.encode(self.about))
        np.save(folder / "vectors.npy", np.concatenate([np.zeros(0, np.float32), *self.vectors]))


class MemoryVectors(Shelf):
    """The VectorIndex port in plain numpy."""

    name = "vectors"

    def __init__(self) -> None:
        super().__init__()
        self._vectors: dict[int, dict[str, list[Vector]]] = {}
        self._dims: dict[str, int] = {}
        self._left_out: set[tuple[int, str]] = set()

    @property
    def left_out(self) -> frozenset[tuple[int, str]]:
        """(row, space) of vectors that cannot be searched."""
        return frozenset(self._left_out)

    def held(self) -> Iterator[tuple[int, str, int]]:
        """(row, space, CRC-32 of the float32 bytes) of each vector."""
        for row, space, vector in self._each():
            yield row, space, zlib.crc32(vector.tobytes())

    def seen(self) -> _Seen:
        """Everything held at this moment."""
        each = list(self._each())
        owners = [(row, space) for row, space, _ in each]
        about = _Dumped(self._applied, dict(self._held), dict(self._dims), owners, sorted(self._left_out))
        return _Seen(about, [vector for *_, vector in each])

    def restore(self, folder: Path) -> int:
        try:
            about = msgspec.json.decode((folder / "evidence.json").read_bytes(), type=_Dumped)
            flat = np.load(folder / "vectors.npy", allow_pickle=False)
        except (OSError, ValueError, msgspec.DecodeError) as error:
            raise ProjectionError(f"the vectors' files cannot be read: {error}") from error
        sizes = [about.dims.get(space, 0) for _, space in about.owners]
        if flat.shape != (sum(sizes),) or flat.dtype != np.float32:
            raise ProjectionError(f"the vectors' file has shape {flat.shape}, {sum(sizes)} numbers are told")
        self.reset()
        self._held, self._dims, self._left_out = about.evidence, about.dims, set(about.left_out)
        for (row, space), vector in zip(about.owners, np.split(flat, np.cumsum(sizes)[:-1]), strict=False):
            self._vectors.setdefault(row, {}).setdefault(space, []).append(vector)
        self._applied = about.applied
        return self._applied

    def _each(self) -> Iterator[tuple[int, str, Vector]]:
        for row, spaces in self._vectors.items():
            for space, vectors in spaces.items():
                yield from ((row, space, vector) for vector in vectors)

    def spaces(self) -> Mapping[str, int]:
        counts: dict[str, int] = {}
        for spaces in self._vectors.values():
            for space, vectors in spaces.items():
                counts[space] = counts.get(space, 0) + len(vectors)
        return counts

    def reset(self) -> None:
        super().reset()
        self._dims, self._left_out = {}, set()

    def search(self, space: str, query: Vector, k: int, filter_: Filter, principal: Principal) -> Scored:
        asked = np.asarray(query, np.float32)
        if asked.ndim != 1 or not np.isfinite(asked).all() or asked.size != self._dims.get(space, asked.size):
            raise BadQuery("the query vector must be finite numbers, as many as the space has dimensions")
        scores = {
            row: max(float(vector @ asked) for vector in self._vectors[row][space])
            for row in self._passing(filter_, principal)
            if space in self._vectors.get(row, {})
        }
        best = sorted(scores, key=lambda row: (-scores[row], row))[: max(k, 0)]
        return Scored(np.array(best, np.int64), np.array([scores[row] for row in best], np.float32))

    def explain(self, space: str, query: Vector, k: int, filter_: Filter, principal: Principal) -> Explained:
        start = time.perf_counter()
        self.search(space, query, k, filter_, principal)
        ms = (time.perf_counter() - start) * 1e3
        mine = [row for row, spaces in self._vectors.items() if space in spaces]
        total = sum(len(self._vectors[row][space]) for row in mine if self._held[row].tenant == principal.tenant)
        each = [len(self._vectors.get(row, {}).get(space, ())) for row in self._standing(filter_, principal)]
        passing, found = sum(each), min(sum(map(bool, each)), max(k, 0))
        return Explained(space, total, passing, k, "exact", "compares all", passing, found, ms)

    def by_time(self, k: int, filter_: Filter, principal: Principal, near: Interval | None = None) -> Scored:
        def far(row: int) -> Micros:
            times = Times.of(self._held[row])
            if near is None or times.t0 == UNKNOWN:
                return -times.t0
            return abs((times.t0 + times.t1) - (near.t0 + near.t1))

        best = sorted(self._passing(filter_, principal), key=lambda row: (far(row), row))[: max(k, 0)]
        return Scored(np.array(best, np.int64), -np.arange(len(best), dtype=np.float32))

    def _added(self, ids: Sequence[str], present: dict[int, Evidence], log: LogReader) -> None:
        for row in present:
            self._dropped(row)
        for row, space, vector in log.embeddings(ids):
            if row not in present:
                continue
            sound = vector.ndim == 1 and np.isfinite(vector).all()
            if sound and vector.size == self._dims.setdefault(space, vector.size):
                self._vectors.setdefault(row, {}).setdefault(space, []).append(vector)
            else:
                self._left_out.add((row, space))

    def _dropped(self, row: int) -> None:
        self._vectors.pop(row, None)
        self._left_out = {key for key in self._left_out if key[0] != row}
