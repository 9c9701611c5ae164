"""A running server keeps its indexes well."""

from __future__ import annotations

import threading
from pathlib import Path

from litestar import Litestar
from litestar.testing import TestClient

from app.fakes import MemoryService
from app.http.indexes import keeping_well
from retrieval.errors import StoreError


def test_the_server_goes_on_keeping_when_the_store_fails() -> None:
    kept, ended = list[threading.Event](), threading.Event()

    class Failing(MemoryService):
        def keep(self, stop: threading.Event) -> None:
            kept.append(stop)
            if len(kept) < 3:
                raise StoreError("the disk is gone")
            super().keep(stop)
            ended.set()

    with TestClient(Litestar([], lifespan=[keeping_well(Failing(Path()), 0.01)])):
        assert not ended.wait(0.2)
    assert ended.is_set() and len(kept) == 3 and kept[2].is_set()
