"""Nearest neighbours over flat FAISS storage, filtered before ranking.

Vectors live in memory and are rebuilt from the catalog at start. There is one flat inner-product store for each tenant and
space; the columns beside it turn a filter and a principal into candidate positions, and only those are compared. The result is
exact, except where more than 40,000 pass on a CPU: then those in the likeliest cells are compared (retrieval/cells.py).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import structlog
from numpy.typing import NDArray

from retrieval.cells import Cells
from retrieval.columns import Columns, Mask, Selection
from retrieval.errors import BadQuery
from retrieval.locks import ReadWriteLock
from retrieval.ports import LogEntry, LogReader, Scored
from retrieval.projecting import Change, changes, last
from retrieval.types import Filter, Interval, Principal, Vector

_GPU_MOST = 2048  # faiss refuses a larger k on a GPU
_SELECT_SHARE = 8  # below 1/8 of the store a list of positions is compared faster than a bitmap is tested
_FEW_DEAD = 1024
# at most so many candidates are all compared; of more, so many of the likeliest: of 200,000 vectors that hardly form groups (sums of
# random word vectors, 384-d) that finds 0.95 of the ten nearest in half a scan's time; what encoders make forms groups, and is easier
_EXACT, _ENOUGH = 40_000, 24_576
# positions without a cell, as a share of those with one, before they get theirs; growth after which centres are learnt anew
_LOOSE, _OUTGROWN = 0.05, 2.0
_KEPT = 8
Positions = NDArray[np.int64]
Found = tuple[Positions, NDArray[np.float32]]


def _faiss() -> Any:
    """The library, loaded at first use (it takes a while), without the types it declares wrongly."""
    import faiss

    return faiss


def selector_works(index: Any) -> bool:
    """Whether a search restricted to one id returns that id. `index` holds rows of the 4-d identity matrix.

    Classic GPU indexes ignore selectors or refuse them, so this is asked of the device once at start-up.
    """
    faiss = _faiss()
    query = np.eye(4, dtype=np.float32)[:1]
    try:
        selector = faiss.IDSelectorArray(np.array([2], np.int64))
        _, ids = index.search(query, 1, params=faiss.SearchParameters(sel=selector))
    except RuntimeError:  # how faiss says that an index takes no selector
        return False
    return bool(ids[0, 0] == 2)


class _Device:
    """Where flat stores are searched, and whether that place honours selectors."""

    def __init__(self, gpu: bool | None, self_test: Callable[[Any], bool]) -> None:
        faiss = _faiss()
        count = int(faiss.get_num_gpus()) if gpu is not False else 0
        if gpu and not count:
            raise ValueError("gpu=True, but faiss sees no GPU")
        self.gpu = count > 0
        self._resources = faiss.StandardGpuResources() if self.gpu else None
        probe = faiss.IndexFlatIP(4)
        probe.add(np.eye(4, dtype=np.float32))
        self.selects = self_test(self.place(probe))

    def place(self, index: Any) -> Any:
        """The index itself, or a copy of it on the GPU."""
        if not self.gpu:
            return index
        faiss = _faiss()
        return faiss.index_cpu_to_gpu(self._resources, 0, index)


class _Allowed:
    """Ascending positions that may be compared; for very many also how many are in each cell, and a mask over all with a cell."""

    def __init__(self, positions: Positions) -> None:
        self.positions = positions
        self.counts: Positions | None = None
        self.mask: Mask = np.zeros(0, np.bool_)


class _Store:
    """Vectors of one tenant and space. `slots[p]` is the slot position p belongs to, -1 once it is dead."""

    def __init__(self, dim: int, device: _Device, exact: int, enough: int) -> None:
        faiss = _faiss()
        self._index = faiss.IndexFlatIP(dim)
        self._device, self._exact, self._enough = device, exact, enough
        self._placed: Any = None
        self._slots = np.zeros(0, np.int64)
        self._cells: Cells | None = None
        self._kept: dict[Hashable, _Allowed] = {}
        self._by_slot: tuple[Positions, Positions] | None = None
        self.dim = dim

    def __len__(self) -> int:
        return int(np.count_nonzero(self._slots >= 0))

    def settle(self) -> None:
        """Bring what hangs on the vectors up to them: the device's copy on a GPU, the cells elsewhere."""
        if self._placed is None:
            self._placed = self._device.place(self._index)
        total = self._slots.size
        if self._device.gpu or total <= self._exact or not self._device.selects:
            return
        if self._cells is None or total > _OUTGROWN * self._cells.learnt_from:
            self._cells = Cells(self._vectors())
        elif total > (1 + _LOOSE) * len(self._cells):
            self._cells.extend(self._vectors()[len(self._cells) :])

    def put(self, slots: NDArray[np.int64], vectors: Vector) -> None:
        """Give slots these vectors, and no others. Shapes (n,) and (n, dim); a slot may come several times."""
        known = np.isin(slots, self._slots)
        if known.any() and not self._holds(slots[known], vectors[known]):
            self.forget(np.unique(slots[known]))
            known[:] = False
        if not known.all():
            self._index.add(np.ascontiguousarray(vectors[~known]))
            self._slots = np.concatenate([self._slots, slots[~known]])
            self._placed = None
            self._forget_derived()

    def forget(self, slots: NDArray[np.int64]) -> None:
        """Mark the vectors of these slots dead; rebuild once a quarter is."""
        gone = np.isin(self._slots, slots)
        if not gone.any():
            return
        self._slots[gone] = -1
        self._forget_derived()
        dead = int(np.count_nonzero(self._slots < 0))
        if dead > _FEW_DEAD and dead * 4 > self._slots.size:
            self._compact()

    def search(self, query: Vector, k: int, selection: Selection) -> Found:
        """The k best slots of a selection, one score each (their best vector's)."""
        allowed = self._allowed(selection)
        few = self._likeliest(query, k, allowed)
        slots, scores = self._ranked(query, k, few)
        # cells that hold many vectors of few pieces may come out short
        return (slots, scores) if few is allowed or slots.size == k else self._ranked(query, k, allowed)

    def _ranked(self, query: Vector, k: int, allowed: _Allowed) -> Found:
        count = allowed.positions.size
        want = min(k, count)
        while want:
            positions, scores = self._nearest(query, want, allowed)
            slots = self._slots[positions]
            first = np.sort(np.unique(slots, return_index=True)[1])[:k]
            if first.size == k or want == count:
                return slots[first], scores[first]
            want = min(want * 2, count)
        return np.zeros(0, np.int64), np.zeros(0, np.float32)

    def _allowed(self, selection: Selection) -> _Allowed:
        """The positions of a selection; kept for one that will be asked for again."""
        kept = self._kept.get(selection.key) if selection.key is not None else None
        if kept is None:
            kept = _Allowed(self._positions(selection.slots))
            if selection.key is not None:
                if len(self._kept) >= _KEPT:
                    self._kept = {}
                self._kept[selection.key] = kept
        return kept

    def _positions(self, slots: Positions) -> Positions:
        """The live positions of these slots, ascending."""
        if self._by_slot is None:
            order = np.argsort(self._slots, kind="stable")
            self._by_slot = order, self._slots[order]
        order, ordered = self._by_slot
        begin, end = np.searchsorted(ordered, slots, "left"), np.searchsorted(ordered, slots, "right")
        if (end - begin <= 1).all():
            return np.sort(order[begin[end > begin]])
        return np.sort(np.concatenate([order[b:e] for b, e in zip(begin, end, strict=True)]))

    def _likeliest(self, query: Vector, k: int, allowed: _Allowed) -> _Allowed:
        """Of very many positions those in the likeliest cells, and those that have no cell yet; of fewer, all."""
        cells = self._cells
        if cells is None or allowed.positions.size <= self._exact:
            return allowed
        celled = allowed.positions[: int(np.searchsorted(allowed.positions, len(cells)))]
        if allowed.counts is None:
            allowed.counts, allowed.mask = cells.counts(celled), _mask(celled, len(cells))
        near = cells.likeliest(query, allowed.counts, max(self._enough, 8 * k))
        near = np.sort(near[allowed.mask[near]])
        return _Allowed(np.concatenate([near, allowed.positions[celled.size :]]))

    def _nearest(self, query: Vector, want: int, allowed: _Allowed) -> Found:
        whole = allowed.positions.size == self._slots.size
        if (self._device.gpu and want > _GPU_MOST) or not (whole or self._device.selects):
            return self._gathered(query, want, allowed.positions)
        params = None if whole and self._device.gpu else self._params(allowed)
        scores, ids = self._placed.search(query[None], want, params=params)
        return ids[0], scores[0]

    def _gathered(self, query: Vector, want: int, positions: Positions) -> Found:
        """The same by copying the candidates out: exact wherever selectors cannot be trusted."""
        scores = self._vectors()[positions] @ query
        best = np.argsort(-scores, kind="stable")[:want]
        return positions[best], scores[best]

    def _params(self, allowed: _Allowed) -> Any:
        faiss = _faiss()
        count, total = allowed.positions.size, self._slots.size
        if count == total:
            # one query without a selector goes through a parallel path that costs ten times this on a busy machine
            return faiss.SearchParameters(sel=faiss.IDSelectorAll())
        if count * _SELECT_SHARE < total:
            return faiss.SearchParameters(sel=faiss.IDSelectorArray(allowed.positions))
        bits = np.packbits(_mask(allowed.positions, total), bitorder="little")
        return faiss.SearchParameters(sel=faiss.IDSelectorBitmap(bits))

    def _forget_derived(self) -> None:
        self._kept, self._by_slot = {}, None

    def _vectors(self) -> Vector:
        """A view of the flat storage, shape (positions, dim)."""
        faiss = _faiss()
        total = self._index.ntotal
        if not total:
            return np.zeros((0, self.dim), np.float32)
        view: Vector = faiss.rev_swig_ptr(self._index.get_xb(), total * self.dim).reshape(total, self.dim)
        return view

    def _holds(self, slots: NDArray[np.int64], vectors: Vector) -> bool:
        positions = np.flatnonzero(np.isin(self._slots, slots))
        held = positions[np.argsort(self._slots[positions], kind="stable")]
        asked = np.argsort(slots, kind="stable")
        if not np.array_equal(self._slots[held], slots[asked]):
            return False
        return np.array_equal(self._vectors()[held], vectors[asked])

    def _compact(self) -> None:
        faiss = _faiss()
        kept = np.flatnonzero(self._slots >= 0)
        fresh = faiss.IndexFlatIP(self.dim)
        fresh.add(self._vectors()[kept])
        self._index, self._slots, self._placed = fresh, self._slots[kept], None
        # positions have moved
        self._cells = None
        self._forget_derived()


