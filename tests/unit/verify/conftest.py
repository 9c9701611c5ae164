"""A small plant: two sister pumps with alerts, an order, a log, a manual, a series and frames, and the verifier over them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pytest

from app.verify.port import Exhibit, Instruments, Judgement
from app.verify.verifier import ClaimVerifier
from ingest.entities import EntityLinker
from retrieval.times import to_micros
from retrieval.types import (
    CharSpan,
    Entity,
    EntityType,
    Evidence,
    FrameAt,
    Interval,
    Kind,
    Locator,
    Mention,
    Micros,
    Provenance,
    Relation,
    RowKey,
    SeriesWindow,
)

# 4 March 2026: winter time, an hour ahead of UTC
ZONE = ZoneInfo("Europe/Madrid")
MINUTE = 60_000_000
NAMES = {
    "P-101": (EntityType.ASSET, "Pump P-101"), "P-102": (EntityType.ASSET, "Pump P-102"),
    "T-9": (EntityType.ASSET, "Tank T-9"), "CAM-07": (EntityType.CAMERA, "CAM-07"), "CAM-08": (EntityType.CAMERA, "CAM-08"),
    "P-101-VIB": (EntityType.SENSOR, "P-101 vibration"), "P-102-VIB": (EntityType.SENSOR, "P-102 vibration"),
}  # fmt: skip
ENTITIES = [Entity(id=id_, type=type_, name=name, tenant="default") for id_, (type_, name) in NAMES.items()]


def at(hour: int, minute: int, second: int = 0) -> Micros:
    """A UTC time of 4 March 2026."""
    return to_micros(datetime(2026, 3, 4, hour, minute, second, tzinfo=UTC))


def piece(id_: str, kind: Kind, text: str, locator: Locator, about: Sequence[str], **more: Any) -> Evidence:
    named = tuple(Mention(one, Relation.MENTIONS) for one in about)
    return Evidence(
        id=id_, tenant="default", source=f"file:///site/{id_}", kind=kind, text=text, locator=locator, entities=named,
        provenance=Provenance("test"), **more,
    )  # fmt: skip


def vibration(n: int) -> float:
    """Minute by minute from 02:00 UTC: 2 mm/s, above 7.1 from 02:40 to 02:51, at most 10.08 at 02:45."""
    return round(7.5 + 2.58 * (1 - abs(n - 45) / 7), 2) if 40 <= n <= 51 else round(2.0 + 0.01 * (n % 7), 2)


SERIES = [(at(2, n), vibration(n)) for n in range(60)]
LOG = (
    "# Shift log 4 March 2026\n\nKept by Shift lead A. Times are local.\n\n"
    "03:41 AL-17 on Pump P-101 (Zone D): high vibration. Cause: the coupling had been left misaligned after the last overhaul. "
    "The crew realigned the coupling and replaced two seals. P-101 stood still for 95 minutes. CAM-08 was not recording at the time.\n\n"
    "06:20 Fire doors checked.\n\n"
    "07:05 AL-18 on Tank T-9 (Zone E): leak. The mechanics tightened the flange. About 200 litres lost. Nobody was hurt."
)
MANUAL = (
    "Rules\n\nThe speed limit for vehicles on the site is 12 km/h. The muster point for every alarm is the south car park.\n\n"
    "Pump P-101 is greased with Lithium EP2 every second week. Tank T-9 feeds pump P-102 through the north valve. "
    "The motor is started after the suction valve has been opened."
)
ALERT = (
    "Alert AL-17 (high): high vibration on P-101, from 2026-03-04 02:41 UTC to 2026-03-04 02:52 UTC; sensor P-101-VIB"
)
OTHER = "Alert AL-18 (low): leak at flange on T-9, from 2026-03-04 06:05 UTC to 2026-03-04 06:47 UTC"
ORDER = (
    "workorders — id: WO-12; asset: P-101; opened: 2026-03-04 03:20 UTC; closed: 2026-03-04 05:05 UTC; status: closed; "
    "priority: urgent; description: Realign coupling on P-101: replaced the seals"
)
OPEN = "workorders — id: WO-13; asset: T-9; opened: 2026-03-04 07:10 UTC; status: open; priority: normal; description: Check flange"
WINDOW = "P-101-VIB vibration (P-101, Zone D) 2026-03-04 02:00–03:00 UTC: n=60"


def table(id_: str, text: str, asset: str, span: Interval | None, kind: Kind = Kind.ROW, **fields: str) -> Evidence:
    return piece(id_, kind, text, RowKey(id_, fields["id"]), [asset], valid=span, data={"fields": fields})


EVIDENCE = {
    "alert": table(
        "alerts.jsonl", ALERT, "P-101", Interval(at(2, 41), at(2, 52)), Kind.ALERT, id="AL-17", severity="high",
        message="high vibration",
    ),
    "other": table("alerts.csv", OTHER, "T-9", Interval(at(6, 5), at(6, 47)), Kind.ALERT, id="AL-18", severity="low"),
    "order": table(
        "orders.csv", ORDER, "P-101", Interval(at(3, 20), at(5, 5)), id="WO-12", status="closed", priority="urgent",
        opened="2026-03-04T03:20:00Z", closed="2026-03-04T05:05:00Z",
    ),
    "open": table(
        "orders2.csv", OPEN, "T-9", None, id="WO-13", status="open", priority="normal", opened="2026-03-04T07:10:00Z"
    ),
    "log": piece(
        "log.md", Kind.PASSAGE, LOG, CharSpan(0, len(LOG)), ["P-101", "T-9", "CAM-08"],
        valid=Interval(at(0, 0) - 60 * MINUTE, at(23, 0)),
    ),
    "manual": piece("manual.md", Kind.PASSAGE, MANUAL, CharSpan(0, len(MANUAL)), ["P-101", "P-102", "T-9"]),
    "window": piece(
        "P-101-VIB.csv", Kind.WINDOW, WINDOW, SeriesWindow("value", at(2, 0), at(3, 0)), ["P-101", "P-101-VIB"],
        valid=Interval(at(2, 0), at(3, 0)), media="blob",
        data={"quantity": "vibration", "unit": "mm/s", "step_s": 60.0, "limits": {"high": 7.1}},
    ),
    "frame": piece(
        "CAM-07_a.mp4", Kind.FRAME, "CAM-07 sees: forklift ×2, person", FrameAt(0), ["CAM-07"],
        valid=Interval(at(2, 43, 10), at(2, 43, 12)), data={"counts": {"forklift": 2, "person": 1}},
    ),
    "later": piece(
        "CAM-07_b.mp4", Kind.FRAME, "CAM-07 sees: smoke", FrameAt(0), ["CAM-07"],
        valid=Interval(at(2, 49, 0), at(2, 49, 2)), data={"counts": {"smoke": 1}},
    ),
}  # fmt: skip
HEADS = {
    "alert": "alert of alerts.jsonl; 4 March 2026 03:41:00–03:52:00 CET",
    "other": "alert of alerts.csv; 4 March 2026 07:05:00–07:47:00 CET",
    "order": "row of orders.csv; 4 March 2026 04:20:00–06:05:00 CET",
    "open": "row of orders2.csv; time unknown",
    "log": "passage of log.md; 4 March 2026 00:00:00–24:00:00 CET",
    "manual": "passage of manual.md; time unknown",
    "window": "window of P-101-VIB.csv; 4 March 2026 03:00:00–04:00:00 CET",
    "frame": "frame of CAM-07_a.mp4; 4 March 2026 03:43:10–03:43:12 CET",
    "later": "frame of CAM-07_b.mp4; 4 March 2026 03:49:00–03:49:02 CET",
}


def shown(*keys: str) -> list[Exhibit]:
    """The pieces by these keys as they are shown, labelled E1…En."""
    return [Exhibit(f"E{n}", EVIDENCE[k], f"{HEADS[k]}\n{EVIDENCE[k].text}") for n, k in enumerate(keys, 1)]


def passage(text: str, *about: str) -> Exhibit:
    """A passage of any text, about these entities."""
    return Exhibit(
        "E1",
        piece("text.md", Kind.PASSAGE, text, CharSpan(0, len(text)), about),
        f"passage of text.md; time unknown\n{text}",
    )


def samples(evidence: Evidence) -> tuple[list[Micros], list[float]] | None:
    if evidence.kind is not Kind.WINDOW:
        return None
    return [t for t, _ in SERIES], [v for _, v in SERIES]


class Plant(NamedTuple):
    """The plant's prose and zone, and how its pieces are shown."""

    log: str
    manual: str
    shown: Callable[..., list[Exhibit]]
    passage: Callable[..., Exhibit]
    zone: ZoneInfo


@pytest.fixture(scope="session")
def plant() -> Plant:
    return Plant(LOG, MANUAL, shown, passage, ZONE)


@pytest.fixture(scope="session")
def verifier() -> ClaimVerifier:
    return ClaimVerifier(Instruments(EntityLinker(ENTITIES).find, samples, ZONE))


@pytest.fixture(scope="session")
def judge(verifier: ClaimVerifier) -> Callable[..., Judgement]:
    """judge("…", "alert", "log"): a claim over pieces of the plant."""
    return lambda claim, *keys: verifier.judge(claim, shown(*keys))
