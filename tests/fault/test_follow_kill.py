"""A follower is killed while files appear, and started again: each is evidence, once. Asked to end, it ends after the source in hand."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from retrieval.catalog import Catalog
from retrieval.types import Filter, Principal

COUNT, PASSAGES = 12, 3
_UP_S = 240.0


@contextmanager
def following(store: Path, folder: Path) -> Iterator[subprocess.Popen[str]]:
    start = [sys.executable, "-c", "from app.cli.main import main; main()", "--data-dir", str(store)]
    command = [*start, "follow", str(folder), "--json", "--quiet", "0.2", "--every", "60"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=os.environ.copy()
    )
    try:
        assert process.stdout is not None
        assert "following" in process.stdout.readline()
        yield process
    finally:
        process.kill()
        process.communicate()


def stored(store: Path) -> dict[str, int]:
    """How many pieces stand of each source."""
    catalog = Catalog(store / "catalog.sqlite3")
    counts: dict[str, int] = {}
    try:
        for each in catalog.scan(Filter(), Principal("default"), 10 * COUNT * PASSAGES):
            counts[each.source] = counts.get(each.source, 0) + 1
    finally:
        catalog.close()
    return counts


def log(n: int) -> str:
    return "\n\n".join(f"# Part {part}\n\nPump {n} tripped in part {part}." for part in range(PASSAGES))


def wait_until(store: Path, count: int) -> None:
    until = time.monotonic() + _UP_S
    while len(stored(store)) < count:
        assert time.monotonic() < until, f"{len(stored(store))} of {count}"
        time.sleep(0.05)


def test_a_killed_follower_loses_and_doubles_nothing(tmp_path: Path) -> None:
    store, folder = tmp_path / "store", tmp_path / "in"
    folder.mkdir()
    with following(store, folder) as process:
        for n in range(COUNT):
            (folder / f"{n}.md").write_text(log(n))
        wait_until(store, 1)
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    before = len(stored(store))
    assert before < COUNT, "nothing was in flight any more"
    (folder / "film.md.part").write_text("half")
    with following(store, folder) as process:
        wait_until(store, COUNT)
        # told by the system: the next look at all of it is a minute away
        began = time.monotonic()
        (folder / "film.md.part").rename(folder / "late.md")
        wait_until(store, COUNT + 1)
        assert time.monotonic() - began < 50
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    found = stored(store)
    expected = {(folder / f"{n}.md").as_uri(): PASSAGES for n in range(COUNT)} | {(folder / "late.md").as_uri(): 1}
    assert found == expected
    print(f"{before} of {COUNT} were stored when it was killed")
