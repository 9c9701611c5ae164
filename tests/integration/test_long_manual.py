"""A manual of more than 500 pages: read whole, with headings, in little memory."""

from __future__ import annotations

from pathlib import Path

import pytest
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen import canvas

from eval.memory import PeakMemory, own_and_decoders
from ingest.ports import Item, SourcePolicy
from ingest.reports.reader import ReportReader

PAGES, LINES = 520, 40
# a whole ingest may hold 2 GiB with its encoder; reading is a small part of it
GROWTH_BYTES = 192 << 20


@pytest.fixture(scope="module")
def manual(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("manual") / "manual.pdf"
    sheet = canvas.Canvas(str(path), pagesize=A4)
    for page in range(PAGES):
        sheet.setFont("Helvetica-Bold", 16)
        sheet.drawString(50, 800, f"Chapter {page + 1}")
        sheet.setFont("Helvetica", 10)
        for line in range(LINES):
            sheet.drawString(
                50, 775 - 18 * line, f"Page {page + 1} line {line}: pump P-{line:03} is greased by the crew every week."
            )
        sheet.showPage()
    sheet.save()
    return path


def test_every_page_is_read_in_little_memory(manual: Path) -> None:
    pages: set[int] = set()
    headings: dict[int, str] = {}
    item = Item(manual, manual.as_uri(), manual.name, "application/pdf", "h", SourcePolicy())
    with PeakMemory(own_and_decoders) as watch:
        for batch in ReportReader(None).read(item, "t"):
            pages |= {draft.locator.page for draft in batch.drafts}
            headings |= {draft.locator.page: draft.data["heading"] for draft in batch.drafts}
    assert pages == set(range(1, PAGES + 1))
    assert headings == {page: f"Chapter {page}" for page in pages}
    assert 0 < watch.more <= GROWTH_BYTES
