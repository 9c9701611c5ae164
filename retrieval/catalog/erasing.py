"""Erasures in the catalog: hiding in one transaction, and what then keeps the bytes from being wanted, shown or taken in again.

Hidden rows keep their number and lose tenant and id: they stand under a tenant that nobody is, so that no way of reading, now or as of
any time, can come upon them. What hides is an entry of the log, and projections drop what it names as they drop whatever is gone.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Collection, Sequence
from itertools import islice
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

import msgspec
from sqlalchemy import Connection, Row, delete, exists, func, insert, select, update

from retrieval.catalog import choosing, commits, journal, never_again, quoting, withholding
from retrieval.catalog import tables as t
from retrieval.catalog.choosing import Chosen
from retrieval.catalog.clock import Clock
from retrieval.catalog.codec import chunks, to_json
from retrieval.catalog.pieces import at_or_on
from retrieval.erasure.needles import SALT_BYTES
from retrieval.erasure.values import Erasure, State, Tally, Target
from retrieval.errors import ErasureNotFound, LegalHold
from retrieval.ids import derived_from
from retrieval.types import Micros, Principal

_ev, _er = t.evidence.c, t.erasures.c
_tally = msgspec.json.Decoder(Tally)
# of so many holds that keep something the ids are told
_TOLD = 5


class Some(NamedTuple):
    """How a rule erases: the oldest `limit` revisions at a time, with one salt for a whole run, so that they are looked for together.
    `rule` is it in words."""

    limit: int | None = None
    salt: bytes | None = None
    rule: str = ""


ALL = Some()


def tally(connection: Connection, tenant: str, chosen: Chosen) -> Tally:
    """What is chosen, in numbers."""
    pieces = chosen.pieces
    ids = {piece.id: piece.kind for piece in pieces.values()}
    return Tally(
        evidence=len(ids),
        revisions=len(pieces),
        vectors=choosing.count_vectors(connection, pieces),
        by_kind=dict(sorted(Counter(ids.values()).items())),
        media=len(choosing.unshared_media(connection, tenant, pieces.values())),
        coverage=len(chosen.coverage),
        answers=len(quoting.answers_about(connection, tenant, chosen.gone, chosen.persons)),
        held=chosen.held,
    )


def hide(
    connection: Connection, target: Target, principal: Principal, clock: Clock, some: Some = ALL
) -> Erasure | None:
    """Hide all that the target means and no hold keeps, and record the erasure. None where there is nothing.

    Raises LegalHold where all of it is held, BadQuery for a target that names nothing.
    """
    target.check()
    last, known_at = commits.lock(connection)
    chosen = choosing.choose(connection, principal.tenant, target, some.limit)
    counted = tally(connection, principal.tenant, chosen)
    gone = chosen.sources
    if counted.empty and not gone and not chosen.persons:
        if counted.held:
            raise LegalHold(f"all of it is under a legal hold ({_few(counted.held)}); release that first")
        return None
    made = _begun(principal, some.rule or target.what, counted, last + 1, max(clock(), known_at + 1))
    _record(connection, made, some.salt or secrets.token_bytes(SALT_BYTES))
    _carry_out(connection, made, chosen, gone)
    # what only grew old may come again: it is taken again when it is old again
    if target.before is None:
        _remember(connection, made, chosen)
    detail = {"erasure": made.id, "what": made.what, **msgspec.to_builtins(counted)}
    journal.record_audit(connection, principal, "erase", detail, made.hidden_at)
    return made


def _few(ids: Collection[str]) -> str:
    named, more = list(islice(ids, _TOLD)), len(ids) - _TOLD
    return ", ".join([*named, f"and {more} more"] if more > 0 else named)


def _remember(connection: Connection, made: Erasure, chosen: Chosen) -> None:
    """Persons, and pieces by id but for those of whole sources, which are remembered as such."""
    whole = _brought_content(connection, made, chosen.sources)
    meant = (piece for row, piece in chosen.pieces.items() if row not in chosen.beside)
    named = ((piece.id, derived_from(piece.source) or (piece.source,)) for piece in meant)
    ids = [id_ for id_, of in named if id_ in chosen.gone and of[0] not in set(whole)]
    persons = list(dict.fromkeys(each.id for each in chosen.persons))
    never_again.remember(connection, made, never_again.Marks(ids, whole, persons))


def _carry_out(connection: Connection, made: Erasure, chosen: Chosen, gone: Sequence[str]) -> None:
    withholding.go_on_judging(connection, made.tenant, chosen.pieces)
    withholding.hand_on(connection, made.tenant, chosen.coverage)
    site = _hide_rows(connection, made, chosen, gone)
    _forget_quoting(connection, made.tenant, chosen)
    _forget_jobs(connection, made.tenant, gone)
    _tell(connection, made, list(dict.fromkeys(piece.id for piece in chosen.pieces.values())), site)


def _begun(principal: Principal, what: str, counted: Tally, sequence: int, now: Micros) -> Erasure:
    return Erasure(
        id=f"er_{secrets.token_hex(8)}",
        tenant=principal.tenant,
        subject=principal.subject,
        what=what,
        state=State.HIDDEN,
        sequence=sequence,
        tally=counted,
        hidden_at=now,
    )


def hidden_under(erasure: str) -> str:
    """The tenant under which an erasure's rows stand until they are removed."""
    return t.HIDDEN + erasure


