"""`watchfloor follow`."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, NamedTuple

import click

from app.cli.common import as_json_option, clean, console, log_to_stderr, print_json, settings_of, verb
from app.cli.stopping import stopped_by_signals

if TYPE_CHECKING:
    from app.wiring_follow import Follower, Round


_FOLDER_S, _BUCKET_S, _LEAST_S = 30.0, 300.0, 0.1


class _Sums(NamedTuple):
    """Since the start. `waiting` and `note` are of the last look; `trouble` says why nothing can be taken in at the moment."""

    taken: int = 0
    closed: int = 0
    refused: int = 0
    waiting: int = 0
    note: str = ""
    trouble: str = ""

    def after(self, done: Round) -> _Sums:
        return _Sums(
            self.taken + done.taken,
            self.closed + done.closed,
            self.refused + len(done.refused),
            done.waiting,
            done.note,
        )


class _Pace(NamedTuple):
    """Seconds between two looks, and until the next where something is still being written."""

    every: float
    soon: float


@click.command()
@click.argument("place")
@click.option(
    "--every",
    type=click.FloatRange(0.1),
    help="Seconds between two looks at all of it. Default: 30 for a folder, whose changes the system tells before; 300 for a bucket.",
)
@click.option(
    "--quiet",
    type=click.FloatRange(0),
    default=2.0,
    show_default=True,
    help="A file is taken once it has not changed for so long.",
)
@click.option(
    "--deletions",
    type=click.Choice(["close", "keep"]),
    help="Whether evidence of what is removed ends. Default: close for a bucket, keep for a folder (old files make room for new ones).",
)
@click.option("--once", is_flag=True, help="Take in what is there, then end.")
@as_json_option
@click.pass_context
@verb
def follow(
    ctx: click.Context, place: str, every: float | None, quiet: float, deletions: str | None, once: bool, as_json: bool
) -> None:
    """Take in what appears in PLACE, a folder or s3://BUCKET/PREFIX, until stopped.

    What changes supersedes what was read of it before; unfinished files are left until they are whole. May run beside a server, which finds
    what comes within a second. Buckets are reached as the settings under objects say.
    """
    log_to_stderr()
    from app.wiring import Parts
    from app.wiring_follow import BUCKET, How, follower, sole

    settings = settings_of(ctx)
    parts = Parts(settings)
    pace = _Pace(every or (_BUCKET_S if place.startswith(BUCKET) else _FOLDER_S), max(quiet, _LEAST_S))
    try:
        # the source in hand is made whole, or with a second signal read again the next time
        with sole(parts, place), stopped_by_signals(insisted=True) as stop:
            made = follower(parts, settings, place, How(deletions, quiet, stop))
            _Loop(made, pace, as_json, stop).run(once)
    finally:
        parts.close()


# of --once: files are given so many quiet spans
_MOST_LOOKS = 10


class _Loop:
    """Looks, tells and waits; two lines that say the same are told once."""

    def __init__(self, made: Follower, pace: _Pace, as_json: bool, stop: threading.Event) -> None:
        self._made, self._pace, self._as_json, self._stop = made, pace, as_json, stop
        self._sums, self._told = _Sums(), _Sums()
        self._soon = False

    def run(self, once: bool) -> None:
        """Raises what a look raises where there is only one."""
        self._ready()
        looks = 0
        while not self._stop.is_set():
            self._look(once)
            looks += 1
            # a file that never stops growing is told as waiting, and waited for by nobody
            if once and (not self._soon or looks >= _MOST_LOOKS):
                break
            self._made.wait(self._pace.soon if self._soon else self._pace.every, self._stop)
        if once and self._told == _Sums():
            self._tell()

    def _look(self, once: bool) -> None:
        from app.wiring_follow import Stopped
        from retrieval.errors import BadSiteDescription, StoreError, UpstreamError

        try:
            done = self._made.round()
        except Stopped:
            return
        except (StoreError, UpstreamError, BadSiteDescription) as problem:
            if once:
                raise
            self._sums, self._soon = self._sums._replace(trouble=str(problem)), False
        else:
            for each in done.refused:
                self._refused(each.uri, each.code, each.reason)
            self._sums, self._soon = self._sums.after(done), done.soon
        if self._sums != self._told:
            self._tell()

    def _ready(self) -> None:
        if self._as_json:
            print_json({"following": self._made.target, "how": self._made.watching()})
        else:
            console().print(clean(f"following {self._made.target} ({self._made.watching()}); stop with ctrl-c"))

    def _refused(self, uri: str, code: str, reason: str) -> None:
        if self._as_json:
            print_json({"refused": uri, "code": code, "reason": reason})
        else:
            console().print(clean(f"  refused {uri}: {reason} ({code})"))

    def _tell(self) -> None:
        now = self._told = self._sums
        if self._as_json:
            print_json({**now._asdict(), "at": time.time()})
            return
        more = "".join(f"; {part}" for part in (now.note, f"WAITING: {now.trouble}" if now.trouble else "") if part)
        counts = f"{now.taken} taken in, {now.closed} closed, {now.refused} refused, {now.waiting} waiting"
        console().print(clean(counts + more))
