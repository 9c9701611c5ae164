"""A service in memory with one frame, one passage, one window and a secret, and ways to reach it over HTTP."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient
from PIL import Image

from app.fakes import MemoryService
from app.http.app import create_app
from app.http.context import Options
from app.ports import Ask, Event, Service
from retrieval.times import span, to_micros
from retrieval.types import (
    Answer,
    CoverageNote,
    Evidence,
    FrameAt,
    Interval,
    Kind,
    Mention,
    PageBox,
    Principal,
    Provenance,
    Relation,
    SeriesWindow,
)

NIGHT = datetime(2026, 3, 4, 2, 0, tzinfo=UTC)
PRINCIPAL = Principal("plant", labels=("ops",))
TOKEN = "local-token"
Script = Callable[[Ask, Callable[[Event], None], threading.Event], Answer]
IDS = {name: f"ev_{digit * 40}" for name, digit in (("frame", "a"), ("page", "b"), ("window", "c"), ("secret", "d"))}


def hour(start: int, end: int) -> Interval:
    return span(NIGHT + timedelta(hours=start), NIGHT + timedelta(hours=end))


def sample() -> list[Evidence]:
    made = Provenance(ingester="test")
    seen = span(NIGHT + timedelta(minutes=10, seconds=5), NIGHT + timedelta(minutes=10, seconds=10))
    frame = Evidence(
        id=IDS["frame"],
        tenant="plant",
        source="file:///site/video/CAM-07.mp4",
        kind=Kind.FRAME,
        locator=FrameAt(5000, 10000),
        text="smoke near pump P-3 <b>seen</b> by CAM-07",
        provenance=made,
        media="frame.jpg",
        valid=seen,
        entities=(Mention("CAM-07", Relation.OBSERVED_AT),),
    )
    page = Evidence(
        id=IDS["page"],
        tenant="plant",
        source="file:///site/reports/shift%20log.pdf",
        kind=Kind.PASSAGE,
        locator=PageBox(3, (0.1, 0.2, 0.9, 0.4)),
        text="The bearing of the pump was changed.",
        provenance=made,
    )
    window = Evidence(
        id=IDS["window"],
        tenant="plant",
        source="file:///site/sensors/TI-3.csv",
        kind=Kind.WINDOW,
        locator=SeriesWindow("TI-3", hour(0, 1).t0, hour(0, 1).t1, 1, 60),
        text="temperature TI-3 rose to 91.5 °C",
        provenance=made,
        valid=hour(0, 1),
        data={"values": [60.0, 61.0, 75.0, 91.5], "max": 91.5},
    )
    secret = Evidence(
        id=IDS["secret"],
        tenant="plant",
        source="file:///site/hr.txt",
        kind=Kind.PASSAGE,
        locator=PageBox(1),
        text="secret pump",
        provenance=made,
        labels=("hr",),
    )
    return [frame, page, window, secret]


@pytest.fixture
def ids() -> dict[str, str]:
    return IDS


@pytest.fixture
def principal() -> Principal:
    return PRINCIPAL


@pytest.fixture
def service(tmp_path: Path) -> MemoryService:
    folder = tmp_path / "media"
    folder.mkdir()
    Image.new("RGB", (64, 36), "gray").save(folder / "frame.jpg")
    gap = CoverageNote("CAM-07", "gap", hour(1, 2), "CAM-07 was not recording 03:00–04:00")
    return MemoryService(folder, sample(), [gap])


@pytest.fixture
def options(tmp_path: Path) -> Options:
    return Options(
        data_dir=tmp_path / "data",
        max_upload_bytes=100_000,
        max_files=5,
        token=TOKEN,
        instance="one",
        now=lambda: to_micros(NIGHT + timedelta(hours=8)),
    )


@pytest.fixture
def client(service: MemoryService, options: Options) -> Iterator[TestClient[Any]]:
    app = create_app(service, PRINCIPAL, options)
    with TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False) as found:
        yield found


@pytest.fixture
def granian(options: Options) -> Iterator[Callable[[Service], str]]:
    """Start a real server on loopback for a service; gives its url."""
    from app.http.serve import Listener, free_port

    running: list[tuple[Listener, threading.Thread]] = []

    def start(service: Service) -> str:
        port = free_port("127.0.0.1")
        listener = Listener(create_app(service, PRINCIPAL, options), "127.0.0.1", port)
        thread = threading.Thread(target=lambda: asyncio.run(listener.serve()), daemon=True)
        thread.start()
        listener.wait(10)
        running.append((listener, thread))
        return f"http://127.0.0.1:{port}"

    yield start
    for listener, thread in running:
        listener.stop()
        thread.join(10)
        assert not thread.is_alive()


class Scripted(MemoryService):
    """Answers by `script` where one is set, and remembers what it was asked."""

    script: Script | None = None

    def ask(
        self,
        ask: Ask,
        principal: Principal,
        listen: Callable[[Event], None] | None = None,
        stop: threading.Event | None = None,
    ) -> Answer:
        self.asked = ask
        if self.script is None:
            return super().ask(ask, principal, listen, stop)
        return self.script(ask, listen or (lambda event: None), stop or threading.Event())

    def saying(self, answer: Answer) -> None:
        def script(ask: Ask, listen: Callable[[Event], None], stop: threading.Event) -> Answer:
            listen(Event("plan", {}))
            for claim in answer.claims:
                listen(Event("claim", claim))
            return answer

        self.script = script


@pytest.fixture
def scripted(service: MemoryService) -> Scripted:
    service.__class__ = Scripted
    assert isinstance(service, Scripted)
    return service