def _mask(positions: Positions, size: int) -> Mask:
    mask = np.zeros(size, np.bool_)
    mask[positions] = True
    return mask


class FaissVectors:
    """The VectorIndex port over faiss.

    `gpu`: None uses one when there is one, False never, True insists (ValueError without one). `self_test` is asked once
    whether the device's flat index honours selectors; where it does not, candidates are gathered and compared exactly. Up to `exact`
    candidates are all compared, of more at least `enough`.
    Vectors that are not finite, or not of their space's dimension, are left out, logged, and listed in `left_out`.
    """

    name = "vectors"

    def __init__(
        self,
        gpu: bool | None = None,
        self_test: Callable[[Any], bool] = selector_works,
        exact: int = _EXACT,
        enough: int = _ENOUGH,
    ) -> None:
        self._device, self._exact, self._enough = _Device(gpu, self_test), exact, enough
        self._lock = ReadWriteLock()
        self._log = structlog.get_logger(__name__)
        self._applied = 0
        self._forget_all()

    @property
    def device(self) -> str:
        """Where vectors are searched, and how filters reach them: e.g. "cpu, selectors"."""
        return f"{'gpu' if self._device.gpu else 'cpu'}, {'selectors' if self._device.selects else 'gathered'}"

    @property
    def left_out(self) -> Mapping[tuple[int, str], str]:
        """(row, space) → why its vector cannot be searched."""
        return dict(self._left_out)

    def applied(self) -> int:
        return self._applied

    def rows(self) -> set[int]:
        """Catalog rows this index knows, for reconciling."""
        with self._lock.reading():
            return set().union(*(columns.rows() for columns in self._columns.values()))

    def spaces(self) -> Mapping[str, int]:
        with self._lock.reading():
            counts: dict[str, int] = {}
            for (_, space), store in self._stores.items():
                counts[space] = counts.get(space, 0) + len(store)
            return {space: count for space, count in counts.items() if count}

    def apply(self, entries: Sequence[LogEntry], log: LogReader) -> None:
        for change in changes(entries, log):
            vectors = list(log.embeddings(change.ids))
            with self._lock.writing():
                self._take(change, vectors)
        self._applied = last(entries, self._applied)

    def reset(self) -> None:
        with self._lock.writing():
            self._forget_all()

    def close(self) -> None:
        self.reset()

    def search(self, space: str, query: Vector, k: int, filter_: Filter, principal: Principal) -> Scored:
        """As the port says. `query` has shape (dim,); an unknown space gives nothing."""
        asked = np.asarray(query, np.float32)
        if asked.ndim != 1 or not np.isfinite(asked).all():
            raise BadQuery("the query vector must be one row of finite numbers")
        with self._lock.reading():
            store = self._stores.get((principal.tenant, space))
            self._check_dim(space, asked.size)
            if store is None or k < 1:
                return Scored(np.zeros(0, np.int64), np.zeros(0, np.float32))
            columns = self._columns[principal.tenant]
            slots, scores = store.search(asked, k, columns.select(filter_, principal))
            return Scored(columns.row_numbers(slots), scores)

    def by_time(self, k: int, filter_: Filter, principal: Principal, near: Interval | None = None) -> Scored:
        """As the port says."""
        with self._lock.reading():
            columns = self._columns.get(principal.tenant)
            if columns is None or k < 1:
                return Scored(np.zeros(0, np.int64), np.zeros(0, np.float32))
            slots = columns.by_time(columns.select(filter_, principal), near, k)
            return Scored(columns.row_numbers(slots), -np.arange(slots.size, dtype=np.float32))

    def _check_dim(self, space: str, size: int) -> None:
        dim = self._dims.get(space, size)
        if dim != size:
            raise BadQuery(f"space {space} has {dim} dimensions, the query {size}")

    def _forget_all(self) -> None:
        self._columns: dict[str, Columns] = {}
        self._stores: dict[tuple[str, str], _Store] = {}
        self._dims: dict[str, int] = {}
        self._left_out: dict[tuple[int, str], str] = {}
        self._applied = 0

    def _take(self, change: Change, vectors: Sequence[tuple[int, str, Vector]]) -> None:
        columns = self._columns.setdefault(change.tenant, Columns())
        present = {item.row for item in change.present}
        held = set().union(*(columns.rows_of(id_) for id_ in change.ids))
        self._drop(change.tenant, columns, held - present)
        columns.put(change.present)
        by_space: dict[str, list[tuple[int, Vector]]] = {}
        for row, space, vector in vectors:
            if row in present and self._usable(row, space, vector):
                by_space.setdefault(space, []).append((row, vector))
        for space, rows in by_space.items():
            slots = np.array([columns.slot(row) for row, _ in rows], np.int64)
            self._store(change.tenant, space).put(slots, np.stack([vector for _, vector in rows]).astype(np.float32))
        for (tenant, _), store in self._stores.items():
            if tenant == change.tenant:
                store.settle()

    def _drop(self, tenant: str, columns: Columns, rows: set[int]) -> None:
        slots = np.array([columns.slot(row) for row in rows], np.int64)
        for (owner, _), store in self._stores.items():
            if owner == tenant:
                store.forget(slots)
        for row in rows:
            columns.drop(row)
        self._left_out = {key: why for key, why in self._left_out.items() if key[0] not in rows}

    def _usable(self, row: int, space: str, vector: Vector) -> bool:
        why = ""
        if vector.ndim != 1 or not np.isfinite(vector).all():
            why = "not finite"
        elif vector.size != self._dims.setdefault(space, vector.size):
            why = f"{vector.size} dimensions where the space has {self._dims[space]}"
        if why:
            self._left_out[row, space] = why
            self._log.warning("vector left out", row=row, space=space, why=why)
        return not why

    def _store(self, tenant: str, space: str) -> _Store:
        key = (tenant, space)
        if key not in self._stores:
            self._stores[key] = _Store(self._dims[space], self._device, self._exact, self._enough)
        return self._stores[key]
