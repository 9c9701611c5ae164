"""Rows of drawn tables in pdf files: tables made here, and two real ones against values read off their pages by eye."""

import os
import re
from pathlib import Path

import pytest
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.platypus import Paragraph, SimpleDocTemplate, Table, TableStyle

from ingest.ports import Item, SourcePolicy
from ingest.reports.reader import ReportReader
from retrieval.types import Kind

GRID = ("GRID", (0, 0), (-1, -1), 0.5, colors.black)


def read(path):
    item = Item(path, path.as_uri(), path.name, "application/pdf", "h", SourcePolicy())
    return [draft for batch in ReportReader(None).read(item, "t") for draft in batch.drafts]


@pytest.fixture
def drawn(tmp_path):
    """The texts of the passages of a document of these flowables."""

    def go(*parts):
        path = tmp_path / "a.pdf"
        SimpleDocTemplate(str(path), pagesize=A4).build(list(parts))
        return read(path)

    return go


def table(rows, *styles):
    return Table(rows, repeatRows=0, style=TableStyle([GRID, *styles]))


def test_rows_carry_their_column_names_and_stand_between_the_text(drawn):
    found = drawn(
        Paragraph("Checked on Monday."),
        table([["pump", "oil", "hours"], ["P-101", "low", "2.5"], ["P-102", "", "3"]]),
        Paragraph("Signed by Okafor."),
    )
    assert [draft.text for draft in found] == [
        "Checked on Monday.", "pump: P-101; oil: low; hours: 2.5", "pump: P-102; hours: 3", "Signed by Okafor.",
    ]  # fmt: skip
    assert all(draft.kind is Kind.PASSAGE and draft.locator.page == 1 for draft in found)
    tops = [draft.locator.box[1] for draft in found]
    assert tops == sorted(tops)


def test_names_over_several_columns_qualify_those_under_them(drawn):
    rows = [["", "Rentals", "", "Totals"], ["State", "Handgun", "Long Gun", "all"], ["Ohio", "2", "3", "5"]]
    (found,) = drawn(table(rows, ("SPAN", (1, 0), (2, 0))))
    assert found.text == "State: Ohio; Rentals Handgun: 2; Rentals Long Gun: 3; Totals all: 5"


def test_a_cell_of_several_lines_is_one_cell(drawn):
    rows = [["part", "finding", "by"], ["seal", "worn on the\ninner side", "Okafor"], ["bearing", "good", "Ray"]]
    assert [draft.text for draft in drawn(table(rows))] == [
        "part: seal; finding: worn on the inner side; by: Okafor", "part: bearing; finding: good; by: Ray",
    ]  # fmt: skip


def test_a_table_that_goes_on_overleaf_keeps_its_names(drawn):
    found = drawn(table([["no", "tag", "hours"], *([str(n), f"P-{n}", str(n * 2)] for n in range(1, 101))]))
    assert [draft.text for draft in found] == [f"no: {n}; tag: P-{n}; hours: {n * 2}" for n in range(1, 101)]
    assert {draft.locator.page for draft in found} >= {1, 2, 3}


@pytest.mark.parametrize(
    "rows",
    [
        [["1", "2", "3"], ["4", "5", "6"]],
        [["pump", "oil"], ["P-101", "low"]],
        [["pump", "", "", ""], ["P-101", "low", "2", "3"]],
        [["pump", "oil", "hours"]],
    ],
    ids=["no names", "two columns", "hardly any names", "no rows"],
)
def test_what_is_no_table_stays_text(drawn, rows):
    found = drawn(table(rows))
    assert ":" not in " ".join(draft.text for draft in found)
    assert sorted(" ".join(draft.text for draft in found).split()) == sorted(
        " ".join(cell for row in rows for cell in row).split()
    )


# --- real tables ----------------------------------------------------------------------------------------------------

