"""A log in memory: what a projector tails, with the writes that make it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from retrieval.ports import LogEntry, Projected
from retrieval.types import Embedding, Entity, Evidence, Link, Micros, Vector


class MemoryLog:
    """A LogReader one can write to. Recorded times are given by the caller, or count up from 1."""

    def __init__(self) -> None:
        self._entries: list[LogEntry] = []
        self._rows: dict[int, Evidence] = {}
        self._vectors: dict[int, list[Embedding]] = {}
        self._sites: dict[str, tuple[list[Entity], list[Link]]] = {}
        self._next_row = 1

    def add(
        self, evidence: Sequence[Evidence], embeddings: Sequence[Embedding] = (), recorded_at: Micros | None = None
    ) -> list[int]:
        """Store evidence of one tenant with its vectors as one entry; returns the rows."""
        rows = []
        for item in evidence:
            rows.append(self._next_row)
            moment = self.sequence() + 1 if recorded_at is None else recorded_at
            self._rows[self._next_row] = msgspec.structs.replace(item, recorded_at=item.recorded_at or moment)
            self._vectors[self._next_row] = [e for e in embeddings if e.evidence == item.id]
            self._next_row += 1
        if evidence:
            self._append(evidence[0].tenant, evidence=tuple(item.id for item in evidence))
        return rows

    def close(self, tenant: str, ids: Sequence[str], superseded_at: Micros | None = None) -> None:
        """Supersede the open revisions of these ids."""
        moment = self.sequence() + 1 if superseded_at is None else superseded_at
        for row, item in self._rows.items():
            if item.id in ids and item.superseded_at is None:
                self._rows[row] = msgspec.structs.replace(item, superseded_at=moment)
        self._append(tenant, closed=tuple(ids))

    def relabel(self, tenant: str, id_: str, labels: tuple[str, ...]) -> None:
        """Give every revision of an id other labels."""
        for row, item in self._rows.items():
            if item.id == id_:
                self._rows[row] = msgspec.structs.replace(item, labels=labels)
        self._append(tenant, evidence=(id_,))

    def remove(self, tenant: str, ids: Sequence[str]) -> None:
        """Erase every revision of these ids."""
        for row in [row for row, item in self._rows.items() if item.id in ids]:
            del self._rows[row], self._vectors[row]
        self._append(tenant, closed=tuple(ids), removes=True)

    def describe(self, tenant: str, entities: Sequence[Entity], links: Sequence[Link]) -> None:
        """Replace the tenant's entities and links."""
        self._sites[tenant] = (list(entities), list(links))
        self._append(tenant, site=True)

    def evidence(self) -> dict[int, Evidence]:
        """Every revision by row."""
        return dict(self._rows)

    def sequence(self) -> int:
        return len(self._entries)

    def log(self, after: int, limit: int = 500) -> list[LogEntry]:
        return self._entries[after : after + limit]

    def projected(self, ids: Sequence[str]) -> list[Projected]:
        wanted = set(ids)
        return [Projected(row, item) for row, item in self._rows.items() if item.id in wanted]

    def embeddings(self, ids: Sequence[str]) -> Iterator[tuple[int, str, Vector]]:
        for row, _ in self.projected(ids):
            for embedding in sorted(self._vectors[row], key=lambda e: (e.space, e.part)):
                yield row, embedding.space, embedding.vector

    def site(self, tenant: str) -> tuple[list[Entity], list[Link]]:
        return self._sites.get(tenant, ([], []))

    def _append(
        self,
        tenant: str,
        evidence: tuple[str, ...] = (),
        closed: tuple[str, ...] = (),
        site: bool = False,
        removes: bool = False,
    ) -> None:
        self._entries.append(LogEntry(self.sequence() + 1, tenant, evidence, closed, site, removes))
