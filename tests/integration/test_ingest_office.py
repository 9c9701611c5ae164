"""Spreadsheets, slides and mail through the child processes that read them, and what is refused of each."""

import datetime
import io
import zipfile
from email.message import EmailMessage

import openpyxl
import pptx
import pytest
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.util import Inches

from ingest.media_types import media_type
from ingest.ports import Item, SourcePolicy
from ingest.reports.reader import ReportReader
from ingest.tables.reader import TableReader
from retrieval.errors import SourceRejected
from retrieval.times import iso
from retrieval.types import Kind, PageBox, RowKey

MADRID = SourcePolicy(timezone="Europe/Madrid")


@pytest.fixture
def read(tmp_path):
    def go(name, content, policy=MADRID):
        path = tmp_path / name
        path.write_bytes(content)
        item = Item(path, path.as_uri(), name, media_type(path), "h", policy)
        reader = next(r for r in (ReportReader(None), TableReader(lambda tenant: ([], []))) if r.accepts(item))
        return [draft for batch in reader.read(item, "t") for draft in batch.drafts]

    return go


def saved(document):
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def repacked(content, change):
    """The same archive, each part as `change(name, bytes)` gives it (None = left out)."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            changed = change(name, old.read(name))
            if changed is not None:
                new.writestr(name, changed)
    return out.getvalue()


# --- spreadsheets ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def workbook():
    book = openpyxl.Workbook()
    orders = book.active
    orders.title = "Work orders"
    orders.append(["Northgate maintenance log"])
    orders.merge_cells("A1:D1")
    orders.append([])
    orders.append(["wo_id", "asset", "opened", "closed", "description", "hours", "cost"])
    orders.append(["WO-7", "P-101", datetime.date(2026, 3, 4), None, "Seal replaced", 2.5, "=F4*40"])
    orders.append(["WO-8", "P-102", datetime.date(2026, 3, 5), None, "Oil changed", 1, "#DIV/0!"])
    orders["G5"].data_type = "e"
    alarms = book.create_sheet("Alarms")
    alarms.append(["alarm_id", "raised", "cleared", "asset", "severity", "message"])
    raised, cleared = datetime.datetime(2026, 3, 4, 2, 41), datetime.datetime(2026, 3, 4, 3, 5, 30)  # noqa: DTZ001
    alarms.append(["AL-1", raised, cleared, "P-101", "high", "vibration high"])
    series = book.create_sheet("Vibration")
    series.append(["timestamp", "vibration (mm/s)"])
    for minute in range(10):
        series.append([raised + datetime.timedelta(minutes=minute - 10), 2 + minute / 10])
    series.sheet_state = "hidden"
    notes = book.create_sheet("Read me")
    notes.append(["Fill in a row for every job."])
    notes.append(["Hours are working hours."])
    numbers = book.create_sheet("Scratch")
    numbers.append([1, 2])
    numbers.append([3, 4])
    return saved(book)


def test_every_sheet_is_a_table(read, workbook):
    found = read("log.xlsx", workbook)
    assert [draft.kind for draft in found] == [Kind.ROW] * 2 + [Kind.ALERT] + [Kind.WINDOW] * 2 + [Kind.PASSAGE]
    order, _, alarm, *windows, text = found
    assert order.locator == RowKey("log/Work orders", "WO-7", 4)
    assert order.data["fields"]["hours"] == 2.5 and order.data["fields"]["opened"] == "2026-03-04"
    # a date is the whole day in the plant's zone, an hour ahead of UTC in March
    assert (iso(order.valid.t0), iso(order.valid.t1)) == ("2026-03-03T23:00:00Z", "2026-03-04T23:00:00Z")
    assert alarm.locator == RowKey("log/Alarms", "AL-1", 2)
    assert (iso(alarm.valid.t0), iso(alarm.valid.t1)) == ("2026-03-04T01:41:00Z", "2026-03-04T02:05:30Z")
    assert sum(window.data["count"] for window in windows) == 10 and windows[0].locator.first == 2
    assert max(window.data["max"] for window in windows) == 2.9 and "log/Vibration" in windows[0].text
    assert text.locator == RowKey("log/Read me", "", 1)
    assert text.text == "Fill in a row for every job.\nHours are working hours."


def test_what_was_assumed_or_left_out_is_noted(read, workbook):
    order, _, alarm, window, _, text = read("log.xlsx", workbook)
    assert "rows skipped above the column names in row 3: 1" in order.notes
    assert "formulas of the sheet without a stored value, read as blank: 1" in order.notes
    assert "cells of the sheet with an error such as #REF!, read as blank: 1" in order.notes
    assert "cost" not in order.data["fields"]
    assert (
        "the sheet is hidden in its workbook" in window.notes
        and "the sheet is hidden in its workbook" not in alarm.notes
    )
    assert "times without a zone read as Europe/Madrid" in alarm.notes
    assert any("no row of column names" in note for note in text.notes)
    assert all("sheet 'Scratch' has values without column names and was not read" in d.notes for d in (order, text))


def test_a_formula_gives_the_value_that_was_stored(read, workbook):
    def computed(name, part):
        return part.replace(b"<f>F4*40</f><v />", b"<f>F4*40</f><v>100</v>").replace(
            b"<f>F4*40</f><v></v>", b"<f>F4*40</f><v>100</v>"
        )

    order = read("log.xlsx", repacked(workbook, computed))[0]
    assert order.data["fields"]["cost"] == 100 and not any("without a stored value" in note for note in order.notes)


def test_a_sheet_may_lie_about_its_size(read, workbook):
    lying = repacked(workbook, lambda name, part: part.replace(b'<dimension ref="A1:G5"', b'<dimension ref="A1:A1"'))
    assert read("log.xlsx", lying)[0].data["fields"]["hours"] == 2.5


def test_broken_sheets_are_named(read):
    book = openpyxl.Workbook()
    book.active.title = "Alarms"
    for row in (["alarm_id", "raised"], ["A-1", "2026-03-04 02:41"], ["A-2", "soon"]):
        book.active.append(row)
    with pytest.raises(SourceRejected, match="sheet 'Alarms', line 3") as refused:
        read("log.xlsx", saved(book))
    assert refused.value.kind == "broken_row"


def bad_workbooks():
    blank, numbers = openpyxl.Workbook(), openpyxl.Workbook()
    for row in ([1, 2], [3, 4]):
        numbers.active.append(row)
    good = saved(numbers)
    sheet = "xl/worksheets/sheet1.xml"
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">' + b"".join(
        b'<!ENTITY %c "%s">' % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(9)
    )
    bomb += b"]><worksheet><sheetData><row><c t='str'><v>&j;</v></c></row></sheetData></worksheet>"
    row = b'<row r="%d"><c r="XFD%d"><v>1</v></c></row>'
    wide = b"".join(row % (n, n) for n in range(1, 3000))
    space = b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
    deep = space + row % (10**9, 1) + b"</sheetData></worksheet>"
    return [
        ("blank", saved(blank), "empty"),
        ("numbers", good, "no_header"),
        ("password", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "encrypted"),
        ("truncated", good[: len(good) // 2], "unreadable"),
        ("no sheet", repacked(good, lambda name, part: None if name == sheet else part), "empty"),
        ("entities", repacked(good, lambda name, part: bomb if name == sheet else part), "unreadable"),
        (
            "wide",
            repacked(good, lambda name, part: space + wide + b"</sheetData></worksheet>" if name == sheet else part),
            "too_large",
        ),
        ("deep", repacked(good, lambda name, part: deep if name == sheet else part), "too_large"),
        ("swollen", repacked(good, lambda name, part: bytes(40 << 20) if name == sheet else part), "too_large"),
    ]


@pytest.mark.parametrize(("content", "kind"), [pytest.param(*bad[1:], id=bad[0]) for bad in bad_workbooks()])
def test_bad_workbooks_are_refused(read, content, kind):
    with pytest.raises(SourceRejected) as refused:
        read("bad.xlsx", content)
    assert refused.value.kind == kind and "/tmp" not in refused.value.reason


# --- mail -----------------------------------------------------------------------------------------------------------


def mail(**headers):
    message = EmailMessage()
    for name, value in headers.items():
        message[name.rstrip("_")] = value
    return message


@pytest.fixture
def letter():
    message = mail(
        Subject="Pump P-101: seal – ordered", From_="Maria Okafor <maria@example.com>", To="shift@example.com",
        Date="Wed, 04 Mar 2026 09:15:00 +0100",
    )  # fmt: skip
    message.set_content("The seal S-4410 was ordered today.\n\nIt will be there on 9 March 2026.\n")
    message.add_alternative("<p>The seal <b>S-4410</b> was ordered.</p>", subtype="html")
    message.add_attachment(b"%PDF-1.4", maintype="application", subtype="pdf", filename="offer 12.pdf")
    return message


def test_a_mail_has_its_time_its_people_and_its_words(read, letter):
    (draft,) = read("a.eml", letter.as_bytes())
    assert iso(draft.valid.t0) == iso(draft.valid.t1) == "2026-03-04T08:15:00Z"
    assert draft.locator.heading == "Pump P-101: seal – ordered" == draft.data["title"]
    assert draft.data["from"] == "Maria Okafor <maria@example.com>" and draft.data["to"] == "shift@example.com"
    assert draft.data["attachments"] == ["offer 12.pdf"]
    assert "attachment 'offer 12.pdf' was not read" in draft.notes and "time taken from the Date header" in draft.notes
    assert "From: Maria Okafor" in draft.text and draft.text.endswith("It will be there on 9 March 2026.")


def test_a_mail_of_html_alone_is_read_as_a_page(read):
    message = mail(Subject="Log", From_="a@example.com")
    message.set_content(
        "<h2>Night</h2><table><tr><td>02:41</td><td>trip</td></tr></table><script>x</script>", subtype="html"
    )
    first, second = read("a.eml", message.as_bytes())
    assert (second.data["heading"], second.text) == ("Log > Night", "Night\n\n02:41 | trip") and first.valid is None


def test_a_mail_without_zone_or_with_an_odd_charset(read):
    raw = b"Subject: Log\r\nDate: Wed, 04 Mar 2026 09:15:00 -0000\r\nContent-Type: text/plain; charset=klingon\r\n\r\nGr\xfc\xdfe\r\n"
    (draft,) = read("a.eml", raw)
    assert draft.text.endswith("Grüße") and iso(draft.valid.t0) == "2026-03-04T08:15:00Z"
    assert "time taken from the Date header; times without a zone read as Europe/Madrid" in draft.notes
    assert any("Windows-1252" in note for note in draft.notes)
    (undated,) = read("b.eml", b"Subject: Log\r\nDate: soon\r\n\r\nAll well.\r\n")
    assert undated.valid is None and "the Date header is no date" in undated.notes


def test_a_forwarded_message_is_named_and_a_mail_that_is_cut_off_says_so(read, letter):
    outer = mail(Subject="Fwd", From_="a@example.com")
    outer.set_content("See below.")
    outer.add_attachment(letter)
    (draft,) = read("a.eml", outer.as_bytes())
    assert draft.data["attachments"] == ["message: Pump P-101: seal – ordered"]
    whole = letter.as_bytes()
    (cut,) = read("b.eml", whole[: whole.index(b"<p>")])
    assert "the mail is cut off: its last part has no end" in cut.notes and "S-4410" in cut.text


def nested_mail():
    opening = b"Subject: deep\r\nContent-Type: multipart/mixed; boundary=b0\r\n\r\n"
    return opening + b"".join(
        b"--b%d\r\nContent-Type: multipart/mixed; boundary=b%d\r\n\r\n" % (n, n + 1) for n in range(3000)
    )


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"Dear all,\n\nthis is no mail.\n", "unreadable"),
        (b"Subject: a\r\nContent-Type: application/pkcs7-mime; smime-type=enveloped-data\r\n\r\nMIIB\r\n", "encrypted"),
        (nested_mail(), "unreadable"),
        (b"Subject: a\0b\r\n\r\nx", "unknown_type"),
        (b"", "empty"),
    ],
)
def test_bad_mail_is_refused(read, content, kind):
    with pytest.raises(SourceRejected) as refused:
        read("bad.eml", content)
    assert refused.value.kind == kind and "/tmp" not in refused.value.reason


@pytest.mark.parametrize(
    ("ending", "instead"), [(".msg", ".eml"), (".xls", ".xlsx"), (".doc", ".docx"), (".ppt", ".pptx")]
)
def test_older_formats_are_refused_with_what_to_do(read, ending, instead):
    with pytest.raises(SourceRejected, match=f"save the .* as {instead}") as refused:
        read(f"a{ending}", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600))
    assert refused.value.kind == "unknown_type"


# --- slides ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def show():
    file = pptx.Presentation()
    first = file.slides.add_slide(file.slide_layouts[0])
    first.shapes.title.text, first.placeholders[1].text = "Shutdown of P-101", "Review of 4 March 2026"
    second = file.slides.add_slide(file.slide_layouts[5])
    second.shapes.title.text = "What was found"
    low = second.shapes.add_textbox(Inches(1), Inches(6), Inches(4), Inches(1))
    low.text_frame.text = "The bearing is to be replaced."
    table = second.shapes.add_table(2, 2, Inches(1), Inches(2), Inches(6), Inches(1)).table
    for row, cells in enumerate((("part", "wear"), ("bearing", "0.4 mm"))):
        for column, text in enumerate(cells):
            table.cell(row, column).text = text
    second.notes_slide.notes_text_frame.text = "Say who ordered it."
    third = file.slides.add_slide(file.slide_layouts[6])
    data = CategoryChartData()
    data.categories = ["January", "February"]
    data.add_series("trips", (3, 1.5))
    third.shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, Inches(1), Inches(1), Inches(6), Inches(4), data)
    third._element.set("show", "0")
    file.slides.add_slide(file.slide_layouts[6])
    return saved(file)


def test_slides_are_pages_with_title_tables_and_notes(read, show):
    first, second, third = read("review.pptx", show)
    assert [draft.locator for draft in (first, second, third)] == [PageBox(1), PageBox(2), PageBox(3)]
    assert first.data["title"] == "Shutdown of P-101" and second.data["heading"] == "What was found"
    assert second.text.split("\n\n") == [
        "What was found", "part | wear\nbearing | 0.4 mm", "The bearing is to be replaced.",
        "Speaker's notes: Say who ordered it.",
    ]  # fmt: skip
    assert "January | 3\nFebruary | 1.5" in third.text and "the slide is hidden in its show" in third.notes
    assert iso(second.valid.t0) == "2026-03-03T23:00:00Z"


def bad_shows():
    file = pptx.Presentation()
    file.slides.add_slide(file.slide_layouts[6])
    pictures = saved(file)
    slide = "ppt/slides/slide1.xml"
    return [
        ("pictures", pictures, "no_text"),
        ("password", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "encrypted"),
        ("truncated", pictures[: len(pictures) // 2], "unreadable"),
        ("damaged", repacked(pictures, lambda name, part: b"<p:sld" if name == slide else part), "unreadable"),
        ("workbook", saved(openpyxl.Workbook()), "unreadable"),
        ("swollen", repacked(pictures, lambda name, part: bytes(40 << 20) if name == slide else part), "too_large"),
    ]


@pytest.mark.parametrize(("content", "kind"), [pytest.param(*bad[1:], id=bad[0]) for bad in bad_shows()])
def test_bad_slides_are_refused(read, content, kind):
    with pytest.raises(SourceRejected) as refused:
        read("bad.pptx", content)
    assert refused.value.kind == kind and "/tmp" not in refused.value.reason