def _record(connection: Connection, made: Erasure, salt: bytes) -> None:
    words = dict.fromkeys(("commitments", "receipt", "trouble"), "") | {"notes": "{}"}
    kept = {name: getattr(made, name) for name in ("id", "tenant", "subject", "what", "sequence", "hidden_at")}
    row = {
        **kept,
        **words,
        "state": str(made.state),
        "tally": to_json(made.tally),
        "salt": salt,
    }
    connection.execute(insert(t.erasures), row)


def _hide_rows(connection: Connection, made: Erasure, chosen: Chosen, gone: Sequence[str]) -> bool:
    """Whether entities or links are among what was hidden."""
    under = {"tenant": hidden_under(made.id)}
    renamed = {**under, "id": _ev.id.concat(f"~{made.id}")}
    for some in chunks(chosen.pieces):
        connection.execute(update(t.evidence).where(_ev.row.in_(some)).values(**renamed))
    for some in chunks(chosen.coverage):
        connection.execute(update(t.coverage).where(t.coverage.c.row.in_(some)).values(**under))
    sited = 0
    for source in gone:
        for table in (t.sources, t.entities, t.links, t.rejections):
            mine = (table.c.tenant == made.tenant, at_or_on(table, source))
            hidden = connection.execute(update(table).where(*mine).values(**under)).rowcount
            sited += hidden if table in (t.entities, t.links) else 0
    for person in {each.id for each in chosen.persons}:
        sited += _hide_person(connection, made.tenant, person, under)
    return bool(sited)


def _brought_content(connection: Connection, made: Erasure, gone: Sequence[str]) -> list[str]:
    """Those that brought more than coverage: a camera that records on tells of its coverage again."""
    under, found = hidden_under(made.id), set[str]()
    for some in chunks(gone):
        for table in (t.evidence, t.entities, t.links):
            mine = (table.c.tenant == under, table.c.source.in_(some))
            found |= set(connection.execute(select(table.c.source).where(*mine).distinct()).scalars())
    return [source for source in gone if source in found]


def _hide_person(connection: Connection, tenant: str, person: str, under: dict[str, str]) -> int:
    named = (t.entities.c.tenant == tenant, t.entities.c.id == person)
    count = connection.execute(update(t.entities).where(*named).values(**under)).rowcount
    linked = (t.links.c.tenant == tenant, choosing.touches(person))
    return count + connection.execute(update(t.links).where(*linked).values(**under)).rowcount


