"""The tables of the one truth. Times are UTC microseconds in BIGINT columns; JSON is kept as text.

Everything a source brings carries the revision of that source and two transaction times, `recorded_at` and
`superseded_at`; nothing is overwritten. `head` has one row: the last sequence and the last transaction time. Whoever
commits locks it first, so that commit order is sequence order on every database.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    false,
)

# tenants that begin so are nobody's: under them lies what an erasure has hidden and not yet removed
HIDDEN = "~erased/"

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite counts rows only in a column declared INTEGER; `sqlite_autoincrement` never gives a deleted row's number again,
# which the projections rely on.
RowNumber = BigInteger().with_variant(Integer(), "sqlite")


def _row() -> Column[int]:
    return Column("row", RowNumber, primary_key=True, autoincrement=True)


def _owned() -> list[Column[Any]]:
    """Whose it is, which revision of the source brought it, and when it was known."""
    return [
        Column("tenant", Text, nullable=False),
        Column("source", Text, nullable=False),
        Column("revision", Integer, nullable=False),
        Column("recorded_at", BigInteger, nullable=False),
        Column("superseded_at", BigInteger),
    ]


def _of_evidence() -> Column[int]:
    return Column("row", RowNumber, ForeignKey("evidence.row", ondelete="CASCADE"), primary_key=True)


head = Table(
    "head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("sequence", BigInteger, nullable=False),
    Column("recorded_at", BigInteger, nullable=False),
)

tenants = Table(
    "tenants", metadata, Column("tenant", Text, primary_key=True), Column("key", LargeBinary, nullable=False)
)

sources = Table(
    "sources",
    metadata,
    _row(),
    *_owned(),
    Column("content_hash", Text, nullable=False),
    Column("ingester", Text, nullable=False),
    Column("whole", Boolean, nullable=False),
    Column("version", BigInteger),
    UniqueConstraint("tenant", "source", "revision"),
    sqlite_autoincrement=True,
)

evidence = Table(
    "evidence",
    metadata,
    _row(),
    Column("id", Text, nullable=False),
    *_owned(),
    Column("kind", Text, nullable=False),
    Column("locator", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("media", Text),
    Column("valid_t0", BigInteger),
    Column("valid_t1", BigInteger),
    Column("provenance", Text, nullable=False),
    Column("data", Text, nullable=False),
    UniqueConstraint("id", "revision"),
    Index("ix_evidence_source", "tenant", "source", "superseded_at"),
    # a window begins anywhere before its end: the last two tell which of so many entries are meant without reading their rows
    Index("ix_evidence_valid", "tenant", "valid_t0", "valid_t1", "kind"),
    Index("ix_evidence_known", "tenant", "recorded_at", "superseded_at"),
    sqlite_autoincrement=True,
)

labels = Table(
    "labels",
    metadata,
    _of_evidence(),
    Column("label", Text, primary_key=True),
    sqlite_with_rowid=False,
)

# what an erasure leaves of the labels that judged a state: once ended, it is shown to who holds one of every part. `same`: both said so
withheld = Table(
    "withheld",
    metadata,
    _of_evidence(),
    Column("part", Integer, primary_key=True, autoincrement=False),
    Column("label", Text, primary_key=True),
    Column("same", Boolean, nullable=False, server_default=false()),
    sqlite_with_rowid=False,
)

mentions = Table(
    "mentions",
    metadata,
    _of_evidence(),
    Column("position", Integer, primary_key=True),
    Column("entity", Text, nullable=False),
    Column("relation", Text, nullable=False),
    Index("ix_mentions_entity", "entity", "row"),
    sqlite_with_rowid=False,
)

vectors = Table(
    "vectors",
    metadata,
    _of_evidence(),
    Column("space", Text, primary_key=True),
    Column("part", Integer, primary_key=True),
    Column("precision", Text, nullable=False),
    Column("dim", Integer, nullable=False),
    Column("data", LargeBinary, nullable=False),
    Column("revision", Integer, nullable=False),
)

# rows of earlier revisions that the unfinished revision of a source has too; emptied when it closes
kept = Table("kept", metadata, _of_evidence())

coverage = Table(
    "coverage",
    metadata,
    _row(),
    *_owned(),
    Column("digest", Text, nullable=False),
    Column("uri", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("layer", Text, nullable=False),
    Column("valid_t0", BigInteger),
    Column("valid_t1", BigInteger),
    Column("body", Text, nullable=False),
    # what an erasure leaves of the labels that judged it: once it has ended, it is shown to who holds one of each; a JSON list of lists
    Column("under", Text),
    UniqueConstraint("tenant", "source", "revision", "digest"),
    Index("ix_coverage_subject", "tenant", "subject", "valid_t0"),
    Index("ix_coverage_uri", "tenant", "uri", "valid_t0"),
    Index("ix_coverage_known", "tenant", "superseded_at", "recorded_at"),
    Index("ix_coverage_told", "tenant", "source", "superseded_at", "subject"),
    sqlite_autoincrement=True,
)

entities = Table(
    "entities",
    metadata,
    _row(),
    *_owned(),
    Column("digest", Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("body", Text, nullable=False),
    UniqueConstraint("tenant", "source", "revision", "digest"),
    Index("ix_entities_known", "tenant", "superseded_at", "id"),
    sqlite_autoincrement=True,
)

links = Table(
    "links",
    metadata,
    _row(),
    *_owned(),
    Column("digest", Text, nullable=False),
    Column("body", Text, nullable=False),
    UniqueConstraint("tenant", "source", "revision", "digest"),
    Index("ix_links_known", "tenant", "superseded_at"),
    sqlite_autoincrement=True,
)

outbox = Table(
    "outbox",
    metadata,
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("tenant", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("recorded_at", BigInteger, nullable=False),
    Column("payload", Text, nullable=False),
)

asks = Table(
    "asks",
    metadata,
    Column("id", Text, primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("recorded_at", BigInteger, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("first_evidence_ms", Float),
    Index("ix_asks_tenant", "tenant", "recorded_at"),
)

answers = Table(
    "answers",
    metadata,
    Column("id", Text, ForeignKey("asks.id", ondelete="CASCADE"), primary_key=True),
    Column("labels", Text, nullable=False),
    Column("body", Text, nullable=False),
)

feedback = Table(
    "feedback",
    metadata,
    _row(),
    Column("answer", Text, ForeignKey("asks.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("subject", Text, nullable=False),
    Column("recorded_at", BigInteger, nullable=False),
    Column("accepted", Boolean, nullable=False),
    Column("note", Text, nullable=False),
    sqlite_autoincrement=True,
)

audit = Table(
    "audit",
    metadata,
    _row(),
    Column("tenant", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("recorded_at", BigInteger, nullable=False),
    Column("action", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Index("ix_audit_tenant", "tenant", "recorded_at"),
    sqlite_autoincrement=True,
)

rejections = Table(
    "rejections",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("source", Text, primary_key=True),
    Column("code", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("recorded_at", BigInteger, nullable=False),
    Column("tried", Text, nullable=False, server_default=""),
    Column("tries", Integer, nullable=False, server_default="1"),
)

meta = Table(
    "meta",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

conversations = Table(
    "conversations",
    metadata,
    Column("id", Text, primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("began_at", BigInteger, nullable=False),
    Column("last_at", BigInteger, nullable=False),
    Index("ix_conversations_subject", "tenant", "subject", "last_at"),
)

# what was asked and answered stands in `answers`; here is only the order
turns = Table(
    "turns",
    metadata,
    Column("conversation", Text, ForeignKey("conversations.id", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("answer", Text, ForeignKey("asks.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("asked_at", BigInteger, nullable=False),
)

# an ingest that was asked for; `leased_until` is when whoever works on it must have been heard of again
jobs = Table(
    "jobs",
    metadata,
    Column("id", Text, primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("paths", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("cancelling", Boolean, nullable=False),
    Column("worker", Text),
    Column("leased_until", BigInteger),
    Column("attempts", Integer, nullable=False),
    Column("futile", Integer, nullable=False),
    Column("done", Integer, nullable=False),
    Column("total", Integer, nullable=False),
    Column("source", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("started_at", BigInteger),
    Column("ended_at", BigInteger),
    Column("by", Text, nullable=False, server_default=""),
    Index("ix_jobs_state", "tenant", "state", "created_at"),
    Index("ix_jobs_created", "tenant", "created_at"),
)

job_sources = Table(
    "job_sources",
    metadata,
    Column("job", Text, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("source", Text, primary_key=True),
    Column("position", Integer, nullable=False),
    Column("status", Text, nullable=False),
    Column("evidence", Integer, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("code", Text),
    Column("reason", Text),
)

# who delivers what, kept over time; the record without a name says how far was read
standings = Table(
    "standings",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("body", Text, nullable=False),
)

# one row an erasure: how far it is, what it came to, and commitments to what goes; `salt` and what needs it stay until the receipt is
# handed out
erasures = Table(
    "erasures",
    metadata,
    Column("id", Text, primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("what", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("tally", Text, nullable=False),
    Column("hidden_at", BigInteger, nullable=False),
    Column("purged_at", BigInteger),
    Column("salt", LargeBinary),
    Column("commitments", Text, nullable=False),
    Column("notes", Text, nullable=False),
    Column("receipt", Text, nullable=False),
    Column("trouble", Text, nullable=False),
    Index("ix_erasures_state", "tenant", "state"),
)

# what is not taken in again without being allowed to: keyed hashes, so that nobody reads here what was erased
erased = Table(
    "erased",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("digest", Text, primary_key=True),
    Column("erasure", Text, nullable=False),
)

holds = Table(
    "holds",
    metadata,
    Column("id", Text, primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("placed_at", BigInteger, nullable=False),
    Column("released_at", BigInteger),
    Column("body", Text, nullable=False),
    Index("ix_holds_tenant", "tenant", "released_at"),
)

# which answers tell of which evidence, so that they go with it
quotes = Table(
    "quotes",
    metadata,
    Column("answer", Text, ForeignKey("asks.id", ondelete="CASCADE"), primary_key=True),
    Column("evidence", Text, primary_key=True),
    Index("ix_quotes_evidence", "evidence"),
)
