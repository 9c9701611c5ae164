"""Figures of documents: kept as pictures with their captions and places; what only decorates is left out."""

import base64
import io

import docx
import numpy as np
import pptx
import pytest
from PIL import Image
from reportlab.lib.pagesizes import A4
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen import canvas

from ingest.media_types import media_type
from ingest.ports import Item, SourcePolicy
from ingest.reports.pdf import Budget
from ingest.reports.reader import ReportReader
from retrieval.types import Kind, PageBox


def photo(seed=0, size=(320, 200)):
    """A picture of coarse coloured squares, as PNG."""
    squares = np.random.default_rng(seed).integers(0, 255, (10, 16, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(squares).resize(size, Image.Resampling.NEAREST).save(out, "PNG")
    return out.getvalue()


def placed(sheet, png, x, y, wide, high):
    sheet.drawImage(ImageReader(io.BytesIO(png)), x, y, wide, high)


@pytest.fixture
def figures(tmp_path):
    def go(name, content, ocr=None, policy=SourcePolicy(), budget=None):  # noqa: B008
        path = tmp_path / name
        path.write_bytes(content)
        item = Item(path, path.as_uri(), name, media_type(path), "h", policy)
        batches = list(ReportReader(ocr, budget=budget).read(item, "t"))
        drafts = [draft for batch in batches for draft in batch.drafts]
        return [draft for draft in drafts if draft.kind is Kind.FRAME], drafts, batches[-1].coverage[0]

    return go


def pdf(*pages):
    out = io.BytesIO()
    sheet = canvas.Canvas(out, pagesize=A4)
    for draw in pages:
        sheet.setFont("Helvetica", 10)
        draw(sheet)
        sheet.showPage()
    sheet.save()
    return out.getvalue()


def illustrated(sheet):
    sheet.drawString(60, 780, "The pump is shown below with its seal and its bearing.")
    placed(sheet, photo(), 100, 500, 320, 200)
    sheet.drawString(100, 484, "Figure 3: The feed pump P-101")
    sheet.drawString(60, 440, "It is greased every week by the crew of the night.")


def test_a_figure_of_a_pdf_has_its_caption_its_page_and_its_box(figures):
    (found,), drafts, _ = figures("a.pdf", pdf(illustrated))
    assert found.text == "Figure 3: The feed pump P-101" and found.data["caption"] == found.text
    assert found.locator == PageBox(1, found.locator.box)
    assert found.locator.box == pytest.approx((100 / 595, 1 - 700 / 842, 420 / 595, 1 - 500 / 842), abs=0.005)
    with Image.open(io.BytesIO(found.media)) as kept, Image.open(io.BytesIO(photo())) as put:
        small = [np.asarray(image.convert("RGB").resize((16, 10)), float) for image in (kept, put)]
    assert np.abs(small[0] - small[1]).mean() < 12
    assert any("Figure 3" in draft.text for draft in drafts if draft.kind is Kind.PASSAGE)


def test_logos_icons_and_backgrounds_are_left_out(figures):
    def page(sheet):
        sheet.drawString(60, 780, "Nothing to be seen here but the letterhead of the works.")
        placed(sheet, photo(1), 480, 790, 90, 40)
        placed(sheet, photo(2), 100, 500, 200, 150)  # the same large picture on each of three pages

    def covered(sheet):
        placed(sheet, photo(3), 0, 0, *A4)
        sheet.drawString(60, 780, "Words over a picture of the whole page.")

    assert figures("a.pdf", pdf(page, page, page, covered))[0] == []


def test_a_drawing_is_a_figure_where_its_caption_says_so(figures):
    def drawing(sheet, caption):
        for n in range(12):
            sheet.rect(100 + 20 * n, 500, 12, 20 + 10 * n, fill=1)
        sheet.drawString(100, 480, caption)

    (found,), _, _ = figures("a.pdf", pdf(lambda sheet: drawing(sheet, "Fig. 2. Hours by pump")))
    assert found.text == "Fig. 2. Hours by pump"
    assert figures("b.pdf", pdf(lambda sheet: drawing(sheet, "Hours by pump")))[0] == []


class Reads:
    name = "a reader"

    def lines(self, image):
        return [("VALVE V-7", (0.1, 0.1, 0.5, 0.2))]


def test_words_in_figures_are_read_within_the_budget(figures):
    def two(sheet):
        sheet.drawString(60, 780, "Two pictures.")
        placed(sheet, photo(1), 100, 500, 200, 150)
        placed(sheet, photo(2), 100, 200, 200, 150)

    found, _, _ = figures("a.pdf", pdf(two), Reads(), budget=Budget(figures_read=1))
    assert sorted("VALVE V-7" in draft.text for draft in found) == [False, True]
    assert len(figures("b.pdf", pdf(two), budget=Budget(figures=1))[0]) == 1


def test_scanned_pages_beyond_the_budget_are_told(figures):
    pages = [Image.open(io.BytesIO(photo(n, (420, 595)))).convert("RGB") for n in range(5)]
    out = io.BytesIO()
    pages[0].save(out, "PDF", save_all=True, append_images=pages[1:])
    _, drafts, coverage = figures("s.pdf", out.getvalue(), Reads(), budget=Budget(pages=3))
    assert {draft.locator.page for draft in drafts} == {1, 2, 3}
    assert "2 of 5 pages are pictures and were not read: the budget of 3 is spent" in drafts[-1].notes
    assert coverage.able == {"text": 0.4}


def test_what_a_policy_hides_cannot_be_kept_without_something_that_hides_it(figures):
    found, drafts, _ = figures("a.pdf", pdf(illustrated), policy=SourcePolicy(blur=("face",)))
    assert found == [] and drafts
    assert any("figures were not kept" in note for note in drafts[-1].notes)


def test_figures_of_word_documents(figures):
    document = docx.Document()
    document.add_heading("Pumps", 1)
    document.add_paragraph("See the picture.")
    document.add_picture(io.BytesIO(photo()))
    document.add_paragraph("Figure 1: The seal", style="Caption")
    document.add_picture(io.BytesIO(photo(4, (20, 20))))
    out = io.BytesIO()
    document.save(out)
    (found,), drafts, _ = figures("a.docx", out.getvalue())
    assert found.text == "Figure 1: The seal" and found.locator.heading == "Pumps"
    text = next(draft.text for draft in drafts if draft.kind is Kind.PASSAGE)
    assert text[found.locator.start : found.locator.end] == "Figure 1: The seal"


def test_figures_of_slides(figures):
    show = pptx.Presentation()
    slide = show.slides.add_slide(show.slide_layouts[5])
    slide.shapes.title.text = "The pump"
    slide.shapes.add_picture(io.BytesIO(photo()), show.slide_width // 4, show.slide_height // 2, show.slide_width // 2)
    out = io.BytesIO()
    show.save(out)
    (found,), _, _ = figures("a.pptx", out.getvalue())
    assert found.locator.page == 1 and found.data["heading"] == "The pump"
    assert found.locator.box[:3] == pytest.approx((0.25, 0.5, 0.75), abs=0.01)


def test_figures_of_pages_are_those_they_carry_themselves(figures):
    carried = base64.b64encode(photo()).decode()
    page = (
        f'<h1>Log</h1><figure><img src="data:image/png;base64,{carried}"><figcaption>The valve</figcaption></figure>'
        '<p>Words.</p><img src="file:///etc/passwd" alt="no"><img src="http://example.org/a.png">'
    )
    (found,), _, _ = figures("a.html", page.encode())
    assert found.text == "The valve"
