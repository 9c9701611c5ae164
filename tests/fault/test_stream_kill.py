"""A listener is killed while a thousand messages are in flight: none is lost, none is there twice, on Kafka and on MQTT.

Real protocols: librdkafka's own mock cluster, and mosquitto started here. The listener is the command, in a process of its own.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from retrieval.catalog import Catalog
from retrieval.types import Filter, Principal

COUNT = 1000
ANN = Principal("default")
_UP_S = 240.0


class Bus(NamedTuple):
    """Where it is, and how messages get onto it; `send` returns once the bus has them all."""

    address: str
    send: Callable[[list[bytes]], None]


def alarm(n: int) -> bytes:
    told = {"id": f"AL-{n}", "rev": 1, "severity": "high", "message": f"seal {n} leaks", "raised_at": 1_772_592_060 + n}
    return json.dumps(told).encode()


@contextmanager
def kafka() -> Iterator[Bus]:
    from confluent_kafka import Producer

    # the mock cluster lives as long as this producer
    producer = Producer({"test.mock.num.brokers": 1, "bootstrap.servers": "mock"})
    producer.produce("alarms", b"")
    brokers = producer.list_topics(timeout=10).brokers.values()

    def send(bodies: list[bytes]) -> None:
        for body in bodies:
            producer.produce("alarms", body)
        assert producer.flush(30) == 0

    yield Bus("kafka://" + ",".join(f"{each.host}:{each.port}" for each in brokers), send)


@pytest.fixture(params=["kafka", "mqtt"])
def bus(request: pytest.FixtureRequest) -> Iterator[Bus]:
    if request.param == "kafka":
        with kafka() as made:
            yield made
        return
    broker = request.getfixturevalue("mosquitto")
    yield Bus(f"mqtt://127.0.0.1:{broker.port}", lambda bodies: broker.publish("plant/alarms", bodies))


@contextmanager
def listening(store: Path, feeds: Path) -> Iterator[subprocess.Popen[str]]:
    start = [sys.executable, "-c", "from app.cli.main import main; main()"]
    command = [*start, "--data-dir", str(store), "listen", str(feeds), "--json", "--every", "60"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ.copy()
    )
    try:
        assert process.stdout is not None
        first = process.stdout.readline()
        assert "listening" in first, first + (process.stderr.read() if process.stderr else "")
        yield process
    finally:
        process.kill()
        process.communicate()


def stored(store: Path) -> list[str]:
    catalog = Catalog(store / "catalog.sqlite3")
    try:
        return [e.source for e in catalog.scan(Filter(), ANN, 10 * COUNT)]
    finally:
        catalog.close()


def rows(store: Path) -> int:
    """How much evidence there is, at a glance: opening the catalog takes so long that all would be stored meanwhile."""
    try:
        with closing(sqlite3.connect(f"file:{store / 'catalog.sqlite3'}?mode=ro", uri=True)) as looking:
            return int(looking.execute("SELECT count(*) FROM evidence").fetchone()[0])
    except sqlite3.OperationalError:
        return 0


def wait_until(true: Callable[[], bool], why: Callable[[], Any], seconds: float = _UP_S, pause_s: float = 0.05) -> None:
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, why()
        time.sleep(pause_s)


def test_a_killed_listener_loses_and_doubles_nothing(bus: Bus, tmp_path: Path) -> None:
    store, feeds = tmp_path / "store", tmp_path / "feeds.yaml"
    topic = "alarms" if bus.address.startswith("kafka") else "plant/alarms"
    feeds.write_text(f"bus: {bus.address}\nfeeds:\n  alarms: {{topic: {topic}, id: id, version: rev}}\n")
    with listening(store, feeds) as process:
        bus.send([alarm(n) for n in range(COUNT)])
        wait_until(lambda: rows(store) > 0, lambda: "nothing came", pause_s=0.005)
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    before = len(stored(store))
    assert before < COUNT, "nothing was in flight any more"
    with listening(store, feeds):
        wait_until(
            lambda: len(set(stored(store))) >= COUNT, lambda: f"{len(stored(store))} of {COUNT}, {before} at the kill"
        )
        time.sleep(1.0)
    found = stored(store)
    assert sorted(found) == sorted(f"feed:///alarms/AL-{n}" for n in range(COUNT))
    print(f"{before} of {COUNT} were stored when it was killed")
