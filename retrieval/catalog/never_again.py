"""What was erased is not taken in again without an explicit act.

The store remembers it as hashes keyed with the tenant's own key: nobody reads here what was erased, and what comes is recognised.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from sqlalchemy import BindParameter, Connection, bindparam, delete, exists, insert, select

from retrieval.catalog import tables as t
from retrieval.catalog.codec import chunks
from retrieval.catalog.lean import Ready
from retrieval.erasure.values import Erasure
from retrieval.errors import SourceRejected
from retrieval.ids import derived_from
from retrieval.ports import Unit

# the kind of such a refusal, and the code it is remembered under
ERASED = "erased"
_KEY_BYTES = 32
# every unit asks: put into words once
_TENANT: BindParameter[str] = bindparam("tenant")
_KEY_IF_ERASED = Ready(
    select(t.tenants.c.key).where(t.tenants.c.tenant == _TENANT, exists().where(t.erased.c.tenant == _TENANT))
)
_AGAINST = Ready.over(
    lambda digests: select(t.erased.c.digest, t.erased.c.erasure).where(
        t.erased.c.tenant == _TENANT, t.erased.c.digest.in_(digests)
    )
)
_REFUSED = "it was erased ({}); `watchfloor erase again` lets it be taken in once more"


class Marks(NamedTuple):
    """What is remembered: pieces by id, whole sources by uri, which stand for all their pieces, and persons by their entity's id."""

    ids: Sequence[str]
    sources: Sequence[str]
    persons: Sequence[str]


def remember(connection: Connection, made: Erasure, marks: Marks) -> None:
    """Keep these from being taken in again: of whole sources, which are hidden already, the name and the content."""
    key, hashes = _key(connection, made.tenant), set[str]()
    for some in chunks(marks.sources):
        hidden = (t.sources.c.tenant == t.HIDDEN + made.id, t.sources.c.source.in_(some))
        hashes |= set(connection.execute(select(t.sources.c.content_hash).where(*hidden)).scalars())
    told = [("evidence", id_) for id_ in marks.ids] + [("source", each) for each in marks.sources]
    told += [("person", id_) for id_ in marks.persons] + [("content", each) for each in sorted(hashes) if each]
    _add(connection, made.tenant, made.id, [_digest(key, *mark) for mark in told])
    _drop(connection, made.tenant, [_digest(key, "allowed", each) for each in marks.sources])


def _add(connection: Connection, tenant: str, erasure: str, digests: Iterable[str]) -> None:
    for some in chunks(dict.fromkeys(digests)):
        mine = (t.erased.c.tenant == tenant, t.erased.c.digest.in_(some))
        known = set(connection.execute(select(t.erased.c.digest).where(*mine)).scalars())
        fresh = [{"tenant": tenant, "digest": each, "erasure": erasure} for each in some if each not in known]
        if fresh:
            connection.execute(insert(t.erased), fresh)


def _drop(connection: Connection, tenant: str, digests: Iterable[str]) -> int:
    gone = 0
    for some in chunks(dict.fromkeys(digests)):
        mine = (t.erased.c.tenant == tenant, t.erased.c.digest.in_(some))
        gone += connection.execute(delete(t.erased).where(*mine)).rowcount
    return gone


def without_erased(connection: Connection, units: Sequence[Unit]) -> list[Unit]:
    """The units as they may be stored: pieces that were erased are left out of them. Raises SourceRejected (kind "erased") for a unit
    whose source or content was. Where nothing was ever erased this costs one statement a tenant."""
    any_ = {tenant: _key_if_erased(connection, tenant) is not None for tenant in {unit.tenant for unit in units}}
    return [_without(connection, unit) if any_[unit.tenant] else unit for unit in units]


