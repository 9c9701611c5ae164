"""A client over one kept connection, and the processes that are talked to."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from retrieval.errors import InputError

_PATIENCE_S = 60.0


class Client:
    """Asks over one connection, as a browser or a service would; times are seconds of the monotonic performance clock."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=_PATIENCE_S)
        self._base = parts.path.rstrip("/")

    def close(self) -> None:
        self._connection.close()

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """The JSON reply. Raises InputError for any status but 200."""
        reply = self._send(path, body, "application/json")
        return dict(json.loads(reply.read()))

    def stream(self, path: str, body: dict[str, Any]) -> Iterator[bytes]:
        """The lines of a streamed reply, as they come."""
        reply = self._send(path, body, "text/event-stream")
        while line := reply.readline():
            yield line

    def _send(self, path: str, body: dict[str, Any], accept: str) -> http.client.HTTPResponse:
        headers = {"content-type": "application/json", "accept": accept}
        self._connection.request("POST", self._base + path, json.dumps(body).encode(), headers)
        reply = self._connection.getresponse()
        if reply.status != http.client.OK:
            raise InputError(f"{path} answered {reply.status}: {reply.read(500).decode(errors='replace')}")
        return reply


class Served(NamedTuple):
    """The measured service: its address, and its process."""

    url: str
    pid: int

    def cpu_s(self) -> float:
        """Processor seconds it has used so far, of all its threads: what other work on the machine does not change."""
        import psutil

        used = psutil.Process(self.pid).cpu_times()
        return float(used.user + used.system)


@contextmanager
def serving(store: Path, model_url: str) -> Iterator[Served]:
    """The measured service in its own process. Raises InputError when it does not start."""
    command = [sys.executable, "-m", "eval.bench.serving", str(store), "--model", model_url]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None and process.stdout is not None
    try:
        told = process.stdout.readline()
        if not told:
            raise InputError("the measured service did not start; what it said stands above")
        yield Served(str(json.loads(told)["url"]), process.pid)
    finally:
        process.stdin.close()
        try:
            process.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


now = time.perf_counter
