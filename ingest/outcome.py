"""What becomes of sources that are taken in: a report each, and the sums of a run."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ingest.quality import Quality, QualityBook
from retrieval.types import Micros

QUARANTINED = "quarantined"
# it was erased, and is not taken in again before that is allowed
ERASED = "erased"


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
    """The whole run. `evidence_by_kind` counts what this run read; `sequence` is its last commit (0: none).

    `stopped` says that it was told to stop, and that sources are left.
    """

    ingested: int
    unchanged: int
    rejected: tuple[Report, ...]
    evidence_by_kind: dict[str, int]
    sequence: int
    notes: tuple[str, ...] = ()
    quality: Quality | None = None
    stopped: bool = False


Progress = Callable[[int, int, str, Report | None], None]
"""Called with (sources done, sources in all, the source, its report): without a report before it is read, with it after."""


class Tally:
    """What a run has done so far."""

    def __init__(self, now: Micros) -> None:
        self.reports: list[Report] = []
        self.quality = QualityBook(now)
        self.stopped = False

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
            stopped=self.stopped,
        )


def silent(done: int, total: int, source: str, report: Report | None) -> None:
    """Nobody watches."""