def _forget_quoting(connection: Connection, tenant: str, chosen: Chosen) -> None:
    forget_answers(connection, tenant, quoting.answers_about(connection, tenant, chosen.gone, chosen.persons))


def forget_answers(connection: Connection, tenant: str, answers: Sequence[str]) -> None:
    """Answers go with what was noted about them; that something was asked stays counted. A conversation goes with its last answer."""
    for some in chunks(answers):
        connection.execute(delete(t.turns).where(t.turns.c.answer.in_(some)))
        connection.execute(delete(t.answers).where(t.answers.c.id.in_(some)))
        connection.execute(delete(t.quotes).where(t.quotes.c.answer.in_(some)))
        connection.execute(update(t.feedback).where(t.feedback.c.answer.in_(some)).values(note=""))
    if answers:
        empty = ~exists().where(t.turns.c.conversation == t.conversations.c.id)
        connection.execute(delete(t.conversations).where(t.conversations.c.tenant == tenant, empty))


def _forget_jobs(connection: Connection, tenant: str, gone: Sequence[str]) -> None:
    """What was told of these sources, and their names, as paths or as uris, among those that were asked for."""
    mine = select(t.jobs.c.id).where(t.jobs.c.tenant == tenant)
    for some in chunks(gone):
        of = (t.job_sources.c.source.in_(some), t.job_sources.c.job.in_(mine))
        connection.execute(delete(t.job_sources).where(*of))
    named = set(gone) | {unquote(urlsplit(source).path) for source in gone if source.startswith("file:")}
    asked = select(t.jobs.c.id, t.jobs.c.paths, t.jobs.c.source).where(t.jobs.c.tenant == tenant)
    for id_, paths, source in connection.execute(asked).all() if named else []:
        before = msgspec.json.decode(paths, type=list[str])
        kept = [each for each in before if each not in named]
        if len(kept) < len(before) or source in named:
            fresh = {"paths": to_json(kept), "reason": "", "source": "" if source in named else source}
            connection.execute(update(t.jobs).where(t.jobs.c.id == id_).values(**fresh))


def _tell(connection: Connection, made: Erasure, ids: Sequence[str], site: bool) -> None:
    work = commits.Work(connection, made.tenant, "", 0, made.sequence, made.hidden_at)
    commits.append(connection, [work.entry("erase", ids, [], site)])


# --- how far they are ---


def one(connection: Connection, tenant: str, id_: str) -> Row[Any]:
    """Raises ErasureNotFound."""
    row = connection.execute(select(t.erasures).where(_er.tenant == tenant, _er.id == id_)).first()
    if row is None:
        raise ErasureNotFound(f"no erasure {id_[:40]!r} is yours")
    return row


def listed(connection: Connection, tenant: str, limit: int) -> list[Erasure]:
    """The newest first."""
    mine = select(t.erasures).where(_er.tenant == tenant).order_by(_er.sequence.desc()).limit(limit)
    return [erasure_from(row) for row in connection.execute(mine)]


def unfinished(connection: Connection) -> list[Erasure]:
    """Of every tenant, those whose bytes are not known to be gone, the oldest first."""
    open_ = _er.state.in_([str(State.HIDDEN), str(State.PURGING)])
    return [erasure_from(row) for row in connection.execute(select(t.erasures).where(open_).order_by(_er.sequence))]


def erasure_from(row: Row[Any]) -> Erasure:
    same = {name: getattr(row, name) for name in Erasure.__struct_fields__ if name not in ("state", "tally")}
    return Erasure(**same, state=State(row.state), tally=_tally.decode(row.tally))


def count_open(connection: Connection, tenant: str) -> int:
    open_ = (_er.tenant == tenant, _er.state.in_([str(State.HIDDEN), str(State.PURGING)]))
    return int(connection.execute(select(func.count()).select_from(t.erasures).where(*open_)).scalar_one())
