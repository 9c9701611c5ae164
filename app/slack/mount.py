"""How Slack reaches the bot: the Events API as one Litestar route, Socket Mode as a connection of the application's life."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from litestar import Litestar, Response, post

from app.http.context import AnyRequest
from app.http.workers import Workers
from app.ports import Service
from app.principals import local_principal
from app.slack.bot import SlackOptions, build_bot
from retrieval.errors import BadSettings

if TYPE_CHECKING:
    from pydantic import SecretStr

    from app.settings import Settings

_EVENT_BYTES = 1024 * 1024
_SPARE_WORKERS = 8
Life = Callable[[Litestar], AbstractAsyncContextManager[None]]


class Mounted(NamedTuple):
    """What the HTTP application is given: routes, and context managers of its life."""

    handlers: list[Any]
    lifespan: list[Life]


def options_of(settings: Settings, own_url: str) -> SlackOptions | None:
    """The bot's options, or None where no bot token is set.

    Raises BadSettings for a token that nothing can reach.
    """
    slack = settings.slack
    token, secret, app_token = map(_text, (slack.bot_token, slack.signing_secret, slack.app_token))
    if not token:
        return None
    if not secret and not app_token:
        raise BadSettings(
            "slack.bot_token is set, but neither slack.signing_secret nor slack.app_token; set one of them"
        )
    return SlackOptions(
        bot_token=token,
        signing_secret=secret,
        app_token=app_token,
        teams=slack.teams,
        channels=slack.channels,
        own_url=own_url,
        base_url=slack.base_url,
        deadline_s=settings.limits.deadline_s,
    )


def mounted(settings: Settings, service: Service, own_url: str) -> Mounted:
    """Routes and connections for the configured bot; nothing where there is none.

    Raises BadSettings when the slack extra is not installed.
    """
    options = options_of(settings, own_url)
    if options is None:
        return Mounted([], [])
    # threads beyond those that the budget lets through, to refuse the others in
    workers = Workers(settings.limits.concurrent_asks + _SPARE_WORKERS, "slack")
    try:
        bot = build_bot(service, local_principal(settings), options, workers)
    except ImportError as error:
        raise BadSettings("slack.bot_token is set, but the slack extra is not installed") from error
    handlers = [events_route(bot)] if options.signing_secret else []
    lives = [socket_life(bot, options.app_token)] if options.app_token else []
    return Mounted(handlers, [workers_life(workers), *lives])


def events_route(bot: Any) -> Any:
    """POST /slack/events: the body goes to bolt as it came, since its signature covers the bytes."""
    from slack_bolt.request.async_request import AsyncBoltRequest

    @post(
        "/slack/events",
        status_code=200,
        request_max_body_size=_EVENT_BYTES,
        tags=["slack"],
        opt={"signed": True},
        summary="Slack's Events API",
        description="Signed by Slack; anything else is refused with 401.",
    )
    async def slack_events(request: AnyRequest) -> Response[Any]:
        body = (await request.body()).decode("utf-8", errors="replace")
        headers: dict[str, str | Sequence[str]] = {name: [value] for name, value in request.headers.items()}
        reply = await bot.async_dispatch(AsyncBoltRequest(body=body, headers=headers))
        kind = reply.first_headers().get("content-type", "text/plain")
        return Response(reply.body.encode(), status_code=reply.status, media_type=kind)

    return slack_events


def workers_life(workers: Workers) -> Life:
    """The threads of the bot for as long as the application lives; questions that are under way then are told to end."""

    @asynccontextmanager
    async def life(_: Litestar) -> AsyncIterator[None]:
        try:
            yield
        finally:
            await asyncio.to_thread(workers.close)

    return life


def socket_life(bot: Any, app_token: str) -> Life:
    """Socket Mode for as long as the application lives."""

    @asynccontextmanager
    async def life(_: Litestar) -> AsyncIterator[None]:
        from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler

        handler: Any = AsyncSocketModeHandler(bot, app_token)
        await handler.connect_async()
        try:
            yield
        finally:
            await handler.close_async()

    return life


def _text(secret: SecretStr | None) -> str:
    return "" if secret is None else secret.get_secret_value()
