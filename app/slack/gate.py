"""Who is heard at all: listed workspaces and channels, each event once. Everything else is met with silence and a log line."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

import structlog

_audit = structlog.get_logger("watchfloor.audit")
_REMEMBERED = 10_000


class Gate:
    """Denied by default: with no team or no channel listed nobody is heard."""

    def __init__(self, teams: Sequence[str], channels: Sequence[str]) -> None:
        self._teams = frozenset(teams)
        self._channels = frozenset(channels)
        self._seen: OrderedDict[str, None] = OrderedDict()

    def admits(self, body: Mapping[str, Any]) -> bool:
        """Whether this event is to be answered now. Refusals are logged without a word of the message."""
        if not self._listed(body):
            _audit.info("slack.refused", **_who(body))
            return False
        return self._first(str(body.get("event_id", "")))

    def _listed(self, body: Mapping[str, Any]) -> bool:
        """Every workspace named must be listed: in a shared channel the writer may belong to another one."""
        event = body.get("event", {})
        named = {body.get("team_id"), *(event.get(key) for key in ("team", "user_team", "source_team"))} - {None}
        return bool(named) and named <= self._teams and event.get("channel") in self._channels

    def _first(self, event_id: str) -> bool:
        """Slack sends an event again when it doubts that it arrived: the same one is answered once."""
        if not event_id:
            return True
        if event_id in self._seen:
            return False
        self._seen[event_id] = None
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        return True


def _who(body: Mapping[str, Any]) -> dict[str, Any]:
    event = body.get("event", {})
    fields = {"team": body.get("team_id"), "writer_team": event.get("user_team") or event.get("team")}
    return {**fields, "channel": event.get("channel"), "user": event.get("user"), "event_id": body.get("event_id")}
