"""Spreadsheets, mail and slides taken in by the whole service: asked about, and replaced by a newer file at the same path."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path

import openpyxl
import pptx
import pytest

from app.ports import Ask
from app.service import Watchfloor
from app.settings import load
from app.wiring import build
from retrieval.times import to_micros
from retrieval.types import Answer, Principal, Query, RowKey, Verdict

ME = Principal("default")


def write_log(path: Path, hours: float) -> None:
    book = openpyxl.Workbook()
    book.active.title = "Work orders"
    for row in (
        ["Northgate maintenance log"],
        ["wo_id", "asset", "opened", "description", "hours"],
        ["WO-7", "P-101", "2026-03-04", "Seal replaced", hours],
        ["WO-8", "P-102", "2026-03-05", "Oil changed", 1],
    ):
        book.active.append(row)
    book.save(path)


def write_mail(path: Path, part: str) -> None:
    message = EmailMessage()
    message["Subject"], message["From"] = "Spare parts for C-300", "Maria Okafor <maria@example.com>"
    message["Date"] = "Wed, 04 Mar 2026 09:15:00 +0000"
    message.set_content(f"The impeller of compressor C-300 was ordered with part number {part}.\n")
    path.write_bytes(message.as_bytes())


def write_slides(path: Path, wear: str) -> None:
    show = pptx.Presentation()
    slide = show.slides.add_slide(show.slide_layouts[1])
    slide.shapes.title.text = "Conveyor B-9"
    slide.placeholders[1].text = f"The belt of conveyor B-9 has worn down to {wear}."
    out = io.BytesIO()
    show.save(out)
    path.write_bytes(out.getvalue())


@pytest.fixture
def files(tmp_path: Path) -> Path:
    folder = tmp_path / "files"
    folder.mkdir()
    write_log(folder / "log.xlsx", 2.5)
    write_mail(folder / "order.eml", "S-4410")
    write_slides(folder / "review.pptx", "6 mm")
    return folder


@pytest.fixture
def service(tmp_path: Path, files: Path) -> Iterator[Watchfloor]:
    built = build(load(data_dir=tmp_path / "store", encoders={"image": "off", "detector": "off"}))
    summary = built.ingest([files], ME)
    assert (summary.ingested, summary.rejected) == (3, ())
    yield built
    built.close()


def ask(service: Watchfloor, question: str) -> Answer:
    return service.ask(Ask(question=question, asked_at=to_micros(datetime(2026, 3, 6, tzinfo=UTC))), ME)


def sources(answer: Answer) -> set[str]:
    return {citation.source.rpartition("/")[2] for claim in answer.claims for citation in claim.citations}


def test_a_row_of_a_sheet_answers(service: Watchfloor) -> None:
    answer = ask(service, "What was done under work order WO-7?")
    assert answer.verdict is Verdict.ANSWERED
    (cited,) = {c.locator for claim in answer.claims for c in claim.citations}
    assert cited == RowKey("log/Work orders", "WO-7", 3)
    assert "Seal replaced" in answer.claims[0].text


def test_a_mail_answers(service: Watchfloor) -> None:
    answer = ask(service, "Which part number was ordered for the impeller of compressor C-300?")
    assert answer.verdict is Verdict.ANSWERED and sources(answer) == {"order.eml"}
    assert any("S-4410" in claim.text for claim in answer.claims)


def test_a_newer_file_at_the_same_path_supersedes(service: Watchfloor, files: Path) -> None:
    def told() -> str:
        hits = [
            hit
            for text in ("WO-7", "impeller C-300", "belt conveyor B-9")
            for hit in service.search(Query(text=text), ME)
        ]
        return " ".join(hit.evidence.text for hit in hits)

    old, new = ("hours: 2.5", "S-4410", "6 mm"), ("hours: 3.5", "S-5521", "4 mm")
    assert all(words in told() for words in old)
    write_log(files / "log.xlsx", 3.5)
    write_mail(files / "order.eml", "S-5521")
    write_slides(files / "review.pptx", "4 mm")
    assert service.ingest([files], ME).ingested == 3
    assert all(words in told() for words in new) and not any(words in told() for words in old)
