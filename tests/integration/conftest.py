"""What integration tests share: a small site taken in by the real command line, and a server that speaks like OpenAI's."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import av
import pytest
from PIL import Image, ImageDraw, ImageFont

from retrieval.catalog import Catalog
from retrieval.catalog.journal import AuditEntry
from retrieval.types import Evidence, Filter, Kind, Principal

Script = Callable[[BaseHTTPRequestHandler, dict[str, Any]], None]
START = datetime(2026, 3, 4, 2, 30, tzinfo=UTC)
SITE = """
site: {id: northgate, name: Northgate, timezone: UTC}
zones: [{id: zone-a, name: Zone A}]
assets: [{id: P-101, name: Pump P-101, type: pump, aliases: [feed pump], zone: zone-a}]
cameras: [{id: CAM-01, name: Camera 1, zone: zone-a, monitors: [P-101], fixed: true}]
sensors:
  - {id: P-101-VIB, name: P-101 vibration, unit: mm/s, quantity: vibration, asset: P-101, limits: {high: 7.1}, file: vib.csv}
sources:
  - {match: "video/*", camera: CAM-01}
  - {match: "us/*", dates: us}
"""
REPORT = """# Incident report

## Findings

The mechanical seal of pump P-101 failed on 4 March 2026. Maria Okafor replaced the mechanical seal of pump P-101 with part S-4410.

## Actions

Check the alignment of the coupling every month.
"""
# the eyes and a pretrained encoder may or may not be installed: what they see is tested elsewhere
ENV = {"WATCHFLOOR_ENCODERS__IMAGE": "off", "WATCHFLOOR_ENCODERS__DETECTOR": "off", "OMP_NUM_THREADS": "2"}


WATCHFLOOR = [sys.executable, "-c", "from app.cli.main import main; main(prog_name='watchfloor')"]


def environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WATCHFLOOR_")}
    return kept | ENV


def make_clip(path: Path, seconds: int = 8) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    font = ImageFont.load_default(20)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=2)
        stream.width, stream.height, stream.pix_fmt = 640, 360, "yuv420p"
        for n in range(2 * seconds):
            image = Image.new("RGB", (640, 360), (120, 124, 118))
            draw = ImageDraw.Draw(image)
            draw.rectangle((40 * n, 200, 40 * n + 30, 280), fill=(20, 40, 160))
            draw.rectangle((0, 332, 380, 360), fill=(8, 8, 8))
            clock = START + timedelta(seconds=n / 2)
            draw.text((6, 334), f"CAM-01 {clock:%Y-%m-%d %H:%M:%S} UTC", fill=(245, 245, 245), font=font)
            container.mux(stream.encode(av.VideoFrame.from_image(image)))
        container.mux(stream.encode())


def make_pdf(path: Path, text: str, password: str | None = None) -> None:
    from reportlab.lib.pdfencrypt import StandardEncryption
    from reportlab.pdfgen.canvas import Canvas

    lock = StandardEncryption(password, canPrint=0) if password else None
    canvas = Canvas(str(path), encrypt=lock)
    for n, line in enumerate(text.splitlines()):
        canvas.drawString(72, 720 - 16 * n, line)
    canvas.save()


class Ran(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def json(self) -> Any:
        (only,) = self.lines
        return only


class Place(NamedTuple):
    """A folder to ingest, the store it went into, and how to call the command on that store."""

    files: Path
    data: Path
    first: Ran

    make_clip = staticmethod(make_clip)
    make_pdf = staticmethod(make_pdf)
    environment = staticmethod(environment)

    def command(self, *words: str) -> list[str]:
        return [*WATCHFLOOR, "--data-dir", str(self.data), *words]

    def run(self, *words: str, cwd: Path | None = None) -> Ran:
        done = subprocess.run(
            self.command(*words), env=environment(), cwd=cwd, capture_output=True, text=True, timeout=300
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    def frames(self) -> list[Evidence]:
        """The frames of the site's camera."""
        catalog = Catalog(self.data / "catalog.sqlite3")
        try:
            return catalog.scan(Filter(kinds=(Kind.FRAME,), entities=("CAM-01",)), Principal("default"))
        finally:
            catalog.close()

    def audit(self) -> list[AuditEntry]:
        """Who did what, newest first."""
        catalog = Catalog(self.data / "catalog.sqlite3")
        try:
            return catalog.audit_trail(Principal("default"))
        finally:
            catalog.close()

    def held(self) -> tuple[int, dict[str, int]]:
        """Sequence and evidence by kind."""
        catalog = Catalog(self.data / "catalog.sqlite3")
        try:
            return catalog.sequence(), catalog.stats(Principal("default"))["evidence_by_kind"]
        finally:
            catalog.close()


