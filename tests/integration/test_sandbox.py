"""Hostile workers: each yields a typed error and the parent lives."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from ingest.sandbox import Limits, run, run_as
from ingest.video.messages import Closed
from retrieval.errors import SourceRejected

_WORKERS = """
import ctypes, os, sys, time
from ingest.video.messages import Closed
from retrieval.errors import SourceRejected

def echo(args):
    print("a library talks")
    yield args["text"].encode()
    yield b"x" * 3_000_000

def structs(args):
    yield Closed(1, 2, 3, 4, 5)

def memory(args):
    hog = []
    while True:
        hog.append(bytearray(50_000_000))
        yield b""

def loop(args):
    yield b"first"
    while True:
        pass

def sleeper(args):
    time.sleep(60)
    yield b""

def segfault(args):
    yield b"first"
    ctypes.string_at(8)

def abort(args):
    os.abort()
    yield b""

def refuses(args):
    raise SourceRejected("locked", kind="encrypted")
    yield b""

def raises(args):
    yield b"half"
    raise ValueError("no such thing")

def floods(args):
    while True:
        yield b"x" * 1_000_000

def leaves(args):
    yield b"half"
    os._exit(0)

def secrets(args):
    yield repr(sorted(os.environ)).encode()

def whoami(args):
    yield str(os.getpid()).encode()
    time.sleep(60)
"""


@pytest.fixture(autouse=True)
def workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "hostile_workers.py").write_text(_WORKERS)
    monkeypatch.syspath_prepend(str(tmp_path))


def test_bytes_come_back_and_prints_do_not_disturb() -> None:
    first, second = run("hostile_workers:echo", {"text": "hällo"})
    assert first.decode() == "hällo"
    assert len(second) == 3_000_000


def test_structs_come_back() -> None:
    assert list(run_as(Closed, "hostile_workers:structs", {})) == [Closed(1, 2, 3, 4, 5)]


@pytest.mark.parametrize(
    ("worker", "limits", "kind", "words"),
    [
        ("memory", Limits(memory_bytes=400 << 20), "too_large", "400 MB"),
        ("loop", Limits(cpu_s=1), "timeout", "processor time"),
        ("loop", Limits(wall_s=1.5), "timeout", "longer than 1.5 s"),
        ("sleeper", Limits(wall_s=1), "timeout", "longer than 1 s"),
        ("segfault", Limits(), "unreadable", "SIGSEGV"),
        ("abort", Limits(), "unreadable", "SIGABRT"),
        ("refuses", Limits(), "encrypted", "locked"),
        ("raises", Limits(), "unreadable", "ValueError: no such thing"),
        ("floods", Limits(output_bytes=5_000_000), "too_large", "more data"),
        ("leaves", Limits(), "unreadable", "exit 0"),
        ("missing", Limits(), "unreadable", "missing"),
    ],
)
def test_each_way_to_die_is_told_apart(worker: str, limits: Limits, kind: str, words: str) -> None:
    with pytest.raises(SourceRejected) as caught:
        list(run(f"hostile_workers:{worker}", {}, limits))
    assert caught.value.kind == kind
    assert words in caught.value.reason


def test_the_child_sees_none_of_our_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHFLOOR_TOKEN", "s3cret")
    (names,) = run("hostile_workers:secrets", {})
    assert b"WATCHFLOOR_TOKEN" not in names


def test_closing_the_stream_ends_the_child() -> None:
    stream = run("hostile_workers:whoami", {})
    pid = int(next(stream))
    stream.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_slow_consumer_does_not_count_against_the_child() -> None:
    stream = run("hostile_workers:echo", {"text": "a"}, Limits(wall_s=3))
    next(stream)
    time.sleep(3.2)
    assert len(next(stream)) == 3_000_000
    stream.close()
