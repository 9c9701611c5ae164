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


class _Page(msgspec.Struct, frozen=True):
    format: int
    applied: int
    dims: dict[str, int]
    left_out: list[tuple[int, str, str]]
    tenants: list[_Tenant]
    spaces: list[_Space]


def dump(whole: Whole, folder: Path) -> None:
    """Write it into an empty folder. Raises OSError where there is no room."""
    tenants = [
        _tenant(folder, number, tenant, each) for number, (tenant, each) in enumerate(sorted(whole.columns.items()))
    ]
    spaces = [_space(folder, number, name, each) for number, (name, each) in enumerate(sorted(whole.stores.items()))]
    left_out = [(row, space, why) for (row, space), why in sorted(whole.left_out.items())]
    page = _Page(_FORMAT, whole.applied, whole.dims, left_out, tenants, spaces)
    (folder / _PAGE).write_bytes(msgspec.json.encode(page))


def restore(folder: Path, store: Callable[[int], Store]) -> Whole:
    """What was dumped there; `store` makes an empty one of a dimension. Raises ProjectionError when the files do not fit together."""
    try:
        page = msgspec.json.decode((folder / _PAGE).read_bytes(), type=_Page)
        if page.format != _FORMAT:
            raise ProjectionError(
                f"the vectors' files in {folder} have format {page.format}, this version reads {_FORMAT}"
            )
        columns = {each.tenant: _columns(folder, each) for each in page.tenants}
        stores = {(each.tenant, each.space): _store(folder, each, page, columns, store) for each in page.spaces}
    # how numpy, faiss and msgspec say that a file is not what it should be
    except (OSError, ValueError, KeyError, IndexError, RuntimeError) as error:
        raise ProjectionError(f"the vectors' files in {folder} cannot be used: {error}") from error
    left_out = {(row, space): why for row, space, why in page.left_out}
    return Whole(columns, stores, dict(page.dims), left_out, page.applied)


def _tenant(folder: Path, number: int, tenant: str, columns: Columns) -> _Tenant:
    arrays, words = columns.told()
    for name, column in arrays.items():
        np.save(folder / f"tenant{number}-{name}.npy", column, allow_pickle=False)
    return _Tenant(tenant, number, words)


def _space(folder: Path, number: int, name: tuple[str, str], store: Store) -> _Space:
    dead = store.places.slot < 0
    _save(folder / f"space{number}-vectors.npy", store.floats.rows, dead)
    np.save(folder / f"space{number}-slots.npy", store.places.slot, allow_pickle=False)
    codes, graph, links = store.codes, store.graph, None
    if codes is not None:
        _save(folder / f"space{number}-codes.npy", codes.bytes, dead[: len(codes)])
        np.save(folder / f"space{number}-centre.npy", codes.centre, allow_pickle=False)
    if graph is not None:
        graph.write(folder / f"space{number}-graph.faiss")
        links = _Links(graph.breadth, graph.judged_at, len(graph))
    coded = 0 if codes is None else len(codes)
    return _Space(*name, number, store.places.size, coded, store.centred_at, store.unfit_at, links)


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
    store.unfit_at = told.unfit_at
    return store


def _derive(folder: Path, told: _Space, store: Store, dim: int) -> None:
    codes = Codes(_array(folder / f"space{told.number}-centre.npy", (dim,), np.float32))
    codes.add(_array(folder / f"space{told.number}-codes.npy", (told.coded, codes.width), np.uint8))
    if told.coded > told.total:
        raise ProjectionError(f"{told.coded} codes of {told.total} vectors in {told.space}")
    store.coded_by(codes)
    store.centred_at = told.centred_at
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
