"""Taking files in, as one job: the site's own encoder first, then the pipeline, and a line for each source as it is acknowledged."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

import msgspec

from app.ports import Advance, IngestSummary, SourceReport
from ingest.begun import CODE, REASON, Begun
from ingest.naming import ON_DISK, Naming
from ingest.outcome import ERASED, QUARANTINED, Report
from ingest.pipeline import Pipeline
from ingest.turns import never
from ingest.walk import walk
from retrieval.ids import content_hash
from retrieval.types import Principal

ENCODER, ZONE = "image_encoder", "timezone"


class Notes(Protocol):
    """What the catalog keeps beside evidence: settings a site brings along, and what was refused."""

    def set_meta(self, tenant: str, key: str, value: str) -> None: ...

    def meta(self, tenant: str, key: str) -> str | None: ...

    def record_rejection(self, tenant: str, source: str, code: str, reason: str, tried: str = "") -> None: ...

    def clear_rejection(self, tenant: str, source: str) -> None: ...


class House(Protocol):
    """What an ingest needs to know of the parts around it."""

    def renew(self) -> None:
        """A site brought another encoder or zone along: what depends on them is made anew."""

    def eyes(self) -> str:
        """Which eyes look at pictures, in one line."""

    def ears(self) -> str:
        """What listens to sound, in one line."""


class IngestJob:
    """One ingest at a time. `pipeline` makes a pipeline with the encoders that are in force when it is called; `begun` names the folder
    of marks, which each process that ingests has to itself."""

    def __init__(
        self, notes: Notes, data_dir: Path, pipeline: Callable[[], Pipeline], house: House, begun: str = "begun"
    ) -> None:
        self._notes, self._data_dir, self._pipeline, self._house = notes, data_dir, pipeline, house
        self._begun = data_dir / begun

    def run(
        self,
        paths: Sequence[Path],
        principal: Principal,
        progress: Callable[[Advance], None] | None,
        names: Naming = ON_DISK,
        stop: Callable[[], bool] = never,
    ) -> IngestSummary:
        """Ingest files and folders; `stop` is asked before each commit (see Pipeline.run).

        Raises InputError for nothing to ingest; what one source suffers is in its report.
        """
        tenant = principal.tenant
        self._adopt(paths, tenant, names)

        def tell(done: int, total: int, source: str, report: Report | None) -> None:
            if report is not None:
                self._note(tenant, report)
            if progress is not None:
                progress(Advance(done, total, source, _reported(report) if report else None))

        begun = Begun(self._begun)
        for mark in begun.left():
            self._notes.record_rejection(mark.tenant, mark.source, CODE, REASON, mark.tried)
        summary = self._pipeline().run(
            paths, tenant, tell, exclude=[self._data_dir], begun=begun, names=names, stop=stop
        )
        return IngestSummary(
            ingested=summary.ingested,
            unchanged=summary.unchanged,
            rejected=tuple(
                {"source": r.source, "code": r.code or "", "reason": r.reason or ""} for r in summary.rejected
            ),
            evidence_by_kind=summary.evidence_by_kind,
            sequence=summary.sequence,
            notes=(self._house.eyes(), self._house.ears(), *summary.notes),
            quality=msgspec.to_builtins(summary.quality),
            stopped=summary.stopped,
        )

    def _note(self, tenant: str, report: Report) -> None:
        if report.code == QUARANTINED:
            # the cause that is remembered stays
            return
        if report.code == ERASED:
            self._discard(report.source)
        if report.status == "rejected":
            self._notes.record_rejection(tenant, report.source, report.code or "", report.reason or "", report.tried)
        else:
            self._notes.clear_rejection(tenant, report.source)

    def _discard(self, source: str) -> None:
        """An upload of what was erased is not kept; files elsewhere are their owner's."""
        path = Path(unquote(urlsplit(source).path))
        if path.is_relative_to(self._data_dir / "uploads") and ".." not in path.parts:
            path.unlink(missing_ok=True)

    def _adopt(self, paths: Sequence[Path], tenant: str, names: Naming) -> None:
        """A site names its zone and its encoder; the encoder is copied, so that the store stands on its own. Of a site that was fetched
        from elsewhere it is not there."""
        for site in walk(paths, [self._data_dir]).sites:
            self._set(tenant, ZONE, site.description.site.timezone)
            named = site.description.image_encoder
            if named and (names is ON_DISK or (site.path.parent / named).is_dir()):
                kept = keep_encoder(site.path.parent / named, self._data_dir / "models")
                self._set(tenant, ENCODER, kept)

    def _set(self, tenant: str, key: str, value: str) -> None:
        if self._notes.meta(tenant, key) != value:
            self._notes.set_meta(tenant, key, value)
            self._house.renew()


def keep_encoder(folder: Path, models: Path) -> str:
    """Copy an encoder's folder under its content's name and return that name; a name that is no folder is kept as it is."""
    if not folder.is_dir():
        return folder.name
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    digest = content_hash(*(part for p in files for part in (p.relative_to(folder).as_posix(), p.read_bytes())))
    kept = models / f"{folder.name}-{digest[:12]}"
    if not kept.is_dir():
        fresh = kept.with_suffix(".tmp")
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.copytree(folder, fresh)
        fresh.replace(kept)
    return kept.name


def _reported(report: Report) -> SourceReport:
    return SourceReport(
        source=report.source,
        status=report.status,
        evidence=report.evidence,
        sequence=report.sequence,
        reason=report.reason,
        code=report.code,
    )
