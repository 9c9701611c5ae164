"""Who delivers what: as JSON, as a page, as metrics and as a verb; and the thread that looks."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner
from litestar import Litestar
from litestar.testing import TestClient
from prometheus_client.parser import text_string_to_metric_families

from app.cli.main import main
from app.fakes import MemoryService
from app.http.quality import watching_over
from app.quality_metrics import GAUGES, MOST, OTHER, exposition
from app.quality_page import standing_page
from app.wiring_quality import dated
from ingest.video.skew import CameraSkew
from ingest.watchfulness.ledger import Listener
from ingest.watchfulness.standing import Hourly, Overview, Silent, Standing
from retrieval.errors import StoreError

HOUR = 3_600_000_000
NOW = 1_772_618_400_000_000
_LABELS = ("source", "bus", "code", "against")


def standing(name: str, **more: Any) -> Standing:
    skew = CameraSkew("CAM-1", "name", 3.5, 0.1, 2, None, "file:///a.mp4")
    usual: dict[str, Any] = {
        "way": "feed", "subject": "", "state": "heard", "first": NOW - 50 * HOUR, "heard": NOW - HOUR, "stored_at": NOW - HOUR,
        "pieces": 240, "rounds": 30, "expected_s": 300.0, "usual_s": 301.0, "rare_s": 400.0, "allowed_s": 600.0, "lag_p50_s": 0.5,
        "lag_p95_s": 2.0, "lag_max_s": 9.0, "gaps": 2, "gap_s": 90.0, "future": 0, "duplicates": 3, "unknown_pieces": 4,
        "unknown": {"P-999": 4}, "rejected": {"broken_row": 2}, "skews": (skew,), "silences": (Silent(NOW - HOUR, None),),
        "hours": tuple(Hourly(NOW - (9 - n) * HOUR, n, n / 10) for n in range(9)),
    }  # fmt: skip
    return Standing(name=name, **{**usual, **more})


def told(*sources: Standing) -> dict[str, Any]:
    """As every service tells it."""
    bus = Listener(at=NOW, stored=7, known=1, dead=2, waiting=3, lag_s=1.5, trouble="")
    whole = Overview(
        at=NOW, since=NOW - 168 * HOUR, looked_at=NOW, whole=True, sources=sources, listeners={"kafka://k:1 as w": bus}
    )
    found: dict[str, Any] = dated(msgspec.to_builtins(whole))
    return found


def figures(text: bytes) -> dict[tuple[str, ...], float]:
    """As Prometheus reads them: (name, source or bus, the other label) → figure."""
    return {
        (sample.name, *(sample.labels[label] for label in _LABELS if label in sample.labels)): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def test_it_is_told_as_json(client: TestClient[Litestar], service: MemoryService) -> None:
    service.overview = told(standing("feed:///a"))
    reply = client.get("/v1/quality?since=3600")
    assert reply.status_code == 200 and reply.json()["asked_s"] == 3600
    (one,) = reply.json()["sources"]
    assert (one["name"], one["heard"]) == ("feed:///a", "2026-03-04T09:00:00Z")
    assert client.get("/v1/quality").json()["asked_s"] == 7 * 86_400
    for wrong in ("0", "-1", "nan", "99999999", "week"):
        assert client.get(f"/v1/quality?since={wrong}").status_code == 400, wrong


def test_one_that_delivers_no_more_is_forgotten(client: TestClient[Litestar], service: MemoryService) -> None:
    service.overview = told(standing("feed:///a"), standing("feed:///b"))
    assert client.post("/v1/quality/forget", json={"source": "feed:///a"}).json() == {"forgotten": "feed:///a"}
    assert [one["name"] for one in client.get("/v1/quality").json()["sources"]] == ["feed:///b"]
    assert client.post("/v1/quality/forget", json={"source": "feed:///a"}).status_code == 400


def test_the_page_is_one_file_and_shows_no_markup_of_sources(
    client: TestClient[Litestar], service: MemoryService
) -> None:
    evil = "<script>alert(1)</script>"
    bad = standing(f"file:///{evil}/", state="silent", unknown={evil: 1}, rejected={evil: 1})
    service.overview = told(bad, standing("feed:///b", hours=(), lag_p50_s=None, heard=None, skews=()))
    reply = client.get("/quality")
    assert reply.status_code == 200 and reply.headers["content-type"].startswith("text/html")
    assert "script-src" not in reply.headers["content-security-policy"]
    assert "<script" not in reply.text and "http" not in reply.text.replace("http-equiv", "")
    assert reply.text.count("<svg") == 2 and "1 silent" in reply.text and "still silent" in reply.text
    assert "broken_row: 2" in reply.text and "3.5 s against name" in reply.text


def test_the_page_of_nothing_is_a_page() -> None:
    assert "none silent" in standing_page({**told(), "listeners": {}})


def test_metrics_are_read_by_prometheus(client: TestClient[Litestar], service: MemoryService) -> None:
    service.overview = told(standing("feed:///a", state="silent"), standing('file:///a "b"\n\\/', lag_p95_s=None))
    reply = client.get("/metrics")
    assert reply.status_code == 200 and reply.headers["content-type"].startswith("text/plain")
    found = figures(reply.content)
    assert found["watchfloor_source_silent", "feed:///a"] == 1
    assert found["watchfloor_source_silent", 'file:///a "b"\n\\/'] == 0
    assert found["watchfloor_source_lag_seconds", "feed:///a"] == 2.0
    assert ("watchfloor_source_lag_seconds", 'file:///a "b"\n\\/') not in found
    assert found["watchfloor_source_last_heard_timestamp_seconds", "feed:///a"] == (NOW - HOUR) / 1e6
    assert found["watchfloor_source_rejected", "feed:///a", "broken_row"] == 2
    assert found["watchfloor_source_clock_ahead_seconds", "feed:///a", "name"] == 3.5
    assert found["watchfloor_listener_lag_seconds", "kafka://k:1 as w"] == 1.5
    assert found["watchfloor_listener_waiting_messages", "kafka://k:1 as w"] == 3
    assert found["watchfloor_listener_stored_messages", "kafka://k:1 as w"] == 7


def test_of_too_many_sources_the_rest_are_one() -> None:
    sources = [standing(f"feed:///{n}", pieces=n, lag_p95_s=float(n), state="silent") for n in range(MOST + 40)]
    found = figures(exposition(told(*sources)))
    assert len({labels[0] for _, *labels in found}) == MOST + 2
    assert found["watchfloor_source_pieces", OTHER] == sum(range(MOST, MOST + 40))
    assert found["watchfloor_source_lag_seconds", OTHER] == MOST + 39
    assert found["watchfloor_source_silent", OTHER] == 40
    assert found["watchfloor_source_rejected", OTHER, "broken_row"] == 80
    assert len(found) < (MOST + 1) * (len(GAUGES) + 4)


def test_the_verb_tells_the_worst_first(
    service: MemoryService, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    service.overview = told(standing("S-101", state="silent"), standing("feed:///a\x1b[2J"))
    monkeypatch.setattr("app.wiring.build", lambda settings: service)
    run = CliRunner().invoke
    shown = run(main, ["--data-dir", str(tmp_path), "quality"])
    assert shown.exit_code == 0, shown.output
    flat = " ".join(shown.output.split())
    assert flat.startswith("silent S-101: last heard 2026-03-04T09:00:00Z; 240 pieces; expected every 5 min,")
    assert "may be silent for 10 min; lag 0.5 s (95 %: 2 s, 9 s at most); 2 gaps; 3 duplicates" in flat
    assert "\x1b" not in shown.output and "listener kafka://k:1 as w: 3 in hand, 1.5 s behind" in flat
    whole = run(main, ["--data-dir", str(tmp_path), "quality", "--json", "--since", "12h"])
    assert json.loads(whole.output)["asked_s"] == 43_200
    assert run(main, ["--data-dir", str(tmp_path), "quality", "--forget", "S-101", "--json"]).exit_code == 0
    again = run(main, ["--data-dir", str(tmp_path), "quality", "--forget", "S-101"])
    assert again.exit_code == 2 and "nothing named 'S-101' delivers here" in again.output
    assert run(main, ["--data-dir", str(tmp_path), "quality", "--since", "soon"]).exit_code == 2


def test_the_server_goes_on_looking_when_a_look_fails(service: MemoryService) -> None:
    enough = threading.Event()

    class Failing(MemoryService):
        def look(self) -> None:
            service.looks += 1
            if service.looks == 3:
                enough.set()
            raise StoreError("the disk is full")

    failing = Failing(Path())
    with TestClient(Litestar([], lifespan=[watching_over(failing, 0.01)])):
        assert enough.wait(10)
