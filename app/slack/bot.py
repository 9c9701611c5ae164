"""The bolt application: a mention or a direct message is a question; its answer goes into the thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import structlog

from app.http.workers import Workers
from app.ports import Ask, Service
from app.slack.gate import Gate
from app.slack.render import failure, message, question_of
from retrieval.errors import InputError, WatchfloorError
from retrieval.types import Principal

_log = structlog.get_logger("watchfloor.slack")


class SlackOptions(NamedTuple):
    """Tokens, who may ask, where the Web API is (None = Slack's own), and our own address, the only one linked to."""

    bot_token: str
    signing_secret: str
    teams: tuple[str, ...]
    channels: tuple[str, ...]
    own_url: str
    app_token: str = ""
    base_url: str | None = None
    deadline_s: float | None = None


class Answering:
    """Turns an admitted event into an answer in its thread, in threads that nothing else waits for."""

    def __init__(self, service: Service, principal: Principal, options: SlackOptions, workers: Workers) -> None:
        self._service = service
        self._principal = principal
        self._options = options
        self._gate = Gate(options.teams, options.channels)
        self._workers = workers

    async def mention(self, body: dict[str, Any], client: Any) -> None:
        """Listener of app_mention."""
        if self._gate.admits(body):
            await self._reply(body["event"], client)

    async def direct(self, body: dict[str, Any], client: Any) -> None:
        """Listener of message: direct messages of people only, not edits, joins or bots."""
        event = body["event"]
        spoken = event.get("channel_type") == "im" and not event.get("subtype") and not event.get("bot_id")
        if spoken and self._gate.admits(body):
            await self._reply(event, client)

    async def _reply(self, event: dict[str, Any], client: Any) -> None:
        question = question_of(str(event.get("text", "")))
        thread = event.get("thread_ts") or event["ts"]
        # what is asked in one thread is one conversation
        conversation = f"thread:slack/{event['channel']}/{thread}"
        with self._workers.holding() as stop:
            fields = await self._workers.start(lambda stop: self._answer(question, conversation, stop), stop)
        await client.chat_postMessage(
            channel=event["channel"],
            thread_ts=thread,
            unfurl_links=False,
            unfurl_media=False,
            link_names=False,
            **fields,
        )

    def _answer(self, question: str, conversation: str, stop: threading.Event) -> dict[str, Any]:
        asked = Ask(
            question=question,
            asked_at=time.time_ns() // 1000,
            deadline_s=self._options.deadline_s,
            conversation=conversation,
        )
        try:
            return message(self._service.ask(asked, self._principal, None, stop), self._options.own_url)
        except InputError as error:
            return failure(str(error))
        except WatchfloorError as error:
            _log.error("question failed", code=error.code)
            return failure("Watchfloor could not answer just now; please try again later")
        except Exception:  # noqa: BLE001 - the edge of the process: the asker is told, the log has the trace
            _log.exception("question failed")
            return failure("Something went wrong inside; the log says what")


def build_bot(service: Service, principal: Principal, options: SlackOptions, workers: Workers) -> Any:
    """slack_bolt's AsyncApp. It checks signatures and age (300 s), and acknowledges before the answer is made.

    Answers are made in `workers`, which the caller closes.
    """
    from slack_bolt.async_app import AsyncApp
    from slack_sdk.web.async_client import AsyncWebClient

    address = options.base_url or AsyncWebClient.BASE_URL
    client = AsyncWebClient(token=options.bot_token, base_url=address)
    app = AsyncApp(client=client, signing_secret=options.signing_secret)
    answering = Answering(service, principal, options, workers)
    app.event("app_mention")(_listener(answering.mention))
    app.event("message")(_listener(answering.direct))
    return app


def _listener(handle: Callable[[dict[str, Any], Any], Any]) -> Callable[..., Any]:
    async def listen(body: dict[str, Any], client: Any) -> None:
        await handle(body, client)

    return listen
