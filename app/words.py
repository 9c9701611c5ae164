"""How places in evidence and spans of time read in a sentence; shared by the command line and Slack."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from retrieval.times import to_datetime
from retrieval.types import CharSpan, ClipSpan, FrameAt, Interval, Locator, Micros, PageBox, RowKey, SeriesWindow

SHORT_ID = 13


def short_id(evidence_id: str) -> str:
    """The first ten hex digits: enough to tell pieces apart in one list, and to ask for with `watchfloor show`."""
    return evidence_id[:SHORT_ID]


def source_name(source: str) -> str:
    """The last part of a source's path, percent signs decoded; the source itself where it has no path."""
    path = urlsplit(source).path if "://" in source else source
    return PurePosixPath(unquote(path)).name or source


def clock(ms: int) -> str:
    """Milliseconds from the start of a clip → 00:05, or 1:02:03 beyond an hour."""
    minutes, seconds = divmod(ms // 1000, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes:02}:{seconds:02}"


def moment(micros: Micros, zone: tzinfo = UTC) -> str:
    """2026-03-04 02:10:05 UTC."""
    return to_datetime(micros, zone).strftime("%Y-%m-%d %H:%M:%S %Z")


def span_words(valid: Interval, zone: tzinfo = UTC) -> str:
    """2026-03-04 02:00–03:00 UTC; both dates when they differ; one time for an instant; seconds where there are any."""
    start, end = to_datetime(valid.t0, zone), to_datetime(valid.t1, zone)
    style = "%H:%M:%S" if start.second or end.second or (end - start).total_seconds() < 60 else "%H:%M"
    first = start.strftime(f"%Y-%m-%d {style}")
    if _same(start, end, style):
        return f"{first} {start.strftime('%Z')}"
    last = end.strftime(style if start.date() == end.date() else f"%Y-%m-%d {style}")
    return f"{first}–{last} {start.strftime('%Z')}"


def _same(start: datetime, end: datetime, style: str) -> bool:
    return start.date() == end.date() and start.strftime(style) == end.strftime(style)


def when(valid: Interval | None, zone: tzinfo = UTC) -> str:
    return "time unknown" if valid is None else span_words(valid, zone)


def locator_words(locator: Locator, valid: Interval | None, zone: tzinfo = UTC) -> str:
    """Where to look: "frame at 2026-03-04 02:10:05 UTC (00:05 in the clip)", "page 3", "row WO-7, line 12"."""
    if isinstance(locator, FrameAt):
        return _frame_words(locator, valid, zone)
    if isinstance(locator, ClipSpan):
        return _span_words(locator, valid, zone)
    if isinstance(locator, PageBox):
        return f"page {locator.page}"
    if isinstance(locator, CharSpan):
        return f"under “{locator.heading}”" if locator.heading else f"characters {locator.start}–{locator.end}"
    if isinstance(locator, SeriesWindow):
        return f"window {span_words(Interval(locator.t0, locator.t1), zone)}"
    return _row_words(locator)


def _frame_words(locator: FrameAt, valid: Interval | None, zone: tzinfo) -> str:
    if valid is None:
        return f"frame {clock(locator.ms)} in the clip"
    return f"frame at {moment(valid.t0, zone)} ({clock(locator.ms)} in the clip)"


def _span_words(locator: ClipSpan, valid: Interval | None, zone: tzinfo) -> str:
    inside = f"{clock(locator.ms)}–{clock(locator.end_ms)} in the recording"
    return inside if valid is None else f"said at {moment(valid.t0, zone)} ({inside})"


def _row_words(locator: RowKey) -> str:
    named = f"row {locator.key}" if locator.key else "row"
    where = f"{named}, line {locator.line}" if locator.line else named
    # a table inside a file: "log/Work orders" is a sheet of log.xlsx
    _, inside, sheet = locator.table.partition("/")
    return f"{where} of sheet “{sheet}”" if inside else where


def one_line(text: str, most: int = 200) -> str:
    """White space collapsed, cut at `most` characters with an ellipsis."""
    flat = " ".join(text.split())
    return flat if len(flat) <= most else flat[: most - 1].rstrip() + "…"


def length_words(seconds: float | None) -> str:
    """A length of time in three digits and one unit: "4.5 s", "12 min", "63 h"; "" for none."""
    if seconds is None:
        return ""
    for name, size in (("d", 86_400.0), ("h", 3_600.0), ("min", 60.0)):
        if seconds >= 2 * size:
            return f"{seconds / size:.3g} {name}"
    return f"{seconds:.3g} s"
