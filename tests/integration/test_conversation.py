"""Follow-ups over a store that the command line filled: understood, answered, read back, and never wider than their reader."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from app.http.app import create_app
from app.http.context import Options
from app.http.serve import Listener, free_port
from app.settings import load
from app.wiring import build
from retrieval.types import Principal

ASKED_AT = "2026-03-05T08:00:00Z"
FIRST = "Which alarms did pump P-101 raise on 4 March 2026?"


# first: while the server below holds the store, no other process may
def test_the_command_line_speaks_in_conversations(place: Any) -> None:
    begun = place.call("ask", "--json", "--asked-at", ASKED_AT, "--conversation", "new", FIRST).json
    talk = begun["conversation"]
    second = place.call("ask", "--asked-at", ASKED_AT, "--conversation", talk, "And the day after?")
    assert second.code == 0 and "understood as: Which alarms did pump P-101 raise on 5 March 2026?" in second.out
    assert talk in place.call("conversations").out
    assert place.call("conversations", talk, "--json").json["count"] == 2
    assert "And the day after?" in place.call("conversations", talk).out
    assert place.call("conversations", talk, "--forget").code == 0
    gone = place.call("conversations", talk)
    assert gone.code == 2 and "is yours" in gone.err
    assert place.call("conversations", "--forget").code == 2


@pytest.fixture(scope="module")
def http(place: Any) -> Iterator[httpx.Client]:
    """A real server over the store."""
    settings = load(data_dir=place.data, encoders={"image": "off", "detector": "off"})
    service = build(settings)
    port = free_port("127.0.0.1")
    listener = Listener(create_app(service, Principal("default"), Options(place.data)), "127.0.0.1", port)
    thread = threading.Thread(target=lambda: asyncio.run(listener.serve()), daemon=True)
    thread.start()
    listener.wait(20)
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False) as client:
        yield client
    listener.stop()
    thread.join(20)
    service.close()


def ask(http: httpx.Client, question: str, conversation: str | None) -> Any:
    body = {"question": question, "asked_at": ASKED_AT, "conversation": conversation}
    reply = http.post("/v1/ask", json=body)
    assert reply.status_code == 200, reply.text
    return reply.json()


def test_and_the_day_after(http: httpx.Client) -> None:
    first = ask(http, FIRST, "new")
    assert "A-17" in str(first["claims"]) and "A-18" not in str(first["claims"]) and first["resolved"] == ""
    second = ask(http, "And the day after?", first["conversation"])
    assert second["question"] == "And the day after?"
    assert second["resolved"] == "Which alarms did pump P-101 raise on 5 March 2026?"
    assert "A-18" in str(second["claims"]) and "A-17" not in str(second["claims"])


def test_that_camera_is_the_one_that_was_cited(http: httpx.Client) -> None:
    talk = ask(http, "What did the cameras see at pump P-101 on 4 March 2026 between 02:00 and 03:00?", "new")[
        "conversation"
    ]
    shown = ask(http, "Show me that camera", talk)
    assert shown["resolved"].startswith("Show me Camera 1 on 4 March 2026 between 02:00 and 03:00")


def test_it_is_the_thing_spoken_of_and_its_work_order_is_found(http: httpx.Client) -> None:
    talk = ask(http, FIRST, "new")["conversation"]
    answer = ask(http, "Which work orders are open for it?", talk)
    assert answer["resolved"] == "Which work orders are open for Pump P-101?"
    assert "WO-8" in str(answer["claims"])


def test_conversations_are_listed_read_and_deleted(http: httpx.Client) -> None:
    talk = ask(http, FIRST, "new")["conversation"]
    ask(http, "And the day after?", talk)
    listed = http.get("/v1/conversations").json()["conversations"]
    assert listed[0]["id"] == talk and listed[0]["title"] == FIRST and listed[0]["count"] == 2
    whole = http.get(f"/v1/conversations/{talk}").json()
    assert [turn["question"] for turn in whole["turns"]] == [FIRST, "And the day after?"]
    assert whole["turns"][1]["evidence"] and "A-18" in whole["turns"][1]["reply"]
    assert http.delete(f"/v1/conversations/{talk}").status_code == 204
    for reply in (
        http.get(f"/v1/conversations/{talk}"),
        http.delete(f"/v1/conversations/{talk}"),
        http.post("/v1/ask", json={"question": "And then?", "conversation": talk}),
        http.post(
            "/v1/chat/completions",
            json={
                "model": "watchfloor",
                "messages": [{"role": "user", "content": "And then?"}],
                "watchfloor": {"conversation": talk},
            },
        ),
    ):
        assert reply.status_code == 404 and reply.json()["error"]["code"] == "conversation_not_found", reply.text


def test_earlier_messages_of_a_chat_are_what_was_said_before(http: httpx.Client) -> None:
    messages = [
        {"role": "user", "content": FIRST},
        {"role": "assistant", "content": "A-17."},
        {"role": "user", "content": "And the day after?"},
    ]
    body = {"model": "watchfloor", "messages": messages, "watchfloor": {"asked_at": ASKED_AT}}
    reply = http.post("/v1/chat/completions", json=body).json()
    assert reply["watchfloor"]["resolved"] == "Which alarms did pump P-101 raise on 5 March 2026?"
    assert "A-18" in reply["choices"][0]["message"]["content"]
