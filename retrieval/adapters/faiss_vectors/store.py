"""Vectors of one tenant and space in flat FAISS storage: every search compares with chosen positions and no others."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retrieval.adapters.faiss_vectors.cells import Cells
from retrieval.adapters.faiss_vectors.columns import Mask, Selection
from retrieval.adapters.faiss_vectors.device import Device, library
from retrieval.types import Vector

_GPU_MOST = 2048  # faiss refuses a larger k on a GPU
_SELECT_SHARE = 8  # below 1/8 of the store a list of positions is compared faster than a bitmap is tested
_FEW_DEAD = 1024
# at most so many candidates are all compared; of more, so many of the likeliest: of 200,000 vectors that hardly form groups (sums of
# random word vectors, 384-d) that finds 0.95 of the ten nearest in half a scan's time; what encoders make forms groups, and is easier
EXACT, ENOUGH = 40_000, 24_576
# positions without a cell, as a share of those with one, before they get theirs; growth after which centres are learnt anew
_LOOSE, _OUTGROWN = 0.05, 2.0
_KEPT = 8
Positions = NDArray[np.int64]
Found = tuple[Positions, NDArray[np.float32]]


class _Allowed:
    """Ascending positions that may be compared; for very many also how many are in each cell, and a mask over all with a cell."""

    def __init__(self, positions: Positions) -> None:
        self.positions = positions
        self.counts: Positions | None = None
        self.mask: Mask = np.zeros(0, np.bool_)


class Store:
    """Vectors of one tenant and space. `slots[p]` is the slot position p belongs to, -1 once it is dead."""

    def __init__(self, dim: int, device: Device, exact: int, enough: int) -> None:
        faiss = library()
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
        faiss = library()
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
        faiss = library()
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
        faiss = library()
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
