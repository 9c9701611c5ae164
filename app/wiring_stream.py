"""The part of the wiring that puts a listener together; only `watchfloor listen` needs it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from app.settings import Settings
from app.wiring import Parts
from app.wiring_follow import object_intake
from app.wiring_quality import feeds_declared
from ingest.masking import BatchMask
from ingest.objects.intake import ObjectIntake
from ingest.stream.attendance import Attendance
from ingest.stream.counts import Counts
from ingest.stream.dead import DeadLetters
from ingest.stream.feeds import FEED, Feeds, keep_topics, read_feeds
from ingest.stream.intake import Intake
from ingest.stream.listening import Access, Listener
from ingest.stream.post import Lanes, Post
from ingest.watchfulness.listening import Ears
from retrieval.catalog import system_clock
from retrieval.ids import content_hash
from retrieval.types import Micros


class Listening(NamedTuple):
    """A listener, to which bus, how it is doing, and who tells when it listened."""

    bus: str
    listener: Listener
    counts: Counts
    attendance: Ears


def listening(parts: Parts, settings: Settings, file: Path) -> Listening:
    """Over a feeds file. Only the catalog and the blobs are written, and indexes follow when they are next used: a server may run.

    Raises BadSettings.
    """
    feeds = read_feeds(file)
    keep_topics(feeds, parts.book, settings.tenant)
    masker = parts._senses.masker
    mask = BatchMask(masker) if masker else None
    records = {name: feed for name, feed in feeds.feeds.items() if feed.kind == "records"}
    objects = {name: feed.prefixes for name, feed in feeds.feeds.items() if feed.kind == "objects"}
    intake = Intake(parts.book, parts.blobs, parts._text, settings.tenant, records, mask)
    counts = Counts()
    watch = parts.watch.watch
    watch.declare(feeds_declared(records))
    attended = Attendance(intake, counts, list(records), system_clock, lambda feed: watch.silences(f"{FEED}{feed}"))
    ears = Ears(attended, counts, watch, f"{feeds.bus} as {feeds.group}", system_clock)
    lanes = dict.fromkeys(records, Post(intake, counts, system_clock))
    if objects:
        fetching = Post(_fetching(parts, settings, feeds, objects), counts, system_clock)
        lanes |= dict.fromkeys(objects, fetching)
    given = settings.bus
    access = Access(given.user or "", given.password.get_secret_value() if given.password else "")
    return Listening(feeds.bus, Listener(feeds, access, Lanes(lanes), ears), counts, ears)


class DeadMessage(NamedTuple):
    """A message that could not be read: its place, why, when (UTC µs), how often, and its bytes (b"" where they are not kept)."""

    source: str
    code: str
    reason: str
    at: Micros
    tries: int
    body: bytes


def dead_messages(parts: Parts, settings: Settings) -> list[DeadMessage]:
    """The oldest first. Raises StoreError."""
    found = [
        DeadMessage(r.source, r.code, r.reason, r.recorded_at, r.tries, message.body if message else b"")
        for r, message in dead_letters(parts, settings).letters()
    ]
    return sorted(found, key=lambda each: each.at)


def dead_letters(parts: Parts, settings: Settings) -> DeadLetters:
    """What could not be read of all feeds."""
    masker = parts._senses.masker
    return DeadLetters(parts.book, parts.blobs, settings.tenant, BatchMask(masker) if masker else None)


def dead_again(parts: Parts, settings: Settings, file: Path) -> tuple[int, int]:
    """Read the kept messages of a file's feeds once more: (taken in, still dead). Raises BadSettings, StoreError, EncoderUnavailable."""
    masker = parts._senses.masker
    mask = BatchMask(masker) if masker else None
    feeds = read_feeds(file)
    records = {name: feed for name, feed in feeds.feeds.items() if feed.kind == "records"}
    letters = dead_letters(parts, settings)
    taken, still = letters.again(
        Intake(parts.book, parts.blobs, parts._text, settings.tenant, records, mask), list(records)
    )
    objects = {name: feed.prefixes for name, feed in feeds.feeds.items() if feed.kind == "objects"}
    if objects:
        more = letters.again(_fetching(parts, settings, feeds, objects), list(objects))
        taken, still = taken + more[0], still + more[1]
    return taken, still


def _fetching(parts: Parts, settings: Settings, feeds: Feeds, objects: Mapping[str, Sequence[str]]) -> ObjectIntake:
    owner = f"listen-{content_hash(feeds.bus, feeds.group)[:12]}"
    return object_intake(parts, settings, objects, owner)
