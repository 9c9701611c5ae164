"""Resumable uploads: the protocol word for word, and a client that others wrote, over a real server."""

from __future__ import annotations

import base64
import hashlib
import io
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from litestar.testing import TestClient
from tusclient.client import TusClient

from app.fakes import MemoryService
from app.http.app import create_app
from app.http.context import Options
from app.http.partial import Caps, Partials
from app.ports import Service
from retrieval.errors import JobCancelled, StoreBusy
from retrieval.types import Principal

TEXT = b"Pump P-3 tripped at 02:01 because the bearing ran hot.\n" * 40
TUS = {"tus-resumable": "1.0.0"}
PIECE = {**TUS, "content-type": "application/offset+octet-stream"}
PRINCIPAL = Principal("plant", labels=("ops",))


def named(name: str) -> dict[str, str]:
    return {"upload-metadata": f"filename {base64.b64encode(name.encode()).decode()},empty"}


def begun(client: Any, length: int = len(TEXT), name: str = "log.txt") -> str:
    reply = client.post("/v1/uploads", headers={**TUS, **named(name), "upload-length": str(length)})
    assert reply.status_code == 201, reply.text
    return str(reply.headers["location"])


def piece(client: Any, place: str, offset: int, data: bytes, **more: str) -> Any:
    return client.patch(place, headers={**PIECE, "upload-offset": str(offset), **more}, content=data)


def settled(client: Any, place: str) -> dict[str, Any]:
    until = time.monotonic() + 20
    while True:
        told: dict[str, Any] = client.get(place).json()
        if told["state"] in ("taken", "refused"):
            return told
        assert time.monotonic() < until, told
        time.sleep(0.02)


def digest(name: str, data: bytes) -> str:
    return f"{name} {base64.b64encode(hashlib.new(name, data).digest()).decode()}"


def test_a_file_sent_in_pieces_is_taken_in_as_any_other(client: TestClient[Any], service: MemoryService) -> None:
    place = begun(client)
    for at in range(0, len(TEXT), 700):
        reply = piece(client, place, at, TEXT[at : at + 700])
        assert reply.status_code == 204 and reply.headers["upload-offset"] == str(min(at + 700, len(TEXT)))
    told = settled(client, place)
    assert (told["state"], told["name"], told["told"]["ingested"]) == ("taken", "log.txt", 1)
    assert told["told"]["sources"][0]["source"].endswith("/log.txt")
    head = client.head(place, headers=TUS)
    assert (head.status_code, head.headers["upload-offset"], head.text) == (200, str(len(TEXT)), "")


def test_the_server_says_what_it_can_do(client: TestClient[Any], options: Options) -> None:
    reply = client.options("/v1/uploads")
    assert reply.status_code == 204
    said = {name: reply.headers[f"tus-{name}"] for name in ("version", "extension", "max-size", "checksum-algorithm")}
    assert said == {
        "version": "1.0.0",
        "extension": "creation,termination,checksum,expiration",
        "max-size": str(options.max_upload_bytes),
        "checksum-algorithm": "sha1,sha256",
    }


def test_every_reply_names_the_protocol_and_is_never_cached(client: TestClient[Any]) -> None:
    place = begun(client)
    replies = [
        client.head(place, headers=TUS),
        piece(client, place, 0, b"x"),
        piece(client, place, 5, b"x"),
        client.head("/v1/uploads/" + "0" * 32, headers=TUS),
        client.delete(place, headers=TUS),
    ]
    assert [reply.status_code for reply in replies] == [200, 204, 409, 404, 204]
    for reply in replies:
        assert reply.headers["tus-resumable"] == "1.0.0" and reply.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("headers", [{}, {"tus-resumable": "0.2.2"}])
def test_another_version_is_refused_with_the_one_that_is_spoken(
    client: TestClient[Any], headers: dict[str, str]
) -> None:
    reply = client.post("/v1/uploads", headers={**headers, "upload-length": "1"})
    assert (reply.status_code, reply.headers["tus-version"]) == (412, "1.0.0")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 400),
        ({"upload-length": "-1"}, 400),
        ({"upload-length": "1e3"}, 400),
        ({"upload-length": "٣"}, 400),
        ({"upload-length": "9" * 30}, 400),
        ({"upload-length": "100001"}, 413),
        ({"upload-defer-length": "1"}, 400),
        ({"upload-length": "1", "upload-metadata": "filename ***"}, 400),
        ({"upload-length": "1", "upload-metadata": "filename " + "A" * 5000}, 400),
        ({"upload-length": "1", "upload-metadata": "filename /w=="}, 400),
    ],
)
def test_what_cannot_be_begun_is_refused(client: TestClient[Any], headers: dict[str, str], status: int) -> None:
    sent = {**TUS, **{name: value.encode() for name, value in headers.items()}}
    assert client.post("/v1/uploads", headers=sent).status_code == status


