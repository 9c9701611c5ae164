"""Who delivers what, in memory: for the Service in app/fakes.py."""

from __future__ import annotations

from typing import Any

from retrieval.errors import InputError
from retrieval.types import Principal


class MemoryWatch:
    """Tells `overview` as it was put there, and counts looks."""

    def __init__(self) -> None:
        self.looks = 0
        self.overview: dict[str, Any] = {"sources": [], "listeners": {}}

    def look(self) -> None:
        self.looks += 1

    def quality(self, principal: Principal, since_s: float) -> dict[str, Any]:
        return {"asked_s": since_s, **self.overview}

    def forget_source(self, name: str, principal: Principal) -> None:
        left = [each for each in self.overview["sources"] if each["name"] != name]
        if len(left) == len(self.overview["sources"]):
            raise InputError(f"nothing named {name!r} delivers here; `watchfloor quality` lists what does")
        self.overview = {**self.overview, "sources": left}
