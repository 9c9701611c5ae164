"""The site's sources as units of ingest: clips, documents, series, alert logs and tables, shaped as the readers make them."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np

from eval.bench.encoders import QuickImages, QuickText, unit
from eval.bench.plant import (
    ABLE,
    BEGIN,
    CAMERAS,
    DAYS,
    FAULTS,
    HOUR,
    HOURS,
    PARTS,
    TASKS,
    TENANT,
    Machine,
    Plant,
    Sensor,
    hour,
    plant,
    sentence,
)
from retrieval.ids import content_hash, evidence_id
from retrieval.ports import Blobs, Unit
from retrieval.times import to_datetime
from retrieval.types import (
    Coverage,
    Embedding,
    Evidence,
    FrameAt,
    Interval,
    Kind,
    Layer,
    Locator,
    Mention,
    PageBox,
    Provenance,
    Relation,
    RowKey,
    SeriesWindow,
)

_INGESTER = "bench@1"
_ROOT = "file:///northport"
_CURVES, _SAMPLES = 8, 60
_PAPER, _TABLE = 100, 1000
_STRETCH_MS = 30_000
_CLOCK = "%Y-%m-%d %H:%M UTC"


class Shares(NamedTuple):
    """How many pieces of each kind make `n`."""

    frames: int
    passages: int
    windows: int
    alerts: int
    rows: int


def shares(n: int) -> Shares:
    """Two fifths frames, a quarter passages, the rest series windows, work orders and alerts."""
    frames, windows, alerts, rows = n * 40 // 100, n * 12 // 100, n * 8 // 100, n * 15 // 100
    return Shares(frames, n - frames - windows - alerts - rows, windows, alerts, rows)


def plant_for(n: int) -> Plant:
    """The plant whose sensors' hourly windows are the share of `n`."""
    return plant(max(1, round(shares(n).windows / HOURS)))


