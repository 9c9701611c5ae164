"""The cameras file: which cameras, how they are recorded, and how much of it is kept."""

from __future__ import annotations

import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import msgspec
import yaml
from msgspec import Meta

from ingest.site import Blur
from ingest.watchfulness.rhythm import parse_every
from retrieval.errors import BadSettings

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_SCHEMES = ("rtsp", "rtsps", "http", "https")
# what is recorded becomes known so often
_TOLD_US = 60_000_000
# pieces of HLS come at once, every few seconds
_STALL_S = {"rtsp": 5.0, "rtsps": 5.0, "http": 8.0, "https": 8.0}

# no more than counts in µs and bytes hold
Size = Annotated[float, Meta(gt=0, le=1e6)]


class Keep(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much of all cameras together is kept: the oldest goes first, before anything is written. `free_gb` of the disk stay free (GB are
    10⁹ bytes)."""

    max_gb: Size = 50.0
    max_hours: Size = 168.0
    free_gb: Annotated[float, Meta(ge=0, le=1e6)] = 2.0


class Camera(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One camera, under the id that the site description gives it.

    `name`, `zone` and `monitors` describe a camera that no site description does. `labels`: who may see it, instead of whom the site says;
    `blur`: what must not be seen, besides what the site says. `login` names an entry of the credentials file (none: the camera's own id). A
    stream that brings nothing for `stall_s`, or the same picture for `frozen_s` (0: that is usual here), is left and begun anew.
    `segment_s` is the length of the clips it is cut into, at keyframes. Examined are `look_s` and `keep_s` apart: looks, and frames kept
    where nothing changes. `expect_every` ("5m"): a camera of which nothing is recorded for twice as long raises an alarm.
    """

    url: str
    name: str = ""
    zone: str = ""
    monitors: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    blur: tuple[Blur, ...] = ()
    fixed: bool | None = None
    login: str = ""
    transport: Literal["tcp", "udp"] = "tcp"
    stall_s: Annotated[float, Meta(ge=1, le=9)] | None = None
    frozen_s: Annotated[float, Meta(ge=0, le=8)] = 5.0
    segment_s: Annotated[float, Meta(ge=2, le=60)] = 15.0
    examine: bool = True
    look_s: Annotated[float, Meta(ge=0.2, le=60)] = 1.0
    keep_s: Annotated[float, Meta(ge=1, le=600)] = 5.0
    expect_every: str = ""

    @property
    def patience_s(self) -> float:
        """How long nothing may come, in seconds."""
        return self.stall_s or _STALL_S[urlsplit(self.url).scheme]


class Cameras(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A whole cameras file."""

    cameras: dict[str, Camera]
    keep: Keep = Keep()


class Login(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who we are to a camera. Never shown."""

    user: str = ""
    password: str = ""

    def __repr__(self) -> str:
        return "Login(…)"


def read_cameras(path: Path) -> Cameras:
    """Raises BadSettings, naming the file and the field that is wrong; never with an address in it, which may hold a password."""
    cameras: Cameras = _parsed(path, Cameras, "cameras")
    if not cameras.cameras:
        raise BadSettings(f"cameras {path.name}: no cameras are named")
    for name, camera in cameras.cameras.items():
        if not _NAME.fullmatch(name):
            raise BadSettings(f"cameras {path.name}: {name!r} is no id for a camera; use letters, digits, -, _ and .")
        _check_address(camera.url, f"cameras {path.name}: {name}")
        _check_rhythm(camera, f"cameras {path.name}: {name}")
    return cameras


def read_logins(path: Path) -> Mapping[str, Login]:
    """User and password by camera's id or `login`. Raises BadSettings, also where others on this machine may read the file."""
    logins: dict[str, Login] = _parsed(path, dict[str, Login], "credentials")
    if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise BadSettings(f"credentials {path}: others may read it; run chmod 600 {path}")
    return logins


def _parsed(path: Path, kind: Any, what: str) -> Any:
    try:
        return msgspec.convert(yaml.safe_load(path.read_bytes()), kind)
    except OSError as problem:
        raise BadSettings(f"{what} {path}: {problem.strerror}") from problem
    except msgspec.ValidationError as problem:
        raise BadSettings(f"{what} {path.name}: {' '.join(str(problem).split())}") from problem
    except (yaml.YAMLError, ValueError, AttributeError, RecursionError) as problem:
        # the parser's own words carry the line; of a date or a number that is none it raises as Python does
        raise BadSettings(f"{what} {path.name}: not yaml") from problem


def _check_rhythm(camera: Camera, where: str) -> None:
    try:
        every = parse_every(camera.expect_every)
    except ValueError as problem:
        raise BadSettings(f"{where}: {problem}") from problem
    if 0 < every < _TOLD_US:
        raise BadSettings(f"{where}: what is recorded is told every minute; expect_every must be 1m at least")


def _check_address(url: str, where: str) -> None:
    try:
        parts = urlsplit(url)
        sound = parts.scheme in _SCHEMES and bool(parts.hostname) and parts.port != 0
    except ValueError:
        sound = False
    if not sound:
        raise BadSettings(f"{where}: url must be rtsp://host/path, rtsps://…, or http(s)://host/….m3u8")
    if "@" in parts.netloc:
        raise BadSettings(f"{where}: user and password belong into the settings (cameras.user, cameras.credentials)")
