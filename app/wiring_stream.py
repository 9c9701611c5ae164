"""The part of the wiring that puts a listener together; only `watchfloor listen` needs it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from app.settings import Settings
from app.wiring import Parts
from ingest.masking import BatchMask
from ingest.stream.attendance import Attendance
from ingest.stream.counts import Counts
from ingest.stream.feeds import keep_topics, read_feeds
from ingest.stream.intake import Intake
from ingest.stream.listening import Access, Listener
from ingest.stream.post import Post
from retrieval.catalog import system_clock


class Listening(NamedTuple):
    """A listener, to which bus, how it is doing, and who tells when it listened."""

    bus: str
    listener: Listener
    counts: Counts
    attendance: Attendance


def listening(parts: Parts, settings: Settings, file: Path) -> Listening:
    """Over a feeds file. Only the catalog and the blobs are written, and indexes follow when they are next used: a server may run.

    Raises BadSettings.
    """
    feeds = read_feeds(file)
    keep_topics(feeds, parts.book, settings.tenant)
    masker = parts._senses.masker
    mask = BatchMask(masker) if masker else None
    intake = Intake(parts.book, parts.blobs, parts._text, settings.tenant, feeds.feeds, mask)
    counts = Counts()
    attendance = Attendance(intake, counts, list(feeds.feeds), system_clock)
    given = settings.bus
    access = Access(given.user or "", given.password.get_secret_value() if given.password else "")
    return Listening(
        feeds.bus, Listener(feeds, access, Post(intake, counts, system_clock), attendance), counts, attendance
    )
