"""The whole way through the real command line: a folder of everything goes in, answers come out and can be played back.

Taking in, asking, searching and serving are processes of their own; the other verbs run in this one.
"""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from retrieval.times import iso


@pytest.fixture(scope="module")
def answer(place: Any) -> Any:
    """One answer through the command line, as JSON."""
    asked = place.run("ask", "--json", "What was the highest vibration of P-101 on 4 March 2026?")
    assert asked.code == 0, asked.err
    return asked.json


def test_ingest_tells_every_source_and_then_the_whole(place: Any) -> None:
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


def test_the_second_time_changes_nothing(place: Any) -> None:
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
    assert answer["verdict"] == "answered" and 0.5 < answer["confidence"] <= 1.0
    for claim in answer["claims"]:
        assert set(claim) == {"text", "support", "citations", "why", "recomputed", "sighting"}
        assert claim["support"] == "supported" and claim["citations"]
        for citation in claim["citations"]:
            assert set(citation) == {"evidence", "kind", "source", "locator", "valid", "quote"}
    assert any("9.4 mm/s" in claim["text"] and "02:38" in claim["text"] for claim in answer["claims"])
    assert {c["kind"] for claim in answer["claims"] for c in claim["citations"]} == {"window"}
    assert answer["timeline"] and answer["coverage"] and answer["sequence"] > 0


def test_every_citation_opens(place: Any, answer: Any, tmp_path: Path) -> None:
    cited = {c["evidence"]: c for claim in answer["claims"] for c in claim["citations"]}
    for evidence, citation in cited.items():
        shown = place.call("show", "--json", evidence, "--out", str(tmp_path / "chart.png"))
        assert shown.code == 0, shown.err
        found = shown.json
        assert (found["id"], found["kind"], found["source"]) == (evidence, citation["kind"], citation["source"])
        assert found["locator"] == citation["locator"] and found["valid"] == citation["valid"]
        assert (tmp_path / "chart.png").read_bytes().startswith(b"\x89PNG")


def test_search_finds_and_shows(place: Any, tmp_path: Path) -> None:
    found = place.run("search", "--json", "who replaced the mechanical seal of P-101")
    hits = found.json["hits"]
    assert found.code == 0, found.err
    assert set(hits[0]) == {"evidence", "kind", "source", "score", "text", "locator", "valid", "channels"}
    assert [h["score"] for h in hits] == sorted((h["score"] for h in hits), reverse=True)
    best = next(h for h in hits if h["kind"] == "passage")
    assert best["source"].endswith("/incident.md") and "Maria Okafor" in best["text"]
    # in words, for people
    shown = place.call("show", best["evidence"], cwd=tmp_path)
    assert shown.code == 0 and "Maria Okafor" in shown.out and "incident.md" in shown.out


def test_a_frame_is_written(place: Any, tmp_path: Path) -> None:
    frames = place.frames()
    assert frames and all(frame.valid and iso(frame.valid.t0).startswith("2026-03-04T02:30:0") for frame in frames)
    shown = place.call("show", "--json", frames[0].id, cwd=tmp_path).json
    with Image.open(tmp_path / shown["file"]) as opened:
        assert opened.size == (640, 360)


def test_the_house_is_well(place: Any) -> None:
    doctor = place.call("doctor", "--json")
    assert doctor.code == 0, doctor.out + doctor.err
    checks = {check["name"]: check for check in doctor.json["checks"]}
    assert all(set(check) == {"name", "state", "detail"} for check in checks.values())
    assert "failed" not in {check["state"] for check in checks.values()}
    reindexed = place.call("reindex", "--json")
    assert reindexed.code == 0 and set(reindexed.json.values()) == {place.held()[0]}
    reconciled = place.call("reconcile", "--json")
    assert reconciled.code == 0 and set(reconciled.json) == {"vectors", "words", "graph"}
    assert all(found["checked"] > 0 for found in reconciled.json.values())
    assert not any(found[what] for found in reconciled.json.values() for what in ("missing", "extra", "stale"))
    assert [entry.action for entry in reversed(place.audit())][-2:] == ["reindex", "reconcile"]
    assert "ingest" in {entry.action for entry in place.audit()}
    stats = place.call("stats", "--json")
    assert stats.code == 0 and stats.json["asks"] >= 1


# --- serving


@pytest.fixture(scope="module")
def served(place: Any, answer: Any) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    words = place.command("serve", "--port", "0", "--json")
    with subprocess.Popen(
        words, env=place.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
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


def test_the_command_line_speaks_to_the_server(served: tuple[str, Any], place: Any) -> None:
    url, _ = served
    asked = place.run("ask", "--json", "What was the highest vibration of P-101 on 4 March 2026?")
    assert asked.code == 0 and asked.json["verdict"] == "answered"
    held = place.run("reindex")
    assert held.code == 1 and len(held.err.splitlines()) == 1 and "server" in held.err
    assert httpx.get(f"{url}/v1/health", timeout=60, trust_env=False).status_code == 200
