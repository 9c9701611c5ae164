"""Tables in text and workbooks whose few bytes stand for more cells than any machine holds, or for one that never ends."""

from __future__ import annotations

import io
import zipfile

_TYPES = (
    '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Override PartName="/xl/workbook.xml" '
    'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/>'
    '<Override PartName="/xl/worksheets/sheet1.xml" '
    'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/></Types>'
)
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_RELATIONS = (
    '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" '
    f'Type="{_OFFICE}/{{kind}}" Target="{{target}}"/></Relationships>'
)
_SHEETS = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def csv_of_one_endless_line() -> bytes:
    """A cell that opens with a quote and never closes it."""
    return b'time,note\n2026-03-04,"' + b"a" * 1_000_000


def csv_of_a_million_columns() -> bytes:
    """One name, a million commas behind it, and a row."""
    return b"a" + b"," * 1_000_000 + b"\n1\n"


def jsonl_of_a_new_name_a_line() -> bytes:
    """Records of one field each, called otherwise in every one: as a table 70,000 by 70,000 cells, nearly all blank."""
    return b"".join(b'{"n%d":1}\n' % number for number in range(70_000))


def json_of_empty_records() -> bytes:
    """A list of 340,000 records that hold nothing."""
    return b"[" + b",".join([b"{}"] * 340_000) + b"]"


def xlsx_that_swells() -> bytes:
    """A workbook whose sheet is 600 MB of blank rows, which deflate takes to less than a megabyte."""
    return _workbook(b"<row/>" * 150_000, 670)


def xlsx_of_blank_cells() -> bytes:
    """A sheet of six million cells in one row, each of them blank: 30 MB of markup, as much as is unpacked."""
    return _workbook(b"<row>" + b"<c/>" * 6_000_000 + b"</row>", 1)


def _workbook(rows: bytes, times: int) -> bytes:
    """The rows stand so many times in the only sheet (ECMA-376, part 1, 18.3.1.99)."""
    made = io.BytesIO()
    sheets = f'<sheets><sheet name="a" sheetId="1" r:id="r1" xmlns:r="{_OFFICE}"/></sheets>'
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.writestr("[Content_Types].xml", _TYPES)
        archive.writestr("_rels/.rels", _RELATIONS.format(kind="officeDocument", target="xl/workbook.xml"))
        archive.writestr("xl/workbook.xml", f'<workbook xmlns="{_SHEETS}">{sheets}</workbook>')
        archive.writestr(
            "xl/_rels/workbook.xml.rels", _RELATIONS.format(kind="worksheet", target="worksheets/sheet1.xml")
        )
        with archive.open("xl/worksheets/sheet1.xml", "w") as part:
            part.write(f'<worksheet xmlns="{_SHEETS}"><sheetData>'.encode())
            for _ in range(times):
                part.write(rows)
            part.write(b"</sheetData></worksheet>")
    return made.getvalue()
