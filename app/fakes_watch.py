"""Who delivers what, and what is erased, in memory: for the Service in app/fakes.py."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from app.governance.fakes import MemoryGovernance
from retrieval.errors import InputError
from retrieval.types import Evidence, Principal


class MemoryWatch:
    """Tells `overview` as it was put there, and counts looks."""

    _evidence: dict[str, Evidence]

    def __init__(self) -> None:
        self.looks = 0
        self.overview: dict[str, Any] = {"sources": [], "listeners": {}}

    @cached_property
    def governance(self) -> MemoryGovernance:
        return MemoryGovernance(self._evidence)

    def look(self) -> None:
        self.looks += 1

    def quality(self, principal: Principal, since_s: float) -> dict[str, Any]:
        return {"asked_s": since_s, **self.overview}

    def forget_source(self, name: str, principal: Principal) -> None:
        left = [each for each in self.overview["sources"] if each["name"] != name]
        if len(left) == len(self.overview["sources"]):
            raise InputError(f"nothing named {name!r} delivers here; `watchfloor quality` lists what does")
        self.overview = {**self.overview, "sources": left}
