"""The recording process: what it tells is checked, and one that dies, hangs or lies is ended and told."""

from __future__ import annotations

import os
import resource
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from app.http.serve import free_port
from ingest.live import child as children
from ingest.live.child import Child
from ingest.live.messages import Beat, Lost, Order, Piece
from retrieval.errors import SourceRejected

SECOND = 1_000_000


def order(**more: Any) -> Order:
    return Order(url=f"rtsp://127.0.0.1:{free_port('127.0.0.1')}/x", first_wait_s=0.2, longest_wait_s=0.4, **more)


def test_it_tells_ends_when_asked_and_leaves_nothing_behind() -> None:
    child = Child(order())
    pid = child._process.pid
    try:
        losses = 0
        for message in child.messages():
            losses += isinstance(message, Lost)
            if losses == 2:
                child.stop()
        assert losses >= 2
    finally:
        child.close()
    assert not Path(f"/proc/{pid}").exists()


def test_one_that_cannot_be_started_is_told() -> None:
    asked = order()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # no file may be opened above those that are
    taken = os.dup(0)
    os.close(taken)
    resource.setrlimit(resource.RLIMIT_NOFILE, (taken, hard))
    try:
        with pytest.raises(SourceRejected) as caught:
            Child(asked)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert caught.value.kind == "unstarted"


def test_one_that_is_killed_is_told() -> None:
    child = Child(order())
    try:
        with pytest.raises(SourceRejected):
            for _ in child.messages():
                os.kill(child._process.pid, signal.SIGKILL)
    finally:
        child.close()


def test_one_that_hangs_is_given_up_in_time() -> None:
    child = Child(order(open_s=0.5))
    try:
        begun = None
        with pytest.raises(SourceRejected, match="did not answer") as caught:
            for message in child.messages():
                if begun is None and isinstance(message, Lost | Beat):
                    child._process.send_signal(signal.SIGSTOP)
                    begun = time.monotonic()
        assert caught.value.kind == "hung" and begun is not None
    finally:
        child.close()


def now() -> int:
    return time.time_ns() // 1000


@pytest.mark.parametrize(
    "piece",
    [
        Piece(now(), now() + SECOND, b"x", "/../../evil.mp4", (), "rtcp"),
        Piece(now(), now() - SECOND, b"x", ".mp4", (), "rtcp"),
        Piece(0, now(), b"x", ".mp4", (), "rtcp"),
        Piece(now(), 1 << 62, b"x", ".mp4", (), "rtcp"),
        Piece(now(), now() + SECOND, b"x", ".mp4", ((now() + SECOND, now()),), "rtcp"),
    ],
    ids=["a path", "backwards", "long ago", "far ahead", "a hole that ends before it begins"],
)
def test_what_makes_no_sense_goes_no_further(piece: Piece) -> None:
    with pytest.raises(SourceRejected, match="no sense") as caught:
        children._sound(piece)
    assert caught.value.kind == "hung"