class Sources:
    """All sources of a store of `n` pieces. `pictures` are the few real frames, `blobs` receives media and samples."""

    def __init__(self, n: int, key: bytes, blobs: Blobs) -> None:
        self._n, self._key, self._blobs = n, key, blobs
        self._share, self.plant = shares(n), plant_for(n)
        self._text, self._images = QuickText(), QuickImages()
        self._pictures = [blobs.put(TENANT, picture(k), "image/jpeg") for k in range(4)]
        self._curves: dict[tuple[int, int, str], str] = {}

    def __iter__(self) -> Iterator[Unit]:
        """Every source as one unit, the site's description first."""
        site = Unit(TENANT, f"{_ROOT}/site.yaml", content_hash("site", str(self._n)), _INGESTER)
        yield site._replace(entities=self.plant.entities(), links=self.plant.links())
        for made in (self._clips(), self._papers(), self._series(), self._alerts(), self._tables()):
            yield from made

    def _clips(self) -> Iterator[Unit]:
        each = self._split(self._share.frames, CAMERAS * DAYS)
        for n, count in enumerate(each):
            camera, day = self.plant.cameras[n % CAMERAS][0], n // CAMERAS
            yield self._unit(f"cameras/{camera}/day-{day + 1}.mp4", n, self._clip, count, camera, day)

    def _clip(self, rng: np.random.Generator, source: str, count: int, camera: str, day: int) -> _Made:
        # from six in the morning of the record's day, so that every day has hours that no camera recorded
        began, step = BEGIN + day * 24 * HOUR + 4 * HOUR, 18 * HOUR // max(count, 1)
        frames = []
        for i in range(count):
            at = began + i * step
            counts = {label: int(rng.integers(1, 4)) for label in ABLE if rng.random() < _SEEN.get(label, 0.01)}
            detections = [{"label": label, "score": 0.9, "box": [0.1, 0.1, 0.4, 0.8]} for label in counts]
            said = f"{camera}, {to_datetime(at).strftime('%Y-%m-%d %H:%M:%S')} UTC"
            said += f"; sees: {', '.join(f'{label} ×{c}' for label, c in counts.items())}" if counts else ""
            ms = i * step // 1000
            data = {"moment": i // 2, "why": "motion", "counts": counts, "detections": detections, "brightness": 0.4}
            frames.append(
                self._piece(
                    source, Kind.FRAME, FrameAt(ms, ms + _STRETCH_MS), said, Interval(at, at + _STRETCH_MS * 1000),
                    media=self._pictures[i % 4], entities=(Mention(camera, Relation.OBSERVED_AT),), data=data,
                )
            )  # fmt: skip
        whole = Interval(began, began + count * step)
        common: dict[str, Any] = {"source": source, "subject": camera, "tenant": TENANT, "valid": whole}
        looked = Coverage(layer=Layer.EXAMINED, by="motion-sampling+bench", interval_s=2.0, able=ABLE, **common)
        return _Made(frames, [Coverage(layer=Layer.RECORDED, **common), looked])

    def _papers(self) -> Iterator[Unit]:
        for n, count in enumerate(self._split(self._share.passages, max(1, self._share.passages // _PAPER))):
            name = f"reports/{('procedure', 'incident', 'shift-log', 'manual')[n % 4]}-{n:04}.pdf"
            yield self._unit(name, n, self._paper, count)

    def _paper(self, rng: np.random.Generator, source: str, count: int) -> _Made:
        passages = []
        for page in range(count):
            machine, at = self._machine(rng), hour(int(rng.integers(HOURS)))
            text = _told(rng, machine)
            timed = Interval(at, at + 8 * HOUR) if "shift-log" in source or "incident" in source else None
            passages.append(
                self._piece(source, Kind.PASSAGE, PageBox(page + 1), text, timed, entities=_about(machine.id))
            )
        return _Made(passages)

    def _series(self) -> Iterator[Unit]:
        for n, sensor in enumerate(self.plant.sensors):
            yield self._unit(f"sensors/{sensor.id}.csv", n, self._measured, HOURS, sensor)

    def _measured(self, rng: np.random.Generator, source: str, count: int, sensor: Sensor) -> _Made:
        windows = []
        for n in range(count):
            key, low, high = self._curve(n, int(rng.integers(_CURVES)), sensor.unit)
            at = hour(n)
            title = f"{sensor.id} {sensor.quantity} ({sensor.asset}) {to_datetime(at).strftime('%Y-%m-%d %H:%M')}"
            text = f"{title} UTC: min {low:.4g}, max {high:.4g} {sensor.unit}, n={_SAMPLES}"
            data = {"unit": sensor.unit, "min": low, "max": high, "count": _SAMPLES, "anomalies": [], "limits": {}}
            data["limits"] = {"high": sensor.base * 1.5}
            on = (Mention(sensor.id, Relation.MEASURES), Mention(sensor.asset, Relation.MENTIONS))
            windows.append(
                self._piece(
                    source, Kind.WINDOW, SeriesWindow("value", at, at + HOUR), text, Interval(at, at + HOUR),
                    media=key, entities=on, data=data,
                )
            )  # fmt: skip
        whole = Interval(BEGIN, hour(count))
        common: dict[str, Any] = {"source": source, "subject": sensor.id, "tenant": TENANT, "valid": whole}
        read = Coverage(layer=Layer.EXAMINED, by="series@1", interval_s=60.0, able={sensor.quantity: 0.0}, **common)
        return _Made(windows, [Coverage(layer=Layer.RECORDED, **common), read])

    def _curve(self, n: int, which: int, unit_: str) -> tuple[str, float, float]:
        """Samples of an hour: one of eight curves, kept once for all sensors of a unit. Key, least and greatest value."""
        rng = np.random.default_rng((n, which))
        v = np.round(5 + which + rng.normal(0, 0.5, _SAMPLES), 3)
        if (n, which, unit_) not in self._curves:
            t = [hour(n) + i * HOUR // _SAMPLES for i in range(_SAMPLES)]
            stored = msgspec.json.encode({"series": "value", "unit": unit_, "t": t, "v": v.tolist()})
            self._curves[n, which, unit_] = self._blobs.put(TENANT, stored, "application/json")
        return self._curves[n, which, unit_], float(v.min()), float(v.max())

    def _alerts(self) -> Iterator[Unit]:
        for day, count in enumerate(self._split(self._share.alerts, DAYS)):
            yield self._unit(f"alarms/day-{day + 1}.jsonl", day, self._alarms, count, day)

    def _alarms(self, rng: np.random.Generator, source: str, count: int, day: int) -> _Made:
        alerts = []
        for line in range(count):
            machine, at = self._machine(rng), BEGIN + day * 24 * HOUR + int(rng.integers(24 * HOUR))
            key, severity = f"AL-{day + 1}{line:05}", ("low", "medium", "high", "critical")[int(rng.integers(4))]
            what = f"{rng.choice(PARTS)} {rng.choice(FAULTS)}"
            text = f"Alert {key} ({severity}): {what} on {machine.id}, {to_datetime(at).strftime(_CLOCK)}"
            fields = {"id": key, "severity": severity, "asset": machine.id, "message": what}
            alerts.append(
                self._piece(
                    source, Kind.ALERT, RowKey("alarms", key, line + 1), text, Interval(at, at),
                    entities=_about(machine.id), data={"fields": fields},
                )
            )  # fmt: skip
        return _Made(alerts)

    def _tables(self) -> Iterator[Unit]:
        for n, count in enumerate(self._split(self._share.rows, max(1, self._share.rows // _TABLE))):
            yield self._unit(f"orders/workorders-{n:03}.csv", n, self._orders, count, n)

    def _orders(self, rng: np.random.Generator, source: str, count: int, table: int) -> _Made:
        orders = []
        for line in range(count):
            machine, at = self._machine(rng), BEGIN + int(rng.integers(DAYS * 24 * HOUR))
            part, task = str(rng.choice(PARTS)), str(rng.choice(TASKS))
            fields = {
                "wo": f"WO-{table:03}{line:04}", "asset": machine.id, "opened": to_datetime(at).strftime(_CLOCK),
                "status": ("open", "closed")[int(rng.integers(2))], "priority": str(rng.choice(_PRIORITIES)),
                "description": f"{part} {task} because of {rng.choice(FAULTS)}",
            }  # fmt: skip
            text = "workorders — " + "; ".join(f"{name}: {value}" for name, value in fields.items())
            orders.append(
                self._piece(
                    source, Kind.ROW, RowKey("workorders", fields["wo"], line + 1), text, Interval(at, at),
                    entities=_about(machine.id), data={"fields": fields},
                )
            )  # fmt: skip
        return _Made(orders)

    def _machine(self, rng: np.random.Generator) -> Machine:
        return self.plant.machines[int(rng.integers(len(self.plant.machines)))]

    def _piece(
        self, source: str, kind: Kind, locator: Locator, text: str, valid: Interval | None, **more: Any
    ) -> Evidence:
        return Evidence(
            id=evidence_id(self._key, source, locator, text), tenant=TENANT, source=source, kind=kind, locator=locator,
            text=text, provenance=Provenance("bench"), valid=valid, **more,
        )  # fmt: skip

    def _unit(self, name: str, seed: int, make: Callable[..., _Made], count: int, *more: Any) -> Unit:
        source = f"{_ROOT}/{name}"
        made = make(np.random.default_rng((self._n, len(name), seed)), source, count, *more)
        digest = content_hash(name, str(self._n))
        return Unit(TENANT, source, digest, _INGESTER, made.evidence, self._vectors(made.evidence), made.coverage)

    def _vectors(self, evidence: Sequence[Evidence]) -> list[Embedding]:
        """A vector of every text, and one of every picture (random, for the pictures are few and their likeness is not measured)."""
        texts = self._text.encode([e.text for e in evidence])
        made = [Embedding(e.id, self._text.space, texts[i]) for i, e in enumerate(evidence)]
        frames = [e for e in evidence if e.kind is Kind.FRAME]
        if frames:
            rng = np.random.default_rng(
                (len(frames), int.from_bytes(content_hash(frames[0].source).encode()[:4], "big"))
            )
            drawn = unit(rng.standard_normal((len(frames), self._images.dim)).astype(np.float32))
            made += [Embedding(e.id, self._images.space, drawn[i]) for i, e in enumerate(frames)]
        return made

    @staticmethod
    def _split(total: int, parts: int) -> list[int]:
        """`total` in so many parts, as even as can be."""
        return [total // parts + (i < total % parts) for i in range(parts)]


class _Made(NamedTuple):
    evidence: Sequence[Evidence]
    coverage: Sequence[Coverage] = ()


_SEEN = {"person": 0.4, "forklift": 0.2, "truck": 0.15, "spill": 0.02, "smoke": 0.02}
_PRIORITIES = ("low", "normal", "urgent")


def _about(asset: str) -> tuple[Mention, ...]:
    return (Mention(asset, Relation.MENTIONS),)


def _told(rng: np.random.Generator, machine: Machine) -> str:
    """A paragraph of some seventy words: what was found and done, among what papers say anyway."""
    part, other = (str(word) for word in rng.choice(PARTS, 2, replace=False))
    fault, task = str(rng.choice(FAULTS)), str(rng.choice(TASKS))
    found = f"The {part} of {machine.kind} {machine.id} showed {fault}, caused by a worn {other}."
    done = f"The {part} must be {task} after {int(rng.integers(2, 90)) * 100} hours at {int(rng.integers(20, 300))} Nm."
    return " ".join([sentence(rng), found, sentence(rng), done, sentence(rng)])


def picture(k: int) -> bytes:
    """A JPEG of 640×360 with some texture, in its own colour."""
    from PIL import Image

    rng = np.random.default_rng(k)
    coarse = rng.integers(0, 255, (9, 16, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(coarse).resize((640, 360), Image.Resampling.BICUBIC).save(out, "JPEG", quality=85)
    return out.getvalue()
