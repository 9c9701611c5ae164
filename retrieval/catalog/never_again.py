"""What was erased is not taken in again without an explicit act.

The store remembers it as hashes keyed with the tenant's own key: nobody reads here what was erased, and what comes is recognised.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Collection, Sequence

from sqlalchemy import Connection, delete, exists, insert, or_, select

from retrieval.catalog import tables as t
from retrieval.catalog.codec import chunks
from retrieval.errors import SourceRejected
from retrieval.ids import derived_from
from retrieval.ports import Unit

# the kind of such a refusal, and the code it is remembered under
ERASED = "erased"
_KEY_BYTES = 32
_REFUSED = "it was erased ({}); `watchfloor erase again` lets it be taken in once more"


def remember(connection: Connection, tenant: str, erasure: str, ids: Sequence[str], sources: Sequence[str]) -> None:
    """Keep these pieces from being taken in again, and of whole sources, which are hidden already, the name and the content."""
    hidden = (t.sources.c.tenant == t.HIDDEN + erasure, t.sources.c.source.in_(sources))
    hashes = connection.execute(select(t.sources.c.content_hash).where(*hidden)).scalars() if sources else ()
    key = _key(connection, tenant)
    marks = [("evidence", id_) for id_ in ids] + [("source", each) for each in sources]
    marks += [("content", each) for each in hashes if each]
    digests = list(dict.fromkeys(_digest(key, *mark) for mark in marks))
    for some in chunks(digests):
        mine = (t.erased.c.tenant == tenant, t.erased.c.digest.in_(some))
        known = set(connection.execute(select(t.erased.c.digest).where(*mine)).scalars())
        fresh = [{"tenant": tenant, "digest": each, "erasure": erasure} for each in some if each not in known]
        if fresh:
            connection.execute(insert(t.erased), fresh)


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
    named = [("source", source), ("source", base[0] if base else ""), ("content", content_hash)]
    met = _met(connection, tenant, {_digest(key, *mark) for mark in named})
    if met:
        raise SourceRejected(_REFUSED.format(met[min(met)]), kind=ERASED)


def erased(connection: Connection, tenant: str, ids: Sequence[str]) -> set[str]:
    """Those of the pieces that were erased."""
    key = _key_if_erased(connection, tenant) if ids else None
    if key is None:
        return set()
    pieces = {_digest(key, "evidence", id_): id_ for id_ in ids}
    return {pieces[digest] for digest in _met(connection, tenant, pieces)}


def _without(connection: Connection, unit: Unit) -> Unit:
    refuse(connection, unit.tenant, unit.source, unit.content_hash)
    gone = erased(connection, unit.tenant, [each.id for each in unit.evidence])
    if not gone:
        return unit
    kept = [each for each in unit.evidence if each.id not in gone]
    return unit._replace(evidence=kept, embeddings=[v for v in unit.embeddings if v.evidence not in gone])


def _met(connection: Connection, tenant: str, digests: Collection[str]) -> dict[str, str]:
    """Digest → the erasure that forbids it."""
    found: dict[str, str] = {}
    for some in chunks(digests):
        mine = (t.erased.c.tenant == tenant, t.erased.c.digest.in_(some))
        found |= {row.digest: row.erasure for row in connection.execute(select(t.erased).where(*mine))}
    return found


def allow(
    connection: Connection, tenant: str, sources: Sequence[str], ids: Sequence[str], hashes: Sequence[str]
) -> int:
    """Let what was erased be taken in again: sources by uri or by the hash of their content, pieces by id; how many marks went."""
    key = _key(connection, tenant)
    marks = [("source", each) for each in sources] + [("evidence", each) for each in ids]
    digests = [_digest(key, *mark) for mark in (*marks, *(("content", each) for each in hashes))]
    # what erased a source by name refuses its content too, and each of its pieces
    by = select(t.erased.c.erasure).where(t.erased.c.tenant == tenant, t.erased.c.digest.in_(digests))
    erasures = set(connection.execute(by).scalars()) if sources or hashes else set[str]()
    mine = (t.erased.c.tenant == tenant, or_(t.erased.c.digest.in_(digests), t.erased.c.erasure.in_(erasures)))
    return connection.execute(delete(t.erased).where(*mine)).rowcount


def _digest(key: bytes, sort: str, value: str) -> str:
    """HMAC-SHA-256 with the tenant's key, in hex."""
    return hmac.new(key, f"erased\0{sort}\0{value}".encode(errors="surrogatepass"), hashlib.sha256).hexdigest()


def _key_if_erased(connection: Connection, tenant: str) -> bytes | None:
    """The tenant's key; None where nothing of it was ever erased."""
    any_ = exists().where(t.erased.c.tenant == tenant)
    key: bytes | None = connection.execute(select(t.tenants.c.key).where(t.tenants.c.tenant == tenant, any_)).scalar()
    return key


def _key(connection: Connection, tenant: str) -> bytes:
    of = select(t.tenants.c.key).where(t.tenants.c.tenant == tenant)
    key: bytes | None = connection.execute(of).scalar()
    if key is None:
        key = secrets.token_bytes(_KEY_BYTES)
        connection.execute(insert(t.tenants), {"tenant": tenant, "key": key})
    return key
