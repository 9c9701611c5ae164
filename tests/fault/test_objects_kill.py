"""A listener is killed while notifications of objects are in flight: each object is taken in, once, and what was deleted is closed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

from ingest.objects.s3 import Access
from retrieval.catalog import Catalog
from retrieval.types import Filter, Principal

COUNT = 24
ENDS = ("ObjectCreated:Put", "ObjectRemoved:Delete")
_UP_S = 240.0


@contextmanager
def listening(store: Path, feeds: Path, access: Access) -> Iterator[subprocess.Popen[str]]:
    start = [sys.executable, "-c", "from app.cli.main import main; main()"]
    command = [*start, "--data-dir", str(store), "listen", str(feeds), "--json", "--every", "60"]
    named = {
        "ENDPOINT_URL": access.endpoint_url,
        "REGION": access.region,
        "KEY_ID": access.key_id,
        "SECRET": access.secret,
    }
    more = {f"WATCHFLOOR_OBJECTS__{name}": value for name, value in named.items()}
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env={**os.environ, **more}
    )
    try:
        assert process.stdout is not None
        assert "listening" in process.stdout.readline()
        yield process
    finally:
        process.kill()
        process.communicate()


def stored(store: Path) -> list[str]:
    catalog = Catalog(store / "catalog.sqlite3")
    try:
        return sorted(each.source for each in catalog.scan(Filter(), Principal("default"), 10 * COUNT))
    finally:
        catalog.close()


def event(key: str, name: str) -> bytes:
    about = {"bucket": {"name": "plant"}, "object": {"key": key}}
    return json.dumps({"Records": [{"eventName": name, "s3": about}]}).encode()


def test_a_killed_listener_loses_and_doubles_no_object(
    owner: Any, moto: Access, mosquitto: Any, tmp_path: Path
) -> None:
    store, feeds = tmp_path / "store", tmp_path / "feeds.yaml"
    feeds.write_text(
        f"bus: mqtt://127.0.0.1:{mosquitto.port}\nfeeds:\n  bucket: {{topic: events, kind: objects, prefixes: ['s3://plant/kill/']}}\n"
    )
    for n in range(COUNT):
        body = f"Pump {n} tripped.".encode()
        owner.put_object("plant", f"kill/{n}.md", BytesIO(body), len(body))
    owner.remove_object("plant", "kill/0.md")
    # the end of an object is told of before its beginning is told of again
    told = [[event(f"kill/{n}.md", "ObjectCreated:Put"), event("kill/0.md", ENDS[n % 2])] for n in range(COUNT)]
    with listening(store, feeds, moto) as process:
        mosquitto.publish("events", [each for pair in told for each in pair])
        wait_until(store, 1)
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    before = len(stored(store))
    with listening(store, feeds, moto):
        wait_until(store, COUNT - 1)
        time.sleep(1.0)
    assert stored(store) == sorted(f"s3://plant/kill/{n}.md" for n in range(1, COUNT))
    assert before < COUNT - 1, "nothing was in flight any more"
    print(f"{before} of {COUNT - 1} were stored when it was killed")


def wait_until(store: Path, count: int) -> None:
    until = time.monotonic() + _UP_S
    while len(stored(store)) < count:
        assert time.monotonic() < until, f"{len(stored(store))} of {count}"
        time.sleep(0.05)
