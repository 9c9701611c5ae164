"""Spreadsheets as tables: where the names stand, what a cell is, and what is noted. The child process is tested in integration."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.cells import Row
from ingest.tables.header import header_of, named
from ingest.tables.table import unique
from ingest.tables.workbook import _number, _shows_hours


def rows(*lines):
    return [Row(list(cells), line) for line, cells in enumerate(lines, start=1)]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([["id", "note"], [1, "a"]], 0),
        ([["Maintenance log 2026"], ["id", "note", "hours"], [1, "a", 2]], 1),
        ([["Plant:", "Northgate"], ["id", "note", "hours"], [1, "a", 2]], 1),
        ([["Region", 2024, 2025], ["North", 1, 2]], None),
        ([[None, "Jan", "Feb", "Mar"], ["North", 1, 2, 3]], 0),
        ([["Region", "unit", 2025], ["North", "t", 2]], 0),
        ([[1, 2, 3], [4, 5, 6]], None),
        ([["2026-03-04", "P-101", 3.5], ["2026-03-05", "P-101", 3.6]], None),
        ([["How to use this workbook"], ["Fill in every row."]], None),
        ([["id", "note"]], None),
        ([], None),
    ],
)
def test_where_the_names_stand(lines, expected):
    assert header_of(rows(*lines)) == expected


def test_rows_are_as_wide_as_the_table_and_what_was_skipped_is_noted():
    found = rows(["Log"], ["id", "note"], [1], [2, "b", "loose"], ["id", "note"])
    columns, body, notes = named(found, 1)
    assert columns == ("id", "note", "column 3")
    assert [(row.cells, row.line) for row in body] == [([1, None, None], 3), ([2, "b", "loose"], 4)]
    assert notes == ("rows skipped above the column names in row 2: 1",)


@pytest.mark.parametrize(
    ("number_format", "expected"),
    [
        ("yyyy-mm-dd", False),
        ("yyyy-mm-dd hh:mm", True),
        ('d "hours" mmm', False),
        ("mm:ss", True),
        ("[$-409]d-mmm-yy", False),
        ("", False),
    ],
)
def test_whether_a_format_shows_a_time_of_day(number_format, expected):
    assert _shows_hours(number_format) is expected


@given(st.integers() | st.floats(allow_nan=True, allow_infinity=True))
def test_numbers_can_be_stored_as_json(value):
    found = _number(value)
    assert found is None or float(found) == float(value)
    assert not isinstance(found, int) or abs(found) < 1 << 63


@given(st.lists(st.text(max_size=3)))
def test_column_names_can_be_told_apart_when_no_name_ends_in_a_count(names):
    plain = [name for name in names if not any(letter.isdigit() or letter.isspace() for letter in name)]
    assert len(set(unique(plain))) == len(plain)
