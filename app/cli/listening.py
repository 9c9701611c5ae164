"""`watchfloor listen`."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from app.cli.common import as_json_option, clean, console, log_to_stderr, print_json, settings_of, verb

if TYPE_CHECKING:
    from app.wiring_stream import Listening


@click.command()
@click.argument("feeds", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--every", type=click.FloatRange(0.1), default=10.0, show_default=True, help="Seconds between two lines of counts."
)
@as_json_option
@click.pass_context
@verb
def listen(ctx: click.Context, feeds: Path, every: float, as_json: bool) -> None:
    """Take in what a message bus brings, until stopped: alerts, work orders and other records, from Kafka or MQTT.

    FEEDS is a yaml file: bus (kafka://host:9092 or mqtt://host:1883), and for each feed its topic and the fields that name and order what
    is told about. A message is acknowledged once it is on disk. May run beside a server, which finds what comes within a second.
    """
    log_to_stderr()
    _one_line_logs()
    from app.wiring import Parts
    from app.wiring_stream import listening

    settings = settings_of(ctx)
    parts = Parts(settings)
    tell = _as_json if as_json else _as_line
    try:
        made = listening(parts, settings, feeds)
        asyncio.run(_until_stopped(made, every, tell, ready=lambda: _ready(made.bus, as_json)))
        tell(made)
    finally:
        parts.close()


class _OneLine(logging.Formatter):
    """Without the trace: a bus that is away is tried again and again, and each try would fill a screen."""

    def format(self, record: logging.LogRecord) -> str:
        why = f": {record.exc_info[1]}" if record.exc_info and record.exc_info[1] else ""
        return f"{record.name}: {record.getMessage()}{why}"


def _one_line_logs() -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(_OneLine())
    logging.basicConfig(level=logging.WARNING, handlers=[handler])


async def _until_stopped(
    made: Listening, every: float, tell: Callable[[Listening], None], ready: Callable[[], None]
) -> None:
    stop, loop, telling = asyncio.Event(), asyncio.get_running_loop(), list[asyncio.Task[None]]()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, stop.set)

    def begun() -> None:
        ready()
        telling.append(asyncio.create_task(_now_and_then(made, every, tell)))

    try:
        await made.listener.run(stop, begun)
    finally:
        for task in telling:
            task.cancel()
        await made.attendance.end()


async def _now_and_then(made: Listening, every: float, tell: Callable[[Listening], None]) -> None:
    while True:
        await asyncio.sleep(every)
        tell(made)


def _ready(bus: str, as_json: bool) -> None:
    if as_json:
        print_json({"listening": bus})
    else:
        console().print(clean(f"listening to {bus}; stop with ctrl-c"))


def _as_json(made: Listening) -> None:
    print_json(made.counts.standing()._asdict())


def _as_line(made: Listening) -> None:
    now = made.counts.standing()
    lag = "" if now.lag_s is None else f", {now.lag_s:.1f} s behind"
    trouble = f"; WAITING: {now.trouble}" if now.trouble else ""
    console().print(
        clean(f"{now.stored} stored, {now.known} known, {now.dead} refused, {now.waiting} in hand{lag}{trouble}")
    )
