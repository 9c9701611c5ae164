"""Bad input through the doors a question has: addresses for pictures, pictures that are bombs, and bodies that are too much of anything.

threats.md cases 11, 12 and API4: nothing is ever fetched; what is too large is refused in a second, at less than 100 MiB more memory.
"""

from __future__ import annotations

import base64
import io
import json
import struct
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
from PIL import Image

from app.ports import Service
from eval.memory import PeakMemory, own

MEMORY = 100 * 2**20
SOON_S = 1.0
DOORS = ("/v1/ask", "/v1/chat/completions")


class Canary(ThreadingHTTPServer):
    """An address of this machine that nobody has any business with."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Hit)
        self.hits: list[str] = []


class _Hit(BaseHTTPRequestHandler):
    server: Canary

    def do_GET(self) -> None:
        self.server.hits.append(self.path)
        self.send_error(404)

    def log_message(self, format: str, *args: Any) -> None: ...


@pytest.fixture(scope="module")
def canary() -> Iterator[Canary]:
    server = Canary()
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def http(service: Any, granian: Callable[[Service], str]) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=granian(service), trust_env=False, timeout=30) as made:
        yield made


def body_for(door: str, *urls: str, text: str = "like this?") -> dict[str, Any]:
    if door == "/v1/ask":
        return {"question": text, "pictures": list(urls)}
    parts = [{"type": "text", "text": text}, *({"type": "image_url", "image_url": {"url": url}} for url in urls)]
    return {"model": "watchfloor", "messages": [{"role": "user", "content": parts}]}


# --- addresses

PLACES = (
    "127.0.0.1", "localhost", "LOCALHOST.", "[::1]", "[::ffff:127.0.0.1]", "[0:0:0:0:0:ffff:7f00:1]", "2130706433",
    "0x7f000001",
    "0177.0.0.1", "127.1", "127.0.1", "0", "0.0.0.0", "[::]", "①②⑦.0.0.1", "127。0。0。1", "127.0.0.1.nip.io",
    "user@127.0.0.1",
    "example.com@127.0.0.1", "a\\@127.0.0.1", "127.0.0.1%2f@example.com", "example.com#@127.0.0.1", "loc\talhost",
    "127.0.0.1%00.example.com",
)  # fmt: skip
OTHERS = (
    "http://169.254.169.254/latest/meta-data/", "http://[fd00:ec2::254]/latest/", "http://metadata.google.internal/",
    "http://10.0.0.1/x.png",
    "http://192.168.0.1/", "http://[fe80::1%25eth0]/", "file:///etc/passwd", "file://localhost/etc/passwd",
    "file:/etc/passwd", "/etc/passwd",
    "../../etc/passwd", "gopher://127.0.0.1:6379/_INFO", "dict://127.0.0.1:11211/stat", "ftp://127.0.0.1/x",
    "ldap://127.0.0.1/x", "ws://127.0.0.1/",
    "jar:http://127.0.0.1!/x", "blob:http://127.0.0.1/x", "about:blank", "javascript:alert(1)", "//127.0.0.1/x.png",
    "\\\\127.0.0.1\\share\\x.png",
    "https:127.0.0.1/x", "unix:///var/run/docker.sock", "s3://bucket/x.png", "data:text/html;base64,PHNjcmlwdD4=",
    "data:image/svg+xml;base64,PHN2Zy8+",
    "data:image/png,notbase64", "data:image/png;base64,http://127.0.0.1/x", "data:;base64,iVBORw0KGgo=",
    "data:image/jpeg;charset=x;base64,/9j/", "",
    " http://127.0.0.1/x", "http://\n127.0.0.1/x",
)  # fmt: skip


def addresses(port: int) -> list[str]:
    here = [f"{scheme}://{place}:{port}/hit" for place in PLACES for scheme in ("http", "HTTPS")]
    return [*here, *OTHERS]


@pytest.mark.parametrize("door", DOORS)
def test_no_address_of_a_picture_is_ever_fetched(http: httpx.Client, canary: Canary, door: str) -> None:
    urls = addresses(canary.server_address[1])
    replies = [http.post(door, json=body_for(door, url)) for url in urls]
    assert len(urls) >= 60
    taken = [url for url, reply in zip(urls, replies, strict=True) if reply.status_code != 400]
    assert not taken, f"{len(taken)} of {len(urls)} addresses were taken: {taken}"
    assert canary.hits == [], f"{len(canary.hits)} hits of {len(urls)} addresses"
    assert not [reply.text for reply in replies if "Traceback" in reply.text or "0x" in reply.text]


def test_earlier_messages_are_held_to_the_same(http: httpx.Client, canary: Canary) -> None:
    url = f"http://127.0.0.1:{canary.server_address[1]}/hit"
    early = body_for(DOORS[1], url)["messages"][0]
    for role in ("user", "system", "assistant"):
        talk = [{**early, "role": role}, {"role": "user", "content": "and now?"}]
        assert http.post(DOORS[1], json={"model": "watchfloor", "messages": talk}).status_code == 400
    assert canary.hits == []


# --- pictures


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(width: int, height: int, *between: bytes, pixels: bytes = b"") -> bytes:
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(between) + chunk(b"IDAT", zlib.compress(pixels)) + chunk(b"IEND", b"")


def bomb_png() -> bytes:
    """50,000 × 50,000 pixels, of which the first rows are really there."""
    return png(50_000, 50_000, pixels=b"\0" * 2**24)


def bomb_text() -> bytes:
    """A comment of 64 MiB, packed."""
    packed = zlib.compress(b"\0" * 2**26, 9)
    return png(4, 4, chunk(b"zTXt", b"Comment\0\0" + packed), pixels=b"\0" * 52)


def apng() -> bytes:
    frames = [chunk(b"fcTL", struct.pack(">IIIIIHHBB", 2 * n, 4, 4, 0, 0, 1, 10, 0, 0)) for n in range(10_000)]
    pixel = zlib.compress(b"\0" * 52)
    data = [chunk(b"fdAT", struct.pack(">I", 2 * n + 1) + pixel) for n in range(1, 10_000)]
    rest = b"".join(f + d for f, d in zip(frames[1:], data, strict=True))
    whole = png(4, 4, chunk(b"acTL", struct.pack(">II", 10_000, 0)), frames[0], pixels=b"\0" * 52)
    return whole[:-12] + rest + whole[-12:]


def gif() -> bytes:
    frame = b"\x2c\0\0\0\0\1\0\1\0\0\x02\x02\x44\x01\0"
    return b"GIF89a\1\0\1\0\x80\0\0\0\0\0\xff\xff\xff" + frame * 10_000 + b";"


def webp_animation() -> bytes:
    first, *rest = (Image.new("RGB", (4, 4), (n % 256, n // 256, 0)) for n in range(500))
    out = io.BytesIO()
    first.save(out, "WEBP", save_all=True, append_images=rest)
    return out.getvalue()


def huge_webp() -> bytes:
    """16,383 × 16,383 pixels of one colour in a few hundred bytes of header."""
    out = io.BytesIO()
    Image.new("RGB", (8, 8)).save(out, "WEBP", lossless=True)
    whole = bytearray(out.getvalue())
    at = whole.index(b"VP8L") + 9
    whole[at : at + 4] = struct.pack("<I", 16_382 | 16_382 << 14)
    return bytes(whole)


def tiff() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (8, 8)).save(out, "TIFF")
    return out.getvalue()


BOMBS: dict[str, Callable[[], bytes]] = {
    "PNG of 50,000 × 50,000": bomb_png,
    "PNG with a packed comment": bomb_text,
    "PNG of 10,000 frames": apng,
    "GIF of 10,000 frames": gif,
    "WEBP of 500 frames": webp_animation,
    "WEBP of 16,383 × 16,383": huge_webp,
    "TIFF": tiff,
    "SVG": lambda: b'<!DOCTYPE s [<!ENTITY a "aaaaaaaaaa">]><svg xmlns="http://www.w3.org/2000/svg">&a;</svg>',
    "FITS": lambda: b"SIMPLE  =                    T" + b" " * 2850,
    "PDF": lambda: b"%PDF-1.7\n",
    "nothing": lambda: b"",
}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_soon_and_cheaply(http: httpx.Client, door: str, name: str) -> None:
    uri = f"data:image/png;base64,{base64.b64encode(BOMBS[name]()).decode()}"
    body = json.dumps(body_for(door, uri)).encode()
    http.get("/v1/health/live")
    with PeakMemory(own, 0.005) as memory:
        began = time.monotonic()
        reply = http.post(door, content=body, headers={"content-type": "application/json"})
        took = time.monotonic() - began
    assert reply.status_code in (400, 413), reply.text
    assert took < SOON_S, f"{took:.2f} s"
    assert memory.more < MEMORY, f"{memory.more / 2**20:.0f} MiB more"
    said = reply.json()["error"]["message"]
    assert not any(word in said for word in ("Traceback", "0x", "/usr", "site-packages", ".py"))


# --- bodies

USER = {"role": "user", "content": "pump"}
BODIES: dict[str, tuple[str, Callable[[], bytes], set[int]]] = {
    "deep arrays": (DOORS[1], lambda: b'{"messages": ' + b"[" * 1_000_000, {400}),
    "deep objects": (DOORS[1], lambda: b'{"a":' * 500_000, {400}),
    "deep, in a field that is passed over": (
        DOORS[1],
        lambda: (
            b'{"model": "watchfloor", "tools": '
            + b"[" * 100_000
            + b"]" * 100_000
            + b', "messages": [{"role": "user", "content": "pump"}]}'
        ),
        {400},
    ),
    "deep, natively": (DOORS[0], lambda: b'{"question": ' + b"[" * 1_000_000, {400}),
    "a million messages": (
        DOORS[1],
        lambda: json.dumps({"model": "watchfloor", "messages": [USER] * 1_000_000}).encode(),
        {413},
    ),
    "as many messages as go in": (
        DOORS[1],
        lambda: json.dumps({"model": "watchfloor", "messages": [USER] * 400_000}).encode(),
        {200, 400, 413},
    ),
    "a million parts": (
        DOORS[1],
        lambda: json.dumps(
            body_for(DOORS[1]) | {"messages": [{"role": "user", "content": [{"type": "text", "text": ""}] * 400_000}]}
        ).encode(),
        {400, 413},
    ),
    "a huge question": (DOORS[1], lambda: json.dumps(body_for(DOORS[1], text="pump " * 3_000_000)).encode(), {413}),
    "a huge question, natively": (DOORS[0], lambda: json.dumps({"question": "pump " * 3_000_000}).encode(), {413}),
    "a huge name of a model": (
        DOORS[1],
        lambda: json.dumps({"model": "m" * 10**7, "messages": [USER]}).encode(),
        {404},
    ),
    "a huge field": (
        DOORS[1],
        lambda: json.dumps({"model": "watchfloor", "messages": [USER], "x" * 10**7: 1}).encode(),
        {200, 400},
    ),
    "a huge number": (DOORS[0], lambda: b'{"question": "pump", "deadline_s": ' + b"9" * 10**6 + b"}", {400}),
    "half of a surrogate": (DOORS[0], lambda: b'{"question": "\\ud800 pump"}', {200, 400}),
    "not UTF-8": (DOORS[0], lambda: b'{"question": "\xff\xfe"}', {400}),
}


@pytest.mark.parametrize("name", BODIES)
def test_a_body_that_is_too_much_is_answered_and_the_server_lives(http: httpx.Client, name: str) -> None:
    door, make, allowed = BODIES[name]
    body = make()
    reply = http.post(door, content=body, headers={"content-type": "application/json"})
    assert reply.status_code in allowed, f"{len(body)} bytes: {reply.status_code} {reply.text[:300]}"
    assert len(reply.text) < 2**20 and "Traceback" not in reply.text
    assert http.get("/v1/health/live").status_code == 200
    assert http.post("/v1/ask", json={"question": "pump"}).status_code == 200
