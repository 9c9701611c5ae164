"""The whole way through the real command line: a folder of everything goes in, answers come out and can be played back."""

from __future__ import annotations

import json
import math
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import av
import httpx
import pytest
from PIL import Image, ImageDraw, ImageFont

from retrieval.catalog import Catalog
from retrieval.times import iso
from retrieval.types import Evidence, Filter, Kind, Principal

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

    def held(self) -> tuple[int, dict[str, int]]:
        """Sequence and evidence by kind."""
        catalog = Catalog(self.data / "catalog.sqlite3")
        try:
            return catalog.sequence(), catalog.stats(Principal("default"))["evidence_by_kind"]
        finally:
            catalog.close()


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


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    folder = tmp_path_factory.mktemp("whole")
    make_folder(folder / "site")
    empty = Place(folder / "site", folder / "data", Ran(0, "", ""))
    return empty._replace(first=empty.run("ingest", "--json", str(empty.files)))


@pytest.fixture(scope="module")
def answer(place: Place) -> Any:
    """One answer through the command line, as JSON."""
    asked = place.run("ask", "--json", "What was the highest vibration of P-101 on 4 March 2026?")
    assert asked.code == 0, asked.err
    return asked.json


def test_ingest_tells_every_source_and_then_the_whole(place: Place) -> None:
    assert place.first.code == 0, place.first.err
    *lines, summary = place.first.lines
    assert all(
        set(line) == {"source", "status", "evidence", "sequence", "reason"} | set(line) & {"code"} for line in lines
    )
    assert {Path(line["source"]).name: line["status"] for line in lines} == dict.fromkeys(
        ["site.yaml", "CAM-01_20260304T023000Z.mp4", "incident.md", "manual.pdf", "vib.csv", "alerts.jsonl", "old_alerts.csv",
         "work_orders.csv"], "ingested",
    )  # fmt: skip
    assert {"ingested", "unchanged", "rejected", "evidence_by_kind", "sequence"} <= set(summary)
    assert (summary["ingested"], summary["unchanged"], summary["rejected"]) == (8, 0, [])
    kinds = summary["evidence_by_kind"]
    assert kinds["alert"] == 3 and kinds["row"] == 2 and kinds["window"] == 24
    assert kinds["frame"] >= 1 and kinds["passage"] >= 2
    assert summary["sequence"] == max(line["sequence"] for line in lines) == place.held()[0]
    assert place.held()[1] == kinds


def test_the_second_time_changes_nothing(place: Place) -> None:
    before = place.held()
    again = place.run("ingest", "--json", str(place.files))
    *lines, summary = again.lines
    assert again.code == 0
    assert {line["status"] for line in lines} == {"unchanged"}
    assert (summary["ingested"], summary["unchanged"], summary["rejected"]) == (0, 8, [])
    assert place.held() == before


def test_an_answer_has_the_promised_fields(answer: Any) -> None:
    promised = "verdict confidence claims timeline coverage as_of sequence model degraded timings_ms"
    assert set(promised.split()) <= set(answer)
    assert answer["verdict"] == "answered" and answer["confidence"] is None
    for claim in answer["claims"]:
        assert set(claim) == {"text", "support", "citations"}
        assert claim["support"] == "supported" and claim["citations"]
        for citation in claim["citations"]:
            assert set(citation) == {"evidence", "kind", "source", "locator", "valid", "quote"}
    assert any("9.4 mm/s" in claim["text"] and "02:38" in claim["text"] for claim in answer["claims"])
    assert {c["kind"] for claim in answer["claims"] for c in claim["citations"]} == {"window"}
    assert answer["timeline"] and answer["coverage"] and answer["sequence"] > 0


def test_every_citation_opens(place: Place, answer: Any, tmp_path: Path) -> None:
    cited = {c["evidence"]: c for claim in answer["claims"] for c in claim["citations"]}
    for evidence, citation in cited.items():
        shown = place.run("show", "--json", evidence, "--out", str(tmp_path / "chart.png"))
        assert shown.code == 0, shown.err
        found = shown.json
        assert (found["id"], found["kind"], found["source"]) == (evidence, citation["kind"], citation["source"])
        assert found["locator"] == citation["locator"] and found["valid"] == citation["valid"]
        assert (tmp_path / "chart.png").read_bytes().startswith(b"\x89PNG")


def test_search_finds_and_shows(place: Place, tmp_path: Path) -> None:
    found = place.run("search", "--json", "who replaced the mechanical seal of P-101")
    hits = found.json["hits"]
    assert found.code == 0, found.err
    assert set(hits[0]) == {"evidence", "kind", "source", "score", "text", "locator", "valid", "channels"}
    assert [h["score"] for h in hits] == sorted((h["score"] for h in hits), reverse=True)
    best = next(h for h in hits if h["kind"] == "passage")
    assert best["source"].endswith("/incident.md") and "Maria Okafor" in best["text"]
    # in words, for people
    shown = place.run("show", best["evidence"], cwd=tmp_path)
    assert shown.code == 0 and "Maria Okafor" in shown.out and "incident.md" in shown.out


