"""One message of a bus → what it says of one thing, or why it cannot be read."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from ingest.cells import Row
from ingest.ports import Batch, Draft, Item, SourcePolicy
from ingest.stream.feeds import LONGEST_KEY, Feed, source_of
from ingest.stream.meaning import meaning
from ingest.tables.plain import flat_record
from ingest.tables.records import record_batches
from ingest.tables.shape import TableKind, shape_of
from ingest.tables.table import Table, unique
from ingest.timestamps import Clock
from retrieval.errors import SourceRejected
from retrieval.ids import content_hash
from retrieval.types import Entity, Link, Micros, RowKey

READER, VERSION = "stream", "2"
MEDIA_TYPE = "application/json"
# larger than what brokers let through by default; a document is ingested as a file
MOST_BYTES = 1 << 20
_VERSIONS = 1 << 63


class Message(NamedTuple):
    """As the bus brought it. `key` is the bus's own name for what it is about ("" = none), `sent` the bus's time, and `place` where it
    stands in the bus's own order of what is about the same thing (None = it tells none)."""

    feed: str
    key: str
    body: bytes
    sent: Micros | None = None
    place: int | None = None


class Said(NamedTuple):
    """What a message says: `batch` is empty where the thing is no more."""

    item: Item
    version: int | None
    batch: Batch


def said(message: Message, feed: Feed, tenant: str, site: tuple[list[Entity], list[Link]]) -> Said:
    """Raises SourceRejected: too_large, broken_row, unknown_shape, no_key, bad_version, series, unreadable."""
    if len(message.body) > MOST_BYTES:
        raise SourceRejected(f"messages above {MOST_BYTES >> 10} KiB are not read", kind="too_large")
    record = _record(message.body) if message.body else {}
    key = _key(message, feed, record)
    policy = SourcePolicy(timezone=feed.timezone, dates=feed.dates, labels=feed.labels)
    uri, digest = source_of(message.feed, key), content_hash(message.body)
    item = Item(Path(message.feed), uri, message.feed, MEDIA_TYPE, digest, policy)
    version = _version(message, feed, record, policy)
    try:
        return Said(item, version, _batch(record, item, tenant, site, feed.version) if record else Batch())
    except (RecursionError, OverflowError, ValueError) as problem:
        raise SourceRejected(f"it cannot be read as a record: {problem}", kind="unreadable") from problem


def _record(body: bytes) -> dict[str, Any]:
    try:
        record = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as problem:
        raise SourceRejected(f"not valid json: {problem}", kind="broken_row") from problem
    if not isinstance(record, dict) or not record:
        raise SourceRejected("a message must be one json record with fields", kind="unknown_shape")
    return record


def _key(message: Message, feed: Feed, record: dict[str, Any]) -> str:
    """The thing's name. An empty message has the bus's key alone."""
    if not feed.id or not record:
        if not message.key and not record:
            raise SourceRejected("an empty message without a key says of nothing that it is no more", kind="no_key")
        return _short(message.key or content_hash(message.body))
    value = record.get(feed.id)
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        raise SourceRejected(
            f"the field {feed.id!r}, which names what it is about, is missing or no name", kind="no_key"
        )
    return _short(str(value))


def _short(key: str) -> str:
    if len(key) > LONGEST_KEY:
        raise SourceRejected(f"its key has {len(key)} characters; {LONGEST_KEY} at most", kind="no_key")
    return key


def _version(message: Message, feed: Feed, record: dict[str, Any], policy: SourcePolicy) -> int | None:
    """The field that orders: a whole number as it is, a time in µs; without one the place in the bus's order."""
    if not feed.version:
        return message.place
    if not record:
        told = f"an empty message has no {feed.version!r}, which orders what is said: tell the end in a record, or leave `version` out"
        raise SourceRejected(told, kind="bad_version")
    value = record.get(feed.version)
    if isinstance(value, int) and not isinstance(value, bool) and -_VERSIONS <= value < _VERSIONS:
        return value
    try:
        return Clock.over(policy, [value]).read(value).t0
    except (ValueError, OverflowError, TypeError, AttributeError) as problem:
        told = f"the field {feed.version!r}, which orders what is said, is neither a whole number nor a time"
        raise SourceRejected(told, kind="bad_version") from problem


def _batch(
    record: dict[str, Any], item: Item, tenant: str, site: tuple[list[Entity], list[Link]], version: str
) -> Batch:
    """The one piece of evidence that a record is; what was examined is told of the feed, not of each message."""
    cells = flat_record(record)
    table = Table(item.name, unique(list(cells)), [Row(list(cells.values()), 0)])
    shape = shape_of(table, item.name)
    if shape.kind is TableKind.SERIES:
        told = "a reading of a series is no event: streams take events; write samples to files and ingest those"
        raise SourceRejected(told, kind="series")
    batches = list(record_batches(table, shape, item, tenant, site))
    drafts = [_meant(draft, version) for batch in batches for draft in batch.drafts]
    return Batch(drafts, (), [e for b in batches for e in b.entities])


def _meant(draft: Draft, version: str) -> Draft:
    """Encoded by what it means, unless its reader knows better."""
    key = draft.locator.key if isinstance(draft.locator, RowKey) else ""
    return draft if draft.embed is not None else draft._replace(embed=meaning(draft.text, key, version))
