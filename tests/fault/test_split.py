"""What an index has otherwise than the catalog is found and mended, whatever it is and however it came about.

In full: 1,000 planted differences, and 100 kills between SQL and the indexes. What fails names its seed.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import planting
import pytest
from children import Child, Kill, ingest
from invariants import check
from yard import ALL, PIECES, Yard

from retrieval.failpoints import Step
from retrieval.reconciling import Report

BETWEEN = (
    Step.UNIT_COMMITTED,
    Step.LOG_READ,
    Step.WORDS_COMMITTED,
    Step.GRAPH_WRITTEN,
    Step.GRAPH_COMMITTED,
    Step.APPLIED,
)
INDEXES = ("vectors", "words", "graph")
ROWS = (planting.plant_missing, planting.plant_stale, planting.plant_extra)


@pytest.fixture
def yard(tmp_path: Path) -> Iterator[Yard]:
    made = Yard(tmp_path)
    yield made
    made.close()


def clean(found: dict[str, Report]) -> bool:
    return found.keys() == set(INDEXES) and all(report[1:] == (0, 0, 0, 0) for report in found.values())


def test_every_planted_difference_is_found_and_mended(yard: Yard, full: bool, seed: int) -> None:
    sources = 120 if full else 12
    yard.put(range(sources))
    assert clean(yard.upkeep.reconcile()), "a clean store differs"
    rng = random.Random(seed)
    wanted: dict[str, list[int]] = {}
    for name in INDEXES:
        some = rng.sample(range(sources), sources)
        share = [some[at::3] for at in range(3)]
        for plant, chosen in zip(ROWS, share, strict=True):
            plant(yard, getattr(yard, name), chosen)
        wanted[name] = [PIECES * len(chosen) for chosen in share]
    found = yard.projector.reconcile()
    assert {name: [*report[1:4]] for name, report in found.items()} == {
        name: [missing, extra, stale] for name, (missing, stale, extra) in wanted.items()
    }, f"seed {seed}"
    assert all(report.repaired == sum(report[1:4]) for report in found.values()), f"seed {seed}"
    assert not full or sum(report.repaired for report in found.values()) >= 1_000
    check(yard)


@pytest.mark.parametrize(
    ("links", "what"),
    [(planting.without_first, "missing"), (planting.with_another, "extra"), (planting.relabelled, "stale")],
)
def test_every_planted_link_is_found_and_mended(yard: Yard, links: planting.Links, what: str) -> None:
    yard.put(range(12))
    yard.upkeep.catch_up()
    before = yard.graph.neighbours(["pump-0"], 1, ALL["north"])
    planting.plant_links(yard, yard.graph, [0], links)
    report = yard.projector.reconcile()["graph"]
    assert {name: count for name, count in report._asdict().items() if count and name != "checked"} == {
        what: 1,
        "repaired": 1,
    }
    assert yard.graph.neighbours(["pump-0"], 1, ALL["north"]) == before
    check(yard)


def test_only_what_differs_is_applied_again(yard: Yard) -> None:
    yard.put(range(9))
    yard.upkeep.catch_up()
    planting.plant_missing(yard, yard.words, [4])
    applied: list[str] = []
    apply = yard.words.apply

    def noted(entries: planting.Entries, log: object) -> None:
        applied.extend(id_ for entry in entries for id_ in entry.evidence)
        apply(entries, log)  # type: ignore[arg-type]

    yard.words.apply = noted  # type: ignore[method-assign]
    assert yard.projector.reconcile()["words"].repaired == PIECES
    assert sorted(applied) == planting.ids_of(4)


def test_killed_between_sql_and_an_index(
    tmp_path: Path, store_at: Callable[[Path], Path], full: bool, seed: int
) -> None:
    store_at(tmp_path / "catalog.sqlite3")
    rng, acknowledged = random.Random(seed), set[str]()
    for kill in range(100 if full else 3):
        step = BETWEEN[kill % len(BETWEEN)] if full else rng.choice(BETWEEN)
        child = Child(ingest, tmp_path, kill * 100, Kill(step, rng.randrange(1, 6)))
        assert child.end() == -9, f"seed {seed}: {step} was not reached"
        acknowledged |= {told for told in child.told if told != "ready"}
        if kill % 10 == 2:
            yard = Yard(tmp_path)
            check(yard, acknowledged)
            yard.close()
    assert acknowledged, f"seed {seed}"
