"""A server is killed while a file is being sent: what it acknowledged is there, and the client goes on where it was."""

from __future__ import annotations

import hashlib
import io
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import requests
from hypothesis import settings
from tusclient.client import TusClient
from tusclient.exceptions import TusCommunicationError

from app.http.serve import free_port

SERVER = """
import asyncio, sys
from pathlib import Path
from app.fakes import MemoryService
from app.http.app import create_app
from app.http.context import Options
from app.http.serve import Listener
from retrieval.types import Principal
app = create_app(MemoryService(Path(sys.argv[1]), [], []), Principal("t"), Options(data_dir=Path(sys.argv[1])))
asyncio.run(Listener(app, "127.0.0.1", int(sys.argv[2])).serve())
"""
PIECE = 64 << 10
# two as a rule, 30 with --hypothesis-profile thorough
KILLS = settings.default.max_examples // 10
DATA = random.Random(7).randbytes(6 << 20).hex().encode()


@contextmanager
def serving(store: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", SERVER, str(store), str(port)])
    try:
        until = time.monotonic() + 60
        while not _alive(port):
            assert process.poll() is None and time.monotonic() < until
            time.sleep(0.05)
        yield process
    finally:
        process.kill()
        process.wait(10)


def _alive(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/v1/health/live", trust_env=False, timeout=2).status_code == 200
    except httpx.HTTPError:
        return False


def sent(client: TusClient, url: str | None, piece: int) -> tuple[str, int, bool]:
    """Send until the end or until the server is gone: where, how many bytes were acknowledged, and whether that was all."""
    sending = client.uploader(file_stream=io.BytesIO(DATA), url=url, chunk_size=piece, metadata={"filename": "log.txt"})
    acknowledged = sending.offset
    try:
        while sending.offset < len(DATA):
            sending.upload_chunk()
            acknowledged = sending.offset
    except (TusCommunicationError, requests.RequestException):
        return sending.url, acknowledged, False
    return sending.url, acknowledged, True


def test_a_killed_server_keeps_what_it_acknowledged(tmp_path: Path) -> None:
    port, chance, url, acknowledged, whole = free_port("127.0.0.1"), random.Random(11), None, 0, False
    client, kills = TusClient(f"http://127.0.0.1:{port}/v1/uploads"), 0
    while not whole:
        with serving(tmp_path, port) as process:
            if url is not None:
                assert _offset(url) >= acknowledged, f"{_offset(url)} of {acknowledged} acknowledged bytes are there"
            if kills < KILLS:
                threading.Timer(chance.uniform(0.02, 0.25), process.send_signal, [signal.SIGKILL]).start()
            url, acknowledged, whole = sent(client, url, PIECE)
            kills += not whole
            if whole:
                _taken(url)
    assert kills, "it was never killed in the middle"
    (file,) = [path for path in (tmp_path / "uploads").rglob("log.txt") if ".tus" not in path.parts]
    assert hashlib.sha256(file.read_bytes()).digest() == hashlib.sha256(DATA).digest()
    print(f"killed {kills} times")


def test_of_one_large_piece_what_was_vouched_for_is_kept(tmp_path: Path) -> None:
    port = free_port("127.0.0.1")
    client = TusClient(f"http://127.0.0.1:{port}/v1/uploads")

    def slowly() -> Iterator[bytes]:
        for at in range(0, 10 << 20, PIECE):
            yield DATA[at : at + PIECE]
        # the rest of the piece never comes
        time.sleep(5)
        raise ConnectionError

    with serving(tmp_path, port) as process:
        place = client.uploader(file_stream=io.BytesIO(DATA), metadata={"filename": "log.txt"}).create_url()
        headers = {
            "tus-resumable": "1.0.0", "upload-offset": "0", "content-type": "application/offset+octet-stream",
            "content-length": str(len(DATA)),
        }  # fmt: skip
        threading.Timer(2.0, process.send_signal, [signal.SIGKILL]).start()
        with pytest.raises((httpx.HTTPError, ConnectionError)):
            httpx.patch(place, headers=headers, content=slowly(), trust_env=False, timeout=30)
    with serving(tmp_path, port):
        # vouched for every 8 MiB; what came after that was not
        assert 8 << 20 <= _offset(place) < 10 << 20
        _, _, whole = sent(client, place, 1 << 20)
        assert whole
        _taken(place)


def _offset(url: str) -> int:
    reply = httpx.head(url, headers={"tus-resumable": "1.0.0"}, trust_env=False)
    return int(reply.headers["upload-offset"])


def _taken(url: str) -> None:
    until = time.monotonic() + 60
    told: dict[str, Any] = {}
    while told.get("state") != "taken":
        assert time.monotonic() < until, told
        told = httpx.get(url, trust_env=False, timeout=30).json()
        time.sleep(0.05)
