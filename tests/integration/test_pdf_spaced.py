"""Tables of pdf files that are set by white space alone, and pages that only look as if they had some."""

import random

import pytest
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen import canvas
from reportlab.platypus import Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

from ingest.ports import Item, SourcePolicy
from ingest.reports.reader import ReportReader


def read(path):
    item = Item(path, path.as_uri(), path.name, "application/pdf", "h", SourcePolicy())
    return [draft for batch in ReportReader(None).read(item, "t") for draft in batch.drafts]


@pytest.fixture
def built(tmp_path):
    """The texts of the passages of a document of these flowables."""

    def go(*parts):
        path = tmp_path / "a.pdf"
        SimpleDocTemplate(str(path), pagesize=A4).build(list(parts))
        return [draft.text for draft in read(path)]

    return go


@pytest.fixture
def set_in(tmp_path):
    """The passages of pages of (x, y, words), words set at that place in points from the bottom left."""

    def go(*pages, font="Helvetica", size=10):
        sheet = canvas.Canvas(str(tmp_path / "b.pdf"), pagesize=A4)
        for page in pages:
            sheet.setFont(font, size)
            for x, y, words in page:
                sheet.drawString(x, y, words)
            sheet.showPage()
        sheet.save()
        return read(tmp_path / "b.pdf")

    return go


def table(rows, *styles, **more):
    return Table(rows, style=TableStyle(list(styles)), **more)


PUMPS = [["pump", "oil", "hours"], ["P-101", "low", "2.5"], ["P-102", "", "3"], ["P-103", "full", "11"]]
TOLD = ["pump: P-101; oil: low; hours: 2.5", "pump: P-102; hours: 3", "pump: P-103; oil: full; hours: 11"]


def test_rows_carry_their_names_and_stand_between_the_text(built):
    prose = Paragraph("Checked on Monday by the crew of the night, who signed for it at the end of the shift.")
    assert built(prose, Spacer(1, 20), table(PUMPS), Spacer(1, 20), Paragraph("Signed by Okafor.")) == [
        "Checked on Monday by the crew of the night, who signed for it at the end of the shift.", *TOLD, "Signed by Okafor.",
    ]  # fmt: skip


def test_figures_at_the_right_and_a_line_under_the_names_change_nothing(built):
    rules = ("ALIGN", (2, 0), (2, -1), "RIGHT"), ("LINEBELOW", (0, 0), (-1, 0), 1, "black")
    assert built(table(PUMPS, *rules)) == TOLD


def test_names_of_two_lines_and_over_several_columns(built):
    rows = [
        ["", "Vibration", "", "Load", ""],
        ["Bearing", "axial", "radial", "least", "most"],
        *([f"B{n}", f"{n}.1", f"{n}.7", f"{n}0", f"{n}00"] for n in range(1, 5)),
    ]
    over = [("ALIGN", (1, 0), (-1, -1), "CENTER"), *(("SPAN", (c, 0), (c + 1, 0)) for c in (1, 3))]
    assert built(table(rows, *over, colWidths=90))[0] == (
        "Bearing: B1; Vibration axial: 1.1; Vibration radial: 1.7; Load least: 10; Load most: 100"
    )


def test_a_cell_of_several_lines_is_one_cell(built):
    rows = [
        ["part", "finding", "hours"],
        ["seal", "worn on the\ninner side", "120"],
        ["bearing", "good", "80"],
        ["shaft", "good", "75"],
    ]
    assert built(table(rows, ("VALIGN", (0, 0), (-1, -1), "TOP")))[:2] == [
        "part: seal; finding: worn on the inner side; hours: 120", "part: bearing; finding: good; hours: 80",
    ]  # fmt: skip


def test_a_table_that_goes_on_overleaf_keeps_its_names(built):
    rows = [["no", "tag", "hours"], *([str(n), f"P-{n}", str(n * 2)] for n in range(1, 101))]
    assert built(table(rows, repeatRows=0)) == [f"no: {n}; tag: P-{n}; hours: {n * 2}" for n in range(1, 101)]


def test_cells_written_column_by_column_are_rows_all_the_same(set_in):
    cells = [(50 + 120 * c, 700 - 16 * r, PUMPS[r][c]) for c in range(3) for r in range(4) if PUMPS[r][c]]
    assert [draft.text for draft in set_in(cells)] == TOLD