def test_a_frame_is_written(place: Place, tmp_path: Path) -> None:
    frames = place.frames()
    assert frames and all(frame.valid and iso(frame.valid.t0).startswith("2026-03-04T02:30:0") for frame in frames)
    shown = place.run("show", "--json", frames[0].id, cwd=tmp_path).json
    with Image.open(tmp_path / shown["file"]) as opened:
        assert opened.size == (640, 360)


def test_the_house_is_well(place: Place) -> None:
    doctor = place.run("doctor", "--json")
    assert doctor.code == 0, doctor.out + doctor.err
    checks = {check["name"]: check for check in doctor.json["checks"]}
    assert all(set(check) == {"name", "state", "detail"} for check in checks.values())
    assert "failed" not in {check["state"] for check in checks.values()}
    reindexed = place.run("reindex", "--json")
    assert reindexed.code == 0 and set(reindexed.json.values()) == {place.held()[0]}
    reconciled = place.run("reconcile", "--json")
    assert reconciled.code == 0 and set(reconciled.json) == {"checked", "differences", "repaired"}
    assert reconciled.json["differences"] == 0 and reconciled.json["checked"] > 0
    stats = place.run("stats", "--json")
    assert stats.code == 0 and stats.json["asks"] >= 1


# --- serving


@pytest.fixture(scope="module")
def served(place: Place, answer: Any) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    words = place.command("serve", "--port", "0", "--json")
    with subprocess.Popen(
        words, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        line = server.stdout.readline()
        assert line, server.communicate()[1]
        try:
            yield json.loads(line)["url"], server
        finally:
            server.send_signal(signal.SIGTERM)
            server.communicate(timeout=60)


def ask_over(url: str, question: str) -> Any:
    body = {"question": question, "asked_at": "2026-03-06T08:00:00Z"}
    reply = httpx.post(f"{url}/v1/ask", json=body, timeout=120, trust_env=False)
    assert reply.status_code == 200, reply.text
    return reply.json()


def test_http_answers_every_kind(served: tuple[str, Any]) -> None:
    url, _ = served
    wanted = {
        "Who replaced the mechanical seal of pump P-101?": ("passage", "Okafor"),
        "Which alerts were raised on P-101 on 4 March 2026?": ("alert", "A-17"),
        "Which alerts were raised on P-101 on 2 March 2026?": ("alert", "A-01"),
        "How many work orders are there for P-101?": ("row", "2 work orders"),
        "What was the vibration of P-101 at 02:38 on 4 March 2026?": ("window", "9.4 mm/s"),
    }
    for question, (kind, words) in wanted.items():
        found = ask_over(url, question)
        assert found["verdict"] == "answered", (question, found)
        assert any(words in claim["text"] for claim in found["claims"]), (question, found["claims"])
        assert kind in {c["kind"] for claim in found["claims"] for c in claim["citations"]}, question


def test_http_says_what_is_not_there(served: tuple[str, Any]) -> None:
    url, _ = served
    later = ask_over(url, "What was the highest vibration of P-101 on 9 January 2026?")
    assert (later["verdict"], later["claims"]) == ("not_recorded", [])
    unknown = ask_over(url, "What is the melting point of tungsten carbide?")
    assert (unknown["verdict"], unknown["claims"]) == ("insufficient", [])


def test_media_come_in_ranges(served: tuple[str, Any]) -> None:
    url, _ = served
    with httpx.Client(base_url=url, trust_env=False, timeout=60) as client:
        hits = client.post("/v1/search", json={"text": "CAM-01", "kinds": ["frame"]}).json()["hits"]
        media = client.get(f"/v1/evidence/{hits[0]['evidence']}").json()["media"]
        whole = client.get(media)
        part = client.get(media, headers={"range": "bytes=10-99"})
        assert whole.status_code == 200 and whole.headers["content-type"] == "image/jpeg"
        assert part.status_code == 206 and part.content == whole.content[10:100]
        assert part.headers["content-range"] == f"bytes 10-99/{len(whole.content)}"
        beyond = client.get(media, headers={"range": f"bytes={len(whole.content)}-"})
        assert beyond.status_code == 416


def test_the_command_line_speaks_to_the_server(served: tuple[str, Any], place: Place) -> None:
    url, _ = served
    asked = place.run("ask", "--json", "What was the highest vibration of P-101 on 4 March 2026?")
    assert asked.code == 0 and asked.json["verdict"] == "answered"
    held = place.run("reindex")
    assert held.code == 1 and len(held.err.splitlines()) == 1 and "server" in held.err
    assert httpx.get(f"{url}/v1/health", timeout=60, trust_env=False).status_code == 200


# --- bad input


def truncated_mp4(folder: Path) -> None:
    make_clip(folder / "whole.mp4", 4)
    data = (folder / "whole.mp4").read_bytes()
    (folder / "whole.mp4").unlink()
    (folder / "bad.mp4").write_bytes(data[: len(data) // 2])


def encrypted_pdf(folder: Path) -> None:
    make_pdf(folder / "bad.pdf", "secret", password="pass")


def broken_csv(folder: Path) -> None:
    (folder / "bad.csv").write_text(
        'timestamp,value\n2026-03-04T00:00:00Z,1\n2026-03-04T00:01:00Z,2,"x\n2026-03-04T00:02:00Z\n'
    )


def unreadable(folder: Path) -> None:
    # root may read anything: a link to nowhere is what nobody can read
    (folder / "bad.md").symlink_to(folder / "nowhere.md")


def empty_image(folder: Path) -> None:
    (folder / "bad.png").write_bytes(b"")


def unknown_type(folder: Path) -> None:
    (folder / "bad.xyz").write_bytes(b"what is this")


def not_what_it_says(folder: Path) -> None:
    (folder / "bad.jpg").write_bytes(b"<html>no picture</html>")


BAD: dict[str, tuple[Callable[[Path], None], set[str]]] = {
    "truncated mp4": (truncated_mp4, {"truncated", "unreadable"}),
    "encrypted pdf": (encrypted_pdf, {"encrypted"}),
    "broken csv": (broken_csv, {"broken_row"}),
    "unreadable file": (unreadable, {"unreadable"}),
    "empty image": (empty_image, {"empty"}),
    "unknown type": (unknown_type, {"unknown_type"}),
    "html as jpg": (not_what_it_says, {"unreadable", "unknown_type"}),
}


@pytest.fixture(scope="module")
def rejected(place: Place, tmp_path_factory: pytest.TempPathFactory) -> tuple[Ran, tuple[Any, Any]]:
    """Every bad file in a folder of its own, taken in by one command; what it said, and the store before and after."""
    folder = tmp_path_factory.mktemp("bad")
    for name, (make, _) in BAD.items():
        (folder / name).mkdir()
        make(folder / name)
    before = place.held()
    ran = place.run("ingest", "--json", str(folder))
    return ran, (before, place.held())


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_reported(rejected: tuple[Ran, Any], name: str) -> None:
    *lines, summary = rejected[0].lines
    slug = name.replace(" ", "%20")
    (line,) = [line for line in lines if f"/{slug}/" in line["source"]]
    assert line["status"] == "rejected" and line["evidence"] == 0
    assert line["reason"] and "\n" not in line["reason"] and "Traceback" not in line["reason"]
    (row,) = [row for row in summary["rejected"] if row["source"] == line["source"]]
    assert set(row) == {"source", "code", "reason"} and row["reason"] == line["reason"]
    assert row["code"] in BAD[name][1]


def test_nothing_but_bad_files_ends_with_two_and_changes_nothing(rejected: tuple[Ran, Any]) -> None:
    ran, (before, after) = rejected
    assert ran.code == 2
    assert before == after
    assert "Traceback" not in ran.err


@pytest.mark.parametrize(
    "kind", ["empty folder", "missing path", "long question", "unknown id", "bad id", "bad time", "bad kind"]
)
def test_a_command_that_cannot_be_done_says_so_in_one_line(place: Place, tmp_path: Path, kind: str) -> None:
    (tmp_path / "empty").mkdir()
    words = {
        "empty folder": ["ingest", str(tmp_path / "empty")],
        "missing path": ["ingest", str(tmp_path / "nowhere")],
        "long question": ["ask", "why " * 25_000],
        "unknown id": ["show", "ev_" + "0" * 40],
        "bad id": ["show", "../../etc/passwd"],
        "bad time": ["ask", "what happened?", "--asked-at", "yesterday"],
        "bad kind": ["search", "pump", "--kind", "smell"],
    }[kind]
    before = place.held()
    ran = place.run(*words, cwd=tmp_path)
    assert ran.code == 2
    assert ran.out == "" and len(ran.err.splitlines()) == 1 and ran.err.startswith("watchfloor: ")
    assert len(ran.err) < 500
    assert place.held() == before


def test_failures_are_json_too(place: Place) -> None:
    ran = place.run("show", "--json", "ev_" + "0" * 40)
    assert ran.code == 2 and ran.json["error"]["code"] == "evidence_not_found"


def test_one_bad_file_does_not_stop_the_rest(place: Place, tmp_path: Path) -> None:
    """Into a store of its own: good files beside bad ones go in, and the command has done something."""
    (tmp_path / "in").mkdir()
    unknown_type(tmp_path / "in")
    (tmp_path / "in" / "site.yaml").write_text(SITE)
    other = place._replace(data=tmp_path / "data")
    ran = other.run("ingest", "--json", str(tmp_path / "in"))
    assert ran.code == 0
    assert [line["status"] for line in sorted(ran.lines[:-1], key=lambda line: line["source"])] == [
        "rejected",
        "ingested",
    ]
    shutil.rmtree(other.data)
