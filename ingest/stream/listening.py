"""The connection to a bus. FastStream holds it, whichever bus it is; its types stop here.

Kafka messages come in batches, which are acknowledged by offset; MQTT messages (QoS 1, a session the broker keeps) one by one. Either way
only once the intake has them on disk. What was in hand when the process died comes again.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial
from importlib.util import find_spec
from typing import Any, NamedTuple, Protocol
from urllib.parse import urlsplit

from ingest.stream.feeds import Feeds
from ingest.stream.message import Message
from ingest.stream.post import MOST, Lanes, Post
from retrieval.errors import BadSettings, UpstreamError

_WEEK_S = 7 * 24 * 3600
_CLIENTS = {"kafka": "confluent_kafka", "kafkas": "confluent_kafka", "mqtt": "zmqtt", "mqtts": "zmqtt"}
_MQTT_PORTS = {"mqtt": 1883, "mqtts": 8883}
# the most that MQTT 5 lets a broker send unacknowledged
_MOST_ON_THEIR_WAY = 65_535
# ms since 1970 take 41 bits, which leaves these of 63
_OFFSET_BITS = 21
# how long the first connection may take, and how often it is asked whether it stands
_CONNECT_S, _BEAT_S, _PING_S = 15.0, 5.0, 3.0
# how long Kafka lets us be busy with what it brought before it gives that to another: five minutes; a film takes longer to read
_RECORDS_MS, _OBJECTS_MS = 300_000, 12 * 3_600_000


class Access(NamedTuple):
    """Who we are to the bus. `password` is never logged or shown."""

    user: str = ""
    password: str = ""


class Watcher(Protocol):
    """Is told every few seconds, and at the end, whether the connection stands."""

    async def beat(self, connected: bool) -> None: ...


class Listener:
    """Listens until it is told to stop."""

    def __init__(self, feeds: Feeds, access: Access, post: Post | Lanes, watcher: Watcher) -> None:
        """Raises BadSettings where the bus's client is not installed."""
        if any(find_spec(name) is None for name in ("faststream", _CLIENTS[feeds.scheme])):
            raise BadSettings(f"listening to {feeds.scheme} needs the extra [bus]: pip install 'watchfloor[bus]'")
        self._feeds, self._access, self._post, self._watcher = feeds, access, post, watcher

    async def run(self, stop: asyncio.Event, ready: Callable[[], None] = lambda: None) -> None:
        """Raises UpstreamError where the bus cannot be reached at first; later it is waited for. `ready` is called then."""
        await self._post.prepare()
        lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        broker = self._kafka() if self._feeds.scheme.startswith("kafka") else self._mqtt(lost)
        async with _beside(self._post.carry()) as carrying, self._connected(broker):
            ready()
            async with _beside(self._beats(broker)), _beside(stop.wait()) as stopping:
                await asyncio.wait({stopping, carrying, lost}, return_when=asyncio.FIRST_COMPLETED)
        if lost.done():
            raise UpstreamError(f"the bus {self._feeds.bus} refuses us since it came back; start again once it is well")

    @contextlib.asynccontextmanager
    async def _connected(self, broker: Any) -> AsyncIterator[None]:
        try:
            await self._reach(broker)
            yield
        finally:
            _keep_subscribed(broker)
            await broker.stop()

    async def _reach(self, broker: Any) -> None:
        errors: tuple[type[Exception], ...] = (OSError, *_errors(self._feeds.scheme))
        try:
            await asyncio.wait_for(broker.start(), _CONNECT_S)
            answers = await broker.ping(_CONNECT_S)
        except errors as problem:
            raise UpstreamError(
                f"the bus {self._feeds.bus} cannot be reached: {str(problem) or 'no answer'}"
            ) from problem
        if not answers:
            raise UpstreamError(f"the bus {self._feeds.bus} does not answer")

    async def _beats(self, broker: Any) -> None:
        while True:
            await self._watcher.beat(bool(await broker.ping(_PING_S)))
            await asyncio.sleep(_BEAT_S)

    def _kafka(self) -> Any:
        from faststream import AckPolicy
        from faststream.confluent import KafkaBroker

        # a listener makes no topics: one that is misspelt must stay empty, not come into being
        broker = KafkaBroker(
            self._feeds.hosts, security=self._security(), logger=None, apply_types=False, allow_auto_create_topics=False
        )
        for name, feed in self._feeds.feeds.items():
            subscriber = broker.subscriber(
                feed.topic,
                group_id=self._feeds.group,
                batch=True,
                max_records=MOST,
                auto_offset_reset="earliest",
                ack_policy=AckPolicy.MANUAL,
                decoder=_as_it_is,
                max_poll_interval_ms=_OBJECTS_MS if feed.kind == "objects" else _RECORDS_MS,
            )
            subscriber(self._handler(partial(_of_kafka, name)))
        return broker

    def _mqtt(self, lost: asyncio.Future[None]) -> Any:
        from faststream import AckPolicy
        from faststream.mqtt import MQTTBroker
        from zmqtt import QoS, ReconnectConfig

        named = urlsplit(self._feeds.bus)
        broker = MQTTBroker(
            f"{self._feeds.scheme}://{named.hostname}",
            port=named.port or _MQTT_PORTS[self._feeds.scheme],
            client_id=self._feeds.group,
            clean_session=False,
            session_expiry_interval=_WEEK_S,
            # how many are on their way at once is the broker's to say: mosquitto 2.0 forgets our own limit when a session goes on, and the
            # client would hang up on it, time and again
            session_replay_buffer_size=_MOST_ON_THEIR_WAY,
            reconnect=ReconnectConfig(max_delay=10.0, max_attempts=None),
            # once given up, the client stays deaf: whoever runs us starts us again
            on_connection_recovery_failed=partial(_give_up, lost),
            security=self._security(),
            logger=None,
            apply_types=False,
        )
        for name, feed in self._feeds.feeds.items():
            subscriber = broker.subscriber(
                feed.topic,
                qos=QoS.AT_LEAST_ONCE,
                max_workers=MOST,
                ack_policy=AckPolicy.MANUAL,
                decoder=_as_it_is,
            )
            subscriber(self._handler(partial(_of_mqtt, name)))
        return broker

    def _handler(self, read: Callable[[Any], Sequence[Message]]) -> Callable[[Any], Awaitable[None]]:
        """The same for every bus: what was brought is delivered, and acknowledged then."""

        async def handle(brought: Any) -> None:
            await asyncio.gather(*(self._post.deliver(message) for message in read(brought.raw_message)))
            await brought.ack()

        return handle

    def _security(self) -> Any:
        from faststream.security import BaseSecurity, SASLPlaintext

        tls = self._feeds.tls
        if self._access.user:
            return SASLPlaintext(self._access.user, self._access.password, use_ssl=tls)
        return BaseSecurity(use_ssl=True) if tls else None


