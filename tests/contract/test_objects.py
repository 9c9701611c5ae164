"""What every object store does: in memory, and S3 as moto's server speaks it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar, NamedTuple
from urllib.parse import quote

import pytest

from ingest.objects.fakes import MemoryObjects
from ingest.objects.port import ObjectStore, Seen
from ingest.objects.s3 import Access, S3Store
from retrieval.errors import SourceRejected, UpstreamError

# moto wants a signature, and looks no closer
SIGNED = "AWS4-HMAC-SHA256 Credential=key/20260101/eu-west-1/s3/aws4_request, SignedHeaders=host, Signature=0"
HOSTILE = ["a b+c#d?é%2e.md", "x//y.md", "../up.md", "a/./b.md", "%2e%2e/q.md", "tab\there.md", "<&>.md"]


class Shelf(NamedTuple):
    """A store with an empty bucket "plant", and the owner's ways to change it."""

    store: ObjectStore
    put: Callable[[str, bytes], object]
    delete: Callable[[str], object]


@pytest.fixture(params=["memory", "s3"])
def shelf(request: pytest.FixtureRequest) -> Iterator[Shelf]:
    if request.param == "memory":
        memory = MemoryObjects()
        yield Shelf(memory, lambda key, data: memory.put("plant", key, data), lambda key: memory.delete("plant", key))
        return
    request.getfixturevalue("owner")
    access = request.getfixturevalue("moto")
    store = S3Store(access)
    for each in list(store.listed("plant", "")):
        _delete(access, each.key)
    yield Shelf(store, lambda key, data: _put(access, key, data), lambda key: _delete(access, key))


def _put(access: Access, key: str, data: bytes) -> None:
    _ask(access, "PUT", key, data)


def _delete(access: Access, key: str) -> None:
    _ask(access, "DELETE", key)


def _ask(access: Access, method: str, key: str, data: bytes = b"") -> None:
    """As it stands: clients would tidy some of these keys up."""
    connection = HTTPConnection(access.endpoint_url.removeprefix("http://"), timeout=10)
    try:
        connection.request(method, f"/plant/{quote(key)}", data, {"authorization": SIGNED})
        assert connection.getresponse().status in (200, 204)
    finally:
        connection.close()


def test_what_is_listed_is_what_is_there(shelf: Shelf) -> None:
    shelf.put("north/b.md", b"bb")
    shelf.put("north/a.md", b"a")
    shelf.put("northern.md", b"n")
    listed = list(shelf.store.listed("plant", "north/"))
    assert [(each.key, each.size) for each in listed] == [("north/a.md", 1), ("north/b.md", 2)]
    assert listed == [shelf.store.stat("plant", each.key) for each in listed]
    assert [each.key for each in shelf.store.listed("plant", "")] == ["north/a.md", "north/b.md", "northern.md"]
    assert list(shelf.store.listed("plant", "none/")) == []


def test_another_content_has_another_tag(shelf: Shelf) -> None:
    shelf.put("a.md", b"one")
    before = shelf.store.stat("plant", "a.md")
    shelf.put("a.md", b"two")
    after = shelf.store.stat("plant", "a.md")
    assert before is not None and after is not None and before.etag != after.etag
    shelf.put("a.md", b"one")
    assert shelf.store.stat("plant", "a.md") == before


def test_what_is_not_there_is_none(shelf: Shelf) -> None:
    assert shelf.store.stat("plant", "a.md") is None
    shelf.put("a.md", b"one")
    shelf.delete("a.md")
    assert shelf.store.stat("plant", "a.md") is None


def test_the_bytes_fetched_are_those_seen_or_none(shelf: Shelf, tmp_path: Path) -> None:
    data = bytes(range(256)) * 20_000
    shelf.put("a.bin", data)
    seen = shelf.store.stat("plant", "a.bin")
    assert seen is not None
    assert shelf.store.fetch("plant", seen, tmp_path / "one")
    assert (tmp_path / "one").read_bytes() == data
    shelf.put("a.bin", b"other")
    assert not shelf.store.fetch("plant", seen, tmp_path / "two")
    shelf.delete("a.bin")
    assert not shelf.store.fetch("plant", seen, tmp_path / "two")
    assert not (tmp_path / "two").exists()


