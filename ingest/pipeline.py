"""The one way in: find files, read each, give evidence its identity, commit. One bad file never stops the rest."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from typing import TypeVar

import msgspec

from ingest.ahead import ReadAhead, with_last
from ingest.assemble import Assembler, Origin
from ingest.begun import Begun
from ingest.book import EntityBook
from ingest.engine import Engine, LocalEngine
from ingest.fault import fault
from ingest.media_types import AUDIO, IMAGES, VIDEO, WITH_FIGURES, media_type
from ingest.naming import ON_DISK, Naming
from ingest.outcome import QUARANTINED, Progress, Report, Summary, Tally, silent
from ingest.ports import Batch, Item, Reader, SourcePolicy
from ingest.turns import FileTurn, Reading, Run, SiteTurn, Stopped, Turn, in_turn, never
from ingest.video.start import find_start
from ingest.walk import Found, Site, walk
from retrieval.errors import SourceRejected, UpstreamError, WatchfloorError
from retrieval.ids import content_hash
from retrieval.ports import Blobs, CatalogWriter, ImageEncoder, TextEncoder, Unit
from retrieval.types import Coverage, Micros

SITE_READER = "site@1"
# what fails so often with the same content fails each time: it is given up until it changes or is released
GIVEN_UP_AFTER = 3
T = TypeVar("T")
_log = logging.getLogger(__name__)


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
        engine: Engine | None = None,
    ) -> None:
        self.engine = engine or LocalEngine()
        self._writer = writer
        self._readers = tuple(readers)
        self._assembler = Assembler(blobs, text_encoder, image_encoder, writer.erased)
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
        names: Naming = ON_DISK,
        stop: Callable[[], bool] = never,
    ) -> Summary:
        """Ingest files and folders; `exclude` are folders to stay out of (the data directory), `begun` remembers what was in hand should
        the process die, `names` says what files are called in the catalog.

        `stop` is asked before each source and each commit: once it is true, what was read of the source in hand is thrown away, and the
        summary says that the run was stopped. What it raises ends the run too, and leaves the source as it stands.

        Raises InputError for a missing path or nothing to ingest, BadSiteDescription, and StoreError; what else goes wrong
        with a source is in its report.
        """
        found = walk(paths, exclude)
        tally, tell = Tally(self._clock()), progress or silent
        book = EntityBook(self._writer.site(tenant)[0])
        total = len(found.sites) + len(found.files)
        run = Run(tenant, book, tally, begun, names=names, stop=stop)
        turns: list[Turn] = [SiteTurn(names.uri(site.path), partial(self._site, site, run)) for site in found.sites]
        turns += [FileTurn(self, file, run) for file in found.files]
        with closing(self.engine), closing(in_turn(turns, self.engine.at_once)) as each, suppress(Stopped):
            for done, turn in enumerate(each):
                tally.stopped = stop()
                if tally.stopped:
                    break
                tell(done, total, turn.source, None)
                report = turn.end()
                tally.end(report)
                tell(done + 1, total, turn.source, report)
        return tally.summary()

    def _site(self, site: Site, run: Run) -> Report:
        tenant, source, digest = run.tenant, run.names.uri(site.path), run.names.fingerprint(site.path)
        entities, links = site.description.entities(tenant), site.description.links(tenant)
        state = self._writer.state(tenant, source)
        if state and state.whole and (state.content_hash, state.ingester) == (digest, SITE_READER):
            return Report(source, "unchanged", 0, 0)
        receipt = self._writer.commit(Unit(tenant, source, digest, SITE_READER, entities=entities, links=links))
        run.book.declare(entities)
        return Report(source, "ingested", 0, receipt.sequence)

    def prepare(self, found: Found, run: Run) -> Report | Reading:
        """What is to be read of a file, or the report where nothing is."""
        item = _item(found, run.names)
        run.tally.quality.source(item.uri, item.content_hash)
        reader = self._reader(item)
        ingester = self._ingester(reader, item, found.site)
        self._writer.refuse_erased(run.tenant, item.uri, item.content_hash)
        state = self._writer.state(run.tenant, item.uri)
        if state and state.whole and (state.content_hash, state.ingester) == (item.content_hash, ingester):
            return Report(item.uri, "unchanged", state.evidence, 0)
        if state and not state.whole:
            if run.stop():
                raise Stopped
            self._writer.abandon(run.tenant, item.uri)
        tried = content_hash(item.content_hash, ingester)
        return self._given_up(run.tenant, item.uri, tried) or Reading(item, reader, ingester, tried)

    def guarded(self, source: str, run: Run, tried: str, work: Callable[[], T]) -> T | Report:
        """What the work gives; the report of the rejection where the source is at fault."""
        try:
            return work()
        except Stopped:
            run.tally.stopped = True
            self._writer.abandon(run.tenant, source)
            raise
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
            made = fault("file", problem)
            return self._rejected(source, run.tenant, made.kind, made.reason)._replace(tried=tried)

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

    def shape(self) -> str:
        """Everything but sites that shapes what is read, in one line."""
        return " ".join([*(f"{r.name}@{r.version}" for r in self._readers), self._text_space, self._image_space])

    def in_force(self, ingester: str) -> bool:
        """Whether what was read by this would be read alike today, as far as readers and encoders tell; the site may say otherwise."""
        heads = tuple(f"{each.name}@{each.version} text={self._text_space} " for each in self._readers)
        same_eyes = " image=" not in ingester or f" image={self._image_space} " in ingester
        return ingester == SITE_READER or (ingester.startswith(heads) and same_eyes)

    def _ingester(self, reader: Reader, item: Item, site: Site | None) -> str:
        """Everything that shapes what is read from the same bytes: when any of it changes, the source is read again."""
        parts = [f"{reader.name}@{reader.version}", f"text={self._text_space}"]
        if item.media_type in VIDEO | IMAGES | WITH_FIGURES:
            parts.append(f"image={self._image_space}")
        named = [] if site is None else site.description.entities("")
        shape = msgspec.json.encode([item.policy, named], order="deterministic")
        return " ".join([*parts, f"policy={content_hash(shape)[:12]}"])

    def read(self, reading: Reading, ahead: ReadAhead | None, run: Run) -> Report:
        """Commit what is read, batch by batch; what was read ahead where something was."""
        item, reader, run = reading.item, reading.reader, run._replace(ingester=reading.ingester)
        origin = Origin(item, run.tenant, self._writer.tenant_key(run.tenant), reader.name, reader.version)
        seen: set[str] = set()
        renamed: dict[str, str] = {}
        quality, sequence, held = run.tally.quality.apart(), 0, 0
        batches = ahead or self.engine.read(reader, item, run.tenant)
        for batch, last in with_last(batches):
            unit = self._unit(batch, origin, run, (seen, renamed))._replace(closes=last)
            if run.stop():
                raise Stopped
            sequence = self._writer.commit(unit).sequence
            held += len(unit.evidence)
            quality.unit(unit, run.knows)
        run.tally.quality.absorb(quality)
        return Report(item.uri, "ingested", held, sequence)

    def _unit(self, batch: Batch, origin: Origin, run: Run, carried: tuple[set[str], dict[str, str]]) -> Unit:
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


def _item(found: Found, names: Naming) -> Item:
    """Raises SourceRejected for a type that is not read or an empty file, OSError for one that cannot be opened."""
    kind = media_type(found.path)
    policy = found.site.description.policy(found.name) if found.site else SourcePolicy()
    item = Item(found.path, names.uri(found.path), found.name, kind, names.fingerprint(found.path), policy)
    # whose camera it is may be told by the file's name or what lies beside it alone
    named = find_start(item).camera if policy.labels_by_camera and kind in VIDEO | IMAGES | AUDIO else None
    return item._replace(policy=policy.labelled(named))


def _labelled(coverage: Coverage, labels: tuple[str, ...]) -> Coverage:
    return coverage if coverage.labels else msgspec.structs.replace(coverage, labels=labels)
