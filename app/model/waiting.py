"""Waiting for something that may never end."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from retrieval.errors import ModelUnavailable

T = TypeVar("T")


def in_time(seconds: float, make: Callable[[], T]) -> T:
    """What `make` gives, made in a thread of its own, which ends by its own time-outs. Raises ModelUnavailable after `seconds`."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(make())
        except BaseException as error:  # noqa: BLE001 - the edge of a thread: it is raised again where the result is awaited
            future.set_exception(error)

    threading.Thread(target=run, name="model", daemon=True).start()
    try:
        return future.result(seconds)
    except TimeoutError:
        raise ModelUnavailable(f"the model did not answer within {seconds:.3g} s") from None
