"""Places where a test may stop or fail a process: a dependency of whatever is to survive it, never an environment variable.

Each step names the moment just after the thing it tells of; what comes next has not happened yet. A test walks over `Step`, so that
a new one is tried by itself.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol


class Step(StrEnum):
    """Every step, in the order in which evidence passes them."""

    BLOB_WRITTEN = "blob written, not synced"
    BLOB_SYNCED = "blob synced, not renamed"
    BLOB_RENAMED = "blob renamed, its folder not synced"
    UNIT_WRITTEN = "unit written, not committed"
    UNIT_COMMITTED = "unit committed, not acknowledged"
    LOG_READ = "log read, not applied to the projection"
    APPLIED = "log applied to the projection"
    WORDS_COMMITTED = "words committed, the sequence not"
    GRAPH_WRITTEN = "graph batch written, not committed"
    GRAPH_COMMITTED = "graph batch committed, the sequence not"
    SNAPSHOT_BEGUN = "snapshot's folder made"
    SNAPSHOT_DUMPED = "snapshot's files written, not synced"
    SNAPSHOT_SYNCED = "snapshot's files synced, no manifest"
    MANIFEST_WRITTEN = "manifest written, not renamed"
    MANIFEST_RENAMED = "manifest renamed, its folder not synced"
    SNAPSHOT_TAKEN = "snapshot taken, older ones not removed"
    SNAPSHOT_RESTORED = "snapshot restored, not caught up"
    RECONCILE_FORGOT = "rows that differ forgotten, not applied again"


class Failpoints(Protocol):
    """What is told of every step."""

    def reach(self, step: Step) -> None:
        """Return, and nothing happens; or raise, or end the process."""


class _Nowhere:
    def reach(self, step: Step) -> None:
        return None


NOWHERE: Failpoints = _Nowhere()
