"""Drawn tables from letters and lines alone: where a cell ends, which rows are names, and what is no table."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.reports.ruled import Glyph, Names, Rules, rules_of, tables_on

WIDE, HIGH = 60.0, 12.0


def page(rows, top=700.0):
    """Letters five points wide, each cell from the left end of its column, rows under each other."""
    glyphs = []
    for index, cells in enumerate(rows):
        middle = top - HIGH * (index + 0.5)
        for column, cell in enumerate(cells):
            for place, letter in enumerate(cell):
                x = 10 + WIDE * column + 5 * place + 1
                glyphs.append(Glyph(len(glyphs), letter, (x, middle - 4, x + 4, middle + 4), middle, HIGH))
    return glyphs


def grid(columns, rows, top=700.0):
    upright = [(10 + WIDE * n, top - HIGH * rows, top) for n in range(columns + 1)]
    return Rules(upright, [(top - HIGH * n, 10.0, 10 + WIDE * columns) for n in range(rows + 1)])


def texts(glyphs, rules, before=None):
    return [row.text for row in tables_on(glyphs, rules, before).rows]


LOG = [["tag", "oil", "hours"], ["P-101", "low", "2"], ["P-102", "", "3"]]


def test_each_cell_stands_after_its_name():
    assert texts(page(LOG), grid(3, 3)) == ["tag: P-101; oil: low; hours: 2", "tag: P-102; hours: 3"]


def test_letters_of_names_and_rows_are_told_apart_and_all_accounted_for():
    found = tables_on(page(LOG), grid(3, 3), None)
    taken = [at for row in found.rows for at in row.glyphs]
    assert len(taken) == len(set(taken)) and not found.headers & set(taken)
    assert found.headers | set(taken) == {glyph.at for glyph in page(LOG)}
    assert found.names is not None and found.names.names == ("tag", "oil", "hours")


def test_without_names_a_table_is_read_only_where_the_page_before_gave_them():
    body = LOG[1:]
    before = Names(("tag", "oil", "hours"), (10.0, 70.0, 130.0, 190.0))
    elsewhere = Names(("tag", "oil", "hours"), (10.0, 80.0, 130.0, 190.0))
    assert texts(page(body), grid(3, 2)) == []
    assert texts(page(body), grid(3, 2), before) == ["tag: P-101; oil: low; hours: 2", "tag: P-102; hours: 3"]
    assert texts(page(body), grid(3, 2), elsewhere) == []


@pytest.mark.parametrize(
    "rows",
    [
        [["tag", "oil"], ["P-101", "low"]],
        [["a letter that runs over", "", ""], ["P-101", "low", "2"]],
        [["tag", "oil", "2025"], ["P-101", "low", "2"]],
        [["tag", "", ""], ["P-101", "low", "2"]],
        [["tag", "oil", "hours"]],
    ],
    ids=["two columns", "over a border", "a value among the names", "few names", "names alone"],
)
def test_what_is_no_table(rows):
    assert texts(page(rows), grid(len(rows[0]), len(rows))) == []


def test_sides_of_boxes_and_thin_shapes_are_lines():
    rules = rules_of([(0, 0, 100, 50), (20, 0, 20.5, 50), (0, 30, 100, 30.5)])
    assert {x for x, _, _ in rules.upright} == {0, 100, 20, 20.5}
    assert {y for y, _, _ in rules.level} == {0, 50, 30, 30.5}


WORDS = st.text(st.sampled_from("abcdefgh"), min_size=1, max_size=9)


@given(st.data(), st.integers(3, 6), st.integers(1, 8))
def test_every_filled_cell_is_told_once_in_its_row(data, columns, rows):
    names = data.draw(st.lists(WORDS, min_size=columns, max_size=columns, unique=True))
    cells = st.text(st.sampled_from("0123456789"), max_size=9)
    body = data.draw(
        st.lists(
            st.lists(cells, min_size=columns, max_size=columns).filter(any),
            min_size=rows,
            max_size=rows,
        )
    )
    told = ["; ".join(f"{n}: {c}" for n, c in zip(names, row, strict=True) if c) for row in body]
    assert texts(page([names, *body]), grid(columns, rows + 1)) == told
