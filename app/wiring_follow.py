"""The part of the wiring that puts together what takes in files as they appear: watched folders, prefixes of a bucket, notifications."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from filelock import FileLock, Timeout

from app.jobs.taking import IngestJob
from app.ports import Advance, Check, Notified
from app.principals import local_principal
from app.settings import Settings
from ingest.follow.bucket import PrefixFollower
from ingest.follow.folder import FolderFollower
from ingest.follow.marks import Marks
from ingest.follow.port import Follower as Follower
from ingest.follow.port import Round as Round
from ingest.follow.port import Stopped as Stopped
from ingest.masking import BatchMask
from ingest.naming import Naming
from ingest.objects.address import SCHEME, prefix_of
from ingest.objects.intake import ObjectIntake
from ingest.objects.originals import Originals
from ingest.objects.s3 import USUAL, Access, Patience, S3Store
from ingest.objects.spool import Kept, Spool
from ingest.objects.taking import Taker, Told
from ingest.pipeline import Pipeline
from ingest.stream.dead import DeadLetters
from ingest.stream.feeds import FEED
from ingest.stream.message import Message
from retrieval.errors import BadSettings, InputError, JobCancelled, SourceRejected, StoreBusy, WatchfloorError
from retrieval.ids import content_hash
from retrieval.ports import SourceState

if TYPE_CHECKING:
    from app.wiring import Parts

OVER_HTTP, BUCKET = "notifications", SCHEME
# somebody waits for doctor, and health is asked for again and again
_AT_ONCE = Patience(connect_s=1.0, read_s=2.0, again=0)


class How(NamedTuple):
    """What the caller asks of a follower: `deletions` is "close", "keep" or None (as is usual for the place)."""

    deletions: str | None
    quiet_s: float
    stop: threading.Event


class Ingesting:
    """Ingests as followers ask for them, each a job of its own, which they take up again by themselves. `owner` names the process, so
    that two that ingest at once do not take each other for dead; once `stop` is set, no source is begun after the one in hand (Stopped).
    """

    def __init__(self, parts: Parts, settings: Settings, owner: str, stop: threading.Event | None = None) -> None:
        self._parts, self._principal, self._stop = parts, local_principal(settings), stop
        self._owner = owner
        self._job = IngestJob(parts.book, parts._dir, parts._pipeline, parts, f"begun-{owner}")
        self._pipeline: Pipeline | None = None

    def take(self, paths: Sequence[Path], names: Naming) -> dict[str, Told]:
        told: dict[str, Told] = {}

        def note(step: Advance) -> None:
            if step.report is None and self._stop is not None and self._stop.is_set():
                raise JobCancelled("its follower was stopped; it goes on when it is started again")
            if step.report is not None:
                told[step.report.source] = Told(step.report.status, step.report.code or "", step.report.reason or "")

        sources = [names.uri(path) for path in _files(paths)]
        take = partial(self._job.run, paths, self._principal, names=names)
        try:
            self._parts.ingester.beside(self._owner, sources, self._principal, take, note)
        except JobCancelled as ended:
            raise Stopped from ended
        finally:
            self._pipeline = None
        return told

    def in_force(self, ingester: str) -> bool:
        return self._in_force().in_force(ingester)

    def shape(self) -> str:
        return self._in_force().shape()

    def _in_force(self) -> Pipeline:
        """A site may bring another encoder along when it is taken in."""
        if self._pipeline is None:
            self._pipeline = self._parts._pipeline()
        return self._pipeline


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    """What lies at these places: of a folder, each file below it."""
    for path in paths:
        yield from sorted(below for below in path.rglob("*") if below.is_file()) if path.is_dir() else (path,)


def store_of(settings: Settings, patience: Patience = USUAL) -> S3Store:
    """Raises BadSettings where the client is not installed or the address is none."""
    given = settings.objects
    secret, token = (each.get_secret_value() if each else "" for each in (given.secret, given.token))
    return S3Store(Access(given.endpoint_url or "", given.region, given.key_id or "", secret, token), patience)


def object_intake(parts: Parts, settings: Settings, feeds: Mapping[str, Sequence[str]], owner: str) -> ObjectIntake:
    """`feeds` are the prefixes each may be about. Raises BadSettings."""
    named = {name: [prefix_of(each) for each in prefixes] for name, prefixes in feeds.items()}
    store = store_of(settings)
    taker = Taker(store, parts.book, Ingesting(parts, settings, owner), _spool(parts, settings, owner), settings.tenant)
    masker = parts._senses.masker
    mask = BatchMask(masker) if masker else None
    letters = None if owner == OVER_HTTP else DeadLetters(parts.book, parts.blobs, settings.tenant, mask)
    return ObjectIntake(taker, store, letters, settings.tenant, named)


class Objects:
    """Objects as the rest of the house meets them: told of over HTTP, played, and asked how they are."""

    def __init__(self, parts: Parts, settings: Settings) -> None:
        self._parts, self._settings = parts, settings
        self._making = threading.Lock()
        self._intake: ObjectIntake | None = None
        self._originals: Originals | None = None

    def notified(self, body: bytes) -> Notified:
        """Take in what a notification is about. Raises BadSettings where no prefix is named, SourceRejected where it is none or about
        nothing that may be read (its sender is told, and so nothing is kept), StoreError, UpstreamError."""
        prefixes = self._settings.objects.prefixes
        if not prefixes:
            raise BadSettings("no notifications are taken: name the prefixes they may be about in objects.prefixes")
        with self._making:
            if self._intake is None:
                self._intake = object_intake(self._parts, self._settings, {OVER_HTTP: prefixes}, OVER_HTTP)
        taken = self._intake.take([Message(OVER_HTTP, "", body)])
        dead = next((each for each in taken.dead if each.source.startswith(FEED)), None)
        if dead is not None and not taken.stored:
            raise SourceRejected(dead.reason, kind=dead.code)
        return Notified(taken.stored, taken.known, tuple(dead._asdict() for dead in taken.dead))

    def file(self, source: str, state: SourceState) -> Path | None:
        """A recording of a bucket as it was read, to be played; None where it is not to be had."""
        with self._making:
            if self._originals is None:
                self._originals = originals(self._parts, self._settings)
        return self._originals.file(source, state)

    def check(self) -> Check:
        return objects_check(self._settings)


def follower(parts: Parts, settings: Settings, target: str, how: How) -> Follower:
    """Of a folder, or of s3://BUCKET/PREFIX. Raises InputError, BadSettings."""
    target = _one_name(target)
    owner = f"follow-{content_hash(target)[:12]}"
    if target.startswith(BUCKET):
        prefix, store, closes = prefix_of(target), store_of(settings), how.deletions != "keep"
        spool = _spool(parts, settings, owner)
        ingesting = Ingesting(parts, settings, owner, how.stop)
        taker = Taker(store, parts.book, ingesting, spool, settings.tenant, closes)
        return PrefixFollower(prefix, store, taker, parts.book, settings.tenant, closes)
    root = Path(target)
    if not root.is_dir():
        raise InputError(f"{target} is no folder that is there; give a folder, or s3://BUCKET/PREFIX")
    if root.is_relative_to(parts._dir):
        raise InputError(f"{target} lies in the store itself ({parts._dir}); follow a folder outside of it")
    marks = Marks(parts._dir / "follow" / f"{owner}.json", parts.book.tenant_key(settings.tenant))
    job = Ingesting(parts, settings, owner, how.stop)
    closing = parts.book if how.deletions == "close" else None
    return FolderFollower(root, job, marks, settings.tenant, closing, [parts._dir], (how.quiet_s, time.monotonic))


