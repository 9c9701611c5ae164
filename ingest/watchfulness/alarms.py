"""A silence as evidence, so that an answer can cite it; and what was told as listened to in it, taken back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol
from urllib.parse import quote, unquote

from msgspec.structs import replace

from ingest.tables.wording import took, when
from ingest.watchfulness.groups import OWN
from ingest.watchfulness.record import Alarm, Record, Way
from retrieval.ids import content_hash, evidence_id
from retrieval.intervals import gaps
from retrieval.ports import Receipt, Unit
from retrieval.times import iso
from retrieval.types import (
    Coverage,
    Entity,
    EntityType,
    Evidence,
    Interval,
    Kind,
    Layer,
    Link,
    LinkType,
    Mention,
    Micros,
    Principal,
    Provenance,
    Relation,
    RowKey,
)

READER = "watchfulness"
VERSION = "1"
LISTENED = "~listened"
_WAYS = {Way.FEED: "feed", Way.CAMERA: "camera", Way.SERIES: "sensor", Way.MAPPING: "warehouse table"}


class Book(Protocol):
    """The catalog as far as telling needs it."""

    def tenant_key(self, tenant: str) -> bytes: ...

    def commit(self, unit: Unit) -> Receipt: ...

    def site(self, tenant: str) -> tuple[list[Entity], list[Link]]: ...

    def labels(self, tenant: str) -> tuple[str, ...]: ...

    def coverage(
        self, principal: Principal, subjects: Sequence[str], layer: Layer | None = None, window: Interval | None = None
    ) -> list[Coverage]: ...


def alarm_unit(book: Book, tenant: str, name: str, record: Record, alarm: Alarm) -> Unit:
    """The alarm as it stands: open, an instant at the time last heard; ended, the whole silence. Of both the ended one stands."""
    source = f"{OWN}quality/{quote(name, safe='')}/{alarm.start}"
    entities, links = book.site(tenant)
    text = told(name, record, alarm, entities)
    place = RowKey("quality", f"silence of {plain(name)} from {iso(alarm.start)}")
    severity, labels = "high" if alarm.declared else "medium", record.labels or ()
    # under other labels it is another piece, so that who may see it now is who the feed says
    said = content_hash(text, *sorted(labels))
    piece = Evidence(
        id=evidence_id(book.tenant_key(tenant), source, place, said), tenant=tenant, source=source,
        kind=Kind.ALERT, locator=place, text=text, provenance=Provenance(READER, VERSION),
        valid=Interval(alarm.start, max(alarm.start, alarm.end or alarm.start)),
        entities=tuple(Mention(each, Relation.MENTIONS) for each in concerned(record.subject, entities, links)),
        labels=labels,
        data={"table": "quality", "fields": {"severity": severity, "message": "silence", "source": plain(name)}},
    )  # fmt: skip
    ended = alarm.end is not None
    return Unit(tenant, source, said, f"{READER}@{VERSION}", evidence=[piece], version=int(ended))


def told(name: str, record: Record, alarm: Alarm, entities: Iterable[Entity]) -> str:
    """The alarm in words."""
    thing = next((each for each in entities if each.id == record.subject), None)
    called = f"{thing.name} ({thing.id})" if thing and thing.name != thing.id else record.subject or plain(name)
    what = f"{_WAYS.get(record.way, 'source')} {called}"
    rule = (
        f"{'expected' if alarm.declared else 'usually'} every {took(alarm.every)}, an alarm after {took(alarm.allowed)}"
    )
    since = f"since {when(Interval(alarm.start, alarm.start))}"
    if alarm.end is None:
        return f"Alert: nothing was heard from {what} {since}: silent, data are missing ({rule})"
    until = when(Interval(alarm.end, alarm.end))
    return f"Alert: nothing was heard from {what} {since} until {until}, for {took(alarm.end - alarm.start)}: data are missing ({rule})"


def plain(name: str) -> str:
    """A group's name without its scheme, as answers hold no addresses: "alarms", "plant/rows", "reports"."""
    scheme, _, rest = name.partition("://")
    rest = unquote(rest or scheme).strip("/")
    return rest.rpartition("/")[2] if scheme in ("file", "s3") else rest


def concerned(subject: str, entities: Sequence[Entity], links: Sequence[Link]) -> list[str]:
    """The thing that fell silent, and the assets it watches."""
    if not subject:
        return []
    known = {each.id: each for each in entities}
    asset = known[subject].facts.get("asset") if subject in known else None
    watched = [link.source for link in links if link.type is LinkType.MONITORED_BY and link.target == subject]
    assets = [str(each) for each in (asset, *watched) if each in known and known[each].type is EntityType.ASSET]
    return list(dict.fromkeys((subject, *assets)))


def close_listened(book: Book, tenant: str, name: str, record: Record, now: Micros) -> None:
    """Take back that a feed was listened to while it was silent: connected is not heard. Told again, it changes nothing."""
    silences = silences_of(record, now)
    if record.way is not Way.FEED or not silences:
        return
    reader = Principal(tenant, READER, tuple({*book.labels(tenant), *(record.labels or ())}))
    window = Interval(min(each.t0 for each in silences), now)
    for told_ in book.coverage(reader, [name], Layer.EXAMINED, window):
        left = gaps(silences, told_.valid) if told_.valid else []
        if told_.valid and left != [told_.valid]:
            for unit in _heard(tenant, name, told_, left, now):
                book.commit(unit)


def silences_of(record: Record, now: Micros) -> list[Interval]:
    """When it was silent, as alarms tell; one that is open lasts until now."""
    return [
        Interval(each.heard_at, max(each.heard_at, now if each.end is None else each.end)) for each in record.alarms
    ]


def _heard(tenant: str, name: str, was: Coverage, left: Sequence[Interval], now: Micros) -> list[Unit]:
    """What is left of one telling, each stretch under the source that its beginning gives it (see Intake.listened); later than whatever
    was told."""
    assert was.valid is not None
    pieces: dict[Micros, list[Coverage]] = {was.valid.t0: []} | {each.t0: [replace(was, valid=each)] for each in left}
    return [
        Unit(tenant, f"{name}/{LISTENED}/{begin}", content_hash(repr(kept)), f"{READER}@{VERSION}", coverage=kept, version=now)
        for begin, kept in pieces.items()
    ]  # fmt: skip
