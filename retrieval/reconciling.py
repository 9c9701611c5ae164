"""Comparing an index with the catalog by content, and repairing what differs and nothing else.

A projection tells *marks* of what it holds: (key, number) pairs whose numbers add up a key. A key is a catalog row, or, for what
hangs on no row (entities and links), a tuple that begins with its sort and its tenant; such a number is 0 where the thing is as good as
absent. The catalog says which marks there should be. Missing, extra and stale keys are the differences.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol, TypeAlias, runtime_checkable

from retrieval.digests import of_crc, of_document, of_vector
from retrieval.failpoints import NOWHERE, Failpoints, Step
from retrieval.ports import LogEntry, LogReader, Projected, Projection
from retrieval.types import Entity, Link

Key: TypeAlias = int | tuple[str, ...]
Mark: TypeAlias = tuple[Key, int]
_BITS = 2**63 - 1
_IDS = 500


class Census(Protocol):
    """Every revision of every tenant."""

    def pages(self, size: int = 500) -> Iterator[list[Projected]]: ...

    def ids(self, rows: Iterable[int]) -> dict[str, list[str]]: ...

    def tenants(self) -> list[str]: ...


@runtime_checkable
class Marked(Protocol):
    """A projection that tells what it holds."""

    def marks(self) -> Iterator[Mark]:
        """Of everything held, a row at least once."""

    def expected(self, page: Sequence[Projected], log: LogReader) -> Iterator[Mark]:
        """Those it should hold of these revisions."""

    def forget(self, rows: Collection[int]) -> None:
        """Drop rows, whoever's they are; unknown ones are ignored."""


@runtime_checkable
class Sited(Protocol):
    """One that also holds what hangs on no row."""

    def expected_site(self, tenant: str, entities: Sequence[Entity], links: Sequence[Link]) -> Iterator[Mark]: ...


@runtime_checkable
class VectorsHeld(Protocol):
    """A vector index that tells its vectors: (row, space, CRC-32 of the float32 bytes)."""

    def held(self) -> Iterator[tuple[int, str, int]]: ...

    def rows(self) -> set[int]: ...

    def forget(self, rows: Collection[int]) -> None: ...

    @property
    def left_out(self) -> Collection[tuple[int, str]]: ...


@runtime_checkable
class Described(Protocol):
    """One that also tells what it keeps beside the vectors, as a number a row, and what that should be."""

    def described(self) -> Iterable[tuple[int, int]]: ...

    def describe(self, item: Projected) -> int: ...


class VectorMarks:
    """Marks of a vector index."""

    def __init__(self, index: VectorsHeld) -> None:
        self._index = index

    def marks(self) -> Iterator[Mark]:
        beside = self._index
        yield from beside.described() if isinstance(beside, Described) else ((row, 0) for row in beside.rows())
        for row, space, crc in self._index.held():
            yield row, of_crc(space, crc)

    def expected(self, page: Sequence[Projected], log: LogReader) -> Iterator[Mark]:
        rows, left_out, beside = {item.row for item in page}, self._index.left_out, self._index
        for item in page:
            yield item.row, beside.describe(item) if isinstance(beside, Described) else 0
        for row, space, vector in log.embeddings([item.evidence.id for item in page]):
            if row in rows and (row, space) not in left_out:
                yield row, of_vector(space, vector)

    def forget(self, rows: Collection[int]) -> None:
        self._index.forget(rows)


class Documents:
    """Marks of what was made from a revision as a whole; a subclass tells its own."""

    def expected(self, page: Sequence[Projected], log: LogReader) -> Iterator[Mark]:
        return ((item.row, of_document(item)) for item in page)


class Difference(NamedTuple):
    """Keys that an index lacks, has too many, or has otherwise than the catalog; `checked` counts keys compared."""

    checked: int
    missing: frozenset[Key]
    extra: frozenset[Key]
    stale: frozenset[Key]

    @property
    def keys(self) -> frozenset[Key]:
        return self.missing | self.extra | self.stale


class Report(NamedTuple):
    """What reconciling a projection found; `repaired` differences were gone when it was compared again."""

    checked: int
    missing: int
    extra: int
    stale: int
    repaired: int


def marked(projection: Projection) -> Marked | None:
    """How the projection tells what it holds, if it does."""
    if isinstance(projection, Marked):
        return projection
    return VectorMarks(projection) if isinstance(projection, VectorsHeld) else None


def compare(projection: Projection, told: Marked, log: LogReader, census: Census) -> Difference:
    """Everything held with everything that should be."""
    held = _summed(told.marks())
    wanted = _summed(mark for page in census.pages() for mark in told.expected(page, log))
    if isinstance(projection, Sited):
        for tenant in census.tenants():
            wanted |= _summed(projection.expected_site(tenant, *log.site(tenant)))
    stale = {key for key in held.keys() & wanted.keys() if held[key] != wanted[key]}
    return Difference(
        len(held.keys() | wanted.keys()),
        frozenset(wanted.keys() - held.keys()),
        frozenset(held.keys() - wanted.keys()),
        frozenset(stale),
    )


def repair(
    projection: Projection,
    told: Marked,
    found: Difference,
    log: LogReader,
    census: Census,
    failpoints: Failpoints = NOWHERE,
) -> None:
    """Drop the rows that differ and apply what the catalog has of them; entities and links anew for each tenant concerned."""
    rows = {key for key in found.keys if isinstance(key, int)}
    if rows:
        told.forget(rows)
        failpoints.reach(Step.RECONCILE_FORGOT)
    for tenant, ids in census.ids(rows - found.extra).items():
        for start in range(0, len(ids), _IDS):
            _apply(projection, log, tenant, tuple(ids[start : start + _IDS]), site=False)
    for tenant in sorted({key[1] for key in found.keys if isinstance(key, tuple)}):
        _apply(projection, log, tenant, (), site=True)


def _apply(projection: Projection, log: LogReader, tenant: str, ids: tuple[str, ...], *, site: bool) -> None:
    """As if the log named them once more; the sequence applied stays."""
    projection.apply([LogEntry(projection.applied(), tenant, ids, (), site)], log)


def _summed(marks: Iterable[Mark]) -> dict[Key, int]:
    found: dict[Key, int] = {}
    for key, number in marks:
        found[key] = (found.get(key, 0) + number) & _BITS
    return {key: number for key, number in found.items() if number or isinstance(key, int)}
