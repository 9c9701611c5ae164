"""The Slack bot against a fake of Slack on loopback: Web API, signatures, retries, allow-lists, Socket Mode."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("slack_bolt", reason="the slack extra is not installed")
from aiohttp import WSMsgType, web
from litestar.testing import TestClient

from app.fakes import MemoryService
from app.http.app import create_app
from app.http.context import Options
from app.http.workers import Workers
from app.settings import Settings, load
from app.slack.bot import SlackOptions, build_bot
from app.slack.gate import Gate
from app.slack.mount import events_route, mounted, options_of, socket_life
from app.slack.render import MOST_BLOCKS, escape, message, question_of
from retrieval.errors import BadSettings
from retrieval.types import Answer, Citation, Claim, Kind, PageBox, Support, Verdict

SECRET = "a-signing-secret"
TEAM, CHANNEL, OWN = "T1", "C1", "http://127.0.0.1:8000"


class FakeSlack:
    """auth.test, chat.postMessage, apps.connections.open and one web socket, as far as a bot can tell."""

    def __init__(self) -> None:
        self.posted: list[dict[str, Any]] = []
        self.acknowledged: list[str] = []
        self.to_send: list[dict[str, Any]] = []
        self.url = ""
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> FakeSlack:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def wait_posted(self, count: int, seconds: float = 10.0) -> list[dict[str, Any]]:
        deadline = time.monotonic() + seconds
        while len(self.posted) < count and time.monotonic() < deadline:
            time.sleep(0.01)
        return self.posted

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())
        self._loop.run_forever()

    async def _serve(self) -> None:
        server = web.Application()
        server.router.add_post("/api/{method}", self._method)
        server.router.add_get("/socket", self._socket)
        runner = web.AppRunner(server)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        self._ready.set()

    async def _method(self, request: web.Request) -> web.Response:
        method = request.match_info["method"]
        if request.headers.get("Authorization") not in ("Bearer xoxb-1", "Bearer xapp-1"):
            return web.json_response({"ok": False, "error": "invalid_auth"})
        if method == "chat.postMessage":
            body = await request.json() if request.content_type == "application/json" else dict(await request.post())
            self.posted.append(body)
            return web.json_response({"ok": True, "ts": "2.0"})
        if method == "apps.connections.open":
            return web.json_response({"ok": True, "url": f"{self.url.replace('http', 'ws', 1)}/socket"})
        return web.json_response(
            {
                "ok": True,
                "team_id": TEAM,
                "user_id": "UBOT",
                "bot_id": "BBOT",
                "bot_user_id": "UBOT",
                "team": "t",
                "user": "b",
            }
        )

    async def _socket(self, request: web.Request) -> web.WebSocketResponse:
        line = web.WebSocketResponse()
        await line.prepare(request)
        await line.send_json({"type": "hello"})
        for number, payload in enumerate(self.to_send):
            await line.send_json({"type": "events_api", "envelope_id": f"e{number}", "payload": payload})
        async for received in line:
            if received.type is WSMsgType.TEXT:
                self.acknowledged.append(json.loads(received.data).get("envelope_id", ""))
        return line


@pytest.fixture
def slack() -> Iterator[FakeSlack]:
    fake = FakeSlack().start()
    yield fake
    fake.stop()


@pytest.fixture
def workers() -> Iterator[Workers]:
    made = Workers(4, "slack")
    yield made
    made.close()


def options_for(slack: FakeSlack, **changes: Any) -> SlackOptions:
    fixed = SlackOptions("xoxb-1", SECRET, (TEAM,), (CHANNEL, "D1"), OWN, base_url=f"{slack.url}/api/")
    return fixed._replace(**changes)


@pytest.fixture
def client(
    service: MemoryService, principal: Any, options: Options, slack: FakeSlack, workers: Workers
) -> Iterator[TestClient[Any]]:
    bot = build_bot(service, principal, options_for(slack), workers)
    app = create_app(service, principal, options._replace(handlers=[events_route(bot)]))
    with TestClient(app, base_url="https://bot.example.com") as found:
        yield found


def event_body(event: dict[str, Any], event_id: str = "Ev1", team: str = TEAM) -> dict[str, Any]:
    return {"type": "event_callback", "team_id": team, "api_app_id": "A1", "event_id": event_id, "event": event}


def mention(text: str = "<@UBOT> smoke near pump", **changes: Any) -> dict[str, Any]:
    return {"type": "app_mention", "user": "U1", "text": text, "channel": CHANNEL, "ts": "1.0", "team": TEAM, **changes}


def send(client: TestClient[Any], body: Any, *, age: float = 0, secret: str = SECRET, **extra: str) -> Any:
    raw = json.dumps(body)
    stamp = str(int(time.time() - age))
    digest = hmac.new(secret.encode(), f"v0:{stamp}:{raw}".encode(), hashlib.sha256).hexdigest()
    headers = {
        "x-slack-request-timestamp": stamp,
        "x-slack-signature": f"v0={digest}",
        "content-type": "application/json",
    }
    return client.post("/slack/events", content=raw, headers={**headers, **extra})


def test_a_mention_is_answered_in_its_thread(client: TestClient[Any], slack: FakeSlack, ids: dict[str, str]) -> None:
    assert send(client, event_body(mention())).status_code == 200
    (posted,) = slack.wait_posted(1)
    assert (posted["channel"], posted["thread_ts"]) == (CHANNEL, "1.0")
    assert posted["unfurl_links"] in (False, "0") and posted["unfurl_media"] in (False, "0")
    text = json.dumps(posted["blocks"], ensure_ascii=False)
    assert "Answered" in text and f"<{OWN}/#{ids['frame']}|ev_aaaaaaaaaa>" in text
    assert "frame at 2026-03-04 02:10:05 UTC (00:05 in the clip)" in text
    assert "&lt;b&gt;seen&lt;/b&gt;" in text and "gap: CAM-07 was not recording" in text


def test_a_reply_in_a_thread_stays_in_it(client: TestClient[Any], slack: FakeSlack) -> None:
    send(client, event_body(mention(thread_ts="0.5")))
    assert slack.wait_posted(1)[0]["thread_ts"] == "0.5"


def test_a_thread_is_a_conversation(
    client: TestClient[Any], slack: FakeSlack, service: MemoryService, principal: Any
) -> None:
    for n, thread in enumerate(("0.5", "0.5", "0.7")):
        send(client, event_body(mention(ts=f"1.{n}", thread_ts=thread), event_id=f"Ev{n}"))
        slack.wait_posted(n + 1)
    assert sorted(talk.count for talk in service.conversations(principal)) == [1, 2]


def test_it_is_acknowledged_before_the_answer_is_made(
    client: TestClient[Any], slack: FakeSlack, service: MemoryService, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = threading.Event()
    finish = service._answer
    monkeypatch.setattr(service, "_answer", lambda ask, hits: (go.wait(10), finish(ask, hits))[1])
    assert send(client, event_body(mention())).status_code == 200
    assert slack.posted == []
    go.set()
    assert len(slack.wait_posted(1)) == 1


def test_questions_in_slack_take_no_threads_from_other_requests(
    client: TestClient[Any], slack: FakeSlack, service: MemoryService, workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More of them than the default executor has threads (at most 32), none of which ends by itself."""
    stops: list[threading.Event] = []
    finish = service.ask

    def held(ask: Any, principal: Any, listen: Any, stop: threading.Event) -> Any:
        stops.append(stop)
        stop.wait(30)
        return finish(ask, principal)

    monkeypatch.setattr(service, "ask", held)
    for n in range(40):
        send(client, event_body(mention(ts=f"{n}.0"), event_id=f"Ev{n}"))
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(client.get, "/v1/health", headers={"host": "127.0.0.1"}).result(10).status_code == 200
    assert len(stops) == 4 and slack.posted == []
    # the server stops: those under way are told to end
    workers.dismiss()
    assert all(stop.is_set() for stop in stops)


