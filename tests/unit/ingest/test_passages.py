from itertools import islice, pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.ports import SourcePolicy
from ingest.reports.dates import document_date, heading_date, opening_date
from ingest.reports.html import blocks_of
from ingest.reports.markdown import headings
from ingest.reports.page import Line, _fraction
from ingest.reports.passages import Cutter, Passage, Piece, block, divided, passages, sections
from ingest.reports.pdf import Page, page_passages
from ingest.timestamps import Clock
from retrieval.times import to_datetime

CLOCK = Clock(SourcePolicy())


def day(dated):
    return to_datetime(dated.valid.t0).date().isoformat() if dated else None


@settings(max_examples=30, deadline=None)
@given(st.text(alphabet="ab .\n-é#", max_size=600), st.integers(20, 120), st.integers(150, 700))
def test_passages_cover_the_text_and_stand_at_their_offsets(text, size, window):
    found = list(passages(sections(text, headings(text)), size, window))
    assert all(text[p.start : p.end] == p.text and p.text.strip() for p in found)
    assert all(a.end <= b.start for a, b in pairwise(found))
    rest, at = "", 0
    for p in found:
        rest, at = rest + text[at : p.start], p.end
    assert (rest + text[at:]).strip() == ""


def test_markdown_headings_ignore_code_and_front_matter():
    text = "---\ntitle: x\ndate: 2026-03-04\n---\n# Top *bold*\n\n```\n# not one\n```\n\n## [Next](http://x)\nbody\n"
    assert [(level, title) for _, level, title in headings(text)] == [(1, "Top bold"), (2, "Next")]
    assert all(text[at] == "#" for at, _, _ in headings(text))


def test_headings_nest_and_empty_ones_join_what_follows():
    blocks = [("Log", 1), ("Shift", 2), ("All quiet.", 0), ("Night", 2), ("Pump failed.", 0)]
    pieces = [piece for text, level in blocks for piece in block(text, level)]
    assert list(passages(pieces)) == [
        Passage("Log\n\nShift\n\nAll quiet.", 0, 22, ("Log", "Shift")),
        Passage("Night\n\nPump failed.", 24, 43, ("Log", "Night")),
    ]
    assert list(passages(divided("only"))) == [Passage("only", 0, 4, ())]


@given(st.lists(st.integers(1, 60), min_size=1, max_size=60), st.sampled_from([1, 7, 400]), st.integers(200, 900))
def test_how_a_text_comes_and_how_much_is_held_changes_nothing(lengths, step, window):
    text = "\n\n".join("a" * length for length in lengths)
    pieces = [Piece(text[at : at + step]) for at in range(0, len(text), step)]
    assert list(passages(pieces, 100, window)) == list(passages(divided(text), 100))


def test_passages_leave_before_the_end_has_come():
    def endless():
        while True:
            yield Piece("The pump was greased.\n\n")

    assert len(list(islice(passages(endless()), 2000))) == 2000


def test_blanks_without_end_are_not_held():
    cutter = Cutter(window=1000)
    for _ in range(50):
        assert cutter.feed(Piece(" \n" * 400)) == []
    assert cutter.feed(Piece("word")) == [] and [p.text for p in cutter.end()] == ["word"]
    assert cutter.at == 50 * 800 + 4


def test_a_section_of_which_passages_have_left_is_no_bare_heading():
    body = Piece("# Long\n" + "One line of it that is read. " * 60, 1, "Long")
    found = list(passages([body, Piece("# Next\nshort", 1, "Next")], 100, 300))
    assert {p.path for p in found} == {("Long",), ("Next",)}
    assert found[-1].text == "# Next\nshort"


def test_document_dates():
    assert day(document_date("x/2017-09-27-hub.md", "text", CLOCK)) == "2017-09-27"
    assert day(document_date("r.md", "Title\n**Date:** 4 March 2026\n", CLOCK)) == "2026-03-04"
    assert (
        day(document_date("r.md", "---\ndate: 2026-03-04\n---\n", CLOCK, "Report of March 4th, 2026")) == "2026-03-04"
    )
    assert document_date("2017-09-27.md", "Date: 2018-01-01", CLOCK) is None
    assert document_date("r.md", "Date: 3/4/2026", CLOCK) is None
    assert day(document_date("r.md", "Date: 3/4/2026", Clock(SourcePolicy(dates="us")))) == "2026-03-04"
    assert document_date("v1.2.3.md", "no dates", CLOCK) is None
    assert day(document_date("r.md", "On 16 September 2026 the pump tripped.", CLOCK)) == "2026-09-16"
    assert document_date("r.md", "On 16 September 2026 it tripped, on 17 September 2026 it ran.", CLOCK) is None
    assert document_date("r.md", "On 16 September 2026 it tripped." + " x" * 6000, CLOCK) is None
    assert document_date("r.md", "On 16 September 2026 it tripped, and on …", CLOCK, whole=False) is None
    assert day(heading_date("Sep 27 2017 13:06", CLOCK)) == "2017-09-27"
    assert opening_date("On November 20  2008 Employee #1 fell. He died on December 1 2008.", CLOCK) is not None
    assert opening_date("Employee #1 fell. He died on December 1 2008.", CLOCK) is None


def line(text, top, x0=0.1, size=10.0):
    return Line(text, (x0, top, x0 + 0.3, top + 0.012), size)


def test_pdf_lines_become_passages_of_one_page_with_their_box_and_heading():
    body = [line(f"sentence number {i} of the body text", 0.12 + i * 0.015) for i in range(30)]
    pages = [Page(1, 2, "", [line("1 Pumps", 0.1, size=14.0), *body]), Page(2, 2, "", [line("tail", 0.1)])]
    found = list(page_passages(pages))
    assert {p.page for p in found} == {1, 2} and all(len(p.text) <= 900 for p in found)
    assert {p.heading for p in found} == {"1 Pumps"}
    assert found[0].box[0] == 0.1 and found[0].box[1] == 0.1 and found[-1].text == "tail"
    words = " ".join(p.text for p in found).split()
    assert words == " ".join(item.text for page in pages for item in page.lines).split()


def test_a_hyphen_at_the_line_end_is_joined():
    found = list(page_passages([Page(1, 1, "", [line("the cool\x02", 0.1), line("ing pump", 0.112)])]))
    assert found[0].text == "the cooling pump"


def test_boxes_follow_the_turn_of_the_page():
    frame = (0.0, 0.0, 200.0, 100.0)
    assert _fraction((0, 90, 20, 100), frame, 0) == (0.0, 0.0, 0.1, 0.1)
    assert _fraction((0, 90, 20, 100), frame, 90) == (0.9, 0.0, 1.0, 0.1)
    assert _fraction((0, 90, 20, 100), frame, 180) == (0.9, 0.9, 1.0, 1.0)
    assert _fraction((0, 90, 20, 100), frame, 270) == (0.0, 0.9, 0.1, 1.0)


def test_a_table_within_a_cell_is_told_once():
    page = "<table><tr><td>a</td><td>b<table><tr><td>c</td><td>d</td></tr></table></td></tr></table>"
    assert [piece.text for piece in blocks_of(page)] == ["a | b c d\n\n"]
    deep = "<table><tr><td>word" * 2000
    assert sum(piece.text.count("word") for piece in blocks_of(deep)) == 2000
