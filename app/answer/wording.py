"""How times and numbers are said in claims: in the site's zone, exact, without false precision."""

from __future__ import annotations

from datetime import tzinfo

from retrieval.times import to_datetime
from retrieval.types import Interval, Micros


def clock(micros: Micros, zone: tzinfo, seconds: bool = True) -> str:
    """ "10:03:05" in the zone."""
    return to_datetime(micros, zone).strftime("%H:%M:%S" if seconds else "%H:%M")


def day(micros: Micros, zone: tzinfo) -> str:
    """ "4 March 2026" in the zone."""
    moment = to_datetime(micros, zone)
    return f"{moment.day} {moment:%B %Y}"


def moment(micros: Micros, zone: tzinfo) -> str:
    """ "4 March 2026 10:03:05 CET"."""
    return f"{day(micros, zone)} {clock(micros, zone)} {to_datetime(micros, zone).tzname()}"


def stretch(span: Interval, zone: tzinfo) -> str:
    """ "4 March 2026 10:03:05–10:03:20 CET", with both days when they differ."""
    name = to_datetime(span.t0, zone).tzname()
    if day(span.t0, zone) == day(span.t1, zone):
        return f"{day(span.t0, zone)} {clock(span.t0, zone)}–{clock(span.t1, zone)} {name}"
    return f"{day(span.t0, zone)} {clock(span.t0, zone)} – {day(span.t1, zone)} {clock(span.t1, zone)} {name}"


def offset(ms: int) -> str:
    """A position in a clip: "0:05" or "1:02:03"."""
    seconds = ms // 1000
    hours, rest = divmod(seconds, 3600)
    return f"{hours}:{rest // 60:02d}:{rest % 60:02d}" if hours else f"{rest // 60}:{rest % 60:02d}"


def number(value: float) -> str:
    """Up to six significant digits, no trailing zeros, no exponent for everyday sizes."""
    if value == 0:
        return "0"
    if 1e-4 <= abs(value) < 1e15:
        digits = max(0, min(6, 6 - len(str(int(abs(value))))))
        text = f"{value:.{digits}f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    return f"{value:.6g}"


def duration(seconds: float) -> str:
    """ "45 s", "12 min", "3 h 20 min"."""
    if seconds < 120:
        return f"{round(seconds)} s"
    minutes = round(seconds / 60)
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min" if minutes % 60 else f"{minutes // 60} h"
