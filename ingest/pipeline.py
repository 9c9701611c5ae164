"""The one way in: find files, read each, give evidence its identity, commit. One bad file never stops the rest."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar

import msgspec

from ingest.ahead import ReadAhead
from ingest.assemble import Assembler, Origin
from ingest.begun import Begun, Mark
from ingest.book import EntityBook
from ingest.media_types import AUDIO, BY_ENDING, IMAGES, VIDEO, WITH_FIGURES, media_type
from ingest.ports import Batch, Item, Reader, SourcePolicy
from ingest.quality import Quality, QualityBook
from ingest.video.start import find_start
from ingest.walk import Found, Site, fingerprint, walk
from retrieval.errors import SourceRejected, UpstreamError, WatchfloorError
from retrieval.ids import content_hash
from retrieval.ports import Blobs, CatalogWriter, ImageEncoder, TextEncoder, Unit
from retrieval.types import Coverage, Micros

SITE_READER = "site@1"
# what fails so often with the same content fails each time: it is given up until it changes or is released
GIVEN_UP_AFTER = 3
# clips that are read at once: the one whose turn it is and those after it
AT_ONCE = 2
QUARANTINED = "quarantined"
FAULT = "fault"
T = TypeVar("T")
_log = logging.getLogger(__name__)


class Report(NamedTuple):
    """One source: `status` is ingested, unchanged or rejected. `evidence` counts pieces held of it; `sequence` its last commit.

    `sequence` is 0 where nothing was committed (unchanged, rejected). `code` and `reason` say why it was rejected, and `tried` (a
    digest of its content and reader) that its content was the cause.
    """

    source: str
    status: str
    evidence: int
    sequence: int
    code: str | None = None
    reason: str | None = None
    tried: str = ""


class Summary(NamedTuple):
    """The whole run. `evidence_by_kind` counts what this run read; `sequence` is its last commit (0: none)."""

    ingested: int
    unchanged: int
    rejected: tuple[Report, ...]
    evidence_by_kind: dict[str, int]
    sequence: int
    notes: tuple[str, ...] = ()
    quality: Quality | None = None


Progress = Callable[[int, int, str, Report | None], None]
"""Called with (sources done, sources in all, the source, its report): without a report before it is read, with it after."""


class _Tally:
    """What a run has done so far."""

    def __init__(self, now: Micros) -> None:
        self.reports: list[Report] = []
        self.quality = QualityBook(now)

    def end(self, report: Report) -> None:
        self.reports.append(report)
        self.quality.ended(report.source, report.status, report.code or "", report.reason or "")

    def summary(self) -> Summary:
        quality = self.quality.close()
        late = f"{quality.future} pieces of evidence are dated after now: check clocks and zones"
        return Summary(
            ingested=quality.sources["ingested"],
            unchanged=quality.sources["unchanged"],
            rejected=tuple(report for report in self.reports if report.status == "rejected"),
            evidence_by_kind={kind: counted["pieces"] for kind, counted in quality.evidence.items()},
            sequence=max((report.sequence for report in self.reports), default=0),
            notes=(late,) if quality.future else (),
            quality=quality,
        )


class Pipeline:
    """Reads files into the catalog. `clock` gives now in UTC µs. One at a time; not for sharing between threads."""

    def __init__(
        self,
        writer: CatalogWriter,
        blobs: Blobs,
        readers: Sequence[Reader],
        text_encoder: TextEncoder | None,
        image_encoder: ImageEncoder | None,
        clock: Callable[[], Micros],
        at_once: int = AT_ONCE,
    ) -> None:
        self._at_once = at_once
        self._writer = writer
        self._readers = tuple(readers)
        self._assembler = Assembler(blobs, text_encoder, image_encoder)
        self._text_space = text_encoder.space if text_encoder else "off"
        self._image_space = image_encoder.space if image_encoder else "off"
        self._clock = clock

    def run(
        self,
        paths: Sequence[Path],
        tenant: str,
        progress: Progress | None = None,
        exclude: Sequence[Path] = (),
        begun: Begun | None = None,
    ) -> Summary:
        """Ingest files and folders; `exclude` are folders to stay out of (the data directory), `begun` remembers what was in hand should
        the process die.

        Raises InputError for a missing path or nothing to ingest, BadSiteDescription, and StoreError; what else goes wrong
        with a source is in its report.
        """
        found = walk(paths, exclude)
        tally, tell = _Tally(self._clock()), progress or _silent
        book = EntityBook(self._writer.site(tenant)[0])
        total = len(found.sites) + len(found.files)
        jobs: list[_Job] = [_SiteJob(site.path, partial(self._site, site, tenant, book)) for site in found.sites]
        jobs += [_FileJob(self, file, _Run(tenant, book, tally, begun)) for file in found.files]
        with closing(self._begun(jobs)) as turns:
            for done, job in enumerate(turns):
                tell(done, total, job.path.as_uri(), None)
                report = job.end()
                tally.end(report)
                tell(done + 1, total, job.path.as_uri(), report)
        return tally.summary()

    def _begun(self, jobs: Iterable[_Job]) -> Generator[_Job]:
        """Jobs in order; clips after a clip are begun while it is worked on. Closing it stops those whose turn does not come.

        A clip is not begun before what comes before all clips is committed: alerts say where to look closely.
        """
        window: deque[_Job] = deque()
        try:
            for job in jobs:
                if all(each.clip for each in window):
                    job.begin()
                window.append(job)
                if len(window) == self._at_once:
                    yield window[0]
                    window.popleft()
            while window:
                yield window[0]
                window.popleft()
        finally:
            for job in window:
                job.stop()

    def _site(self, site: Site, tenant: str, book: EntityBook) -> Report:
        source, digest = site.path.as_uri(), fingerprint(site.path)
        entities, links = site.description.entities(tenant), site.description.links(tenant)
        state = self._writer.state(tenant, source)
        if state and state.whole and (state.content_hash, state.ingester) == (digest, SITE_READER):
            return Report(source, "unchanged", 0, 0)
        receipt = self._writer.commit(Unit(tenant, source, digest, SITE_READER, entities=entities, links=links))
        book.declare(entities)
        return Report(source, "ingested", 0, receipt.sequence)

    def prepare(self, found: Found, run: _Run) -> Report | _Reading:
        """What is to be read of a file, or the report where nothing is."""
        item = _item(found)
        run.tally.quality.source(item.uri, item.content_hash)
        reader = self._reader(item)
        ingester = self._ingester(reader, item, found.site)
        state = self._writer.state(run.tenant, item.uri)
        if state and state.whole and (state.content_hash, state.ingester) == (item.content_hash, ingester):
            return Report(item.uri, "unchanged", state.evidence, 0)
        if state and not state.whole:
            self._writer.abandon(run.tenant, item.uri)
        tried = content_hash(item.content_hash, ingester)
        return self._given_up(run.tenant, item.uri, tried) or _Reading(item, reader, ingester, tried)

    def guarded(self, source: str, run: _Run, tried: str, work: Callable[[], T]) -> T | Report:
        """What the work gives; the report of the rejection where the source is at fault."""
        try:
            return work()
        except SourceRejected as problem:
            return self._rejected(source, run.tenant, problem.kind, problem.reason)._replace(tried=tried)
        except UpstreamError as problem:
            return self._rejected(source, run.tenant, problem.code, str(problem))
        except OSError as problem:
            return self._rejected(source, run.tenant, "unreadable", f"cannot be read: {problem.strerror or problem}")
        except WatchfloorError:
            raise
        except Exception as problem:  # noqa: BLE001 - the edge of one source: a mistake in a reader must not end a run over thousands
            _log.exception("reading %s failed", source)
            told = f"a mistake in Watchfloor's reader, not in the file ({type(problem).__name__}: {problem})"
            return self._rejected(source, run.tenant, FAULT, told)._replace(tried=tried)

    def _given_up(self, tenant: str, source: str, tried: str) -> Report | None:
        """The report of a source that has failed too often to be tried again as it is."""
        before = self._writer.rejection(tenant, source)
        if before is None or before.tried != tried or before.tries < GIVEN_UP_AFTER:
            return None
        reason = f"given up after {before.tries} tries ({before.code}): {before.reason}"
        return Report(source, "rejected", 0, 0, QUARANTINED, reason)

    def _rejected(self, source: str, tenant: str, code: str, reason: str) -> Report:
        self._writer.abandon(tenant, source)
        return Report(source, "rejected", 0, 0, code, reason)

    def _reader(self, item: Item) -> Reader:
        reader = next((reader for reader in self._readers if reader.accepts(item)), None)
        if reader is None:
            raise SourceRejected(f"no reader is installed for {item.media_type}", kind="unknown_type")
        return reader

    def _ingester(self, reader: Reader, item: Item, site: Site | None) -> str:
        """Everything that shapes what is read from the same bytes: when any of it changes, the source is read again."""
        parts = [f"{reader.name}@{reader.version}", f"text={self._text_space}"]
        if item.media_type in VIDEO | IMAGES | WITH_FIGURES:
            parts.append(f"image={self._image_space}")
        named = [] if site is None else site.description.entities("")
        shape = msgspec.json.encode([item.policy, named], order="deterministic")
        return " ".join([*parts, f"policy={content_hash(shape)[:12]}"])

    def read(self, reading: _Reading, ahead: ReadAhead | None, run: _Run) -> Report:
        """Commit what is read, batch by batch; what was read ahead where something was."""
        item, reader, run = reading.item, reading.reader, run._replace(ingester=reading.ingester)
        origin = Origin(item, run.tenant, self._writer.tenant_key(run.tenant), reader.name, reader.version)
        seen: set[str] = set()
        renamed: dict[str, str] = {}
        quality, sequence, held = run.tally.quality.apart(), 0, 0
        batches = ahead or reader.read(item, run.tenant)
        for batch, last in _with_last(batches):
            unit = self._unit(batch, origin, run, (seen, renamed))._replace(closes=last)
            sequence = self._writer.commit(unit).sequence
            held += len(unit.evidence)
            quality.unit(unit, run.knows)
        run.tally.quality.absorb(quality)
        return Report(item.uri, "ingested", held, sequence)

    def _unit(self, batch: Batch, origin: Origin, run: _Run, carried: tuple[set[str], dict[str, str]]) -> Unit:
        seen, renamed = carried
        labels = origin.item.policy.labels
        settled = run.book.settle(batch, labels, renamed)
        pairs = []
        for draft, piece in zip(settled.drafts, self._assembler.pieces(settled.drafts, origin), strict=True):
            if piece.id not in seen:  # the very same thing twice in one source is one piece
                seen.add(piece.id)
                pairs.append((draft, piece))
        return Unit(
            tenant=run.tenant,
            source=origin.item.uri,
            content_hash=origin.item.content_hash,
            ingester=run.ingester,
            evidence=[piece for _, piece in pairs],
            embeddings=self._assembler.embeddings([(draft, piece.id) for draft, piece in pairs]),
            coverage=[_labelled(coverage, labels) for coverage in batch.coverage],
            entities=settled.entities,
            links=batch.links,
        )


class _Run(NamedTuple):
    """What files of one run share; `ingester` is set for the file in hand."""

    tenant: str
    book: EntityBook
    tally: _Tally
    begun: Begun | None = None
    ingester: str = ""

    def knows(self, tag: str) -> bool:
        return bool(self.book.linker.exact(tag))


class _Reading(NamedTuple):
    """A file that is to be read. `ingester` is everything that shapes what is read of it, `tried` a digest of that and its content."""

    item: Item
    reader: Reader
    ingester: str
    tried: str


class _Job(Protocol):
    """One source. A clip may be begun before its turn; it is ended in its turn, or stopped."""

    path: Path
    clip: bool

    def begin(self) -> None: ...

    def end(self) -> Report: ...

    def stop(self) -> None: ...


class _SiteJob:
    clip = False

    def __init__(self, path: Path, work: Callable[[], Report]) -> None:
        self.path, self._work = path, work

    def begin(self) -> None:
        """Nothing is done before its turn."""

    def end(self) -> Report:
        return self._work()

    def stop(self) -> None:
        """Nothing has begun."""


class _FileJob:
    """A clip is read ahead: decoding and looking take long, and another process does most of it."""

    def __init__(self, pipeline: Pipeline, found: Found, run: _Run) -> None:
        self.path = found.path
        self.clip = BY_ENDING.get(found.path.suffix.lower()) in VIDEO
        self._pipeline, self._found, self._run = pipeline, found, run
        self._prepared: Report | _Reading | None = None
        self._ahead: ReadAhead | None = None

    def begin(self) -> None:
        if not self.clip:
            return
        prepared = self._prepare()
        if isinstance(prepared, _Reading):
            self._mark(prepared)
            self._ahead = ReadAhead(partial(prepared.reader.read, prepared.item, self._run.tenant))

    def end(self) -> Report:
        prepared = self._prepared or self._prepare()
        if isinstance(prepared, Report):
            return prepared
        if self._ahead is None:
            self._mark(prepared)
        work = partial(self._pipeline.read, prepared, self._ahead, self._run)
        try:
            return self._pipeline.guarded(prepared.item.uri, self._run, prepared.tried, work)
        finally:
            self.stop()

    def stop(self) -> None:
        if self._ahead is not None:
            self._ahead.close()
            self._ahead = None
        if self._run.begun is not None:
            self._run.begun.end(self._run.tenant, self.path.as_uri())

    def _mark(self, reading: _Reading) -> None:
        if self._run.begun is not None:
            self._run.begun.begin(Mark(self._run.tenant, reading.item.uri, reading.tried))

    def _prepare(self) -> Report | _Reading:
        work = partial(self._pipeline.prepare, self._found, self._run)
        self._prepared = self._pipeline.guarded(self.path.as_uri(), self._run, "", work)
        return self._prepared


def _item(found: Found) -> Item:
    """Raises SourceRejected for a type that is not read or an empty file, OSError for one that cannot be opened."""
    kind = media_type(found.path)
    policy = found.site.description.policy(found.name) if found.site else SourcePolicy()
    item = Item(found.path, found.path.as_uri(), found.name, kind, fingerprint(found.path), policy)
    # whose camera it is may be told by the file's name or what lies beside it alone
    named = find_start(item).camera if policy.labels_by_camera and kind in VIDEO | IMAGES | AUDIO else None
    return item._replace(policy=policy.labelled(named))


def _labelled(coverage: Coverage, labels: tuple[str, ...]) -> Coverage:
    return coverage if coverage.labels else msgspec.structs.replace(coverage, labels=labels)


def _with_last(batches: Iterable[Batch]) -> Iterator[tuple[Batch, bool]]:
    """Each batch with whether it is the last; a reader that yields none gives one empty last batch."""
    waiting: Batch | None = None
    for batch in batches:
        if waiting is not None:
            yield waiting, False
        waiting = batch
    yield waiting if waiting is not None else Batch(), True


def _silent(done: int, total: int, source: str, report: Report | None) -> None:
    """Nobody watches."""
