"""Which way a search goes: a pure decision from counts, so that it can be read, tested and shown.

Measured on 200,000 × 384 float32, one thread, beside a whole scan of 13 to 22 ms (November 2026, two cores): comparing m candidates by
a list of positions takes 0.19 µs each, by their two-bit codes as long where they lie apart, and 3 ms for all; the hundred best by code
hold 0.99 of the ten nearest. A graph (HNSW, M = 16) gives the 64 nearest in 0.24 ms, 512 in 1 ms and 2,048 in 6 ms where vectors form
groups; where they hardly do it takes 10 ms to find the ten nearest.
"""

from __future__ import annotations

import math
from enum import StrEnum
from typing import NamedTuple


class Way(StrEnum):
    """Ways to search, by what is compared."""

    NOTHING = "nothing"
    CANDIDATES = "exact, candidates"
    SCAN = "exact, scan"
    CODES = "codes, best compared exactly"
    GRAPH = "graph, best compared exactly"
    GPU = "exact, gpu"


class Thresholds(NamedTuple):
    """Counts at which another way is better.

    `exact`: at most so many candidates are compared rather than their codes, and at most `always` of them rather than the best by graph.
    `coded`, `graphed`: vectors from which on codes and a graph are kept. The graph is tried where at least `share` of all passes and no
    more than one in `worth` of what passes has to be looked at; codes where fewer than one in `gain` of it is then compared exactly
    (0 = always). `listed`: below one in so many a list of positions is compared faster
    than a bitmap is tested. `loose`: vectors without a code, or a place in the graph, before they get theirs; till then each search
    compares them all. `few_dead`: dead ones before their room is given back, which a quarter of all must be.
    """

    exact: int = 25_000
    always: int = 10_000
    coded: int = 25_000
    graphed: int = 40_000
    share: float = 0.05
    worth: int = 20
    gain: int = 4
    listed: int = 8
    loose: int = 512
    few_dead: int = 1024


# every search compares all that passes
EXACT = Thresholds(exact=2**62, always=2**62, coded=2**62, graphed=2**62)


class Holdings(NamedTuple):
    """What a store has: live vectors, positions with a code, positions in the graph, positions in all, how broadly the graph must be
    searched (0 = it would not find enough), and how many times `broad` of the best by code must be compared exactly (0 = no number of
    them is known to hold enough)."""

    live: int
    coded: int
    graphed: int
    total: int
    breadth: int
    reach: int


class Plan(NamedTuple):
    """How a search is done. `passing`: how many pass, before any is looked at by graph an estimate. `wanted`: the best by graph or code
    that are compared exactly, beside all that have neither yet; `compared`: how many that were in all."""

    way: Way
    why: str
    passing: int
    wanted: int = 0
    compared: int = 0


NOTHING = Plan(Way.NOTHING, "nothing is held", 0)
# what has no code, or no place in the graph, yet is copied and compared as well: more than this costs more than it saves
_TAIL = 4096
# of the best by graph that are compared exactly at the least: what it is judged by
LEAST_BY_GRAPH = 64
# positions the graph is asked for at most; beyond, codes are quicker
_DEEPEST = 1024


def plan(passing: int, k: int, held: Holdings, at: Thresholds) -> Plan:
    """The way for `k` of the `passing` ones."""
    if not passing or k < 1:
        return Plan(Way.NOTHING, "nothing passes", passing)
    always = min(at.always, at.exact)
    if passing <= always:
        return _exact(passing, held, at, f"{passing} pass, at most {always} are all compared")
    share = min(1.0, passing / max(1, held.live))
    wanted = max(deep(k, share), LEAST_BY_GRAPH)
    if _graph_serves(passing, wanted, held, at):
        return Plan(Way.GRAPH, f"{share:.0%} pass, the {wanted} nearest by graph hold enough of them", passing, wanted)
    if passing <= at.exact:
        return _exact(passing, held, at, f"{passing} pass, at most {at.exact} are compared rather than their codes")
    return _by_codes(passing, broad(k) * held.reach, held, at)


def fitting(k: int) -> int:
    """How many of the best by graph must pass for the k nearest to be surely among them: an order by code errs near its end."""
    return k + k // 2 + 16


def deep(k: int, share: float) -> int:
    """How many of the best by graph are looked at so that enough pass, where this share does: three standard deviations more than it
    takes on average."""
    least = fitting(k)
    return math.ceil((least + 3 * math.sqrt(least * (1 - share))) / share) + 8


def broad(k: int) -> int:
    """How many of the best by code are compared exactly at the least: 164 for k = 10 holds 0.998 of the nearest of vectors that hardly
    form groups, and 0.4 to 0.65 of the nearest frames of fixed cameras; hence `Holdings.reach`, which is measured."""
    return 10 * k + 64


def _graph_serves(passing: int, wanted: int, held: Holdings, at: Thresholds) -> bool:
    near = held.breadth > 0 and held.total - held.graphed <= max(_TAIL, held.graphed // 50)
    return near and passing >= at.share * held.live and wanted <= min(_DEEPEST, passing // at.worth)


def _by_codes(passing: int, wanted: int, held: Holdings, at: Thresholds) -> Plan:
    if held.total < at.coded:
        return _exact(passing, held, at, "too few for codes")
    if not held.reach or held.total - held.coded > max(_TAIL, held.total // 20):
        return _exact(passing, held, at, "most have no code yet, or codes do not tell them apart")
    if wanted * at.gain >= passing:
        return _exact(passing, held, at, f"{wanted} of {passing} by code had to be compared anyway")
    return Plan(Way.CODES, f"{passing} pass, of more than {at.exact} codes are compared first", passing, wanted)


def _exact(passing: int, held: Holdings, at: Thresholds, why: str) -> Plan:
    return Plan(Way.CANDIDATES if passing * at.listed < held.total else Way.SCAN, why, passing)
