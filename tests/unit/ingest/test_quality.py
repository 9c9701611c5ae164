"""What a run says of its data."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from datetime import UTC, datetime
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from app.quality_page import page
from ingest.quality import MOST, Quality, QualityBook
from retrieval.ports import Unit
from retrieval.times import to_micros
from retrieval.types import (
    CharSpan,
    Coverage,
    Evidence,
    FrameAt,
    Interval,
    Kind,
    Layer,
    Mention,
    Provenance,
    Relation,
    RowKey,
)

HOUR = 3_600_000_000
T0 = to_micros(datetime(2026, 3, 4, tzinfo=UTC))
NOW = T0 + 48 * HOUR


def piece(source: str, text: str, at: int | None = None, **more: Any) -> Evidence:
    return Evidence(
        id=f"{source} {text}", tenant="t", source=source, kind=more.pop("kind", Kind.PASSAGE), text=text,
        locator=more.pop("locator", CharSpan(0, 1)), valid=None if at is None else Interval(T0 + at * HOUR, T0 + (at + 1) * HOUR),
        provenance=Provenance("test", notes=more.pop("notes", ())),
    )  # fmt: skip


def recorded(subject: str, *hours: tuple[int, int]) -> list[Coverage]:
    spans = [Interval(T0 + a * HOUR, T0 + b * HOUR) for a, b in hours]
    return [
        Coverage(source=f"{subject}.mp4", subject=subject, layer=Layer.RECORDED, tenant="t", valid=s) for s in spans
    ]


def unit(*evidence: Evidence, coverage: list[Coverage] | None = None) -> Unit:
    source = evidence[0].source if evidence else "x"
    return Unit("t", source, "hash", "test", list(evidence), (), coverage or ())


def known(tag: str) -> bool:
    return tag == "P-101"


def test_everything_is_counted_once() -> None:
    book = QualityBook(NOW)
    book.source("file:///IR-2604-05.pdf", "a")
    book.source("file:///log.md", "b")
    book.source("file:///copy of log.md", "b")
    book.unit(
        unit(
            piece("file:///log.md", "P-101 and P-999 ran; see IR-2604-05, AL-7 and UTC-05", 1, notes=("time unknown",)),
            piece("file:///log.md", "P-999 stopped", notes=("text is not UTF-8; read as Windows-1252",)),
            piece("file:///log.md", "alert", 90, kind=Kind.ALERT, locator=RowKey("alerts", "AL-7", 1)),
            coverage=recorded("CAM-1", (0, 2), (5, 6), (2, 3)),
        ),
        known,
    )
    book.ended("file:///log.md", "ingested")
    book.ended("file:///bad.pdf", "rejected", "encrypted", "needs a password")
    found = book.close()
    assert found.sources == {"ingested": 1, "unchanged": 0, "rejected": 1}
    assert found.evidence == {"alert": {"pieces": 1, "untimed": 0}, "passage": {"pieces": 2, "untimed": 1}}
    assert (found.first, found.last, found.future) == ("2026-03-04T01:00:00Z", "2026-03-07T19:00:00Z", 1)
    assert [(u.what, u.times) for u in found.unknown] == [("P-999", 2)]
    assert [c.what for c in found.clocks] == ["time unknown"] and [n.times for n in found.notes] == [1]
    (gap,) = found.gaps
    assert (gap.start, gap.end, gap.seconds) == ("2026-03-04T03:00:00Z", "2026-03-04T05:00:00Z", 7200.0)
    assert found.duplicates == (("file:///copy of log.md", "file:///log.md"),)
    assert found.rejected == (("file:///bad.pdf", "encrypted", "needs a password"),)


def test_of_a_source_that_breaks_off_nothing_is_kept() -> None:
    book = QualityBook(NOW)
    book.apart().unit(unit(piece("a", "P-999", 1), coverage=recorded("CAM-1", (0, 1))), known)
    assert book.close() == QualityBook(NOW).close()


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.integers(-5, 60) | st.none(), st.sampled_from(("P-1", "P-999"))),
        max_size=12,
    )
)
def test_sources_apart_give_the_same_as_all_at_once(pieces: list[tuple[str, int | None, str]]) -> None:
    whole, joined = QualityBook(NOW), QualityBook(NOW)
    for source, at, text in pieces:
        made = unit(piece(source, text, at), coverage=recorded(source, (0, 1)))
        whole.unit(made, known)
        part = joined.apart()
        part.unit(made, known)
        joined.absorb(part)
    assert whole.close() == joined.close()


def test_clocks_in_pictures_that_run_ahead_are_told_by_camera_the_furthest_first() -> None:
    def seen(source: str, camera: str, ahead: float) -> Evidence:
        skew = {"seconds": ahead, "mad": 0.0, "readings": 3, "against": "name"}
        made = piece(source, "x", 1, kind=Kind.FRAME, locator=FrameAt(0))
        mention = Mention(camera, Relation.OBSERVED_AT)
        return msgspec.structs.replace(made, data={"skew": skew}, entities=(mention,))

    book, part = QualityBook(NOW), QualityBook(NOW)
    book.unit(unit(seen("a.mp4", "CAM-1", 2), seen("a.mp4", "CAM-1", 3)), known)
    part.unit(unit(seen("b.mp4", "CAM-1", 5), seen("c.mp4", "CAM-2", -3600)), known)
    book.absorb(part)
    found = book.close()
    told = [(each.subject, each.seconds, each.clips, each.example) for each in found.skews]
    assert told == [("CAM-2", -3600.0, 1, "c.mp4"), ("CAM-1", 4.0, 2, "b.mp4")]
    assert found.totals["skews"] == 2
    shown = page(msgspec.to_builtins(found))
    assert "<td>CAM-2</td><td>name</td><td>-3600.0</td>" in shown


def test_long_lists_are_cut_and_say_how_long_they_were() -> None:
    book = QualityBook(NOW)
    book.unit(unit(*(piece("a", f"Z-{n:03}", n) for n in range(120))), known)
    found = book.close()
    assert len(found.unknown) == MOST and found.totals["unknown"] == 120
    assert "(50 of 120)" in page(msgspec.to_builtins(found))


def test_the_page_runs_nothing_that_a_source_wrote() -> None:
    book = QualityBook(NOW)
    evil = "</svg><script>alert(1)</script>"
    book.source(f"file:///{evil}", "a")
    book.unit(unit(piece("a", "x", 1, notes=(evil,)), coverage=recorded(evil, (0, 1), (2, 3))), known)
    book.ended(evil, "rejected", evil, evil)
    shown = page(msgspec.to_builtins(book.close()))
    assert "<script" not in shown and "alert(1)" in shown


def test_the_picture_has_a_bar_for_each_stretch() -> None:
    book = QualityBook(NOW)
    book.unit(
        unit(piece("a", "x", 1), coverage=[*recorded("CAM-1", (0, 1), (3, 4)), *recorded("CAM-2", (0, 4))]), known
    )
    shown = page(msgspec.to_builtins(book.close()))
    picture = ET.fromstring(shown[shown.index("<svg") : shown.index("</svg>") + 6])
    bars = [(float(r.attrib["x"]), float(r.attrib["width"])) for r in picture.iter("rect")]
    assert bars == [(180.0, 180.0), (720.0, 180.0), (180.0, 720.0)]


def test_it_comes_back_from_json_as_it_was() -> None:
    book = QualityBook(NOW)
    book.unit(unit(piece("a", "P-999", 1, notes=("time unknown",)), coverage=recorded("CAM-1", (0, 1), (2, 3))), known)
    found = book.close()
    assert msgspec.convert(msgspec.json.decode(msgspec.json.encode(found)), Quality) == found
