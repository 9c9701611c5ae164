"""The retrieval benchmark's own arithmetic. How fast anything is, is measured and never asserted."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from eval.bench import retrieval_adding, retrieval_words
from eval.bench.children import ChildFailed, Python, run_child
from eval.bench.peers import ENGINES
from eval.bench.retrieval import AT_LEAST, BARS, Peers, bars, chosen, met
from eval.bench.retrieval_data import FILTERS, TAG, K, Material, load, make, save, texts
from eval.bench.retrieval_finding import asking, inside_library
from eval.bench.retrieval_rounds import Asked, Plan, Way, figures, measure, recall, tuned
from eval.bench.retrieval_sizes import counts
from eval.bench.retrieval_words import Question, Took
from retrieval.errors import BadQuery
from retrieval.types import Vector

N = 3_000


@pytest.fixture(scope="module")
def material() -> Material:
    return make(N, queries=12)


def nothing(done: int, total: int, what: str) -> None:
    return None


def by_brute_force(material: Material, query: Vector, name: str, value: int) -> list[int]:
    """One piece at a time, in the order of plain sorting."""
    scored = [
        (-float(np.dot(material.vectors[row], query)), row)
        for row in range(material.n)
        if material.mask(name, value)[row]
    ]
    return [row for _, row in sorted(scored)[:K]]


def test_the_truth_is_what_brute_force_finds(material: Material) -> None:
    for name in FILTERS:
        for n in (0, 5):
            found = by_brute_force(material, material.queries[n], name, material.values[name][n])
            assert [row for row in material.truth[name][n].tolist() if row >= 0] == found


def test_filters_let_through_the_share_they_are_named_for(material: Material) -> None:
    assert np.allclose(np.linalg.norm(material.vectors, axis=1), 1, atol=1e-5)
    for name, share in FILTERS.items():
        passing = np.mean([material.mask(name, value).mean() for value in material.values[name]])
        assert share * 0.5 < passing < share * 2 + 1e-9, name


def test_the_zone_apart_holds_nothing_near_the_query(material: Material) -> None:
    """That is its point: a graph walked from the query meets none that pass."""
    for n, query in enumerate(material.queries):
        scores = material.vectors @ query
        there = material.mask("apart", material.values["apart"][n])
        assert scores[there].max() < np.partition(scores, -K)[-K]


def test_material_is_the_same_again_and_comes_back_from_disk(material: Material, tmp_path: Path) -> None:
    again = make(N, queries=12)
    assert np.array_equal(again.vectors, material.vectors) and again.values == material.values
    save(material, tmp_path)
    back = load(tmp_path)
    assert np.array_equal(back.vectors, material.vectors) and np.array_equal(back.queries, material.queries)
    assert back.values == material.values and set(back.truth) == set(FILTERS)
    assert all(np.array_equal(back.columns[name], column) for name, column in material.columns.items())


def test_texts_are_of_twenty_to_sixty_words_with_one_tag() -> None:
    made = list(texts(300, seed=3))
    assert made == list(texts(300, seed=3)) and made != list(texts(300, seed=4))
    assert {len(text.split()) for text in made} <= set(range(21, 61))
    assert all(sum(word.startswith(TAG) for word in text.split()) == 1 for text in made)


class Steady:
    """A control that takes 10 ms, then 20 ms, a scan."""

    def __init__(self) -> None:
        self._asked = 0

    def times_ms(self, count: int = 4) -> list[float]:
        self._asked += 1
        return [10.0 if self._asked <= 2 else 20.0] * count


def test_a_search_that_tells_the_truth_has_full_recall(material: Material) -> None:
    def truthful(query: Vector, name: str, value: int) -> Sequence[int]:
        return by_brute_force(material, query, name, value)

    found = measure([Way("true", truthful, ("source", "asset"))], material, Steady(), Plan(2, 0.0), nothing)
    assert found["scan_p50_ms"] == {"median": 15.0, "worst": 20.0}
    for name in ("source", "asset"):
        figure = found["ways"]["true"][name]
        assert (figure["recall"], figure["short"], figure["foreign"]) == (1.0, 0, 0)
        # no time at all is given, so that each round asks the fewest there may be
        assert figure["searches"] == 2 * 3
    assert "none" not in found["ways"]["true"]


def test_figures_set_each_round_against_its_own_scans(material: Material) -> None:
    truth = tuple(material.truth["none"][0].tolist())
    rounds = [[Asked(0, 1.0, truth), Asked(0, 3.0, truth)], [Asked(0, 8.0, truth)]]
    found = figures(rounds, [10.0, 20.0], material, "none")
    assert found["ratio"] == {"median": 0.3, "worst": 0.4}
    assert found["p50_ms"] == {"median": 5.0, "worst": 8.0} and found["searches"] == 3


def test_figures_count_what_is_missing_short_and_foreign(material: Material) -> None:
    truth = [row for row in material.truth["source"][0].tolist() if row >= 0]
    stranger = int(np.flatnonzero(~material.mask("source", material.values["source"][0]))[0])

    def of(found: Sequence[int]) -> dict[str, Any]:
        return figures([[Asked(0, 1.0, tuple(found))]], [1.0], material, "source")

    assert of(truth[:-1])["short"] == 1 and of(truth[:-1])["recall"] == pytest.approx(1 - 1 / len(truth), abs=1e-4)
    assert of([*truth[:-1], truth[0]])["short"] == 1, "the same twice is one"
    assert of([*truth[:-1], stranger])["foreign"] == 1
    # a decoy has no number of its own
    assert of([*truth[:-1], -1])["foreign"] == 1 and of([*truth[:-1], N])["foreign"] == 1


def test_tuning_takes_the_first_setting_that_is_good_enough(material: Material) -> None:
    kept = [0]

    def choose(setting: int) -> None:
        kept[0] = setting

    def search(query: Vector, name: str, value: int) -> Sequence[int]:
        return by_brute_force(material, query, name, value)[: kept[0]]

    assert tuned(search, material, choose, (2, 9, 10), 0.9) == 9 and recall(search, material) == pytest.approx(0.9)
    assert tuned(search, material, choose, (2, 3), 0.9) == 3


def test_the_time_inside_the_library_is_noted_and_the_library_left_as_it_was() -> None:
    library: Any = import_module("faiss")
    before = {kind: vars(kind)["search"] for kind in (library.IndexFlat, library.IndexHNSW, library.IndexIVF)}
    comparing, index = library.knn, library.IndexFlatIP(8)
    index.add(np.eye(8, dtype=np.float32))
    with pytest.raises(ZeroDivisionError), inside_library() as inside:
        _, found = index.search(np.eye(8, dtype=np.float32)[:1], 1)
        assert found.tolist() == [[0]] and inside.ms > 0
        noted = inside.ms
        library.knn(np.eye(8, dtype=np.float32)[:1], np.eye(8, dtype=np.float32), 1)
        assert inside.ms > noted
        _ = 1 / 0
    assert {kind: vars(kind)["search"] for kind in before} == before and library.knn is comparing


def test_a_filter_in_words_is_read_as_what_it_means() -> None:
    window = asking("time", 100).parsed().window
    assert window is not None and window.seconds == pytest.approx(99_999)
    assert asking("asset", 7).parsed().entities == ("P-0007",)
    assert asking("source", 3).parsed().sources == ("file:///plant/readings-003.csv",)
    assert asking("none", -1).parsed() == asking("none", -2).parsed()


def finding(ratio: float, recall: float) -> dict[str, Any]:
    one = {"ratio": {"median": ratio, "worst": ratio}, "recall": recall, "short": 0, "foreign": 0}
    return {"ways": {"ours": dict.fromkeys(FILTERS, one)}, "tax_ms": {"none": {"p50": 0.2, "p95": 0.3}}}


def found_of(**more: Any) -> dict[str, Any]:
    spread = {"median": 1.0, "worst": 2.0}
    return {
        "finding": {"exact": finding(0.03, 0.97), "quantised": None},
        "memory": {"exact": {"ratio": 1.2}, "quantised": None},
        "adding": {"over_bare": spread, "growth": spread},
        "words": {"engines": {"ours": {}}, "found_ms": spread},
    } | more


def test_bars_are_left_out_where_nothing_was_measured() -> None:
    alone = bars(found_of())
    assert set(BARS) - set(alone) == {"words_over_rank_bm25", "memory_quantised_over_raw", "quantised_recall"}
    assert not alone["worst_filtered_recall"]["met"] and alone["unfiltered_recall"]["met"]
    assert alone["filtered_1_percent_over_scan"]["met"] and not alone["filtered_01_percent_over_scan"]["met"]
    both = found_of(
        finding={"exact": finding(0.01, 1.0), "quantised": finding(0.01, 0.98)},
        memory={"exact": {"ratio": 1.4}, "quantised": {"ratio": 0.4}},
        words={"engines": {"ours": {"over_rank_bm25": {"median": 0.005}}}, "found_ms": {"median": 31.0}},
    )
    told = {name: bar["met"] for name, bar in bars(both).items()}
    assert set(told) == set(BARS)
    assert {name for name, ok in told.items() if not ok} == {
        "quantised_recall", "memory_exact_over_raw", "new_text_found_ms",
    }  # fmt: skip


def test_bars_point_the_right_way() -> None:
    assert set(BARS) >= AT_LEAST
    for name, bar in BARS.items():
        assert met(name, bar) and met(name, bar + 0.01) == (name in AT_LEAST)


def test_adding_is_set_against_the_bare_of_the_same_round() -> None:
    def took(ms: float) -> list[retrieval_adding.Took]:
        return [retrieval_adding.Took(ms / 2, ms / 4, ms / 4)] * 3

    found = retrieval_adding.summary([(took(8.0), took(4.0), [2.0]), (took(12.0), took(12.0), [12.0])])
    assert found["over_bare"] == {"median": 2.5, "worst": 4.0} and found["growth"] == {"median": 1.5, "worst": 2.0}
    assert found["commit_ms"] == {"median": 5.0, "worst": 6.0}


def test_words_are_set_against_rank_bm25_of_the_same_round() -> None:
    question = Question("seal", 1)
    rounds = [[Took("ours", question, 1.0, (1,)), Took("rank_bm25", question, 100.0, (2,))]] * 2
    found = retrieval_words.summary(rounds)
    assert found["ours"]["over_rank_bm25"] == {"median": 0.01, "worst": 0.01}
    assert (found["ours"]["target_in_ten"], found["rank_bm25"]["target_in_ten"]) == (1.0, 0.0)
    alone = retrieval_words.summary([[Took("ours", question, 1.0, (1,))]])
    assert "over_rank_bm25" not in alone["ours"]


def test_questions_ask_by_the_tag_of_their_text() -> None:
    documents = list(texts(200, seed=5))
    for asked in retrieval_words.questions(documents, 20):
        assert set(asked.words.split()) <= set(documents[asked.target].split())
        assert asked.words.split()[-1].startswith(TAG)


def test_what_is_asked_for_is_checked(tmp_path: Path) -> None:
    assert chosen((), tmp_path) == Peers(tuple(ENGINES), tmp_path)
    assert chosen(("chroma",), tmp_path).engines == ("chroma",) and chosen(("none",), tmp_path).engines == ()
    with pytest.raises(BadQuery, match=r"chrome.*hnswlib"):
        chosen(("chrome",), tmp_path)
    assert counts("1000,20000") == [1_000, 20_000]
    for wrong in ("many", "10", ""):
        with pytest.raises(BadQuery, match="--rows"):
            counts(wrong)


def test_a_child_that_fails_is_told_in_its_own_words(tmp_path: Path) -> None:
    with pytest.raises(ChildFailed, match=r"ended with \d+: .*no-such-thing"):
        run_child(Python(), "json.tool", [str(tmp_path / "no-such-thing")], nothing)
    (tmp_path / "said.json").write_text('{"found": 1}')
    assert run_child(Python(), "json.tool", ["--compact", str(tmp_path / "said.json")], nothing) == {"found": 1}
    assert Python.of(tmp_path / "nowhere") is None
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to(sys.executable)
    assert Python.of(tmp_path) == Python(str(tmp_path / "bin" / "python"))
