"""The formats in which cameras and recorders write date and time into the picture.

Collected from manuals and configuration schemas: ONVIF's OSD date and time formats (ver10 onvif.xsd, OSDTextConfiguration),
Hikvision's and Dahua's OSD settings, the strftime modifiers of Axis and StarDot overlays, and what dashcams, Bosch, Hanwha, Reolink
and Milestone write. Formats in other alphabets (2026年3月4日) are left out: the reading models that come along are asked for Latin
letters only.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple


class Shown(NamedTuple):
    """A clock as drawn. Where date and time stand apart, they are two texts; `line` is both as one line."""

    date: str
    time: str
    line: str


class Format(NamedTuple):
    """`dates` is what a site description must say of it ("iso", "us", "eu"); `apart` is whether date and time are two things that
    a camera can place in two corners; `zoned` whether the line names its zone."""

    name: str
    written_by: str
    dates: str
    apart: bool
    write: Callable[[datetime], Shown]
    zoned: bool = False


def _joined(date: str, time: str) -> Callable[[datetime], Shown]:
    def write(at: datetime) -> Shown:
        return Shown(at.strftime(date), at.strftime(time), f"{at.strftime(date)} {at.strftime(time)}")

    return write


def _reolink(at: datetime) -> Shown:
    date, time = f"{at:%m/%d/%Y}", f"{at:%I:%M:%S %p} {at:%a}".upper()
    return Shown(date, time, f"{date} {time}")


def _ctime(at: datetime) -> Shown:
    return Shown("", "", f"{at:%a %b %d %H:%M:%S %Y}")


def _unpadded(at: datetime) -> Shown:
    date = f"{at.month}/{at.day}/{at.year}"
    time = f"{at.hour % 12 or 12}:{at:%M:%S %p}"
    return Shown(date, time, f"{date} {time}")


def _zoned(at: datetime) -> Shown:
    time = f"{at:%H:%M:%S}.{at.microsecond // 1000:03d} UTC"
    return Shown(f"{at:%Y-%m-%d}", time, f"{at:%Y-%m-%d} {time}")


FORMATS = (
    Format("2026-03-04 02:10:00", "Dahua, Axis, Hikvision, ffmpeg", "iso", True, _joined("%Y-%m-%d", "%H:%M:%S")),
    Format("2026/03/04 02:10:00", "dashcams, Reolink, ONVIF", "iso", True, _joined("%Y/%m/%d", "%H:%M:%S")),
    Format("03-04-2026 Wed 02:10:00", "Hikvision", "us", True, _joined("%m-%d-%Y %a", "%H:%M:%S")),
    Format("04-03-2026 02:10:00", "Hikvision, Dahua", "eu", True, _joined("%d-%m-%Y", "%H:%M:%S")),
    Format("04/03/2026 02:10:00", "Hanwha, ONVIF", "eu", True, _joined("%d/%m/%Y", "%H:%M:%S")),
    Format("04.03.2026 02:10:00", "Bosch", "eu", True, _joined("%d.%m.%Y", "%H:%M:%S")),
    Format("03/04/2026 02:10:00 AM WED", "Reolink", "us", True, _reolink),
    Format("Mar 04 2026 02:10:00 AM", "recorders of analogue cameras", "iso", True, _joined("%b %d %Y", "%I:%M:%S %p")),
    Format("Wed Mar 04 02:10:00 2026", "StarDot, Axis (%c)", "iso", False, _ctime),
    Format("3/4/2026 2:10:00 AM", "Milestone, ONVIF (h:mm:ss tt)", "us", True, _unpadded),
    Format("2026-03-04 02:10:00.123 UTC", "Axis, exports", "iso", True, _zoned, True),
    Format("04 Mar 2026 02:10:00", "ONVIF, Hanwha", "iso", True, _joined("%d %b %Y", "%H:%M:%S")),
)
