"""What every Service tells while it answers: which steps, in which order, with what in them. The real one, the one in memory, and both
through a server."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace

from app.answer.brief import EvidenceBrief
from app.answer.places import Site
from app.chain import WatchfloorAnswer
from app.cli.remote import RemoteService
from app.conversation.memory import Conversations
from app.conversation.pointing import Around
from app.fakes import MemoryService
from app.http.app import create_app
from app.http.context import Options
from app.http.serve import Listener, Serving, free_port
from app.ports import Ask, Event, Service
from app.service import Watchfloor
from retrieval.catalog import system_clock
from retrieval.types import Answer, CharSpan, Claim, Kind, Principal, Sighting

ANN = Principal("t", "ann")
AT = 1_772_784_000_000_000
QUESTION = "Which seal of pump P-101 failed?"


class Looking(MemoryService):
    """Takes a second look at each claim."""

    def ask(
        self,
        ask: Ask,
        principal: Principal,
        listen: Callable[[Event], None] | None = None,
        stop: threading.Event | None = None,
    ) -> Answer:
        def heard(event: Event) -> None:
            if listen is not None:
                listen(event)
                if event.name == "claim":
                    listen(Event("sighting", replace(event.data, sighting=Sighting.CONFIRMED)))

        return super().ask(ask, principal, heard, stop)


def real(house: Any) -> Service:
    around = Around(Site({}, []), house.find_entities, house.zone)
    parts: Any = SimpleNamespace(
        book=house.catalog,
        follower=house.projector,
        conversations=Conversations(house.catalog, lambda principal, as_of: around),
        answerer=EvidenceBrief(house.tools, system_clock),
    )
    return Watchfloor(parts)


@contextmanager
def served(service: Service, folder: Path) -> Iterator[Service]:
    """The same service through a real server on loopback."""
    port = free_port("127.0.0.1")
    options = Options(data_dir=folder, token="t", instance="one")
    listener = Listener(create_app(service, ANN, options), "127.0.0.1", port)
    thread = threading.Thread(target=lambda: asyncio.run(listener.serve()), daemon=True)
    thread.start()
    listener.wait(10)
    remote = RemoteService(Serving(os.getpid(), 0.0, f"http://127.0.0.1:{port}", "one", "t"))
    yield remote
    remote.close()
    listener.stop()
    thread.join(10)


@pytest.fixture(params=["real", "memory", "real, remote", "memory, remote"])
def service(request: pytest.FixtureRequest, tmp_path: Path, house_in: Callable[[Path], Any]) -> Iterator[Service]:
    house = house_in(tmp_path)
    report = house.piece("log.md", Kind.PASSAGE, CharSpan(0, 40), "The seal of pump P-101 failed on Tuesday.")
    house.put(report)
    made = real(house) if request.param.startswith("real") else Looking(tmp_path, [report])
    if not request.param.endswith("remote"):
        yield made
        return
    with served(made, tmp_path) as remote:
        yield remote


def test_the_steps_and_what_is_in_them(service: Service) -> None:
    heard: list[Event] = []
    answer = service.ask(Ask(question=QUESTION, asked_at=AT), ANN, heard.append)
    names = [event.name for event in heard]
    looked = ["sighting"] if "sighting" in names else []
    assert names == ["plan", "evidence", *["claim", *looked] * len(answer.claims), "answer"] and answer.claims
    told = {name: [event.data for event in heard if event.name == name] for name in names}
    (plan,), (ids,) = told["plan"], told["evidence"]
    assert isinstance(plan, dict) and json.loads(json.dumps(plan)) == plan
    assert {cited.evidence for claim in answer.claims for cited in claim.citations} <= set(ids)
    assert isinstance(ids, list) and all(isinstance(id_, str) for id_ in ids)
    assert all(isinstance(claim, Claim) for claim in (*told["claim"], *told.get("sighting", ())))
    assert tuple(told["claim"]) == answer.claims and told["answer"] == [answer]
    assert [claim.sighting for claim in told.get("sighting", ())] == [Sighting.CONFIRMED] * len(answer.claims) * bool(
        looked
    )


def test_the_answer_that_is_told_names_its_conversation(service: Service) -> None:
    heard: list[Event] = []
    answer = service.ask(Ask(question=QUESTION, asked_at=AT, conversation="new"), ANN, heard.append)
    assert heard[-1].data.conversation == answer.conversation != ""


def test_a_chain_streams_claims_of_every_service(service: Service) -> None:
    pieces = list(WatchfloorAnswer(service, ANN, lambda: AT).stream(QUESTION))
    assert pieces[0]["claims"][0]["text"] == pieces[-1]["claims"][0]["text"] and len(pieces) > 1