def refuse(connection: Connection, tenant: str, source: str, content_hash: str) -> None:
    """Raises SourceRejected (kind "erased") for a source that was erased by its name or its content, or hangs on one that was."""
    key = _key_if_erased(connection, tenant)
    if key is None:
        return
    base = derived_from(source)
    names, content = {source, base[0] if base else source}, _digest(key, "content", content_hash)
    allowed = {_digest(key, "allowed", each) for each in names}
    met = _met(connection, tenant, {_digest(key, "source", each) for each in names} | allowed | {content})
    if not allowed.isdisjoint(met):
        met = {digest: erasure for digest, erasure in met.items() if digest not in allowed | {content}}
    if met:
        raise SourceRejected(_REFUSED.format(met[min(met)]), kind=ERASED)


def erased(connection: Connection, tenant: str, ids: Sequence[str]) -> set[str]:
    """Those of the pieces that were erased."""
    return _marked(connection, tenant, "evidence", ids)


def _marked(connection: Connection, tenant: str, sort: str, ids: Iterable[str]) -> set[str]:
    """Those of the ids that there is a mark of this sort against."""
    wanted = list(ids)
    key = _key_if_erased(connection, tenant) if wanted else None
    if key is None:
        return set()
    by_digest = {_digest(key, sort, id_): id_ for id_ in wanted}
    return {by_digest[digest] for digest in _met(connection, tenant, by_digest)}


def _without(connection: Connection, unit: Unit) -> Unit:
    refuse(connection, unit.tenant, unit.source, unit.content_hash)
    unit = _without_persons(connection, unit)
    gone = erased(connection, unit.tenant, [each.id for each in unit.evidence])
    if not gone:
        return unit
    kept = [each for each in unit.evidence if each.id not in gone]
    return unit._replace(evidence=kept, embeddings=[v for v in unit.embeddings if v.evidence not in gone])


def _without_persons(connection: Connection, unit: Unit) -> Unit:
    """A file of the site tells of a person again whenever it is read."""
    named = {each.id for each in unit.entities} | {end for link in unit.links for end in (link.source, link.target)}
    gone = _marked(connection, unit.tenant, "person", named)
    if not gone:
        return unit
    links = [link for link in unit.links if gone.isdisjoint((link.source, link.target))]
    return unit._replace(entities=[each for each in unit.entities if each.id not in gone], links=links)


def _met(connection: Connection, tenant: str, digests: Collection[str]) -> dict[str, str]:
    """Digest → the erasure that forbids it."""
    found: dict[str, str] = {}
    for some in chunks(digests):
        found |= dict(_AGAINST.read(connection, {"tenant": tenant, "wanted": some}))
    return found


def allow(
    connection: Connection, tenant: str, sources: Sequence[str], ids: Sequence[str], hashes: Sequence[str] = ()
) -> int:
    """Let what was erased be taken in again: sources by uri, pieces and persons by id, any source by the hash of its content; how many
    marks went. What was erased together with it, or piece by piece, stays out."""
    key = _key(connection, tenant)
    gone = _drop(connection, tenant, (_digest(key, sort, id_) for id_ in ids for sort in ("evidence", "person")))
    gone += _drop(connection, tenant, (_digest(key, "content", each) for each in hashes))
    for source in dict.fromkeys(sources):
        met = _met(connection, tenant, [_digest(key, "source", source)])
        gone += _drop(connection, tenant, met)
        # a copy under another name stays out by its content
        for erasure in met.values():
            _add(connection, tenant, erasure, [_digest(key, "allowed", source)])
    return gone


def _digest(key: bytes, sort: str, value: str) -> str:
    """HMAC-SHA-256 with the tenant's key, in hex."""
    return hmac.new(key, f"erased\0{sort}\0{value}".encode(errors="surrogatepass"), hashlib.sha256).hexdigest()


def _key_if_erased(connection: Connection, tenant: str) -> bytes | None:
    """The tenant's key; None where nothing of it was ever erased."""
    found = _KEY_IF_ERASED.read(connection, {"tenant": tenant})
    return found[0][0] if found else None


def _key(connection: Connection, tenant: str) -> bytes:
    of = select(t.tenants.c.key).where(t.tenants.c.tenant == tenant)
    key: bytes | None = connection.execute(of).scalar()
    if key is None:
        key = secrets.token_bytes(_KEY_BYTES)
        connection.execute(insert(t.tenants), {"tenant": tenant, "key": key})
    return key
