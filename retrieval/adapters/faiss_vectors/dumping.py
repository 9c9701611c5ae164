"""A vector index in a folder, as plain files: numpy arrays, faiss links, and one page of JSON that says what belongs to what."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from retrieval.adapters.faiss_vectors.codes import Codes
from retrieval.adapters.faiss_vectors.columns import Columns
from retrieval.adapters.faiss_vectors.graph import Graph
from retrieval.adapters.faiss_vectors.store import Store
from retrieval.errors import ProjectionError
from retrieval.types import Vector

_FORMAT = 1
_PAGE = "index.json"
_PIECE = 8192


class Whole(NamedTuple):
    """Everything an index holds: columns by tenant, stores by (tenant, space), dimensions by space, (row, space) left out and why, and
    the sequence applied."""

    columns: dict[str, Columns]
    stores: dict[tuple[str, str], Store]
    dims: dict[str, int]
    left_out: dict[tuple[int, str], str]
    applied: int


class _Tenant(msgspec.Struct, frozen=True):
    """One tenant's columns; the files are named by `number`."""

    tenant: str
    number: int
    words: dict[str, list[Any]]


class _Links(msgspec.Struct, frozen=True):
    breadth: int
    judged_at: int
    count: int


class _Space(msgspec.Struct, frozen=True):
    """One store; the files are named by `number`."""

    tenant: str
    space: str
    number: int
    total: int
    coded: int
    centred_at: int
    unfit_at: int
    links: _Links | None
    # 0 in what earlier versions dumped: codes are judged before they are used
    reach: int = 0
    reached_at: int = 0
    blurred_at: int = 0


class _Page(msgspec.Struct, frozen=True):
    format: int
    applied: int
    dims: dict[str, int]
    left_out: list[tuple[int, str, str]]
    tenants: list[_Tenant]
    spaces: list[_Space]


class _Seen(NamedTuple):
    """A store as it is at one moment. The rows are a view, of which nothing changes but that more is added; the rest is copied, but for
    a graph, which never changes."""

    rows: Vector
    slots: NDArray[np.int32]
    codes: NDArray[np.uint8] | None
    centre: Vector | None
    graph: Graph | None
    counts: tuple[int, ...]  # centred_at, unfit_at, reach, reached_at, blurred_at


class Seen(NamedTuple):
    """All of an index at one moment, so that nobody has to wait while it is written to disk."""

    tenants: list[tuple[str, tuple[dict[str, NDArray[Any]], dict[str, list[Any]]]]]
    stores: list[tuple[tuple[str, str], _Seen]]
    dims: dict[str, int]
    left_out: list[tuple[int, str, str]]
    applied: int

    def write(self, folder: Path) -> None:
        """Write it into an empty folder. Raises OSError where there is no room."""
        tenants = [_tenant(folder, number, *each) for number, each in enumerate(self.tenants)]
        spaces = [_space(folder, number, *each) for number, each in enumerate(self.stores)]
        page = _Page(_FORMAT, self.applied, self.dims, self.left_out, tenants, spaces)
        (folder / _PAGE).write_bytes(msgspec.json.encode(page))


def seen(whole: Whole) -> Seen:
    """To be called while nothing changes; what it gives stays as it is."""
    return Seen(
        [(tenant, columns.told()) for tenant, columns in sorted(whole.columns.items())],
        [(name, _looked_at(store)) for name, store in sorted(whole.stores.items())],
        dict(whole.dims),
        [(row, space, why) for (row, space), why in sorted(whole.left_out.items())],
        whole.applied,
    )


def _looked_at(store: Store) -> _Seen:
    codes = store.codes
    counts = (store.centred_at, store.unfit_at, store.reach, store.reached_at, store.blurred_at)
    kept, centre = (None, None) if codes is None else (codes.bytes.copy(), codes.centre)
    return _Seen(store.floats.rows, store.places.slot.copy(), kept, centre, store.graph, counts)


def restore(folder: Path, store: Callable[[int], Store]) -> Whole:
    """What was dumped there; `store` makes an empty one of a dimension. Raises ProjectionError when the files do not fit together."""
    made: list[Store] = []

    def one_more(dim: int) -> Store:
        made.append(store(dim))
        return made[-1]

    try:
        return _restored(folder, one_more)
    # whatever it is: files of stores that nobody will have are closed
    except BaseException as error:
        for each in made:
            each.close()
        # how numpy, faiss and msgspec say that a file is not what it should be
        if isinstance(error, (OSError, EOFError, ValueError, KeyError, IndexError, RuntimeError)):
            raise ProjectionError(f"the vectors' files in {folder} cannot be used: {error}") from error
        raise


