"""What a follower does, wherever it looks."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import NamedTuple, Protocol

from ingest.objects.taking import CLOSED, REFUSED, TAKEN, WAITS, Outcome


class Stopped(Exception):
    """Somebody wants this to end: what was in hand is whole, the rest is for the next start."""


class Round(NamedTuple):
    """One look: how many sources were taken in, were taken for gone, were refused (each with its cause), and wait: still being written
    (`soon`: some may be whole in a moment), or for something else to be well again. `note` says what could not be looked at or is not
    believed, "" for nothing."""

    taken: int = 0
    closed: int = 0
    refused: tuple[Outcome, ...] = ()
    waiting: int = 0
    note: str = ""
    soon: bool = False


class Follower(Protocol):
    """`target` is what is followed, as it was given."""

    target: str

    def round(self) -> Round:
        """Look, and take in what is to be taken. Raises StoreError, UpstreamError, BadSiteDescription: the next round may be better;
        Stopped."""

    def wait(self, seconds: float, stop: threading.Event) -> None:
        """Return when it is time for another look: after so long, or before if something happened, or at once when stopped."""

    def watching(self) -> str:
        """How it is followed, in words."""


def summed(outcomes: Iterable[Outcome]) -> Round:
    """The round in which these became of objects."""
    told = list(outcomes)
    waiting = [each for each in told if each.status == WAITS]
    return Round(
        taken=sum(each.status == TAKEN for each in told),
        closed=sum(each.status == CLOSED for each in told),
        refused=tuple(each for each in told if each.status == REFUSED),
        waiting=len(waiting),
        note=f"{waiting[0].uri} waits: {waiting[0].reason}" if waiting else "",
    )
