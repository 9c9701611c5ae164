"""The catalog: the one truth, behind CatalogReader, CatalogWriter and LogReader. Safe to share between threads."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, insert, select

from retrieval import walking
from retrieval.catalog import (
    ageing,
    arrivals,
    commits,
    facts,
    fresh,
    journal,
    never_again,
    outbox,
    quoting,
    reading,
    talks,
)
from retrieval.catalog import tables as t
from retrieval.catalog.census import Census
from retrieval.catalog.clock import Clock, system_clock
from retrieval.catalog.codec import chunks
from retrieval.catalog.database import Database
from retrieval.catalog.journal import AuditEntry
from retrieval.catalog.migrate import migrate
from retrieval.catalog.seeing import Seeing
from retrieval.catalog.talks import Listed, Talk
from retrieval.errors import BadQuery, EvidenceNotFound, SourceRejected, UnitRefused
from retrieval.failpoints import NOWHERE, Failpoints, Step
from retrieval.ports import Arrival, Held, LogEntry, Neighbour, Projected, Receipt, Rejection, SourceState, Unit
from retrieval.types import (
    Answer,
    Coverage,
    Entity,
    Evidence,
    Filter,
    Interval,
    Layer,
    Link,
    Micros,
    Principal,
    Vector,
)

_KEY_BYTES = 32
_SEQUENCE = str(select(t.head.c.sequence))
# vectors are 1.5 kB each: a few hundred ids at a time keep memory flat while a projection is rebuilt
_VECTOR_CHUNK = 256


class Catalog:
    """Opens the store at a path or SQLAlchemy URL, creating or upgrading its tables first.

    `clock` gives UTC microseconds. `busy_ms` is how long to wait for another process's write. Raises StoreTooNew,
    StoreBusy and StoreError; so does every method. Evidence comes back with its labels sorted.
    """

    def __init__(
        self,
        url_or_path: str | Path,
        clock: Clock = system_clock,
        busy_ms: int = 30_000,
        failpoints: Failpoints = NOWHERE,
    ) -> None:
        self._clock = clock
        self._failpoints = failpoints
        self._db = Database(url_or_path, busy_ms)
        self.census = Census(self._db)
        self._reader = reading.Reader(self._db, Seeing())
        try:
            migrate(self._db)
        except BaseException:
            self._db.close()
            raise

    def close(self) -> None:
        self._db.close()

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        """A transaction that holds the head row: writers take turns on every database."""
        with self._db.write() as connection:
            commits.lock(connection)
            yield connection
            self._failpoints.reach(Step.UNIT_WRITTEN)
        self._failpoints.reach(Step.UNIT_COMMITTED)

    def sound(self) -> bool:
        """Whether the store's pages are whole; reads the whole file."""
        return self._db.sound()

    # --- reading ---

    def sequence(self) -> int:
        return self._db.glance(_SEQUENCE)

    def get(self, ids: Sequence[str], principal: Principal, as_of: Micros | None = None) -> dict[str, Evidence]:
        found = {e.id: e for e in reading.by_id(self._reader, ids, principal, as_of)}
        return {id_: found[id_] for id_ in ids if id_ in found}

    def rows(self, rows: Sequence[int], principal: Principal, as_of: Micros | None = None) -> dict[int, Evidence]:
        found = dict(reading.by_row(self._reader, rows, principal, as_of))
        return {int(row): found[int(row)] for row in rows if int(row) in found}

    def shown(self, rows: Sequence[int], principal: Principal, as_of: Micros | None = None) -> dict[int, str]:
        return reading.shown(self._reader, rows, principal, as_of)

    def vectors_of(self, id_: str, principal: Principal, as_of: Micros | None = None) -> dict[str, list[Vector]]:
        return reading.vectors_of(self._reader, id_, principal, as_of)

    def scan(self, filter_: Filter, principal: Principal, limit: int = 1000) -> list[Evidence]:
        return reading.scan(self._reader, filter_, principal, limit)

    def coverage(
        self,
        principal: Principal,
        subjects: Sequence[str],
        layer: Layer | None = None,
        window: Interval | None = None,
        as_of: Micros | None = None,
    ) -> list[Coverage]:
        """Whole records that overlap the window; no subjects means any, and a window leaves unknown times out."""
        with self._db.read() as connection:
            return facts.coverage(connection, principal, subjects, layer, window, as_of)

    def entities(self, principal: Principal, as_of: Micros | None = None) -> list[Entity]:
        with self._db.read() as connection:
            return facts.entities(connection, principal.tenant, principal, as_of)

    def links(self, principal: Principal, as_of: Micros | None = None) -> list[Link]:
        with self._db.read() as connection:
            return facts.links(connection, principal.tenant, principal, as_of)

    def neighbours(self, entities: Sequence[str], hops: int, principal: Principal, as_of: Micros) -> list[Neighbour]:
        with self._db.read() as connection:
            there = facts.entities(connection, principal.tenant, None, as_of)
            links = facts.links(connection, principal.tenant, None, as_of)
        return walking.neighbours((there, links), entities, hops, principal)

    def sources(self, principal: Principal) -> list[SourceState]:
        """The newest revision of each source, by uri; `evidence` counts what the principal may see of it."""
        with self._db.read() as connection:
            return journal.sources(connection, principal)

    def labels(self, tenant: str) -> tuple[str, ...]:
        """Every label that evidence of the tenant lies under, sorted: who holds them all sees everything of it."""
        with self._db.read() as connection:
            return reading.labels(connection, tenant)

    # --- the log ---

    def log(self, after: int, limit: int = 500) -> list[LogEntry]:
        return outbox.entries(self._db, after, limit)

    def projected(self, ids: Sequence[str]) -> list[Projected]:
        return [Projected(row, evidence) for row, evidence in reading.every_revision_now(self._db, ids)]

    def embeddings(self, ids: Sequence[str]) -> Iterator[tuple[int, str, Vector]]:
        for some in chunks(dict.fromkeys(ids), _VECTOR_CHUNK):
            yield from reading.vectors(self._db, some)

    def row_numbers(self) -> set[int]:
        """Every evidence row of every tenant, open and closed: what projections are compared with."""
        with self._db.read() as connection:
            standing = t.evidence.c.tenant.not_like(f"{t.HIDDEN}%")
            return set(connection.execute(select(t.evidence.c.row).where(standing)).scalars())

    def site(self, tenant: str) -> tuple[list[Entity], list[Link]]:
        with self._db.read() as connection:
            return facts.entities(connection, tenant), facts.links(connection, tenant)

    # --- writing ---

    def tenant_key(self, tenant: str) -> bytes:
        """32 random bytes, made at first use and never changed."""
        statement = select(t.tenants.c.key).where(t.tenants.c.tenant == tenant)
        with self._db.read() as connection:
            key: bytes | None = connection.execute(statement).scalar()
        if key is not None:
            return key
        with self._writing() as connection:
            key = connection.execute(statement).scalar()
            if key is None:
                key = secrets.token_bytes(_KEY_BYTES)
                connection.execute(insert(t.tenants), {"tenant": tenant, "key": key})
        return key

    def state(self, tenant: str, source: str) -> SourceState | None:
        with self._db.read() as connection:
            return commits.state(connection, tenant, source)

    def held(self, tenant: str, sources: Sequence[str]) -> dict[str, Held]:
        """What is held of these sources, by uri; without those of which nothing is."""
        with self._db.read() as connection:
            return commits.held(connection, tenant, sources)

    def held_below(self, tenant: str, start: str) -> dict[str, Held]:
        """What is held of all sources whose uri begins so, by uri."""
        with self._db.read() as connection:
            return commits.held_below(connection, tenant, start)

    def commit(self, unit: Unit) -> Receipt:
        """Store a unit in one transaction and append to the log; acknowledged only once it is on disk.

        The same unit again changes nothing. A unit with another hash or ingester than the source's unfinished revision
        replaces that revision. Evidence already open stays as it is; vectors of a space it had none of are added.
        Raises SourceRejected for values that cannot be stored (text that is not Unicode, numbers beyond 64 bits).
        """
        try:
            with self._writing() as connection:
                return commits.commit(connection, unit, self._clock)
        except BadQuery as error:
            raise SourceRejected(str(error), kind="unstorable") from error

    def commit_all(self, units: Sequence[Unit]) -> list[Receipt | SourceRejected]:
        """Several units in one transaction, acknowledged together once they are on disk; a unit that cannot be stored leaves nothing and
        gives its reason. What a message bus brings is stored so: one wait for the disk, however many came."""
        try:
            with self._writing() as connection:
                return self._together(connection, units)
        except (SourceRejected, BadQuery, UnitRefused, EvidenceNotFound):
            # one of them is bad: each by itself says which. Nothing is marked to go back to before that is so: SQLite would copy every
            # page to be written into a file of its own
            with self._writing() as connection:
                return [self._one_of(connection, unit) for unit in units]

    def _together(self, connection: Connection, units: Sequence[Unit]) -> list[Receipt | SourceRejected]:
        done: list[Receipt | SourceRejected] = []
        for new, run in fresh.runs(connection, units):
            if new:
                done += fresh.store(connection, run, self._clock)
            else:
                done += [commits.commit(connection, unit, self._clock) for unit in run]
        return done

    def _one_of(self, connection: Connection, unit: Unit) -> Receipt | SourceRejected:
        try:
            with self._db.step(connection):
                return commits.commit(connection, unit, self._clock)
        except SourceRejected as error:
            return error
        except (BadQuery, UnitRefused, EvidenceNotFound) as error:
            return SourceRejected(str(error), kind="unstorable")

    def refuse_erased(self, tenant: str, source: str, content_hash: str) -> None:
        with self._db.read() as connection:
            never_again.refuse(connection, tenant, source, content_hash)

    def erased(self, tenant: str, ids: Sequence[str]) -> set[str]:
        with self._db.read() as connection:
            return never_again.erased(connection, tenant, ids)

    def abandon(self, tenant: str, source: str) -> None:
        with self._writing() as connection:
            commits.abandon(connection, tenant, source, self._clock)

    # --- who delivers ---

    def arrivals(self, tenant: str, pieces: int, recordings: int, limit: int) -> tuple[list[Arrival], list[Arrival]]:
        """What was stored after these row numbers, `limit` of each sort at most: evidence, and stretches that were recorded."""
        with self._db.read() as connection:
            return (
                arrivals.pieces(connection, tenant, pieces, limit),
                arrivals.recordings(connection, tenant, recordings, limit),
            )

    def standings(self, tenant: str) -> dict[str, str]:
        """Records of who delivers, by name, as they were kept."""
        with self._db.read() as connection:
            return arrivals.standings(connection, tenant)

    def keep_standings(self, tenant: str, before: str | None, changed: Mapping[str, str | None]) -> bool:
        """Keep records in one transaction (None: forget it); nothing, and False, where the one named "" is not `before` any more."""
        with self._writing() as connection:
            return arrivals.keep(connection, tenant, before, changed)

    def twins(self, tenant: str, starts: Sequence[str]) -> list[str]:
        """Sources whose uri begins so and that have the bytes of an earlier one."""
        with self._db.read() as connection:
            return arrivals.twins(connection, tenant, starts)

    def coverage_floor(self, tenant: str) -> Micros | None:
        """Before this time superseded coverage is not whole any more; None where nothing was dropped."""
        with self._db.read() as connection:
            return ageing.coverage_floor(connection, tenant)

    # --- the journal ---

    def record_ask(
        self, answer: Answer, principal: Principal, first_evidence_ms: float | None, talk: Talk | None = None
    ) -> None:
        """Keep an answer, how long its first evidence took (ms; None when there was none), and its conversation.

        Raises ConversationNotFound, keeping nothing, where that is not the principal's or was deleted meanwhile.
        """
        with self._writing() as connection:
            now = self._clock()
            journal.record_ask(connection, answer, principal, first_evidence_ms, now)
            if talk is not None:
                talks.record(connection, talk, answer.id, principal, now)

    def conversations(self, principal: Principal, limit: int = 50) -> list[Listed]:
        """The principal's own, the one spoken in last first."""
        with self._db.read() as connection:
            return talks.listed(connection, principal, limit)

    def conversation(self, id_: str, principal: Principal) -> tuple[Listed, list[tuple[Micros, Answer]]]:
        """One of them with when each question was asked and its answer. Raises ConversationNotFound."""
        with self._db.read() as connection:
            return talks.one(connection, id_, principal)

    def last_turns(self, id_: str, principal: Principal, limit: int) -> list[tuple[Micros, Answer]]:
        """When the last `limit` questions of one were asked, and their answers, in order. Raises ConversationNotFound."""
        with self._db.read() as connection:
            return talks.last_turns(connection, id_, principal, limit)

    def forget_conversation(self, id_: str, principal: Principal) -> None:
        """Delete a conversation with its answers and what was thought of them. Raises ConversationNotFound."""
        with self._writing() as connection:
            talks.forget(connection, id_, principal)

    def record_feedback(self, answer_id: str, accepted: bool, note: str, principal: Principal) -> None:
        """Raises EvidenceNotFound for an unknown or invisible answer."""
        with self._writing() as connection:
            journal.record_feedback(connection, answer_id, accepted, note, principal, self._clock())

    def answer(self, id_: str, principal: Principal) -> Answer:
        """An answer given before. Raises EvidenceNotFound, the same for unknown and invisible ids: also where it tells of evidence that
        came under a label since which the principal does not hold."""
        with self._db.read() as connection:
            found = journal.answer(connection, id_, principal)
        told = sorted(quoting.quoted(found))
        unseen = set(told) - self.get(told, principal).keys() - self.get(told, principal, found.as_of).keys()
        if unseen and self.projected(sorted(unseen)):
            raise EvidenceNotFound(journal.NO_ANSWER)
        return found

    def stats(self, principal: Principal) -> dict[str, Any]:
        """{asks, by_verdict, acceptance{accepted, rejected, rate}, first_evidence_ms{p50, p95}, evidence_by_kind,
        sources, rejected_sources}, plain JSON."""
        with self._db.read() as connection:
            return journal.stats(connection, principal)

    def record_rejection(self, tenant: str, source: str, code: str, reason: str, tried: str = "") -> None:
        """Remember why a source could not be ingested, until it is ingested or cleared; see Rejection for `tried`."""
        self.record_rejections(tenant, [(source, code, reason, tried)])

    def record_rejections(self, tenant: str, refused: Sequence[tuple[str, str, str, str]]) -> None:
        """The same for several, in one transaction: (source, code, reason, tried) each."""
        with self._writing() as connection:
            for source, code, reason, tried in refused:
                journal.record_rejection(connection, tenant, Rejection(source, code, reason, self._clock(), tried))

    def rejection(self, tenant: str, source: str) -> Rejection | None:
        """Why a source could not be ingested when last tried, and how often the same was tried."""
        with self._db.read() as connection:
            return journal.rejection_of(connection, tenant, source)

    def release(self, tenant: str, places: Sequence[str]) -> int:
        """Forget the rejections of sources at or below these uris, so that what was given up is tried again; how many there were."""
        with self._writing() as connection:
            return journal.release(connection, tenant, places)

    def clear_rejection(self, tenant: str, source: str) -> None:
        with self._writing() as connection:
            journal.clear_rejection(connection, tenant, source)

    def rejections(self, principal: Principal) -> list[Rejection]:
        with self._db.read() as connection:
            return journal.rejections(connection, principal)

    def audit(self, principal: Principal, action: str, detail: dict[str, Any] | None = None) -> None:
        """Append who did what; `detail` is plain JSON and holds no content."""
        with self._writing() as connection:
            journal.record_audit(connection, principal, action, detail or {}, self._clock())

    def audit_trail(self, principal: Principal, limit: int = 100) -> list[AuditEntry]:
        """Newest first."""
        with self._db.read() as connection:
            return journal.audit_trail(connection, principal, limit)

    def set_meta(self, tenant: str, key: str, value: str) -> None:
        """Keep a small fact of a tenant (its site's time zone, the image encoder chosen); replaces the earlier one."""
        with self._writing() as connection:
            journal.set_meta(connection, tenant, key, value)

    def meta(self, tenant: str, key: str) -> str | None:
        with self._db.read() as connection:
            return journal.meta(connection, tenant, key)
