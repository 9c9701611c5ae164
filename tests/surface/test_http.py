"""The HTTP routes through Litestar's client: shapes, failures, streaming, ranges, uploads."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient

from app.fakes import MemoryService
from app.http.media import parse_range
from app.http.uploads import safe_name
from app.ports import Ask, Check, Found
from retrieval.errors import ModelUnavailable, StoreBusy, StoreFull

ANSWER_FIELDS = {
    "id",
    "question",
    "verdict",
    "confidence",
    "claims",
    "timeline",
    "coverage",
    "as_of",
    "sequence",
    "model",
    "degraded",
    "timings_ms",
    "calibration",
    "conversation",
    "resolved",
    "prompts",
    "usage",
}


def events_of(body: str) -> list[tuple[str, Any]]:
    found = []
    for block in re.split(r"\r?\n\r?\n", body.strip()):
        lines = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if lines:
            found.append((lines["event"], json.loads(lines["data"])))
    return found


def assert_error(response: Any, status: int, code: str) -> str:
    assert response.status_code == status, response.text
    assert set(response.json()) == {"error"}
    assert response.json()["error"]["code"] == code
    return str(response.json()["error"]["message"])


def test_ask_answers_in_the_promised_shape(client: TestClient[Any]) -> None:
    body = client.post("/v1/ask", json={"question": "smoke near pump"}).json()
    assert set(body) == ANSWER_FIELDS
    assert body["verdict"] == "answered" and body["confidence"] is None
    assert body["as_of"] == "2026-03-04T10:00:00Z"
    citation = body["claims"][0]["citations"][0]
    assert set(citation) == {"evidence", "kind", "source", "locator", "valid", "quote"}
    assert citation["valid"] == {"start": "2026-03-04T02:10:05Z", "end": "2026-03-04T02:10:10Z"}
    assert body["coverage"][0]["status"] == "gap"


def test_times_inside_a_locator_are_strings_too(client: TestClient[Any]) -> None:
    body = client.post("/v1/search", json={"text": "temperature"}).json()
    assert body["hits"][0]["locator"] == {
        "type": "window",
        "series": "TI-3",
        "start": "2026-03-04T02:00:00Z",
        "end": "2026-03-04T03:00:00Z",
        "first": 1,
        "last": 60,
    }


def test_ask_streams_the_steps_and_then_the_same_answer(client: TestClient[Any]) -> None:
    accept = {"accept": "text/event-stream"}
    response = client.post("/v1/ask", json={"question": "smoke near pump"}, headers=accept)
    assert response.headers["content-type"].startswith("text/event-stream")
    events = events_of(response.text)
    assert [name for name, _ in events] == ["plan", "evidence", "claim", "answer"]
    assert set(events[-1][1]) == ANSWER_FIELDS


def test_a_stream_that_cannot_begin_has_its_own_status(client: TestClient[Any]) -> None:
    accept = {"accept": "text/event-stream"}
    response = client.post("/v1/ask", json={"question": "x" * 5000}, headers=accept)
    assert_error(response, 413, "question_too_long")


def test_a_failure_in_the_middle_of_a_stream_is_an_event(
    client: TestClient[Any], service: MemoryService, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(ask: Ask, hits: Any) -> Any:
        raise ModelUnavailable("the model did not answer within 30 s")

    monkeypatch.setattr(service, "_answer", fail)
    response = client.post("/v1/ask", json={"question": "pump"}, headers={"accept": "text/event-stream"})
    name, data = events_of(response.text)[-1]
    assert (name, data["error"]["code"]) == ("error", "model_unavailable")


@pytest.mark.parametrize(
    ("body", "part"),
    [
        ({"question": "pump", "asked_at": "yesterday"}, "asked_at"),
        ({"question": "pump", "as_of": "2026-03-04T02:00:00"}, "as_of"),
        ({"question": "pump", "deadline_s": -1}, "deadline_s"),
        ({"question": "pump", "deadline": 3}, "deadline"),
        ({"question": 7}, "question"),
        ({}, "question"),
    ],
)
def test_wrong_fields_are_named(client: TestClient[Any], body: dict[str, Any], part: str) -> None:
    response = client.post("/v1/ask", json=body)
    assert response.status_code == 400
    assert part in response.json()["error"]["message"]


def test_questions_of_100_kb_and_of_a_megabyte_are_refused(client: TestClient[Any]) -> None:
    assert_error(client.post("/v1/ask", json={"question": "x" * 100_000}), 413, "question_too_long")
    assert_error(client.post("/v1/ask", json={"question": "x" * 1_000_000}), 413, "question_too_long")
    # a question may carry pictures: its body may be larger than a search's
    assert_error(client.post("/v1/ask", json={"question": "x" * 17_000_000}), 413, "too_large")
    assert_error(client.post("/v1/search", json={"text": "x" * 1_000_000}), 413, "too_large")


def test_search_filters_and_hides(client: TestClient[Any], ids: dict[str, str]) -> None:
    def found(**fields: Any) -> set[str]:
        response = client.post("/v1/search", json={"text": "pump temperature", **fields})
        assert response.status_code == 200, response.text
        return {hit["evidence"] for hit in response.json()["hits"]}

    assert found() == {ids["frame"], ids["page"], ids["window"]}
    assert found(kinds=["frame"]) == {ids["frame"]}
    assert found(entities=["CAM-07"]) == {ids["frame"]}
    assert found(start="2026-03-04T02:30:00Z") == {ids["window"]}
    assert found(end="2026-03-04T02:05:00+00:00") == {ids["window"]}
    assert len(found(k=1)) == 1


def test_search_explains_how_it_went_when_asked(client: TestClient[Any]) -> None:
    assert set(client.post("/v1/search", json={"text": "pump"}).json()) == {"hits"}
    body = client.post("/v1/search", json={"text": "pump", "kinds": ["window"], "explain": True}).json()
    (told,) = body["explain"]
    assert (told["total"], told["passing"], told["plan"], told["why"]) == (3, 1, "exact", "compares all")


def test_search_says_what_was_left_out(
    client: TestClient[Any], service: MemoryService, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = Found([], ("image: no encoder of pictures is configured",))
    monkeypatch.setattr(service, "find", lambda query, principal: told)
    assert client.post("/v1/search", json={"text": "pump"}).json() == {"hits": [], "degraded": list(told.degraded)}


@pytest.mark.parametrize(
    "fields",
    [
        {"k": 0},
        {"k": 10**9},
        {"kinds": ["smell"]},
        {"text": " "},
        {"start": "2026-03-05T00:00:00Z", "end": "2026-03-04T00:00:00Z"},
    ],
)
def test_bad_searches_are_refused(client: TestClient[Any], fields: dict[str, Any]) -> None:
    assert_error(client.post("/v1/search", json={"text": "pump", **fields}), 400, "bad_query")


def test_unknown_and_invisible_evidence_look_the_same(client: TestClient[Any], ids: dict[str, str]) -> None:
    unknown, secret = "ev_" + "0" * 40, ids["secret"]
    first = assert_error(client.get(f"/v1/evidence/{unknown}"), 404, "evidence_not_found")
    second = assert_error(client.get(f"/v1/evidence/{secret}"), 404, "evidence_not_found")
    assert first.replace(unknown, "") == second.replace(secret, "")
    assert_error(client.get(f"/v1/evidence/{secret}/media"), 404, "evidence_not_found")


def test_evidence_has_a_link_to_its_media(client: TestClient[Any], ids: dict[str, str]) -> None:
    body = client.get(f"/v1/evidence/{ids['frame']}").json()
    assert body["media"] == f"/v1/evidence/{ids['frame']}/media"
    assert client.get(f"/v1/evidence/{ids['page']}").json()["media"] is None
    assert client.get(body["media"]).headers["content-type"] == "image/jpeg"


def test_a_window_is_drawn(client: TestClient[Any], ids: dict[str, str]) -> None:
    response = client.get(f"/v1/evidence/{ids['window']}/media")
    assert response.headers["content-type"] == "image/png"
    assert response.content.startswith(b"\x89PNG")


def test_media_comes_in_ranges(client: TestClient[Any], ids: dict[str, str]) -> None:
    url = f"/v1/evidence/{ids['frame']}/media"
    whole = client.get(url)
    size = len(whole.content)
    assert whole.status_code == 200 and whole.headers["x-content-type-options"] == "nosniff"
    part = client.get(url, headers={"range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, whole.content[10:20])
    assert part.headers["content-range"] == f"bytes 10-19/{size}"
    assert client.get(url, headers={"range": "bytes=-7"}).content == whole.content[-7:]
    assert client.get(url, headers={"range": f"bytes={size - 3}-"}).content == whole.content[-3:]
    beyond = client.get(url, headers={"range": f"bytes={size}-"})
    assert_error(beyond, 416, "range_not_satisfiable")
    assert beyond.headers["content-range"] == f"bytes */{size}"


def test_media_has_an_entity_tag(client: TestClient[Any], ids: dict[str, str]) -> None:
    url = f"/v1/evidence/{ids['frame']}/media"
    tag = client.get(url).headers["etag"]
    assert client.get(url, headers={"if-none-match": f'"other", {tag}'}).status_code == 304
    assert client.get(url, headers={"range": "bytes=0-1", "if-range": tag}).status_code == 206
    assert client.get(url, headers={"range": "bytes=0-1", "if-range": '"old"'}).status_code == 200
    head = client.head(url)
    assert head.status_code == 200 and head.content == b"" and int(head.headers["content-length"]) > 0


@pytest.mark.parametrize("header", ["bytes=5-2", "bytes=-", "items=0-1", "bytes=0-1,4-5", "bytes=" + "9" * 50 + "-"])
def test_ranges_that_mean_nothing_send_everything(header: str) -> None:
    assert parse_range(header, 100) is None


def test_a_stored_page_is_downloaded_not_run(
    client: TestClient[Any], service: MemoryService, tmp_path: Path, ids: dict[str, str]
) -> None:
    (tmp_path / "media" / "frame.jpg").rename(tmp_path / "media" / "frame.html")
    from msgspec.structs import replace

    service._evidence[ids["frame"]] = replace(service._evidence[ids["frame"]], media="frame.html")
    response = client.get(f"/v1/evidence/{ids['frame']}/media")
    assert response.headers["content-type"] == "application/octet-stream"
    assert response.headers["content-disposition"] == "attachment"


def test_upload_ingests_and_the_same_again_changes_nothing(client: TestClient[Any], options: Any) -> None:
    files = [("files", ("notes.md", b"valve V-9 leaked")), ("files", ("../../etc/notes.md", b"valve V-8 held"))]
    first = client.post("/v1/ingest", files=files).json()
    assert (first["ingested"], first["rejected"], first["evidence_by_kind"]) == (2, [], {"passage": 2})
    assert set(first["sources"][0]) == {"source", "status", "evidence", "sequence", "reason"}
    again = client.post("/v1/ingest", files=files).json()
    assert (again["ingested"], again["unchanged"], again["sequence"]) == (0, 2, first["sequence"])
    names = sorted(path.name for path in (options.data_dir / "uploads").rglob("*") if path.is_file())
    assert names == ["notes-2.md", "notes.md"]


def test_an_upload_that_brings_nothing_leaves_nothing(client: TestClient[Any], options: Any) -> None:
    response = client.post("/v1/ingest", files=[("f", ("a.exe", b"MZ"))])
    assert "a.exe" in assert_error(response, 422, "rejected")
    assert list((options.data_dir / "uploads").iterdir()) == []


@pytest.mark.parametrize(
    ("files", "status", "code"),
    [
        ([("f", ("big.txt", b"x" * 200_000))], 413, "too_large"),
        ([("f", (f"{i}.txt", b"x")) for i in range(6)], 413, "too_large"),
        ([("field", (None, b"no file"))], 400, "bad_input"),
    ],
)
def test_uploads_have_limits(client: TestClient[Any], options: Any, files: list[Any], status: int, code: str) -> None:
    assert_error(client.post("/v1/ingest", files=files), status, code)
    assert list((options.data_dir / "uploads").glob("*")) == []


def test_a_broken_upload_is_refused(client: TestClient[Any], options: Any) -> None:
    head = {"content-type": "multipart/form-data; boundary=b"}
    cut = b'--b\r\nContent-Disposition: form-data; name="f"; filename="a.txt"\r\n\r\nhalf'
    assert_error(client.post("/v1/ingest", content=cut, headers=head), 400, "bad_input")
    assert_error(client.post("/v1/ingest", json={"a": 1}), 400, "bad_input")
    assert list((options.data_dir / "uploads").glob("*")) == []


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("CAM-07_2026-03-04T02-00-00Z.mp4", "CAM-07_2026-03-04T02-00-00Z.mp4"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\x\\log.txt", "log.txt"),
        (".hidden", "hidden"),
        ("a\x00b\n<c>.md", "a_b_c_.md"),
        ("..", "upload"),
        ("", "upload"),
    ],
)
def test_names_of_uploads_are_made_safe(sent: str, kept: str) -> None:
    assert safe_name(sent) == kept


def test_long_names_keep_their_suffix() -> None:
    name = safe_name("n" * 500 + ".mp4")
    assert len(name) <= 120 and name.endswith(".mp4")


def test_local_ingest_needs_the_token(client: TestClient[Any], tmp_path: Path, options: Any) -> None:
    note = tmp_path / "note.txt"
    note.write_text("fan F-1 stopped")
    body = {"paths": [str(note)]}
    assert_error(client.post("/v1/ingest/local", json=body), 403, "forbidden")
    wrong = {"authorization": "Bearer x"}
    assert_error(client.post("/v1/ingest/local", json=body, headers=wrong), 403, "forbidden")
    right = {"authorization": f"Bearer {options.token}"}
    events = events_of(client.post("/v1/ingest/local", json=body, headers=right).text)
    assert [name for name, _ in events] == ["progress", "summary"]
    assert events[-1][1]["ingested"] == 1
    assert_error(client.post("/v1/ingest/local", json={"paths": ["a.txt"]}, headers=right), 400, "bad_query")


def test_feedback_is_counted(client: TestClient[Any]) -> None:
    answer = client.post("/v1/ask", json={"question": "pump"}).json()["id"]
    assert client.post("/v1/feedback", json={"answer": answer, "accepted": True}).status_code == 200
    assert client.get("/v1/stats").json()["accepted"] == 1
    assert_error(client.post("/v1/feedback", json={"answer": "nope", "accepted": True}), 404, "evidence_not_found")


def test_health_says_what_is_wrong(client: TestClient[Any], service: MemoryService) -> None:
    service.extra_checks = [Check("eyes", "degraded", "offline eyes")]
    body = client.get("/v1/health").json()
    assert (body["live"], body["ready"], body["degraded"]) == (True, True, ["eyes: offline eyes"])
    service.extra_checks = [Check("graph", "failed", "no answer")]
    response = client.get("/v1/health")
    assert response.status_code == 503 and response.json()["ready"] is False
    assert client.get("/v1/health/live").json() == {"live": True, "instance": "one"}


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (StoreBusy(), 503, "store_busy"),
        (StoreFull(), 507, "store_full"),
        (ModelUnavailable(), 502, "model_unavailable"),
    ],
)
def test_failures_have_a_status(
    client: TestClient[Any],
    service: MemoryService,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    status: int,
    code: str,
) -> None:
    def fail(*_: Any) -> Any:
        raise error

    monkeypatch.setattr(service, "search", fail)
    assert_error(client.post("/v1/search", json={"text": "pump"}), status, code)


def test_unknown_failures_tell_nothing(
    client: TestClient[Any], service: MemoryService, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> Any:
        raise RuntimeError("password=hunter2 in /srv/secret.db")

    monkeypatch.setattr(service, "search", fail)
    response = client.post("/v1/search", json={"text": "pump"})
    assert_error(response, 500, "internal")
    assert "hunter2" not in response.text and "secret" not in response.text


def test_other_names_and_foreign_pages_are_refused(client: TestClient[Any]) -> None:
    assert_error(client.get("/v1/stats", headers={"host": "evil.example"}), 403, "forbidden")
    foreign = {"origin": "http://evil.example"}
    assert_error(client.post("/v1/search", json={"text": "pump"}, headers=foreign), 403, "forbidden")
    own = {"origin": "http://127.0.0.1"}
    assert client.post("/v1/search", json={"text": "pump"}, headers=own).status_code == 200


def test_missing_routes_have_the_same_shape(client: TestClient[Any]) -> None:
    assert_error(client.get("/v1/nothing"), 404, "not_found")
    assert_error(client.get("/v1/ask"), 405, "method_not_allowed")
    assert_error(client.get("/web/../app.py"), 404, "not_found")
