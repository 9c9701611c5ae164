"""How the searches of a question go: which plan the vector index takes, what each word is looked for as, and why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from retrieval.ports import Explained
from retrieval.search.channels import FAILURES, Ask, Channel, Words

_STANDING = "told only of what was known then and still stands"


@runtime_checkable
class Explaining(Protocol):
    """A channel whose index tells how it was searched."""

    def explain(self, ask: Ask) -> list[Explained]:
        """Of each search that `find` would run, in its order. Raises as `find`."""


def explained(channels: Mapping[str, Channel], ask: Ask) -> list[Explained]:
    """What these channels, by name, tell, the words last; of one that fails, why it cannot be searched."""
    ordered = sorted(channels.items(), key=lambda each: isinstance(each[1], Words))
    return [one for name, each in ordered if isinstance(each, Explaining) for one in _told(name, each, ask)]


def _told(name: str, channel: Explaining, ask: Ask) -> list[Explained]:
    try:
        told = channel.explain(ask)
    except FAILURES as error:
        return [Explained(name, 0, 0, ask.depth, "failed", str(error), 0, 0, 0.0)]
    return told if ask.filter.as_of is None else [one._replace(why=f"{one.why}; {_STANDING}") for one in told]
