"""The processes of the stream benchmark: a mock Kafka cluster here, the listener and the server as commands."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx

from app.http.serve import free_port
from retrieval.errors import InputError

_MAIN = [sys.executable, "-c", "from app.cli.main import main; main()"]
_UP_S = 120.0
_HOST = "127.0.0.1"


class Topic(NamedTuple):
    """A topic of the mock cluster; `producer` keeps it alive."""

    address: str
    name: str
    producer: Any

    def put(self, bodies: Sequence[bytes]) -> None:
        """Returns once the bus has them."""
        for body in bodies:
            self.producer.produce(self.name, body)
        if self.producer.flush(30):
            raise InputError("the mock cluster does not take messages")


@contextmanager
def mock_kafka(name: str) -> Iterator[Topic]:
    """librdkafka's mock cluster with one broker. Raises InputError without the extra [bus]."""
    try:
        from confluent_kafka import Producer
    except ImportError as problem:
        raise InputError("this benchmark needs the extra [bus]: pip install 'watchfloor[bus]'") from problem
    settings = {"test.mock.num.brokers": 1, "bootstrap.servers": "mock", "queue.buffering.max.messages": 1_000_000}
    producer = Producer(settings)
    # the cluster makes a topic when it is first asked about
    brokers = producer.list_topics(name, timeout=10).brokers.values()
    yield Topic("kafka://" + ",".join(f"{each.host}:{each.port}" for each in brokers), name, producer)


class Child:
    """A command that runs beside the benchmark; its last line of JSON is how it stands."""

    def __init__(self, arguments: Sequence[str], ready: str) -> None:
        self._arguments = list(arguments)
        self._process = subprocess.Popen(
            [*_MAIN, *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self._line: dict[str, Any] = {}
        self._ready = threading.Event()
        self._reader = threading.Thread(target=self._read, args=(ready,), daemon=True)
        self._reader.start()
        self._client: httpx.Client | None = None

    def _read(self, ready: str) -> None:
        for line in self._process.stdout or ():
            if ready in line:
                self._ready.set()
            elif line.startswith("{"):
                self._line = json.loads(line)

    def wait(self) -> None:
        """Raises InputError where it does not come up."""
        if not self._ready.wait(_UP_S):
            raise InputError(f"a process of the benchmark did not come up: {' '.join(self._arguments)}")

    def standing(self) -> dict[str, Any]:
        return self._line

    def reach(self, url: str) -> None:
        self._client = httpx.Client(base_url=url, timeout=30.0)

    def search(self, text: str) -> list[dict[str, Any]]:
        """Hits of a search over HTTP; [] where the server refuses for the moment."""
        if self._client is None:
            return []
        answer = self._client.post("/v1/search", json={"text": text, "k": 3})
        return list(answer.json()["hits"]) if answer.is_success else []

    def end(self) -> None:
        if self._client is not None:
            self._client.close()
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@contextmanager
def listening(topic: Topic, store: Path, folder: Path) -> Iterator[Child]:
    """`watchfloor listen` over one feed of alarms."""
    feeds = folder / "feeds.yaml"
    feeds.write_text(f"bus: {topic.address}\nfeeds:\n  events: {{topic: {topic.name}, id: id, version: rev}}\n")
    child = Child(["--data-dir", str(store), "listen", str(feeds), "--json", "--every", "0.2"], '"listening"')
    try:
        child.wait()
        yield child
    finally:
        child.end()


@contextmanager
def serving(store: Path) -> Iterator[Child]:
    """`watchfloor serve` over the same store."""
    config, port = store.parent / "watchfloor.toml", free_port(_HOST)
    config.write_text(f"port = {port}\n")
    child = Child(["--config", str(config), "--data-dir", str(store), "serve"], str(port))
    try:
        child.wait()
        child.reach(f"http://{_HOST}:{port}")
        yield child
    finally:
        child.end()
