"""When did a clip begin, and whose is it? From a sidecar, else its file name. (Clocks burnt into the picture: clock.py.)"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from ingest.media_types import AUDIO, BY_ENDING, IMAGES, VIDEO
from ingest.ports import Item
from retrieval.errors import SourceRejected
from retrieval.times import to_micros
from retrieval.types import Micros

RECORDINGS = frozenset(ending for ending, kind in BY_ENDING.items() if kind in VIDEO | IMAGES | AUDIO)
_SIDECAR_BYTES = 64 * 1024
_SEVERAL_PLACES = frozenset(
    {"video", "clip", "rec", "record", "recording", "movie", "img", "image", "vid", "export", "output", "snapshot", "dsc", "mov",
     "photo", "screenshot", "capture", "frame", "file", "gopro", "pxl", "wa", "still", "audio", "sound", "voice", "call", "memo"}
)  # fmt: skip
_ZONED = r"[ _-]?(Z|UTC|GMT|[+-]\d\d:?\d\d)?(?![A-Za-z0-9])"
_YEAR = r"(?<!\d)((?:19|20)\d\d)"
_COMPACT = re.compile(_YEAR + r"(\d\d)(\d\d)[T _-]?(\d\d)(\d\d)(\d\d)(?!\d)" + _ZONED, re.I)
_SPELT = re.compile(_YEAR + r"[-_.](\d\d)[-_.](\d\d)[T _-]+(\d\d)[-_.:h](\d\d)[-_.:m](\d\d)s?(?!\d)" + _ZONED, re.I)
_EPOCH = re.compile(r"(?<!\d)(1\d{9})(\d{3})?(?!\d)")


class Start(NamedTuple):
    """What is known of a clip's start: `at` is the first frame's UTC time in µs, `how` it is known (sidecar, name, made, clock
    or unknown)."""

    at: Micros | None = None
    how: str = "unknown"
    camera: str | None = None
    notes: tuple[str, ...] = ()


class _Sidecar(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    start: str | None = None
    camera: str | None = None
    timezone: str | None = None


def is_sidecar(path: Path) -> bool:
    """Whether a json file only describes the recording beside it (<file>.json or <stem>.json), and is no source of its own."""
    return path.suffix.lower() == ".json" and any(_recordings_of(path)) and _parsed(path) is not None


def find_start(item: Item) -> Start:
    """From the sidecar, else from the file name. Raises SourceRejected when a sidecar's time or zone cannot be read."""
    by_name = from_name(Path(item.name).stem, zone_of(item.policy.timezone), item.policy.timezone)
    beside = _beside(item.path)
    camera = item.policy.camera or (beside.camera if beside else None) or by_name.camera
    if beside is None or beside.start is None:
        return by_name._replace(camera=camera)
    name = beside.timezone or item.policy.timezone
    try:
        moment = datetime.fromisoformat(beside.start)
    except ValueError as error:
        raise SourceRejected(f"its sidecar states a start that is no ISO time: {beside.start!r}") from error
    at, notes = _placed(moment, zone_of(name), name, "sidecar")
    return Start(at, "sidecar", camera, notes)


def from_name(stem: str, zone: tzinfo, zone_name: str) -> Start:
    """The time and camera in a file name such as CAM-07_20260304T021000Z, 2026-03-04_02-10-00 or dock_1772590200."""
    for pattern in (_COMPACT, _SPELT):
        if found := pattern.search(stem):
            moment = _moment(found)
            if moment is None:
                continue
            at, notes = _placed(moment, zone, zone_name, "file name")
            return Start(at, "name", _camera(stem[: found.start()]), notes)
    if found := _EPOCH.search(stem):
        at = int(found[1]) * 1_000_000 + int(found[2] or 0) * 1000
        return Start(at, "name", _camera(stem[: found.start()]), ("start time from the file name (epoch)",))
    return Start()


def zone_of(name: str) -> tzinfo:
    """IANA name → zone. Raises SourceRejected for an unknown one."""
    try:
        return UTC if name == "UTC" else ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise SourceRejected(f"unknown time zone {name!r}") from error


def offset_zone(text: str | None) -> tzinfo | None:
    """ "Z", "UTC", "+0100" or "-05:00" → zone; None for None."""
    if text is None:
        return None
    if text[0] not in "+-":
        return UTC
    digits = text[1:].replace(":", "")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-offset if text[0] == "-" else offset) if offset < timedelta(hours=24) else None


def _moment(found: re.Match[str]) -> datetime | None:
    """The groups year … second, zone of a match as a datetime (without a zone where none is stated)."""
    try:
        bare = datetime(*(int(found[index]) for index in range(1, 7)), tzinfo=offset_zone(found[7]))  # type: ignore[misc,arg-type]
    except ValueError:
        return None
    return bare


def _placed(moment: datetime, zone: tzinfo, zone_name: str, where: str) -> tuple[Micros, tuple[str, ...]]:
    if moment.tzinfo is not None:
        return to_micros(moment), (f"start time from the {where}",)
    return to_micros(moment.replace(tzinfo=zone)), (f"start time from the {where}, read in {zone_name}",)


def _camera(prefix: str) -> str | None:
    """What stands before the time in a file name, unless it is a word any recorder writes."""
    name = prefix.strip(" _-.")
    return name if name and name.lower().rstrip("0123456789_- ") not in _SEVERAL_PLACES and not name.isdigit() else None


def _recordings_of(path: Path) -> list[Path]:
    exact = path.with_suffix("")
    if exact.suffix.lower() in RECORDINGS:
        return [exact] if exact.is_file() else []
    return [beside for suffix in RECORDINGS if (beside := path.with_suffix(suffix)).is_file()]


def _beside(path: Path) -> _Sidecar | None:
    for candidate in (path.with_name(path.name + ".json"), path.with_suffix(".json")):
        if candidate.is_file() and (parsed := _parsed(candidate)) is not None:
            return parsed
    return None


def _parsed(path: Path) -> _Sidecar | None:
    """The sidecar, or None when the file holds anything else (alerts, say)."""
    try:
        if path.stat().st_size > _SIDECAR_BYTES:
            return None
        sidecar = msgspec.json.decode(path.read_bytes(), type=_Sidecar)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None
    return sidecar if sidecar.start or sidecar.camera else None
