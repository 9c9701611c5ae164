"""A small plant: one pump with two sensors, two cameras (one of them weak at fire), alerts and work orders, on 4 March 2026."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from retrieval.times import to_micros
from retrieval.types import Coverage, Entity, EntityType, FrameAt, Interval, Kind, Layer, Link, LinkType, RowKey

MADRID = ZoneInfo("Europe/Madrid")
MINUTE = 60_000_000
STRONG, WEAK = {"person": 0.05, "fire": 0.1}, {"person": 0.05, "fire": 0.8}


def at(clock: str, day: int = 4) -> int:
    """A wall clock of March 2026 in Madrid, as UTC microseconds."""
    hour, minute, second = (*map(int, clock.split(":")), 0)[:3]
    return to_micros(datetime(2026, 3, day, hour, minute, second, tzinfo=MADRID))


def span(start: str, end: str) -> Interval:
    return Interval(at(start), at(end))


def site() -> dict[str, Any]:
    def thing(id_: str, type_: EntityType, name: str, **facts: Any) -> Entity:
        return Entity(id=id_, type=type_, name=name, tenant="t", facts=facts)

    return {
        "entities": [
            thing("zone-b", EntityType.ZONE, "Zone B"),
            thing("zone-c", EntityType.ZONE, "Zone C"),
            thing("P-101", EntityType.ASSET, "Pump P-101"),
            thing("CAM-07", EntityType.CAMERA, "Camera 7"),
            thing("CAM-08", EntityType.CAMERA, "Camera 8"),
            thing("V-1", EntityType.SENSOR, "P-101 vibration", unit="mm/s", quantity="vibration", limits={"high": 7.1}),
            thing("T-1", EntityType.SENSOR, "P-101 temperature", unit="°C", quantity="temperature"),
        ],
        "links": [
            Link("CAM-07", LinkType.LOCATED_IN, "zone-b", "t"),
            Link("CAM-08", LinkType.LOCATED_IN, "zone-c", "t"),
            Link("P-101", LinkType.MONITORED_BY, "V-1", "t"),
            Link("P-101", LinkType.MONITORED_BY, "T-1", "t"),
        ],
    }


def covered(
    subject: str, source: str, spans: Sequence[Interval], by: str, able: dict[str, float], step: float
) -> list[Coverage]:
    common = {"source": f"file:///site/{source}", "subject": subject, "tenant": "t"}
    recorded = [Coverage(layer=Layer.RECORDED, valid=s, **common) for s in spans]
    looked = [Coverage(layer=Layer.EXAMINED, valid=s, by=by, able=able, interval_s=step, **common) for s in spans]
    return recorded + looked


def frames(house: Any, camera: str, clocks: Sequence[str], **counts: int) -> list[Any]:
    """A frame of five seconds at each clock, in which so many of each label are seen."""
    source = f"{camera}.mp4"
    detections = [{"label": label, "score": 0.9, "box": [0, 0, 1, 1]} for label, n in counts.items() for _ in range(n)]
    told = ", ".join(f"{label} ×{n}" for label, n in counts.items())
    made = []
    for clock in clocks:
        ms = (at(clock) - at("10:00")) // 1000
        text = f"{camera} {clock}" + (f"; sees: {told}" if told else "")
        valid = Interval(at(clock), at(clock) + 5_000_000)
        data = {"counts": counts, "detections": detections}
        made.append(house.piece(source, Kind.FRAME, FrameAt(ms, ms + 5000), text, valid=valid, on=(camera,), data=data))
    return made


def alert(house: Any, n: int, clock: str, severity: str, what: str) -> Any:
    locator, valid = RowKey("alerts", f"A-{n}", n), Interval(at(clock), at(clock))
    text = f"Alert A-{n} ({severity}): {what} on P-101"
    return house.piece("alerts.jsonl", Kind.ALERT, locator, text, valid=valid, on=("P-101",))


def order(house: Any, n: int, day: int, job: str, status: str) -> Any:
    locator, valid = RowKey("work_orders", f"WO-{n}", n), Interval(at("06:00", day), at("06:00", day))
    fields = {"wo": f"WO-{n}", "job": job, "status": status}
    text = "work orders — " + "; ".join(f"{name}: {value}" for name, value in fields.items())
    return house.piece("work_orders.csv", Kind.ROW, locator, text, valid=valid, on=("P-101",), data={"fields": fields})


class Readings:
    """The samples of the day, by minute from midnight: what every figure is recomputed from."""

    def __init__(self) -> None:
        rng = np.random.default_rng(3)
        self.t = [at("00:00") + n * MINUTE for n in range(1440)]
        self.v = [round(float(x), 2) for x in 3 + rng.normal(0, 0.4, 1440)]
        self.v[158], self.v[159], self.v[700] = 9.4, 8.2, 7.6

    def within(self, start: str, end: str) -> np.ndarray[Any, Any]:
        return np.array([v for t, v in zip(self.t, self.v, strict=True) if at(start) <= t < at(end)])


@pytest.fixture(scope="session")
def readings() -> Readings:
    return Readings()


@pytest.fixture(scope="session")
def plant(tmp_path_factory: pytest.TempPathFactory, house_in: Callable[[Path], Any], readings: Readings) -> Any:
    """Made once: tests only ask. Vibration is a day of minutes in hourly windows; temperature recorded from 00:00 to 06:00 alone."""
    house = house_in(tmp_path_factory.mktemp("plant"))
    windows = [
        house.window(
            "vib.csv",
            "value",
            readings.t[i : i + 60],
            readings.v[i : i + 60],
            text=f"vibration hour {i // 60}",
            on=("V-1",),
        )
        for i in range(0, 1440, 60)
    ]
    warm = house.window(
        "temp.csv", "value", readings.t[:360:10], [40.0 + n for n in range(36)], text="temp", on=("T-1",)
    )
    seen = [
        *frames(house, "CAM-07", ["10:00:00", "10:00:05", "10:20:00"], person=1),
        *frames(house, "CAM-07", ["10:40:00"], person=3),
        *frames(house, "CAM-07", ["11:00:00", "12:30:00"]),
        *frames(house, "CAM-08", ["10:00:00", "11:30:00"]),
    ]
    alerts = [
        (1, "02:38", "high", "vibration high"),
        (2, "09:00", "low", "oil level low"),
        (3, "23:00", "high", "seal leak"),
    ]
    jobs = [(7, 4, "replace seal", "closed"), (8, 4, "align coupling", "open"), (9, 5, "grease bearing", "open")]
    rows = [alert(house, *each) for each in alerts] + [order(house, *each) for each in jobs]
    coverage = [
        *covered("V-1", "vib.csv", [Interval(readings.t[0], readings.t[-1] + MINUTE)], "series.v1", {}, 60.0),
        *covered("T-1", "temp.csv", [span("00:00", "06:00")], "series.v1", {}, 600.0),
        # the camera was off from 13:00 to 14:00
        *covered("CAM-07", "CAM-07.mp4", [span("10:00", "13:00"), span("14:00", "15:00")], "motion-sampling+d", STRONG, 5.0),
        *covered("CAM-08", "CAM-08.mp4", [span("10:00", "13:00")], "motion-sampling+d", WEAK, 5.0),
    ]  # fmt: skip
    house.put(*windows, warm, *seen, *rows, coverage=coverage, **site())
    return house