def test_a_hostile_name_never_becomes_a_path(client: TestClient[Any], options: Options) -> None:
    for name in ("../../escape.txt", "/etc/passwd.txt", "a\0b.txt", "..\\..\\up.txt"):
        place = begun(client, name=name)
        piece(client, place, 0, TEXT)
        settled(client, place)
    files = list(options.data_dir.parent.rglob("*.txt"))
    assert files and all(path.is_relative_to(options.data_dir / "uploads") for path in files)


def test_a_piece_that_does_not_fit_changes_nothing(client: TestClient[Any]) -> None:
    place = begun(client, 10)
    assert piece(client, place, 0, b"12345").status_code == 204
    assert piece(client, place, 0, b"12345").status_code == 409
    assert piece(client, place, 6, b"x").status_code == 409
    assert piece(client, place, 5, b"x" * 6).status_code == 413
    assert client.patch(place, headers={**TUS, "upload-offset": "5"}, content=b"x").status_code == 415
    assert client.head(place, headers=TUS).headers["upload-offset"] == "5"


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
def test_a_piece_that_is_not_what_it_says_is_thrown_away(client: TestClient[Any], algorithm: str) -> None:
    place = begun(client)
    good = {"upload-checksum": digest(algorithm, TEXT[:100])}
    bad = piece(client, place, 0, b"y" * 100, **good)
    assert (bad.status_code, bad.json()["error"]["code"]) == (460, "checksum_mismatch")
    assert client.head(place, headers=TUS).headers["upload-offset"] == "0"
    assert piece(client, place, 0, TEXT[:100], **good).status_code == 204
    assert piece(client, place, 100, TEXT[100:]).status_code == 204
    assert settled(client, place)["state"] == "taken"


@pytest.mark.parametrize("header", ["md5 x", "sha1", "sha1 ***", "crc32 AAAA"])
def test_checksums_of_other_kinds_are_refused(client: TestClient[Any], header: str) -> None:
    assert piece(client, begun(client), 0, TEXT, **{"upload-checksum": header}).status_code == 400


def test_an_upload_that_was_thrown_away_is_gone(client: TestClient[Any], options: Options) -> None:
    place = begun(client)
    piece(client, place, 0, TEXT[:10])
    assert client.delete(place, headers=TUS).status_code == 204
    for reply in (client.head(place, headers=TUS), piece(client, place, 10, b"x"), client.delete(place, headers=TUS)):
        assert reply.status_code == 404
    assert list((options.data_dir / "uploads" / ".tus").iterdir()) == []


def test_clients_that_can_only_post_are_understood(client: TestClient[Any]) -> None:
    place = begun(client)
    patch = {**PIECE, "upload-offset": "0", "x-http-method-override": "PATCH"}
    assert client.post(place, headers=patch, content=TEXT[:9]).status_code == 204
    assert client.post(place, headers={**TUS, "x-http-method-override": "DELETE"}).status_code == 204
    assert client.head(place, headers=TUS).status_code == 404
    assert client.post(place, headers=TUS).status_code == 405


def test_an_upload_of_nothing_and_one_of_no_known_kind_are_refused_with_the_reason(client: TestClient[Any]) -> None:
    empty = settled(client, begun(client, 0))
    assert (empty["state"], empty["told"]["rejected"][0]["code"]) == ("refused", "empty")
    place = begun(client, 3, "a.exe")
    piece(client, place, 0, b"MZ!")
    assert settled(client, place)["told"]["rejected"][0]["code"] == "unknown_type"


def test_no_more_than_so_many_are_unfinished_at_once(client: TestClient[Any]) -> None:
    places = [begun(client) for _ in range(16)]
    full = client.post("/v1/uploads", headers={**TUS, "upload-length": "1"})
    assert full.status_code == 429
    client.delete(places[0], headers=TUS)
    begun(client)


def test_what_lies_untouched_too_long_is_thrown_away(service: Service, options: Options) -> None:
    now = [1_780_000_000_000_000]
    aged = options._replace(now=lambda: now[0])
    with TestClient(create_app(service, PRINCIPAL, aged), base_url="http://127.0.0.1") as client:
        place = begun(client)
        assert client.head(place, headers=TUS).headers["upload-expires"] == "Fri, 29 May 2026 20:26:40 GMT"
        now[0] += 24 * 3_600_000_000
        assert piece(client, place, 0, TEXT).status_code == 410
        assert client.head(place, headers=TUS).status_code == 404


def test_a_page_of_another_origin_may_not_begin_one(client: TestClient[Any]) -> None:
    headers = {**TUS, "upload-length": "1", "origin": "https://evil.example"}
    assert client.post("/v1/uploads", headers=headers).status_code == 403


class Away(MemoryService):
    """Its store is busy at first."""

    tries = 0

    def ingest(self, *given: Any, **more: Any) -> Any:
        self.tries += 1
        if self.tries < 3:
            raise StoreBusy
        return super().ingest(*given, **more)


