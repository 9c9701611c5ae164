"""How rarely a server looks for garbage in cycles."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from app.http.serve import collect_rarely


@pytest.fixture
def as_before() -> Iterator[None]:
    thresholds = gc.get_threshold()
    yield
    gc.set_threshold(*thresholds)
    gc.unfreeze()


class Node:
    """One that holds itself."""

    def __init__(self) -> None:
        self.own = self


@pytest.mark.usefixtures("as_before")
def test_what_was_loaded_is_left_alone_and_new_cycles_still_go() -> None:
    thresholds, loaded = gc.get_threshold(), Node()
    old = weakref.ref(loaded)
    collect_rarely()
    new = weakref.ref(Node())
    del loaded
    gc.collect()
    assert old() is not None
    assert new() is None
    assert gc.get_threshold() > thresholds
