"""Waiting for something that may never end."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from app.model.endpoint import failure
from app.model.port import Course
from retrieval.errors import ModelUnavailable

T = TypeVar("T")
_WAIT_S = 0.05


def in_time(course: Course, make: Callable[[], T]) -> T:
    """What `make` gives, made in a thread of its own, which ends by its own time-outs.

    Raises ModelUnavailable when the course is over, or the question is withdrawn, before that.
    """
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(make())
        except BaseException as error:  # noqa: BLE001 - the edge of a thread: it is raised again where the result is awaited
            future.set_exception(error)

    threading.Thread(target=run, name="model", daemon=True).start()
    while True:
        try:
            return future.result(min(_WAIT_S, course.left()))
        except TimeoutError:
            if course.left() <= 0:
                raise failure(ModelUnavailable(), course) from None
