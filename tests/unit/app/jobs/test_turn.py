"""Turns between threads, and between processes."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from app.jobs.turn import IngestTurn
from retrieval.errors import StoreBusy

HOLD = """
import sys, pathlib
from app.jobs.turn import IngestTurn
with IngestTurn(pathlib.Path(sys.argv[1])).taken(0):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_threads_take_turns(tmp_path: Path) -> None:
    turn, most, now, lock = IngestTurn(tmp_path / "lock"), [0], [0], threading.Lock()

    def work() -> None:
        with turn.taken(10):
            with lock:
                now[0] += 1
                most[0] = max(most[0], now[0])
            with lock:
                now[0] -= 1

    threads = [threading.Thread(target=work) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(10)
    assert most == [1]
    with turn.taken(0), pytest.raises(StoreBusy, match="under way"), turn.taken(0.01):
        raise AssertionError("two at once")
    with turn.taken(0):
        pass


def test_processes_take_turns_and_a_killed_one_leaves_its_own(tmp_path: Path) -> None:
    turn = IngestTurn(tmp_path / "lock")
    other = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "lock")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert other.stdout is not None and other.stdout.readline() == b"held\n"
        with pytest.raises(StoreBusy), turn.taken(0):
            raise AssertionError("two at once")
        other.kill()
        other.wait(10)
        with turn.taken(5):
            pass
    finally:
        other.kill()
        other.communicate()
