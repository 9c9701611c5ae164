"""The suite `entities` on the shared data: what must hold of its figures, whatever they are."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from eval.entities import gold, running

DATA = Path(os.environ.get("WATCHFLOOR_TEST_DATA", Path(__file__).parents[2].parent / "shared" / "data"))
pytestmark = [
    pytest.mark.data,
    pytest.mark.skipif(not (DATA / gold.OMIN).is_file(), reason="the real data is not here (WATCHFLOOR_TEST_DATA)"),
]


def test_what_was_labelled_is_read_in_full() -> None:
    orders, records = gold.maintie(DATA / gold.MAINTIE), gold.omin(DATA / gold.OMIN)
    assert (len(orders), sum(len(one.spans) for one in orders)) == (646, 2057)
    assert (len(records), sum(len(one.spans) for one in records)) == (100, 509)
    assert sum(len(one.spans) for one in running.equipment(orders)) == 1199
    kinds = {span.kind for one in gold.truncated(orders, 1) for span in one.spans}
    assert kinds == {"PhysicalObject", "Activity", "State", "Process", "Property"}


def test_what_must_hold_of_the_figures() -> None:
    found = running.run(DATA)
    assert found["n"] == 746 and set(found["by_kind"]) == {running.EQUIPMENT, running.ALL, running.OMIN}
    for told in found["by_kind"].values():
        assert all(0 <= value <= 1 for name, value in told.items() if not name.startswith("ahead"))
        for name in ("precision", "recall", "F1", "overlap F1"):
            assert told[f"{name} low"] <= told[name] <= told[f"{name} high"]
        assert told["F1"] > told["words like nouns, F1"]
        assert told["overlap F1"] >= told["F1"]
    by_classes = [level["F1"] for level in found["linked"].values()]
    assert by_classes == sorted(by_classes, reverse=True)  # the more classes there are, the harder
    assert by_classes[0] == pytest.approx(found["by_kind"][running.ALL]["F1"])
