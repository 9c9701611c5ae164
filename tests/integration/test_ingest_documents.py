"""Documents through the child process that reads them."""

import io

import docx
import pypdf
import pytest
from PIL import Image, ImageDraw
from reportlab.lib.pagesizes import A5
from reportlab.pdfgen import canvas

from ingest.media_types import media_type
from ingest.ports import Item, SourcePolicy
from ingest.reports.reader import ReportReader
from retrieval.errors import SourceRejected
from retrieval.times import iso


@pytest.fixture
def read(tmp_path):
    def go(name, content, ocr=None, policy=SourcePolicy()):  # noqa: B008
        path = tmp_path / name
        path.write_bytes(content)
        item = Item(path, path.as_uri(), name, media_type(path), "h", policy)
        return [draft for batch in ReportReader(ocr).read(item, "t") for draft in batch.drafts]

    return go


def pdf(draw, pages=1):
    out = io.BytesIO()
    page = canvas.Canvas(out, pagesize=A5)
    for number in range(pages):
        draw(page, number)
        page.showPage()
    page.save()
    return out.getvalue()


def written(page, number):
    page.setFont("Helvetica-Bold", 16)
    page.drawString(50, 500, f"{number + 1} Pumps")
    page.setFont("Helvetica", 10)
    for row in range(5):
        page.drawString(50, 470 - 14 * row, f"Page {number + 1} line {row}: the pump P-101 was inspected.")


def test_pdf_passages_have_page_box_and_heading(read):
    found = read("report-2026-03-04.pdf", pdf(written, pages=2))
    assert [draft.locator.page for draft in found] == [1, 2]
    x0, y0, x1, y1 = found[0].locator.box
    assert 0.1 < x0 < 0.15 and 0.1 < y0 < 0.17 and x0 < x1 < 1 and 0.25 < y1 < 0.4
    assert found[1].data["heading"] == "2 Pumps" and found[1].text.startswith("2 Pumps\nPage 2 line 0")
    assert iso(found[0].valid.t0) == "2026-03-04T00:00:00Z" and "file name" in found[0].notes[0]


def test_encrypted_truncated_and_textless_pdf(read):
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(pdf(written)))
    writer.encrypt("secret", algorithm="RC4-128")
    out = io.BytesIO()
    writer.write(out)
    blank = pdf(lambda page, number: page.rect(10, 10, 50, 50, fill=1))
    for name, content, kind in (
        ("e.pdf", out.getvalue(), "encrypted"),
        ("t.pdf", pdf(written)[:300], "unreadable"),
        ("n.pdf", blank, "no_text"),
    ):
        with pytest.raises(SourceRejected) as refused:
            read(name, content)
        assert refused.value.kind == kind


class Reads:
    """Finds the dark bar on a page and reads it as one word."""

    name = "bar reader"

    def lines(self, image):
        box = image.convert("L").point(lambda v: 255 if v < 128 else 0).getbbox()
        return (
            [("BAR", (box[0] / image.width, box[1] / image.height, box[2] / image.width, box[3] / image.height))]
            if box
            else []
        )


def test_pages_that_are_pictures_are_read_by_ocr(read):
    picture = Image.new("RGB", (420, 595), "white")
    ImageDraw.Draw(picture).rectangle((42, 60, 210, 119), fill="black")
    out = io.BytesIO()
    picture.save(out, "PDF")
    (draft,) = read("scan.pdf", out.getvalue(), ocr=Reads())
    assert draft.text == "BAR" and draft.models == {"text": "bar reader"}
    assert draft.locator.box == pytest.approx((0.1, 0.1, 0.5, 0.2), abs=0.01)


def test_docx_keeps_headings_tables_and_order(read):
    document = docx.Document()
    document.add_heading("Incident IR-7", 0)
    document.add_heading("What happened", 1)
    document.add_paragraph("On 4 March 2026 the pump tripped.")
    table = document.add_table(2, 2)
    for row, cells in enumerate((("time", "event"), ("02:41", "trip"))):
        for column, text in enumerate(cells):
            table.cell(row, column).text = text
    document.add_heading("Causes", 1)
    document.add_paragraph("A worn bearing.")
    out = io.BytesIO()
    document.save(out)
    first, second = read("a.docx", out.getvalue())
    assert first.text.splitlines()[::2] == [
        "Incident IR-7", "What happened", "On 4 March 2026 the pump tripped.", "time | event", "02:41 | trip",
    ]  # fmt: skip
    assert second.locator.heading == "Incident IR-7 > Causes" and second.embed.startswith("Incident IR-7 > Causes\n")
    assert iso(first.valid.t0) == "2026-03-04T00:00:00Z"
    with pytest.raises(SourceRejected, match="not a readable archive") as refused:
        read("b.docx", b"PK\x03\x04 not really")
    assert "/" not in refused.value.reason


def test_html_shows_what_a_browser_shows(read):
    page = b"""<html><head><title>t</title><style>p{}</style></head><body><nav>menu</nav><h1>Log</h1><p>Pump <b>P-101</b>
    ran.</p><script>x()</script><table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>2</td></tr></table>
    <ul><li>one</li></ul><h2>Night</h2><pre>x  y</pre></body></html>"""
    first, second = read("a.html", page)
    assert first.text == "Log\n\nPump P-101 ran.\n\na | b\n\n1 | 2\n\none"
    assert second.text == "Night\n\nx  y" and second.data["heading"] == "Log > Night"
    with pytest.raises(SourceRejected) as refused:
        read("b.html", b"<html><body></body></html>")
    assert refused.value.kind == "empty"
