"""Write a story as a site folder: description, clips, series, tables and documents, and the checkpoint that reads it."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import yaml

from eval.site.backdrop import Picture, make_backdrop
from eval.site.checkpoint_folder import NAME, default_folder
from eval.site.document_files import write_document
from eval.site.documents import PEOPLE, Document
from eval.site.material import Material
from eval.site.render import burn_in, draw, finish
from eval.site.scripts import SECONDS, Script, frame_at
from eval.site.sensors import Series
from eval.site.story import Story
from eval.site.tables import Alert, Order, us_local
from eval.site.video import encode

Progress = Callable[[int, int, str], None]


def stamp(when: datetime) -> str:
    """ISO time in UTC with a Z, to the second."""
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def write_description(story: Story, folder: Path) -> None:
    """Write site.yaml."""
    text = yaml.safe_dump(describe(story), sort_keys=False, allow_unicode=True, width=120)
    (folder / "site.yaml").write_text(text)


def describe(story: Story) -> dict[str, Any]:
    """The content of site.yaml: what the plant knows about itself."""
    world = story.world
    return {
        "site": {"id": world.id, "name": world.name, "timezone": "Europe/Madrid"},
        "image_encoder": f"models/{NAME}",
        "zones": [{"id": z.id, "name": z.name, "aliases": list(z.aliases)} for z in world.zones],
        "assets": [
            {
                "id": a.id,
                "name": a.name,
                "type": a.type,
                "aliases": list(a.aliases),
                "zone": a.zone.id,
                "feeds": list(a.feeds),
            }
            for a in world.assets
        ],
        "cameras": [
            {
                "id": c.id,
                "name": c.name,
                "zone": c.zone.id,
                "monitors": list(c.monitors),
                "timezone": "UTC",
                "fixed": True,
            }
            for c in world.cameras
        ],
        "sensors": [
            {
                "id": s.id,
                "name": s.name,
                "unit": s.unit,
                "quantity": s.quantity,
                "asset": s.asset.id,
                "zone": s.asset.zone.id,
                "limits": {"high": s.limit} if s.limit else {},
                "file": s.file,
            }
            for s in world.sensors
        ],
        "people": [{"id": key, "name": name, "role": role} for key, name, role in PEOPLE],
        "sources": [
            *({"match": f"cameras/{c.id}/*", "camera": c.id} for c in world.cameras),
            {"match": "alerts/*.csv", "timezone": "Europe/Madrid", "dates": "us"},
            {"match": "reports/*", "timezone": "Europe/Madrid"},
        ],
    }


def write_checkpoint(folder: Path) -> None:
    """Copy the committed checkpoint into the site. Raises FileNotFoundError where it was never trained."""
    shutil.copytree(default_folder(), folder / "models" / NAME)


def pictures(script: Script, seconds: int = SECONDS) -> Iterator[Picture]:
    """The pictures of a clip, BGR, one a second, with the camera's name and clock burnt in."""
    camera = script.recording.camera
    backdrop = make_backdrop(camera.zone.kind, camera.layout)
    last, drawn = None, None
    for second in range(seconds):
        frame = frame_at(script, second)
        if drawn is None or frame != last:  # most seconds look like the one before
            last, drawn = frame, draw(frame, backdrop)
        picture = finish(drawn, frame, second)
        burn_in(picture, camera.id, script.recording.start + timedelta(seconds=second))
        yield picture


def write_clips(story: Story, folder: Path, progress: Progress | None) -> None:
    """Render every clip, and the sidecars of the camera that has them."""
    for index, script in enumerate(story.scripts):
        recording = script.recording
        path = folder / recording.path
        path.parent.mkdir(parents=True, exist_ok=True)
        encode(pictures(script), str(path))
        if recording.camera.clock == "sidecar":
            sidecar = {"start": stamp(recording.start), "camera": recording.camera.id}
            path.with_name(path.name + ".json").write_bytes(msgspec.json.encode(sidecar))
        if progress:
            progress(index + 1, len(story.scripts), recording.path)


def write_series(series: dict[str, Series], folder: Path) -> None:
    """Write every series as timestamp,value with UTC times."""
    (folder / "sensors").mkdir(exist_ok=True)
    for one in series.values():
        with (folder / one.sensor.file).open("w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(("timestamp", "value"))
            writer.writerows((stamp(when), f"{value:.2f}") for when, value in one.rows())


def write_alerts(alerts: tuple[Alert, ...], folder: Path) -> None:
    """Write alerts.jsonl (UTC) and legacy_alarms.csv (US dates, local time, no zone)."""
    (folder / "alerts").mkdir(exist_ok=True)
    lines = [
        msgspec.json.encode(
            {
                "id": a.id,
                "asset": a.asset.id,
                "sensor": a.sensor,
                "severity": a.severity,
                "message": a.message,
                "raised": stamp(a.raised),
                "cleared": stamp(a.cleared),
            }
        )
        for a in alerts
        if not a.legacy
    ]
    (folder / "alerts/alerts.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    with (folder / "alerts/legacy_alarms.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("id", "asset", "severity", "message", "raised", "cleared"))
        writer.writerows(
            (a.id, a.asset.id, a.severity, a.message, us_local(a.raised), us_local(a.cleared))
            for a in alerts
            if a.legacy
        )


def write_orders(orders: tuple[Order, ...], folder: Path) -> None:
    """Write workorders.csv with UTC times; an open order has no closing time."""
    (folder / "workorders").mkdir(exist_ok=True)
    with (folder / "workorders/workorders.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("id", "asset", "opened", "closed", "status", "priority", "description"))
        for o in orders:
            closed = stamp(o.closed) if o.closed else ""
            writer.writerow((o.id, o.asset.id, stamp(o.opened), closed, o.status, o.priority, o.description))


def write_documents(documents: tuple[Document, ...], folder: Path) -> None:
    """Write every report and log."""
    (folder / "reports").mkdir(exist_ok=True)
    for document in documents:
        write_document(document, folder / document.path)


def write_site(material: Material, folder: Path, progress: Progress | None) -> None:
    """Write everything that is ingested into an existing, empty folder."""
    write_checkpoint(folder)
    write_description(material.story, folder)
    write_series(material.series, folder)
    write_alerts(material.alerts, folder)
    write_orders(material.orders, folder)
    write_documents(material.documents, folder)
    write_clips(material.story, folder, progress)