def _one_name(target: str) -> str:
    """Of a place, however it was given: of a folder where it really lies."""
    return target if target.startswith(BUCKET) else str(Path(target).resolve())


@contextmanager
def sole(parts: Parts, target: str) -> Iterator[None]:
    """Hold a place against another follower of the same store. Raises StoreBusy."""
    lock = FileLock(parts._dir / "follow" / f"{content_hash(_one_name(target))[:12]}.lock", timeout=0)
    Path(lock.lock_file).parent.mkdir(parents=True, exist_ok=True)
    try:
        with lock:
            yield
    except Timeout as problem:
        raise StoreBusy(f"another `watchfloor follow` follows {target} into this store already") from problem


def originals(parts: Parts, settings: Settings) -> Originals:
    """Recordings of objects, to be played. A store that cannot be used is no reason to play nothing: what is kept is played."""
    try:
        store: S3Store | None = store_of(settings)
    except WatchfloorError:
        store = None
    return Originals(_kept(parts, settings), store)


def objects_check(settings: Settings) -> Check:
    """The line of doctor."""
    given = settings.objects
    if not given.prefixes and not given.endpoint_url and not given.key_id:
        return Check(
            "objects", "off", "no object store is named; set objects.endpoint_url, objects.key_id or objects.prefixes"
        )
    try:
        store = store_of(settings, _AT_ONCE)
        for each in given.prefixes:
            next(store.listed(*prefix_of(each)), None)
    except WatchfloorError as problem:
        return Check("objects", "failed", str(problem))
    told = ", ".join(given.prefixes) or "no notifications are taken: objects.prefixes is empty"
    return Check("objects", "ok", f"{given.endpoint_url or 'Amazon S3'}: {told}")


def _spool(parts: Parts, settings: Settings, owner: str) -> Spool:
    given = settings.objects
    return Spool(parts._dir / "objects" / owner, given.spool_mb << 20, _kept(parts, settings))


def _kept(parts: Parts, settings: Settings) -> Kept:
    return Kept(parts._dir / "cache" / "objects", settings.objects.kept_mb << 20)
