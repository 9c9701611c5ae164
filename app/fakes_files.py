"""What the memory service takes in and gives back: text files as passages, the summary of an ingest, a series drawn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw

from app.ports import IngestSummary, SourceReport
from retrieval.errors import InputError
from retrieval.ids import content_hash, evidence_id
from retrieval.types import CharSpan, Evidence, Kind, Provenance

_READABLE = {".txt", ".md"}


def files_of(path: Path) -> list[Path]:
    if not path.exists():
        raise InputError(f"{path} does not exist")
    return [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]


def refusal(path: Path) -> tuple[str, str] | None:
    if path.suffix.lower() not in _READABLE:
        return "unknown_type", f"no reader takes {path.suffix or 'a file without a suffix'}"
    return ("empty", "the file is empty") if path.stat().st_size == 0 else None


def passage(source: str, text: str, tenant: str) -> Evidence:
    locator = CharSpan(0, len(text))
    name = evidence_id(tenant.encode(), source, locator, content_hash(text))
    return Evidence(
        id=name,
        tenant=tenant,
        source=source,
        kind=Kind.PASSAGE,
        locator=locator,
        text=text,
        provenance=Provenance(ingester="memory"),
    )


def summary_of(reports: Sequence[SourceReport], added: Counter[str], sequence: int, *, stopped: bool) -> IngestSummary:
    status = Counter(report.status for report in reports)
    rejected = [
        {"source": report.source, "code": report.code or "", "reason": report.reason or ""}
        for report in reports
        if report.status == "rejected"
    ]
    return IngestSummary(
        ingested=status["ingested"],
        unchanged=status["unchanged"],
        rejected=tuple(rejected),
        evidence_by_kind=dict(added),
        sequence=sequence,
        stopped=stopped,
    )


def drawn(window: Evidence, path: Path) -> Path:
    """Draw `data["values"]` as a line, 320×120."""
    values = [float(value) for value in window.data.get("values", [])] or [0.0]
    low, high = min(values), max(values)
    step = 319 / max(1, len(values) - 1)
    points = [(i * step, 110 - 100 * (v - low) / ((high - low) or 1)) for i, v in enumerate(values)]
    picture = Image.new("RGB", (320, 120), "white")
    ImageDraw.Draw(picture).line(points, fill="black", width=2)
    picture.save(path)
    return path