def _restored(folder: Path, store: Callable[[int], Store]) -> Whole:
    page = msgspec.json.decode((folder / _PAGE).read_bytes(), type=_Page)
    if page.format != _FORMAT:
        raise ProjectionError(f"the vectors' files in {folder} have format {page.format}, this version reads {_FORMAT}")
    columns = {each.tenant: _columns(folder, each) for each in page.tenants}
    stores = {(each.tenant, each.space): _store(folder, each, page, columns, store) for each in page.spaces}
    left_out = {(row, space): why for row, space, why in page.left_out}
    return Whole(columns, stores, dict(page.dims), left_out, page.applied)


def _tenant(
    folder: Path, number: int, tenant: str, told: tuple[dict[str, NDArray[Any]], dict[str, list[Any]]]
) -> _Tenant:
    arrays, words = told
    for name, column in arrays.items():
        np.save(folder / f"tenant{number}-{name}.npy", column, allow_pickle=False)
    return _Tenant(tenant, number, words)


def _space(folder: Path, number: int, name: tuple[str, str], store: _Seen) -> _Space:
    dead, coded, links = store.slots < 0, 0, None
    _save(folder / f"space{number}-vectors.npy", store.rows, dead)
    np.save(folder / f"space{number}-slots.npy", store.slots, allow_pickle=False)
    if store.codes is not None and store.centre is not None:
        coded = len(store.codes)
        _save(folder / f"space{number}-codes.npy", store.codes, dead[:coded])
        np.save(folder / f"space{number}-centre.npy", store.centre, allow_pickle=False)
    if store.graph is not None:
        store.graph.write(folder / f"space{number}-graph.faiss")
        links = _Links(store.graph.breadth, store.graph.judged_at, len(store.graph))
    centred_at, unfit_at, *reach = store.counts
    return _Space(*name, number, store.slots.size, coded, centred_at, unfit_at, links, *reach)


def _save(path: Path, rows: NDArray[Any], dead: NDArray[np.bool_]) -> None:
    """The rows, some at a time, with nothing where they are dead: what was dropped must not be in a file."""
    with path.open("wb") as file:
        header = {"descr": np.lib.format.dtype_to_descr(rows.dtype), "fortran_order": False, "shape": rows.shape}
        np.lib.format.write_array_header_1_0(file, header)
        for start in range(0, len(rows), _PIECE):
            piece = np.where(dead[start : start + _PIECE, None], rows.dtype.type(0), rows[start : start + _PIECE])
            file.write(piece.tobytes())


def _columns(folder: Path, told: _Tenant) -> Columns:
    arrays = {name: _array(folder / f"tenant{told.number}-{name}.npy") for name in Columns().told()[0]}
    return Columns.of(arrays, told.words)


def _store(folder: Path, told: _Space, page: _Page, columns: dict[str, Columns], make: Callable[[int], Store]) -> Store:
    dim, store = page.dims[told.space], make(page.dims[told.space])
    vectors = _array(folder / f"space{told.number}-vectors.npy", (told.total, dim), np.float32)
    slots = _array(folder / f"space{told.number}-slots.npy", (told.total,), np.int32)
    if not columns[told.tenant].holds(slots[slots >= 0]):
        raise ProjectionError(f"vectors of {told.space} belong to slots that the columns of {told.tenant} do not have")
    store.floats.reserve(told.total)
    for start in range(0, told.total, _PIECE):
        store.floats.add(vectors[start : start + _PIECE])
    store.places.append(slots.astype(np.int64))
    if told.coded:
        _derive(folder, told, store, dim)
    store.unfit_at, store.blurred_at = told.unfit_at, told.blurred_at
    return store


def _derive(folder: Path, told: _Space, store: Store, dim: int) -> None:
    codes = Codes(_array(folder / f"space{told.number}-centre.npy", (dim,), np.float32))
    codes.add(_array(folder / f"space{told.number}-codes.npy", (told.coded, codes.width), np.uint8))
    if told.coded > told.total:
        raise ProjectionError(f"{told.coded} codes of {told.total} vectors in {told.space}")
    # not by `reaching`: codes that are not judged yet are kept, and judged
    store.codes, store.centred_at = codes, told.centred_at
    store.reach, store.reached_at = told.reach, told.reached_at
    if told.links is None:
        return
    graph = Graph.read(folder / f"space{told.number}-graph.faiss", told.links.breadth, told.links.judged_at)
    if not graph.sound or len(graph) != told.links.count or len(graph) > told.coded:
        raise ProjectionError(f"the graph of {told.space} links {len(graph)} vectors, {told.links.count} are told")
    store.linked_by(graph)


def _array(path: Path, shape: tuple[int, ...] | None = None, dtype: Any = None) -> NDArray[Any]:
    """A mapped array of this shape and type."""
    array = np.load(path, mmap_mode="r", allow_pickle=False)
    if (shape is not None and array.shape != shape) or (dtype is not None and array.dtype != dtype):
        raise ProjectionError(
            f"{path.name} holds {array.dtype} of shape {array.shape}, not {np.dtype(dtype)} of {shape}"
        )
    found: NDArray[Any] = array
    return found
