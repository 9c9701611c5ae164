"""How the searches of a question go: which plan the vector index takes, what each word is looked for as, and why."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, runtime_checkable

from retrieval.ports import Explained
from retrieval.search.channels import Ask, Channel, Words

_STANDING = "told only of what was known then and still stands"


@runtime_checkable
class Explaining(Protocol):
    """A channel whose index tells how it was searched."""

    def explain(self, ask: Ask) -> list[Explained]:
        """Of each search that `find` would run, in its order. Raises as `find`."""


def explained(channels: Iterable[Channel], ask: Ask) -> list[Explained]:
    """What these channels tell, the words last."""
    ordered = sorted(channels, key=lambda each: isinstance(each, Words))
    told = [one for each in ordered if isinstance(each, Explaining) for one in each.explain(ask)]
    return told if ask.filter.as_of is None else [one._replace(why=f"{one.why}; {_STANDING}") for one in told]