WARN_NAMES = ("Notice Date", "Effective", "Received", "Company", "City", "No. Of", "Layoff/Closure")
WARN = """
1|06/22/2015|03/25/2016|07/01/2015|Maxim Integrated Product|San Jose|150|Closure Permanent
1|06/30/2015|08/29/2015|07/01/2015|McGraw-Hill Education|Monterey|137|Layoff Unknown at this time
1|07/01/2015|09/30/2016|07/01/2015|Bosch Healthcare Systems, Inc.|Palo Alto|55|Closure Permanent
1|06/30/2015|09/15/2015|07/06/2015|KLA-Tencor Corporation|Milpitas|213|Layoff Permanent
15|03/15/2016|05/15/5016|03/15/2016|Georgia-Pacific Gypsum LLC|San Leandro|65|Closure Permanent
15|03/18/2016|05/18/2016|03/21/2016|Collection Technology, Inc.|Rancho|51|Layoff Permanent
15|03/03/2016|06/30/2016|03/22/2016|TransitAmerica Services, Inc.|Camp Pendleton|30|Layoff Permanent
15|03/18/2016|05/20/2016|03/23/2016|Boeing Company|Huntington Beach|23|Layoff Unknown at this time
"""
SUMMARY_NAMES = (
    "Summary by Month", "Notices", "Employees Affected", "Permanent Layoff", "Temporary Layoff", "Not Identified Layoff",
    "Permanent Closure", "Temporary Closure", "Not Identified Closure",
)  # fmt: skip
SUMMARY = """
15|July 2015|71|8,574|30|2|13|25|1|0
15|August 2015|69|5,890|28|2|7|31|0|1
"""
GROUPS = (
    "Pre-Pawn",
    "Redemption",
    "Returned/Disposition",
    "Rentals",
    "Private Sale",
    "Return to Seller - Private Sale",
)
NICS_NAMES = (
    "State / Territory", "Permit", "Handgun", "Long Gun", "*Other", "**Multiple", "Admin",
    *(f"{group} {kind}" for group in GROUPS for kind in ("Handgun", "Long Gun", "*Other") if (group, kind) != ("Rentals", "*Other")),
    "Totals",
)  # fmt: skip
NICS = """
1|Alabama|18,870|23,022|22,650|859|1,178|0|14|15|0|2,179|2,307|11|0|0|0|||13|14|0|3|2|0|71,137
1|Arizona|2,303|12,382|9,041|707|618|0|5|3|0|1,273|648|4|76|8|1|||9|6|1|1|1|0|27,087
1|California|98 452|41 181|35 007|4 559|0|0|0|0|0|480|433|4|0|0|0|||0|0|0|0|0|0|180 116
1|Florida|15,907|50,796|28,981|2,268|1,957|121|8|9|0|2,248|1,135|2|40|5|0|||36|19|0|0|0|0|103,532
"""
CELLS = [
    ("WARN-Report-for-7-1-2015-to-03-25-2016.pdf", WARN_NAMES, WARN),
    ("WARN-Report-for-7-1-2015-to-03-25-2016.pdf", SUMMARY_NAMES, SUMMARY),
    ("nics-background-checks-2015-11.pdf", NICS_NAMES, NICS),
]
DATA = Path(os.environ.get("WATCHFLOOR_TEST_DATA", Path(__file__).parents[2].parent / "shared" / "data")) / "pdf"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="the real data is not here (WATCHFLOOR_TEST_DATA)")


def fields(text):
    return dict(part.split(": ", 1) for part in text.split("; "))


@pytest.mark.data
@needs_data
@pytest.mark.parametrize(("name", "columns", "rows"), CELLS, ids=["WARN", "WARN summary", "NICS"])
def test_cells_read_by_eye(name, columns, rows):
    """56 + 18 + 100 cells (8 of them blank), each with the name over it and the page it is on."""
    found = [(draft.locator.page, fields(draft.text)) for draft in read(DATA / name) if ": " in draft.text]
    for row in rows.strip().splitlines():
        page, *cells = row.split("|")
        assert (int(page), {name: cell for name, cell in zip(columns, cells, strict=True) if cell}) in found


@pytest.mark.data
@needs_data
def test_sums_of_the_states_are_their_totals():
    """What no eye has read: each of 55 states' figures adds up to its total, and each column of them to the last row."""
    found = [fields(draft.text) for draft in read(DATA / CELLS[2][0]) if draft.text.startswith("State / Territory: ")]
    figures = [
        {name: int(re.sub(r"[ ,]", "", cell)) for name, cell in row.items() if name != NICS_NAMES[0]} for row in found
    ]
    assert len(figures) == 56
    wrong = [
        row[NICS_NAMES[0]] for row, own in zip(found, figures, strict=True) if sum(own.values()) != 2 * own["Totals"]
    ]
    assert wrong == []
    for name in set(NICS_NAMES[1:]) & set(figures[0]):
        assert sum(row[name] for row in figures[:-1]) == figures[-1][name]


@pytest.mark.data
@needs_data
def test_kinds_of_notices_add_up_to_the_documents_own_summary():
    """The summary counts 632 notices; the list holds 633 rows, one of them a permanent closure that it leaves out."""
    texts = [draft.text for draft in read(DATA / CELLS[0][0])]
    notices = [fields(text) for text in texts if text.startswith("Notice Date: ")]
    total = next(fields(text) for text in texts if text.startswith("Summary by Month: Total"))
    told = [notice["Layoff/Closure"] for notice in notices]
    assert len(notices) == 633 and all(set(notice) == set(WARN_NAMES) for notice in notices)
    assert total["Permanent Layoff"] == str(told.count("Layoff Permanent")) == "295"
    assert total["Not Identified Layoff"] == str(told.count("Layoff Unknown at this time")) == "90"
    assert told.count("Closure Permanent") == int(total["Permanent Closure"]) + 1
