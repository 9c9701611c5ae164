"""A pull is killed on the way, again and again: in the end each row of the table stands once. `watchfloor bench warehouse` is the same
with 300,000 rows, and from Snowflake's connector too."""

from __future__ import annotations

from pathlib import Path

from eval.bench.warehouse import measure


def test_a_killed_pull_loses_and_doubles_nothing(tmp_path: Path) -> None:
    found = measure(tmp_path, "duckdb", rows=12_000, kills=1, vectors=False, seed=3)
    assert found["equal"] and found["late_row_found"]
    assert found["unchanged_read"] == 0
    assert any(0 < held < 12_000 for held in found["killed_at_rows"]), "it was never killed on the way"
    # what a late row makes us read again is its block, not the table
    assert 1 <= found["late_pull_read"] <= 4_000
