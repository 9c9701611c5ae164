"""The book of erasures and legal holds: one door to what the catalog does for them. Safe to share between threads and processes."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, delete, func, insert, or_, select, update

from retrieval.catalog import ageing, choosing, commits, erasing, holding, journal, never_again, purging
from retrieval.catalog import tables as t
from retrieval.catalog.clock import Clock, system_clock
from retrieval.catalog.codec import to_json
from retrieval.catalog.database import Database
from retrieval.catalog.erasing import ALL, Some
from retrieval.catalog.pieces import at_or_on
from retrieval.catalog.purging import Traces
from retrieval.erasure.needles import Finder, Needle, packed, unpacked
from retrieval.erasure.values import Erasure, Hold, State, Tally, Target
from retrieval.errors import ErasureNotFound
from retrieval.types import Micros, Principal

_hold = msgspec.json.Decoder(Hold)
_notes = msgspec.json.Decoder(dict[str, int])


class Secrets(NamedTuple):
    """What an erasure keeps until its receipt is handed out: the salt, commitments made with it, and counts of what went."""

    salt: bytes
    needles: list[Needle]
    notes: dict[str, int]


class ErasureBook:
    """Over the catalog's database, which another room may have open too. `clock` gives UTC µs.

    Raises StoreBusy and StoreError; so does every method. What belongs to another tenant is as unknown as what there is not.
    """

    def __init__(self, database: Database, clock: Clock = system_clock) -> None:
        self._db, self._clock = database, clock

    def close(self) -> None:
        self._db.close()

    @property
    def path(self) -> Path | None:
        """The file of the catalog; None where it is no file of this machine."""
        return self._db.path

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with self._db.write() as connection:
            commits.lock(connection)
            yield connection

    # --- erasing

    def count(self, target: Target, principal: Principal) -> Tally:
        """What the target means now, less what is held; nothing changes. Raises BadQuery for a target that names nothing."""
        target.check()
        with self._db.read() as connection:
            return erasing.tally(connection, principal.tenant, choosing.choose(connection, principal.tenant, target))

    def hide(self, target: Target, principal: Principal, some: Some = ALL) -> Erasure | None:
        """From when this returns nobody finds it again; None where there was nothing. `some` is how a rule erases.

        Raises LegalHold where all of it is held, BadQuery for a target that names nothing.
        """
        with self._writing() as connection:
            return erasing.hide(connection, target, principal, self._clock, some)

    def listed(self, tenant: str, limit: int = 50) -> list[Erasure]:
        """The newest first."""
        with self._db.read() as connection:
            return erasing.listed(connection, tenant, limit)

    def one(self, tenant: str, id_: str) -> Erasure:
        """Raises ErasureNotFound."""
        with self._db.read() as connection:
            return erasing.erasure_from(erasing.one(connection, tenant, id_))

    def unfinished(self) -> list[Erasure]:
        """Of every tenant, the oldest first."""
        with self._db.read() as connection:
            return erasing.unfinished(connection)

    def newest(self) -> int:
        """The log position of the last erasure of any tenant; 0 where there was none."""
        with self._db.read() as connection:
            return connection.execute(select(func.max(t.erasures.c.sequence))).scalar() or 0

    def allow(
        self, principal: Principal, sources: Sequence[str], ids: Sequence[str], hashes: Sequence[str] = ()
    ) -> int:
        """Let what was erased be taken in again, by uri, by the id of a piece or a person, or by the hash of a source's content; how many
        marks went. Refusals of the named sources are forgotten."""
        refused = (t.rejections.c.tenant == principal.tenant, t.rejections.c.code == never_again.ERASED)
        with self._writing() as connection:
            gone = never_again.allow(connection, principal.tenant, sources, ids, hashes)
            for source in sources if gone else ():
                # a feed has one refusal for all its messages of what was erased
                feed = [f"{source.rpartition('/')[0]}/~dead%2Ferased"] if source.startswith("feed:") else []
                named = or_(at_or_on(t.rejections, source), t.rejections.c.source.in_(feed))
                connection.execute(delete(t.rejections).where(*refused, named))
            journal.record_audit(connection, principal, "allow again", {"marks": gone}, self._clock())
        return gone

    # --- removing

    def traces(self, erasure: Erasure) -> Traces:
        """Where else bytes of what is hidden lie; nothing once it is removed."""
        with self._db.read() as connection:
            return purging.traces(connection, erasure.tenant, erasure.id)

    def commit_to(self, erasure: Erasure, notes: Mapping[str, int]) -> None:
        """Note commitments to what is about to be removed; after that the rows are not needed. Done once, before the first row goes."""
        with self._db.read() as connection:
            row = erasing.one(connection, erasure.tenant, erasure.id)
            made = list(dict.fromkeys(purging.needles(connection, erasure.tenant, erasure.id, row.salt)))
        fresh = {"commitments": packed(made), "notes": to_json(dict(notes)), "state": str(State.PURGING)}
        self._update(erasure, fresh)

    def secrets(self, erasure: Erasure) -> Secrets | None:
        """None once the receipt was handed out: the salt is gone."""
        with self._db.read() as connection:
            row = erasing.one(connection, erasure.tenant, erasure.id)
        if row.salt is None:
            return None
        return Secrets(row.salt, unpacked(row.commitments), _notes.decode(row.notes))

    def remove(self, erasure: Erasure, ids: Collection[str]) -> None:
        """Scrub and delete, some rows a transaction, so that others write in between; once more changes nothing. An id of which another
        revision stands goes on being named."""
        missed = 1
        while missed:
            with self._db.read() as connection:
                gone_ids = set(ids) - choosing.standing(connection, erasure.tenant, ids)
                named = purging.naming(connection, erasure.tenant, gone_ids, erasure.sequence)
            with self._writing() as connection:
                missed = purging.scrub(connection, named)
        gone = 1
        while gone:
            with self._writing() as connection:
                gone = purging.remove(connection, erasure.id)

    def left(self, erasure: Erasure) -> int:
        """Rows that still stand hidden."""
        with self._db.read() as connection:
            return purging.left(connection, erasure.id)

    def elsewhere(self, finder: Finder, *, indexed: bool = False) -> set[Needle]:
        """Those that rows which stay have too; `indexed`: or that an index makes of them."""
        with self._db.read() as connection:
            return purging.elsewhere(connection, finder, indexed=indexed)

    def forget_telling(self, tenant: str, finder: Finder) -> int:
        """Forget answers in which any of it stands word for word, though they cite none of it; how many."""
        with self._db.read() as connection:
            answers = purging.telling(connection, tenant, finder)
        if answers:
            with self._writing() as connection:
                erasing.forget_answers(connection, tenant, answers)
        return len(answers)

    def media_holders(self, key: str) -> set[str]:
        """Tenants whose evidence has this blob; each has its own copy."""
        stands = (t.evidence.c.media == key, t.evidence.c.tenant.not_like(f"{t.HIDDEN}%"))
        with self._db.read() as connection:
            return set(connection.execute(select(t.evidence.c.tenant).where(*stands).distinct()).scalars())

    def source_stands(self, source: str) -> bool:
        """Whether any evidence of this source stands."""
        stands = (t.evidence.c.source == source, t.evidence.c.tenant.not_like(f"{t.HIDDEN}%"))
        with self._db.read() as connection:
            return connection.execute(select(t.evidence.c.row).where(*stands).limit(1)).first() is not None

    def refused_message(self, tenant: str, key: str) -> bool:
        """Whether a message of the tenant that was refused is the blob of this key."""
        mine = (t.rejections.c.tenant == tenant, t.rejections.c.tried == key)
        with self._db.read() as connection:
            return connection.execute(select(t.rejections.c.source).where(*mine).limit(1)).first() is not None

    def forget_message(self, tenant: str, key: str) -> None:
        """Forget the tenant's refusal whose message was the blob of this key."""
        with self._writing() as connection:
            connection.execute(delete(t.rejections).where(t.rejections.c.tenant == tenant, t.rejections.c.tried == key))

    def settle(self) -> bool:
        """Empty SQLite's log into its file; whether it could be."""
        return self._db.settle()

    def compact(self) -> None:
        """Write the store anew, so that no page holds anything of deleted rows."""
        self._db.compact()

    def trouble(self, erasure: Erasure, why: str) -> None:
        """Say what is in the way of the bytes' being gone."""
        self._update(erasure, {"trouble": why})

    def purged(self, erasure: Erasure, receipt: str, at: Micros) -> None:
        """The bytes are gone: keep the receipt."""
        self._update(erasure, {"state": str(State.PURGED), "receipt": receipt, "purged_at": at, "trouble": ""})

    def receipt(self, tenant: str, id_: str) -> str:
        """The receipt as it was signed; "" while the bytes are not gone. Raises ErasureNotFound."""
        with self._db.read() as connection:
            told: str = erasing.one(connection, tenant, id_).receipt
        return told

    def hand_out(self, principal: Principal, id_: str) -> tuple[str, bytes | None]:
        """The receipt and, once, its salt, which the store forgets by this. Raises ErasureNotFound."""
        with self._writing() as connection:
            row = erasing.one(connection, principal.tenant, id_)
            if row.state == State.PURGED:
                gone = {"state": str(State.RECEIPTED), "salt": None, "commitments": ""}
                connection.execute(update(t.erasures).where(t.erasures.c.id == id_).values(**gone))
                journal.record_audit(connection, principal, "erasure receipt", {"erasure": id_}, self._clock())
        self.settle()
        return row.receipt, row.salt if row.state == State.PURGED else None

    def _update(self, erasure: Erasure, values: Mapping[str, Any]) -> None:
        with self._db.write() as connection:
            connection.execute(update(t.erasures).where(t.erasures.c.id == erasure.id).values(**values))

    # --- legal holds

    def hold(self, hold: Hold, principal: Principal) -> Hold:
        """Place it; its id, tenant, subject and time, and how many pieces it keeps, are given here. Raises BadQuery."""
        hold.check()
        with self._writing() as connection:
            now = self._clock()
            who = {"id": f"hold_{secrets.token_hex(6)}", "tenant": principal.tenant, "subject": principal.subject}
            placed = msgspec.structs.replace(hold, **who, placed_at=now, released_at=None)
            placed = msgspec.structs.replace(placed, keeps=holding.count_held(connection, placed))
            connection.execute(insert(t.holds), {**who, "placed_at": now, "released_at": None, "body": to_json(placed)})
            journal.record_audit(connection, principal, "hold", {"hold": placed.id, "why": placed.why}, now)
        return placed

    def release_hold(self, id_: str, principal: Principal) -> Hold:
        """Raises ErasureNotFound for one that is not there or released already."""
        mine = (t.holds.c.id == id_, t.holds.c.tenant == principal.tenant, t.holds.c.released_at.is_(None))
        with self._writing() as connection:
            body = connection.execute(select(t.holds.c.body).where(*mine)).scalar()
            if body is None:
                raise ErasureNotFound(f"no hold {id_[:40]!r} of yours is in force")
            now = self._clock()
            released = msgspec.structs.replace(_hold.decode(body), released_at=now)
            connection.execute(update(t.holds).where(*mine).values(released_at=now, body=to_json(released)))
            journal.record_audit(connection, principal, "release hold", {"hold": id_}, now)
        return released

    def holds(self, tenant: str, *, all_: bool = False) -> list[Hold]:
        """Those in force, the oldest first; `all_` those released too."""
        with self._db.read() as connection:
            return holding.holds(connection, tenant, all_=all_)

    # --- ageing

    def note(self, principal: Principal, action: str, detail: Mapping[str, Any]) -> None:
        """Into the audit; `detail` is plain JSON and names nothing."""
        with self._writing() as connection:
            journal.record_audit(connection, principal, action, dict(detail), self._clock())

    def drop_coverage(self, tenant: str, before: Micros) -> int:
        """Remove records of coverage that were superseded before a time and no hold keeps; how many went."""
        gone = 0
        after: int | None = 0
        while after is not None:
            with self._writing() as connection:
                dropped = ageing.drop_coverage(connection, tenant, before, after)
            gone, after = gone + dropped.records, dropped.last
        return gone

    def coverage_floor(self, tenant: str) -> Micros | None:
        """Before this time what had been superseded is not whole any more; None where nothing was dropped."""
        with self._db.read() as connection:
            return ageing.coverage_floor(connection, tenant)
