"""A manual of more than 500 pages: read whole, with headings, in little memory."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import psutil
import pytest
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen import canvas

from ingest.ports import Item, SourcePolicy
from ingest.reports.reader import ReportReader

PAGES, LINES = 520, 40
# a whole ingest may hold 2 GiB with its encoder; reading is a small part of it
GROWTH_BYTES = 192 << 20


class Watch:
    """The most that this process and its children hold together, looked at every twenty milliseconds."""

    def __init__(self) -> None:
        self.peak = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *what: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        me = psutil.Process()
        while not self._over.wait(0.02):
            self.peak = max(self.peak, sum(_held(process) for process in (me, *me.children(recursive=True))))


def _held(process: psutil.Process) -> int:
    try:
        # between fork and exec a child still shows its parent's memory
        forked = process.pid != os.getpid() and "ingest.sandbox" not in process.cmdline()
        return 0 if forked else int(process.memory_info().rss)
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return 0


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
    before = psutil.Process().memory_info().rss
    pages: set[int] = set()
    headings: dict[int, str] = {}
    item = Item(manual, manual.as_uri(), manual.name, "application/pdf", "h", SourcePolicy())
    with Watch() as watch:
        for batch in ReportReader(None).read(item, "t"):
            pages |= {draft.locator.page for draft in batch.drafts}
            headings |= {draft.locator.page: draft.data["heading"] for draft in batch.drafts}
    assert pages == set(range(1, PAGES + 1))
    assert headings == {page: f"Chapter {page}" for page in pages}
    assert 0 < watch.peak - before <= GROWTH_BYTES