def test_a_direct_message_is_answered_and_other_messages_are_not(client: TestClient[Any], slack: FakeSlack) -> None:
    said = {"type": "message", "user": "U1", "text": "smoke", "ts": "1.0", "team": TEAM}
    direct = {**said, "channel": "D1", "channel_type": "im"}
    send(client, event_body({**said, "channel": CHANNEL, "channel_type": "channel"}, "E1"))
    send(client, event_body({**direct, "bot_id": "B9"}, "E2"))
    send(client, event_body({**direct, "subtype": "message_changed"}, "E3"))
    send(client, event_body(direct, "E4"))
    slack.wait_posted(1)
    time.sleep(0.2)
    assert [post["channel"] for post in slack.posted] == ["D1"]


def test_a_retry_is_answered_once(client: TestClient[Any], slack: FakeSlack) -> None:
    send(client, event_body(mention()))
    slack.wait_posted(1)
    retry = {"x-slack-retry-num": "1", "x-slack-retry-reason": "http_timeout"}
    assert send(client, event_body(mention()), **retry).status_code == 200
    time.sleep(0.3)
    assert len(slack.posted) == 1
    send(client, event_body(mention(), "Ev2"), **retry)
    assert len(slack.wait_posted(2)) == 2, "a retry whose first sending was lost is answered"


