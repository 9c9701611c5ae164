"""The feeds file: which bus, which topics, and how their messages are read."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal, Protocol
from urllib.parse import quote, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from ingest.watchfulness.rhythm import parse_every
from ingest.yaml_text import parsed
from retrieval.errors import BadSettings

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_SCHEMES = ("kafka", "kafkas", "mqtt", "mqtts")
FEED = "feed:///"
# a name for a thing is a name; what is longer is not looked up by anybody
LONGEST_KEY = 512


class Notes(Protocol):
    """Where small facts are kept."""

    def set_meta(self, tenant: str, key: str, value: str) -> None: ...

    def meta(self, tenant: str, key: str) -> str | None: ...


class Feed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One topic. Its messages are json records, each about one event or thing; an empty message says that the thing is no more.

    `id` is the field that names the thing (none: the bus's own key, else the message's content), `version` the one that orders what is
    said of it: a whole number or a time (none: the order of the bus, where it tells one; else what comes last stands). `timezone` and
    `dates` are as in a site description; `labels`: who may see it.

    A feed of `kind` objects brings notifications of an object store instead: what they are about is fetched and taken in, if it lies in one
    of the `prefixes` (s3://BUCKET/PREFIX). Clocks and labels of objects are their site description's to say.

    `expect_every` ("5m", "2h") is how often something comes: a feed that is silent for twice as long raises an alarm. `about` is the id of
    the thing whose alarm that is.
    """

    topic: Annotated[str, msgspec.Meta(min_length=1, max_length=1024)]
    id: str = ""
    version: str = ""
    timezone: str = "UTC"
    dates: Literal["iso", "us", "eu"] = "iso"
    labels: tuple[str, ...] = ()
    kind: Literal["records", "objects"] = "records"
    prefixes: tuple[str, ...] = ()
    expect_every: str = ""
    about: str = ""


class Feeds(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A whole feeds file. `bus`: kafka://host:9092,other:9092 or mqtt://host:1883 (kafkas:// and mqtts:// with TLS); user and password
    come from the settings. `group` is the name the bus knows us by: what it has brought under that name it does not bring again."""

    bus: str
    feeds: dict[str, Feed]
    group: str = "watchfloor"

    @property
    def scheme(self) -> str:
        return urlsplit(self.bus).scheme

    @property
    def tls(self) -> bool:
        return self.scheme.endswith("s")

    @property
    def hosts(self) -> str:
        return urlsplit(self.bus).netloc


def read_feeds(path: Path) -> Feeds:
    """Raises BadSettings, naming the file and the field that is wrong."""
    try:
        feeds = msgspec.convert(parsed(path.read_bytes()), Feeds)
        _check(feeds, path.name)
    except OSError as problem:
        raise BadSettings(f"feeds {path}: {problem.strerror}") from problem
    except ValueError as problem:
        raise BadSettings(f"feeds {path.name}: {' '.join(str(problem).split())}") from problem
    return feeds


def _check(feeds: Feeds, name: str) -> None:
    # before anything that would show a part of it
    if "@" in feeds.bus:
        raise BadSettings(f"feeds {name}: user and password belong into the settings (bus.user, bus.password)")
    if feeds.scheme not in _SCHEMES or not feeds.hosts:
        raise BadSettings(f"feeds {name}: bus must be kafka://host:port or mqtt://host:port")
    for host in feeds.hosts.split(","):
        _check_host(host, name)
    if not feeds.feeds:
        raise BadSettings(f"feeds {name}: no feeds are named")
    for each in feeds.feeds:
        if not _NAME.fullmatch(each):
            raise BadSettings(f"feeds {name}: {each!r} is no name for a feed; use a-z, 0-9, - and _")
        _check_zone(feeds.feeds[each].timezone, name)
        _check_kind(feeds.feeds[each], each, name)
        _check_rhythm(feeds.feeds[each], each, name)


def _check_host(host: str, name: str) -> None:
    try:
        named = urlsplit(f"//{host}")
        sound = bool(named.hostname) and (named.port is None or named.port > 0) and not host.endswith(":")
    except ValueError:
        sound = False
    if not sound:
        raise BadSettings(f"feeds {name}: {host!r} is no host:port")


def _check_zone(zone: str, name: str) -> None:
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as problem:
        raise BadSettings(
            f"feeds {name}: timezone {zone!r} is not known; use an IANA name such as Europe/Madrid"
        ) from problem


def _check_kind(feed: Feed, feed_name: str, name: str) -> None:
    if (feed.kind == "objects") != bool(feed.prefixes):
        told = f"feed {feed_name!r}: a feed of kind objects names its prefixes (s3://BUCKET/PREFIX), and no other does"
        raise BadSettings(f"feeds {name}: {told}")
    if feed.kind == "objects" and (feed.id or feed.version or feed.labels or feed.expect_every or feed.about):
        told = f"feed {feed_name!r}: id, version, labels, expect_every and about are of records; of objects their site description tells"
        raise BadSettings(f"feeds {name}: {told}")


def _check_rhythm(feed: Feed, feed_name: str, name: str) -> None:
    try:
        parse_every(feed.expect_every)
    except ValueError as problem:
        raise BadSettings(f"feeds {name}: feed {feed_name!r}: {problem}") from problem


def keep_topics(feeds: Feeds, notes: Notes, tenant: str) -> None:
    """Remember what is listened to. Raises BadSettings where an MQTT session still holds a topic that is not named any more: what waits
    there would be sent to us, answered by nobody, and stop the others."""
    if feeds.scheme.startswith("kafka"):
        return
    name, topics = f"topics of {feeds.bus} as {feeds.group}", sorted(feed.topic for feed in feeds.feeds.values())
    gone = set(msgspec.json.decode(notes.meta(tenant, name) or "[]", type=list[str])) - set(topics)
    if gone:
        told = f"{', '.join(sorted(gone))} was listened to as {feeds.group!r} and is not named any more"
        raise BadSettings(
            f"{told}: the broker keeps its messages for that name; give another `group`, or name the topic again"
        )
    notes.set_meta(tenant, name, msgspec.json.encode(topics).decode())


def source_of(feed: str, key: str) -> str:
    """The uri under which what is said of a thing is kept. Raises nothing: any key has one."""
    return f"{FEED}{feed}/{quote(key, safe='')}"
