"""A child that is kept for many small files: it answers as a fresh one would, and none of its troubles reach the next file."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ingest.sandbox import Limits, run
from ingest.warm import SMALL, WarmWorker
from retrieval.errors import SourceRejected

_WORKERS = """
import os, sys, time
from pathlib import Path
from retrieval.errors import SourceRejected

def whoami(args):
    yield str(os.getpid()).encode()

def echo(args):
    yield args["text"].encode()
    yield b"x" * 2_000_000

def numbered(args):
    import msgspec
    yield msgspec.msgpack.encode(os.getpid())

def refuses(args):
    yield b"half"
    raise SourceRejected("locked", kind="encrypted")

def memory(args):
    hog = []
    while True:
        hog.append(bytearray(50_000_000))
    yield b""

def loop(args):
    while True:
        pass
    yield b""

def dies(args):
    yield b"half"
    os._exit(0)

def burns(args):
    until = time.process_time() + args["s"]
    while time.process_time() < until:
        pass
    yield b"done"
"""
LIMITS = Limits(wall_s=10, cpu_s=2, memory_bytes=500 << 20)


@pytest.fixture(autouse=True)
def workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "warm_workers.py").write_text(_WORKERS)
    monkeypatch.syspath_prepend(str(tmp_path))


@pytest.fixture
def pid() -> Callable[..., int]:
    def ask(worker: WarmWorker, owner: str = "t") -> int:
        return int(next(iter(list(worker.run("warm_workers:whoami", {}, owner)))))

    return ask


def test_it_answers_as_a_fresh_child_does() -> None:
    worker = WarmWorker(LIMITS)
    for text in ("a", "hällo"):
        order = ("warm_workers:echo", {"text": text})
        assert list(worker.run(*order, "t")) == list(run(*order, LIMITS))


def test_one_child_reads_many_files_of_one_tenant(pid: Callable[..., int]) -> None:
    worker = WarmWorker(LIMITS, orders=3)
    first = [pid(worker) for _ in range(3)]
    assert len(set(first)) == 1
    assert pid(worker) not in first  # so many files and no more
    assert pid(worker, "other") != pid(worker, "t")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("refuses", "encrypted"),
        ("memory", "too_large"),
        ("loop", "timeout"),
        ("dies", "unreadable"),
        ("missing", "unreadable"),
    ],
)
def test_a_bad_file_has_its_own_error_and_the_next_a_new_child(pid: Callable[..., int], name: str, kind: str) -> None:
    worker = WarmWorker(LIMITS)
    before = pid(worker)
    with pytest.raises(SourceRejected) as caught:
        list(worker.run(f"warm_workers:{name}", {}, "t"))
    assert caught.value.kind == kind
    assert pid(worker) != before


def test_processor_time_is_counted_file_by_file() -> None:
    worker = WarmWorker(LIMITS)
    for _ in range(3):
        assert list(worker.run("warm_workers:burns", {"s": 1.2}, "t")) == [b"done"]


def test_a_file_that_comes_amid_another_has_a_child_of_its_own(pid: Callable[..., int]) -> None:
    worker = WarmWorker(LIMITS)
    held = worker.run("warm_workers:echo", {"text": "a"}, "t")
    assert next(held) == b"a"
    between = pid(worker)
    assert len(next(held)) == 2_000_000
    assert list(held) == []
    assert pid(worker) != between


def test_one_that_is_left_half_read_is_ended(pid: Callable[..., int]) -> None:
    worker = WarmWorker(LIMITS)
    before = pid(worker)
    stream = worker.run("warm_workers:echo", {"text": "a"}, "t")
    next(stream)
    stream.close()
    assert pid(worker) != before


def test_it_ends_when_nothing_comes_and_is_started_again(pid: Callable[..., int]) -> None:
    worker = WarmWorker(LIMITS, idle_s=0.2)
    before = pid(worker)
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and _alive(before):
        time.sleep(0.05)
    assert not _alive(before)
    assert pid(worker) != before


def test_closing_it_ends_the_child(pid: Callable[..., int]) -> None:
    worker = WarmWorker(LIMITS)
    before = pid(worker)
    worker.close()
    assert not _alive(before)


def test_large_files_have_a_child_of_their_own(tmp_path: Path) -> None:
    small, large = tmp_path / "small", tmp_path / "large"
    small.write_bytes(b"1")
    large.write_bytes(b"1" * (SMALL + 1))
    worker = WarmWorker(LIMITS)
    kept, alone, again = (
        list(worker.read_as(int, "warm_workers:numbered", path, "t")) for path in (small, large, small)
    )
    assert kept == again != alone


def _alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and was not yet waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
