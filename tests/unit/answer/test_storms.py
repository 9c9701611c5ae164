import pytest

from app.answer.storms import gathered, is_storm, single
from retrieval.types import Evidence, Interval, Kind, Provenance, RowKey


def evidence(id_, line, source="file:///alarms.csv", table="alarms", **data):
    return Evidence(
        id=id_, revision=1, tenant="t", source=source, kind=Kind.ALERT, locator=RowKey(table, id_, line), text=id_,
        valid=Interval(line, line), data=data, provenance=Provenance("test"),
    )  # fmt: skip


STORM = evidence("storm", 2, storm={"count": 9, "lines": [[2, 6], [8, 11]]})
MEMBERS = [evidence(f"a{line}", line) for line in (2, 3, 4, 8, 11)]
ELSEWHERE = [evidence("other", 7), evidence("far", 3, source="file:///more.csv"), evidence("sheet", 3, table="more")]


def ids(found):
    return [one.id for one in found]


def test_a_storm_stands_for_its_own_where_they_are_many():
    assert ids(gathered([*MEMBERS, *ELSEWHERE, STORM], most=4)) == ["storm", "other", "far", "sheet"]


@pytest.mark.parametrize("most", [5, 6])
def test_a_few_of_its_own_are_told_themselves_and_the_storm_behind(most):
    assert ids(gathered([STORM, *MEMBERS, *ELSEWHERE], most)) == [*ids(MEMBERS), *ids(ELSEWHERE), "storm"]


def test_counting_leaves_storms_out():
    assert single([STORM, *MEMBERS]) == MEMBERS and is_storm(STORM) and not is_storm(MEMBERS[0])
    assert gathered([], 3) == []