@pytest.mark.parametrize(
    "body",
    [
        event_body(mention(), team="T2"),
        event_body(mention(channel="C2")),
        event_body(mention(user_team="T2")),
        event_body(mention(source_team="T2")),
    ],
)
def test_others_meet_silence(client: TestClient[Any], slack: FakeSlack, body: Any, capsys: Any) -> None:
    assert send(client, body).status_code == 200
    time.sleep(0.3)
    assert slack.posted == []
    logged = "".join(capsys.readouterr())
    assert "slack.refused" in logged and "smoke" not in logged


def test_with_nothing_listed_nobody_is_heard() -> None:
    assert not Gate((), ()).admits(event_body(mention()))
    assert not Gate((TEAM,), ()).admits(event_body(mention()))
    assert not Gate((), (CHANNEL,)).admits(event_body(mention()))
    assert Gate((TEAM,), (CHANNEL,)).admits(event_body(mention()))
    assert not Gate((TEAM,), (CHANNEL,)).admits({})


@pytest.mark.parametrize("changes", [{"secret": "other"}, {"age": 400}, {"age": -400}])
def test_wrong_and_old_signatures_are_refused(client: TestClient[Any], slack: FakeSlack, changes: Any) -> None:
    assert send(client, event_body(mention()), **changes).status_code == 401
    assert client.post("/slack/events", json=event_body(mention())).status_code == 401
    time.sleep(0.1)
    assert slack.posted == []


def test_the_address_is_proved_to_slack(client: TestClient[Any]) -> None:
    reply = send(client, {"type": "url_verification", "challenge": "abc", "token": "t"})
    assert reply.status_code == 200 and reply.json() == {"challenge": "abc"}


