"""The plan of a vector search follows from counts alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.adapters.faiss_vectors.plan import EXACT, Holdings, Thresholds, Way, broad, deep, fitting, plan

AT = Thresholds()
FULL = Holdings(live=200_000, coded=200_000, graphed=200_000, total=200_000, breadth=64, reach=1)


@pytest.mark.parametrize(
    ("passing", "held", "way"),
    [
        (0, FULL, Way.NOTHING),
        (200, FULL, Way.CANDIDATES),
        (9_000, FULL, Way.CANDIDATES),
        (20_000, FULL, Way.GRAPH),
        (20_000, FULL._replace(breadth=0), Way.CANDIDATES),
        (30_000, FULL._replace(breadth=0), Way.CODES),
        (50_000, FULL, Way.GRAPH),
        (200_000, FULL, Way.GRAPH),
        # a graph that would not find enough is not tried
        (200_000, FULL._replace(breadth=0), Way.CODES),
        # nor is one that lacks too many, as while much is being taken in
        (200_000, FULL._replace(graphed=100_000), Way.CODES),
        (200_000, FULL._replace(graphed=100_000, coded=100_000), Way.SCAN),
        # codes that do not tell vectors apart are not asked
        (200_000, FULL._replace(breadth=0, reach=0), Way.SCAN),
        # nor such as would have most of what passes compared anyway
        (30_000, FULL._replace(breadth=0, reach=48), Way.SCAN),
        (200_000, FULL._replace(breadth=0, reach=48), Way.CODES),
        (30_000, FULL._replace(graphed=0, coded=0, breadth=0), Way.SCAN),
        (19_000, Holdings(19_000, 0, 0, 19_000, 0, 0), Way.SCAN),
        # all of what lives: of 200,000 positions most are dead
        (30_000, FULL._replace(live=30_000), Way.GRAPH),
    ],
)
def test_the_way_follows_from_the_counts(passing: int, held: Holdings, way: Way) -> None:
    chosen = plan(passing, 10, held, AT)
    assert (chosen.way, chosen.passing) == (way, passing)
    assert chosen.why


@given(
    passing=st.integers(0, 500_000),
    k=st.integers(1, 500),
    coded=st.integers(0, 500_000),
    breadth=st.sampled_from([0, 64]),
    reach=st.sampled_from([0, 1, 12]),
)
def test_exact_is_exact_and_what_is_looked_at_is_enough(
    passing: int, k: int, coded: int, breadth: int, reach: int
) -> None:
    held = Holdings(500_000, coded, coded, 500_000, breadth, reach)
    assert plan(passing, k, held, EXACT).way in (Way.NOTHING, Way.CANDIDATES, Way.SCAN)
    chosen = plan(passing, k, held, AT)
    if chosen.way is Way.GRAPH:
        assert chosen.wanted * passing / held.live >= fitting(k) >= k
    if chosen.way is Way.CODES:
        assert 10 * k * reach <= chosen.wanted < passing / 4


def test_the_graph_is_left_alone_where_too_much_had_to_be_looked_at() -> None:
    assert plan(20_000, 10, FULL, AT).way is Way.GRAPH
    assert plan(20_000, 100, FULL, AT).way is Way.CANDIDATES
    assert plan(30_000, 500, FULL, AT).way is Way.CODES


def test_more_is_looked_at_where_fewer_pass() -> None:
    assert deep(10, 1.0) < deep(10, 0.5) < deep(10, 0.25)
    assert broad(10) < broad(50)


def test_codes_are_left_alone_where_most_had_to_be_compared_anyway() -> None:
    """As when words are compared with every frame there is, 20,000 at most."""
    held = Holdings(30_000, 30_000, 0, 30_000, 0, 1)
    assert plan(30_000, 20_000, held, AT).way is Way.SCAN
    assert plan(200_000, 20_000, FULL, AT).way is Way.SCAN
    assert plan(30_000, 20_000, held, AT._replace(gain=0)).way is Way.CODES