def _errors(scheme: str) -> tuple[type[Exception], ...]:
    """What the client of a bus raises."""
    if scheme.startswith("kafka"):
        from confluent_kafka import KafkaException

        return (KafkaException,)
    from zmqtt import MQTTError

    return (MQTTError,)


def _keep_subscribed(broker: Any) -> None:
    """Stopping is not leaving: FastStream would unsubscribe, and an MQTT broker then keeps nothing for us until we are back."""
    for subscriber in broker.subscribers:
        if getattr(subscriber, "_subscription", None) is not None:
            subscriber._subscription = None


async def _give_up(lost: asyncio.Future[None]) -> None:
    if not lost.done():
        lost.set_result(None)


async def _as_it_is(message: Any) -> Any:
    """In place of a decoder: bodies are not trusted to be json."""
    return message


def _of_kafka(feed: str, raw: Sequence[Any]) -> list[Message]:
    return [_message(feed, each) for each in raw]


def _message(feed: str, raw: Any) -> Message:
    """All of one key are in one partition, whose offsets only grow; the time before them, so that a topic made anew goes on."""
    sent_ms = raw.timestamp()[1]
    timed = sent_ms if sent_ms and sent_ms > 0 else 0
    place = timed << _OFFSET_BITS | raw.offset() & (1 << _OFFSET_BITS) - 1
    return Message(feed, _text(raw.key()), raw.value() or b"", timed * 1000 if timed else None, place)


def _text(key: bytes | str | None) -> str:
    """Keys that are no text are told apart by their bytes."""
    if not isinstance(key, bytes):
        return key or ""
    try:
        return key.decode()
    except UnicodeDecodeError:
        return f"0x{key.hex()}"


def _of_mqtt(feed: str, raw: Any) -> list[Message]:
    return [Message(feed, "", bytes(raw.payload))]


@contextlib.asynccontextmanager
async def _beside(work: Any) -> AsyncIterator[asyncio.Task[Any]]:
    """A task that lives as long as the block, at most; what it failed of is raised at the block's end."""
    task = asyncio.ensure_future(work)
    try:
        yield task
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
