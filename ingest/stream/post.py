"""Many messages at once → few transactions: what comes while one is being written goes into the next."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

import structlog

from ingest.stream.counts import Counts
from ingest.stream.intake import Taken
from ingest.stream.message import Message
from retrieval.errors import StoreError, UpstreamError
from retrieval.types import Micros

MOST = 500
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.2, 15.0


class _Letter(NamedTuple):
    message: Message
    done: asyncio.Future[None]


class Handler(Protocol):
    """Takes messages in; when it returns they are on disk, or buried. Raises StoreError and UpstreamError: they may be given again."""

    def prepare(self) -> None: ...

    def take(self, messages: Sequence[Message]) -> Taken: ...


class Post:
    """Between the bus's connection, which is asynchronous, and the intake, which is not. A store or an encoder that fails is waited for:
    nothing is acknowledged meanwhile, so that the bus brings it again should this process die."""

    def __init__(self, intake: Handler, counts: Counts, clock: Callable[[], Micros]) -> None:
        self._intake, self._counts, self._clock = intake, counts, clock
        self._letters: asyncio.Queue[_Letter] = asyncio.Queue()
        self._log = structlog.get_logger(__name__)

    async def prepare(self) -> None:
        """Raises EncoderUnavailable."""
        await asyncio.to_thread(self._intake.prepare)

    async def deliver(self, message: Message) -> None:
        """Returns once the message is on disk, or buried with its cause."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._counts.came(1)
        self._letters.put_nowait(_Letter(message, done))
        await done

    async def carry(self) -> None:
        """Carry letters until cancelled."""
        while True:
            letters = [await self._letters.get()]
            while len(letters) < MOST and not self._letters.empty():
                letters.append(self._letters.get_nowait())
            messages = [letter.message for letter in letters]
            taken = await self._taken(messages)
            self._counts.took(messages, taken, self._clock())
            for letter in letters:
                if not letter.done.done():
                    letter.done.set_result(None)

    async def _taken(self, messages: list[Message]) -> Taken:
        wait = _FIRST_WAIT_S
        while True:
            try:
                return await asyncio.to_thread(self._intake.take, messages)
            except (StoreError, UpstreamError) as problem:
                self._counts.troubled(str(problem))
                self._log.warning("messages wait", count=len(messages), why=str(problem), again_in_s=wait)
                await asyncio.sleep(wait)
                wait = min(2 * wait, _LONGEST_WAIT_S)


class Lanes:
    """Several posts as one: each feed's messages wait for their own kind alone, so that an alarm never waits for a film to be read."""

    def __init__(self, lanes: Mapping[str, Post]) -> None:
        self._lanes = dict(lanes)
        self._posts = list({id(post): post for post in lanes.values()}.values())

    async def prepare(self) -> None:
        """Raises EncoderUnavailable."""
        for post in self._posts:
            await post.prepare()

    async def deliver(self, message: Message) -> None:
        await self._lanes[message.feed].deliver(message)

    async def carry(self) -> None:
        """Carry letters until cancelled; what one lane fails of ends all."""
        carrying = [asyncio.create_task(post.carry()) for post in self._posts]
        try:
            ended, _ = await asyncio.wait(carrying, return_when=asyncio.FIRST_COMPLETED)
            for each in ended:
                each.result()
        finally:
            for each in carrying:
                each.cancel()
            await asyncio.gather(*carrying, return_exceptions=True)