def test_a_store_that_is_away_is_waited_for(tmp_path: Any, options: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.http.tus._AGAIN_S", 0.05)
    service = Away(tmp_path, [], [])
    with TestClient(create_app(service, PRINCIPAL, options), base_url="http://127.0.0.1") as client:
        place = begun(client)
        piece(client, place, 0, TEXT)
        assert settled(client, place)["state"] == "taken"
    assert service.tries == 3


def test_a_name_of_any_length_in_any_script_can_be_stored(client: TestClient[Any]) -> None:
    place = begun(client, name="泵" * 150 + ".txt")
    piece(client, place, 0, TEXT)
    told = settled(client, place)
    assert told["state"] == "taken" and told["name"].endswith("泵.txt")


class Broken(MemoryService):
    """Fails of a mistake of its own at first."""

    problem: Exception = RuntimeError("a mistake")
    tries = 0

    def ingest(self, *given: Any, **more: Any) -> Any:
        self.tries += 1
        if self.tries == 1:
            raise self.problem
        return super().ingest(*given, **more)


def test_a_mistake_of_ours_stops_none_behind_it_and_the_next_start_tries_again(
    tmp_path: Path, options: Options
) -> None:
    service = Broken(tmp_path, [], [])
    with TestClient(create_app(service, PRINCIPAL, options), base_url="http://127.0.0.1") as client:
        first = begun(client)
        piece(client, first, 0, TEXT)
        until = time.monotonic() + 20
        while not (told := client.get(first).json())["told"]:
            assert time.monotonic() < until
        assert (told["state"], told["told"]["error"]["code"]) == ("whole", "internal")
        second = begun(client, name="second.txt")
        piece(client, second, 0, TEXT)
        assert settled(client, second)["state"] == "taken"
    with TestClient(create_app(service, PRINCIPAL, options), base_url="http://127.0.0.1") as client:
        assert settled(client, first)["state"] == "taken"


def test_one_whose_job_was_cancelled_keeps_its_file_so_that_it_can_be_resumed(tmp_path: Path, options: Options) -> None:
    service = Broken(tmp_path, [], [])
    service.problem = JobCancelled("it was cancelled")
    with TestClient(create_app(service, PRINCIPAL, options), base_url="http://127.0.0.1") as client:
        place = begun(client)
        piece(client, place, 0, TEXT)
        told = settled(client, place)
        assert (told["state"], told["told"]["error"]["code"]) == ("refused", "job_cancelled")
    assert len(list(options.data_dir.rglob("log.txt"))) == 1


def test_what_became_of_one_is_told_for_an_hour_however_long_its_ingest_took(
    service: MemoryService, options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, taking = [1_780_000_000_000_000], service.ingest

    def slow(*given: Any, **more: Any) -> Any:
        now[0] += 2 * 3_600_000_000
        return taking(*given, **more)

    monkeypatch.setattr(service, "ingest", slow)
    slow_options = options._replace(now=lambda: now[0])
    with TestClient(create_app(service, PRINCIPAL, slow_options), base_url="http://127.0.0.1") as client:
        place = begun(client)
        piece(client, place, 0, TEXT)
        assert settled(client, place)["state"] == "taken"
        now[0] += 3_600_000_000
        assert client.get(place).status_code == 410


def test_what_was_whole_when_the_server_ended_is_taken_in_by_the_next(service: MemoryService, options: Options) -> None:
    root = options.data_dir / "uploads"
    partials = Partials(root / ".tus", root, Caps(100_000))
    made = partials.create(0, "empty.txt", "", options.now())
    with TestClient(create_app(service, PRINCIPAL, options), base_url="http://127.0.0.1") as client:
        assert settled(client, f"/v1/uploads/{made.id}")["state"] == "refused"


@pytest.fixture
def url(granian: Callable[[Service], str], service: MemoryService) -> Iterator[str]:
    yield granian(service)


def test_a_client_of_others_sends_a_file_and_goes_on_after_a_break(url: str) -> None:
    client = TusClient(f"{url}/v1/uploads")
    sending = client.uploader(file_stream=io.BytesIO(TEXT), chunk_size=500, metadata={"filename": "log.txt"})
    sending.upload(stop_at=1000)
    assert sending.offset == 1000
    resumed = client.uploader(file_stream=io.BytesIO(TEXT), url=sending.url, chunk_size=700, upload_checksum=True)
    assert resumed.offset == 1000
    resumed.upload()
    with httpx.Client(trust_env=False) as asking:
        told = settled(asking, resumed.url)
    assert (told["state"], told["offset"]) == ("taken", len(TEXT))


def test_a_connection_that_breaks_off_keeps_what_came(url: str) -> None:
    with httpx.Client(trust_env=False, base_url=url) as client:
        place = begun(client)

        def broken() -> Iterator[bytes]:
            yield TEXT[:300]
            time.sleep(0.3)
            raise ConnectionError("the cable is out")

        with pytest.raises(ConnectionError):
            client.patch(
                place, headers={**PIECE, "upload-offset": "0", "content-length": str(len(TEXT))}, content=broken()
            )
        until = time.monotonic() + 10
        while client.head(place, headers=TUS).headers["upload-offset"] != "300":
            assert time.monotonic() < until
            time.sleep(0.05)
        assert piece(client, place, 300, TEXT[300:]).status_code == 204
        assert settled(client, place)["state"] == "taken"
