"""Invariants of joining rankings."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval.search.fusion import Part, blend, by_rank, by_score, fuse, order

settings.register_profile("quick", max_examples=40, deadline=None)
QUICK = settings.get_profile("quick")
RANKINGS = st.dictionaries(st.sampled_from("abcdefgh"), st.floats(-1e3, 1e3, allow_nan=False, width=32))


@QUICK
@given(RANKINGS)
def test_normalised_scores_lie_in_the_unit_interval_and_keep_the_order(ranking: dict[str, float]) -> None:
    for scores in (by_score(ranking), by_rank(ranking, 60)):
        assert set(scores) == set(ranking)
        assert all(0.0 <= score <= 1.0 for score in scores.values())
        pairs = [(a, b) for a in ranking for b in ranking if ranking[a] > ranking[b]]
        assert all(scores[a] >= scores[b] for a, b in pairs)


@QUICK
@given(RANKINGS, st.floats(0.125, 8), st.floats(-100, 100))
def test_ranks_do_not_depend_on_the_scale_of_scores(ranking: dict[str, float], scale: float, shift: float) -> None:
    rounded = {id_: round(score) for id_, score in ranking.items()}
    moved = {id_: score * scale + shift for id_, score in rounded.items()}
    assert by_rank(rounded, 60) == by_rank(moved, 60)


@QUICK
@given(st.lists(st.tuples(st.floats(0, 4), RANKINGS), max_size=4), st.randoms())
def test_fusion_does_not_depend_on_the_order_of_its_parts(parts: list[tuple[float, dict[str, float]]], random) -> None:
    given_ = [Part(weight, by_score(ranking)) for weight, ranking in parts]
    shuffled = random.sample(given_, len(given_))
    assert fuse(given_) == pytest.approx(fuse(shuffled))
    assert set(fuse(given_)) == {id_ for _, ranking in parts for id_ in ranking}
    assert all(score <= sum(weight for weight, _ in parts) + 1e-9 for score in fuse(given_).values())


@QUICK
@given(RANKINGS)
def test_what_is_better_everywhere_stays_better(ranking: dict[str, float]) -> None:
    ranked = order(ranking)
    fused = fuse([Part(1.0, by_rank(ranking, 60)), Part(0.5, by_rank(ranking, 60))])
    assert order(fused) == ranked


@QUICK
@given(RANKINGS, RANKINGS)
def test_a_blend_without_a_share_is_the_first_ranking(one: dict[str, float], other: dict[str, float]) -> None:
    blended = blend(one, other, 0.0)
    assert {id_: blended[id_] for id_ in one} == pytest.approx(by_score(one))


def test_reciprocal_ranks_by_hand() -> None:
    fused = fuse([Part(1.0, by_rank({"a": 9.0, "b": 5.0}, 60)), Part(1.0, by_rank({"b": 0.2}, 60))])
    assert fused == pytest.approx({"a": 1.0, "b": 61 / 62 + 1.0})


def test_equal_scores_come_in_the_order_of_their_ids() -> None:
    assert order({"c": 1.0, "a": 1.0, "b": 2.0}) == ["b", "a", "c"]
    assert by_score({"a": 3.0, "b": 3.0}) == {"a": 1.0, "b": 1.0}