@pytest.mark.data
def test_slacks_own_example_of_a_signature(
    service: MemoryService,
    principal: Any,
    options: Options,
    slack: FakeSlack,
    workers: Workers,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = Path(os.environ.get("WATCHFLOOR_TEST_DATA", str(Path(__file__).parents[3] / "shared" / "data")))
    path = data / "conformance" / "slack" / "signature_vector.json"
    if not path.is_file():
        pytest.skip(f"no {path}")
    from slack_sdk.signature import Clock

    vector = json.loads(path.read_text())
    bot = build_bot(service, principal, options_for(slack, signing_secret=vector["signing_secret"]), workers)
    app = create_app(service, principal, options._replace(handlers=[events_route(bot)]))
    headers = {
        "x-slack-request-timestamp": vector["timestamp"],
        "x-slack-signature": vector["signature"],
        "content-type": "application/x-www-form-urlencoded",
    }
    moment = float(vector["timestamp"])

    def status(late: float, body: str) -> int:
        monkeypatch.setattr(Clock, "now", lambda self: moment + late)
        return client.post("/slack/events", content=body, headers=headers).status_code

    with TestClient(app, base_url="https://bot.example.com") as client:
        # a right signature of a command this bot does not have: it is heard, and there is nothing to do (404)
        assert status(0, vector["body"]) == 404
        assert status(vector["tolerance_seconds"], vector["body"]) == 404
        assert status(vector["tolerance_seconds"] + 1, vector["body"]) == 401
        assert status(0, vector["body"] + "x") == 401


def test_socket_mode_reaches_the_same_bot(
    service: MemoryService, principal: Any, slack: FakeSlack, workers: Workers
) -> None:
    slack.to_send = [event_body(mention()), event_body(mention(), "Ev1"), event_body(mention(channel="C2"), "Ev2")]

    async def live() -> None:
        bot = build_bot(service, principal, options_for(slack, signing_secret="", app_token="xapp-1"), workers)
        async with socket_life(bot, "xapp-1")(None):  # type: ignore[arg-type]
            await asyncio.to_thread(slack.wait_posted, 1)
            for _ in range(300):
                if len(slack.acknowledged) == 3:
                    break
                await asyncio.sleep(0.01)

    asyncio.run(live())
    assert len(slack.posted) == 1 and slack.posted[0]["thread_ts"] == "1.0"
    assert sorted(slack.acknowledged) == ["e0", "e1", "e2"]


def test_failures_are_told_without_their_inside(
    client: TestClient[Any], slack: FakeSlack, service: MemoryService, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(client, event_body(mention("<@UBOT> " + "x" * 5000), "E1"))
    assert "limit is 4000" in slack.wait_posted(1)[0]["text"]

    def fail(*_: Any) -> Any:
        raise RuntimeError("password=hunter2")

    monkeypatch.setattr(service, "ask", fail)
    send(client, event_body(mention(), "E2"))
    assert "hunter2" not in json.dumps(slack.wait_posted(2)[1])


def test_evidence_can_mention_nobody_and_link_nowhere() -> None:
    evil = "<!channel> <@U2> <http://evil.example|click> https://evil.example mailto:a@evil.example & more"
    cited = Citation("ev_1>|<!here", Kind.PASSAGE, evil, PageBox(1), None, evil)
    answer = Answer(
        id="an_1",
        question=evil,
        verdict=Verdict.ANSWERED,
        confidence=None,
        claims=tuple(Claim(evil, Support.UNSUPPORTED, (cited,) * 20) for _ in range(40)),
        timeline=(),
        coverage=(),
        as_of=0,
        sequence=1,
        model="m",
        degraded=(evil,),
    )
    fields = message(answer, OWN)
    text = json.dumps(fields)
    assert "<!" not in text and "<@" not in text and "<http" not in text
    assert "://evil" not in text and "mailto:a@" not in text
    assert len(fields["blocks"]) <= MOST_BLOCKS
    texts = [element for block in fields["blocks"] for element in block.get("elements", [block.get("text")])]
    assert all(item["verbatim"] is True and len(item["text"]) <= 3000 for item in texts)
    assert all(len(block.get("elements", [])) <= 10 for block in fields["blocks"])


def test_questions_are_read_as_they_were_meant() -> None:
    assert question_of("<@U1>  is 3 &lt; 5 &amp; on <http://a.b|CAM-07>?") == "is 3 < 5 & on CAM-07?"
    assert escape("a & b < c") == "a &amp; b &lt; c"


def test_the_bot_is_off_without_a_token_and_says_what_is_missing(tmp_path: Path, service: MemoryService) -> None:
    def settings(**slack_settings: Any) -> Settings:
        return load(data_dir=tmp_path, slack=slack_settings)

    assert mounted(settings(), service, OWN) == ([], [])
    with pytest.raises(BadSettings, match="signing_secret"):
        options_of(settings(bot_token="xoxb-1"), OWN)
    both = settings(bot_token="xoxb-1", signing_secret="s", app_token="xapp-1")
    handlers, lifespan = mounted(both, service, OWN)
    # the socket, and the bot's threads, which end with the application
    assert (len(handlers), len(lifespan)) == (1, 2)
    assert options_of(both, OWN) is not None and "xoxb" not in repr(both)