def test_a_row_keeps_its_box(set_in):
    found = set_in([(50 + 120 * c, 700 - 16 * r, PUMPS[r][c]) for r in range(4) for c in range(3)])
    x0, y0, x1, y1 = found[0].locator.box
    assert x0 == pytest.approx(50 / 595, abs=0.01) and y1 == pytest.approx(1 - 684 / 842, abs=0.01)
    assert 0.45 < x1 < 0.55 and y1 - y0 < 0.02


WORDS = "the pump was greased and checked by the crew who found the seal worn and ordered 12 of them for the store room".split()


def prose(columns, lines=30, seed=1):
    rng = random.Random(seed)
    wide = 500 // columns
    return [
        (50 + wide * c, 760 - 14 * n, " ".join(rng.choices(WORDS, k=13 // columns)))
        for n in range(lines)
        for c in range(columns)
    ]


CONTENTS = [
    (x, 700 - 16 * n, words)
    for n in range(9)
    for x, words in ((50, f"{n + 1}"), (80, "Working on pumps . . . . . . . ."), (500, str(n * 3)))
]
LISTING = [(50, 700 - 12 * n, f"-rw-r--r--   root   root   {n * 4096:>9}   file{n}.log") for n in range(9)]
LETTER = [
    (50, 700, "From: Okafor"),
    (300, 700, "To: Ray"),
    (50, 684, "Date: Monday"),
    (300, 684, "Page 1"),
    *prose(1, 12),
]
NAMELESS = [(50 + 100 * c, 700 - 16 * r, str(7 * r + c)) for r in range(6) for c in range(4)]
NO_VALUES = [(50 + 150 * c, 700 - 16 * r, f"{word} it") for r, word in enumerate(WORDS[:8]) for c in range(3)]


@pytest.mark.parametrize(
    "page",
    [prose(2), prose(3), CONTENTS, LISTING, LETTER, NAMELESS, NO_VALUES],
    ids=["two columns", "three columns", "contents", "listing", "letter", "no names", "no values"],
)
def test_what_is_no_table_stays_text(set_in, page):
    found = " ".join(draft.text for draft in set_in(page, font="Courier" if page is LISTING else "Helvetica"))
    said = " ".join(words for _, _, words in page)
    assert sorted(found.split()) == sorted(said.split())


def random_table(rng):
    """Names and rows: a key, then text and figures in any order, some cells blank."""
    kinds = ["key", *rng.choices(["text", "figure", "day"], k=rng.randint(1, 4)), "figure"]
    cell = {
        "key": lambda: f"{rng.choice('PVTM')}-{rng.randint(100, 999)}",
        "text": lambda: " ".join(rng.choices(["worn", "good", "seal", "oil leak", "greased"], k=rng.randint(1, 2))),
        "figure": lambda: rng.choice(
            [f"{rng.randint(0, 9999):,}", f"{rng.uniform(0, 99):.2f}", f"{rng.randint(1, 99)} %", "-"]
        ),
        "day": lambda: f"2026-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}",
    }
    names = [f"{rng.choice(['Tag', 'State', 'Flow', 'Noted', 'Load'])} {chr(65 + n)}" for n in range(len(kinds))]
    rows = [
        [cell[kind]() if kind == "key" or rng.random() > 0.08 else "" for kind in kinds]
        for _ in range(rng.randint(4, 20))
    ]
    return names, rows


def test_of_random_tables_nearly_every_row_is_found_and_none_is_wrong(set_in):
    """Sixty tables, each between paragraphs: a row counts when every cell has its own name."""
    pages, told = [], []
    for seed in range(60):
        rng = random.Random(seed)
        names, rows = random_table(rng)
        pitch, step = rng.choice([12, 14, 18]), 480 // len(names)
        page = [(50, 780 - 14 * n, " ".join(rng.choices(WORDS, k=15))) for n in range(3)]
        for r, row in enumerate([names, *rows]):
            page += [(50 + step * c, 700 - pitch * r, cell) for c, cell in enumerate(row) if cell]
        page += [(50, 690 - pitch * (len(rows) + 2) - 14 * n, " ".join(rng.choices(WORDS, k=15))) for n in range(3)]
        pages.append(page)
        told.append({"; ".join(f"{n}: {cell}" for n, cell in zip(names, row, strict=True) if cell) for row in rows})
    found = [set() for _ in pages]
    for draft in set_in(*pages):
        if ": " in draft.text:
            found[draft.locator.page - 1].add(draft.text)
    wrong = [row for mine, true in zip(found, told, strict=True) for row in mine - true]
    right = sum(len(mine & true) for mine, true in zip(found, told, strict=True))
    assert wrong == []
    assert right / sum(map(len, told)) >= 0.9