@pytest.mark.parametrize("key", HOSTILE)
def test_no_key_spoils_a_listing(shelf: Shelf, key: str) -> None:
    shelf.put(key, b"x")
    shelf.put("good.md", b"y")
    assert {each.key for each in shelf.store.listed("plant", "")} == {key, "good.md"}
    try:
        found = shelf.store.stat("plant", key)
    except SourceRejected as problem:
        assert problem.kind == "unsafe_key"
    else:
        assert found is not None and found.key == key


def test_many_pages_are_one_listing(shelf: Shelf) -> None:
    for n in range(1_050):
        shelf.put(f"many/{n:04}", b"")
    assert [each.key for each in shelf.store.listed("plant", "many/")] == [f"many/{n:04}" for n in range(1_050)]


def test_s3_a_store_that_is_away_or_a_bucket_that_is_not_there_is_waited_for(moto: Access, tmp_path: Path) -> None:
    for store, bucket in (
        (S3Store(moto), "nobody"),
        (S3Store(moto._replace(endpoint_url="http://127.0.0.1:9")), "plant"),
    ):
        with pytest.raises(UpstreamError, match="object store"):
            list(store.listed(bucket, ""))
    away = S3Store(moto._replace(endpoint_url="http://127.0.0.1:9", secret="hush-hush"))
    for ask in (lambda: away.stat("plant", "a"), lambda: away.fetch("plant", Seen("a", "e", 1), tmp_path / "a")):
        with pytest.raises(UpstreamError) as away_too:
            ask()
        assert "hush" not in str(away_too.value)


class Refusing(BaseHTTPRequestHandler):
    """A store that refuses everything; as S3, it says why only where an answer has a body."""

    refusal: ClassVar[tuple[int, str]]

    def do_HEAD(self) -> None:
        self.send_response(self.refusal[0])
        self.send_header("content-length", "0")
        self.end_headers()

    def do_GET(self) -> None:
        status, code = self.refusal
        body = f"<Error><Code>{code}</Code></Error>".encode() if code else b"<html>log in"
        self.send_response(status)
        self.send_header("content-type", "application/xml")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


@pytest.fixture
def refusing() -> Iterator[tuple[type[Refusing], S3Store]]:
    class Handler(Refusing):
        refusal = (403, "AccessDenied")

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield Handler, S3Store(Access(f"http://127.0.0.1:{server.server_port}", "eu-west-1", "key", "hush"))
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize(
    ("status", "code", "own"),
    [
        (403, "AccessDenied", True),
        (403, "InvalidObjectState", True),
        (400, "InvalidRequest", True),
        (400, "KMS.DisabledException", True),
        (403, "SignatureDoesNotMatch", False),
        (403, "InvalidAccessKeyId", False),
        (400, "ExpiredToken", False),
        (403, "RequestTimeTooSkewed", False),
    ],
)
def test_s3_what_is_one_object_s_own_is_refused_and_a_login_that_fails_is_waited_for(
    refusing: tuple[type[Refusing], S3Store], tmp_path: Path, status: int, code: str, own: bool
) -> None:
    handler, store = refusing
    handler.refusal = (status, code)
    for ask in (lambda: store.stat("plant", "a"), lambda: store.fetch("plant", Seen("a", "e", 1), tmp_path / "a")):
        with pytest.raises(SourceRejected if own else UpstreamError, match=code):
            ask()
    assert not (tmp_path / "a").exists()


def test_s3_an_answer_that_is_no_listing_is_an_error_of_ours(refusing: tuple[type[Refusing], S3Store]) -> None:
    handler, store = refusing
    handler.refusal = (200, "")
    with pytest.raises(UpstreamError, match="answers wrongly"):
        list(store.listed("plant", ""))