def make_series(path: Path) -> None:
    """A day of minutes about 3 mm/s with one reading of 9.4 at 02:38."""
    day = START.replace(hour=0, minute=0)
    rows = [
        f"{day + timedelta(minutes=n):%Y-%m-%dT%H:%M:%SZ},{9.4 if n == 158 else round(3 + 0.3 * math.sin(n), 3)}"
        for n in range(1440)
    ]
    path.write_text("timestamp,value\n" + "\n".join(rows) + "\n")


def make_folder(folder: Path) -> None:
    folder.mkdir()
    (folder / "site.yaml").write_text(SITE)
    make_clip(folder / "video" / f"CAM-01_{START:%Y%m%dT%H%M%SZ}.mp4")
    (folder / "incident.md").write_text(REPORT)
    make_pdf(
        folder / "manual.pdf", "Pump P-101 manual\nThe bearing of pump P-101 is greased with lithium grease NLGI 2."
    )
    make_series(folder / "vib.csv")
    alert = {"id": "A-17", "asset": "P-101", "severity": "high", "message": "vibration high"}
    alerts = [alert | {"raised": "2026-03-04T02:38:00Z", "cleared": "2026-03-04T02:45:00Z"}]
    alerts.append(alert | {"id": "A-18", "raised": "2026-03-05T10:00:00Z", "message": "seal leak"})
    (folder / "alerts.jsonl").write_text("".join(json.dumps(a) + "\n" for a in alerts))
    (folder / "us").mkdir()
    (folder / "us" / "old_alerts.csv").write_text(
        "alert_id,asset,severity,message,raised\nA-01,P-101,low,oil level low,3/2/2026 14:05\n"
    )
    (folder / "work_orders.csv").write_text(
        "wo_id,asset,description,opened,status\n"
        "WO-7,P-101,replace mechanical seal,2026-03-04 06:00,closed\n"
        "WO-8,P-101,align coupling,2026-03-05 06:00,open\n"
    )


class Plant(NamedTuple):
    """A generated plant: its folder (site/ and truth/), the store it was taken into, and how its questions were answered."""

    folder: Path
    store: Path
    summary: dict[str, Any]


@pytest.fixture(scope="session")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Plant:
    """Seed 31 is nobody's: nothing was tuned on it. Making it and taking it in takes a minute, so it is done once."""
    from eval.runner import run
    from eval.site import generate

    folder = tmp_path_factory.mktemp("site") / "plant"
    generate(31, 1, folder)
    report = folder.parent / "report"
    return Plant(folder, report / "store", run("site", site_dir=folder, out_dir=report))


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    folder = tmp_path_factory.mktemp("whole")
    make_folder(folder / "site")
    empty = Place(folder / "site", folder / "data", Ran(0, "", ""))
    return empty._replace(first=empty.run("ingest", "--json", str(empty.files)))


class Stub:
    """An OpenAI-compatible server: keeps what it was sent and answers by `script`."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.sent = 0
        self.script: Script | None = None
        stub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                stub.requests.append({"path": self.path, **body})
                stub.headers.append({k.lower(): v for k, v in self.headers.items()})
                try:
                    assert stub.script is not None
                    stub.script(self, body)
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True

            def log_message(self, format: str, *args: Any) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/v1"

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture(scope="session")
def model_server() -> Iterator[Stub]:
    stub = Stub()
    yield stub
    stub.close()
