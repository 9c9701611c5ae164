"""How the indexes are, as doctor and health tell it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from app.ports import Check
from retrieval.errors import WatchfloorError
from retrieval.snapshots import Manifest
from retrieval.upkeep import Standing, Upkeep


def upkeep_checks(opened: Callable[[], Upkeep], damaged: Mapping[str, str]) -> list[Check]:
    """Lines "projections", "snapshots" and "canary". `damaged`: indexes that were made anew in this process, and why.

    Opening may fail: another process holds an index, a folder may not be written.
    """
    try:
        upkeep = opened()
        upkeep.catch_up()
    except WatchfloorError as error:
        return [Check("projections", "failed", str(error))]
    standing = upkeep.standing()
    return [
        _projections(upkeep.lag(), standing, damaged),
        _snapshots(upkeep.snapshots(), standing),
        _canary(standing),
    ]


def _projections(lag: Mapping[str, int], standing: Standing, damaged: Mapping[str, str]) -> Check:
    """One that is behind or doubted is a degraded answer; one that failed is mended by somebody."""
    told = [f"{name}: {failure.reason}" for name, failure in standing.failures.items()]
    told += [f"{name} was damaged and made anew ({why})" for name, why in damaged.items()]
    if not told:
        return Check("projections", "ok", ", ".join(f"{name} {behind} behind" for name, behind in lag.items()))
    failed = any(failure.kind == "failed" for failure in standing.failures.values())
    return Check("projections", "failed" if failed else "degraded", "; ".join(told))


def _snapshots(kept: list[Manifest], standing: Standing) -> Check:
    newest = f"newest at sequence {kept[0].sequence}, {kept[0].size / 1e6:.1f} MB" if kept else "none yet"
    began = f"this process began at {standing.loaded}" if standing.loaded else "this process read the whole log"
    told = f"{len(kept)} kept, {newest}; {began}" if kept else f"{newest}; {began}"
    if standing.trouble:
        return Check("snapshots", "degraded", f"{told}; {'; '.join(standing.trouble)}")
    return Check("snapshots", "ok", told)


def _canary(standing: Standing) -> Check:
    lost = [f"{name}: {each.reason}" for name, each in standing.failures.items() if each.kind == "doubted"]
    if lost:
        return Check("canary", "degraded", "; ".join(lost))
    if standing.probed is None:
        return Check("canary", "off", "no index has been probed yet")
    if not standing.probes:
        return Check("canary", "ok", "there is no evidence to look for yet")
    ago = time.monotonic() - standing.probed
    return Check("canary", "ok", f"{standing.probes} pieces of evidence were looked for {ago:.0f} s ago, all came back")
