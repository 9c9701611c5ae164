"""`watchfloor pull` on the command line: what it prints, how it ends, what doctor and show say of it after."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import CliRunner

from app.cli.main import main
from app.cli.stopping import stopped_by_signals
from retrieval.catalog import Catalog
from retrieval.types import Filter, Principal

TABLE = """CREATE TABLE orders AS SELECT 'WO-' || i AS id, 'P-' || (100 + i) AS asset, 'bearing ' || i AS note,
  TIMESTAMP '2026-03-04 02:00' AS changed FROM range(3) t(i)"""
FILE = """
name: plant
connection: {kind: duckdb, database: plant.duckdb}
mappings:
  orders: {table: orders, kind: work_orders, key: [id], watermark: changed, time: changed, assets: [asset]}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    execute(tmp_path, TABLE)
    (tmp_path / "warehouse.yaml").write_text(FILE)
    return tmp_path / "warehouse.yaml"


def execute(folder: Path, statement: str) -> None:
    with duckdb.connect(str(folder / "plant.duckdb")) as connection:
        connection.execute(statement)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    monkeypatch.setenv("WATCHFLOOR_ENCODERS__IMAGE", "off")
    monkeypatch.setenv("WATCHFLOOR_ENCODERS__DETECTOR", "off")
    return lambda *words: CliRunner().invoke(main, ["--data-dir", str(tmp_path / "store"), *map(str, words)])


def test_a_pull_is_told_and_what_it_brought_is_shown(file: Path, run: Callable[..., Any]) -> None:
    told = run("pull", file)
    assert told.exit_code == 0
    assert "3 rows; 1 of 1 blocks differed" in told.output
    again = json.loads(run("pull", file, "--json").output)
    assert (again["rows"], again["read"], again["trouble"]) == (3, 0, "")
    catalog = Catalog(file.parent / "store" / "catalog.sqlite3")
    (found,) = [e for e in catalog.scan(Filter(), Principal("default")) if "bearing 2" in e.text]
    catalog.close()
    shown = run("show", found.id)
    assert "orders@2026-03-04, row WO-2" in " ".join(shown.output.split())
    assert "bearing 2" in shown.output
    (line,) = [
        each for each in json.loads(run("doctor", "--json").output)["checks"] if each["name"] == "pull plant/orders"
    ]
    assert line["state"] == "ok" and line["detail"].startswith("3 rows, pulled 20")


def test_wrong_files_end_with_2_and_warehouses_that_fail_with_1(file: Path, run: Callable[..., Any]) -> None:
    run("pull", file)
    good = file.read_text()
    for was, now in (
        ("key: [id]", "key: [nope]"),
        ("table: orders", "table: gone"),
        ("plant.duckdb", "gone.duckdb"),
        ("name: plant", "x: 1"),
    ):
        file.write_text(good.replace(was, now))
        assert run("pull", file).exit_code == 2
    file.write_text(good.replace("key: [id]", "key: [nope]"))
    assert "plant/orders: column 'nope'" in run("pull", file).output
    file.write_text(good)
    (file.parent / "plant.duckdb").write_bytes(b"no database" * 1000)
    told = run("pull", file, "--json")
    assert told.exit_code == 1 and "DuckDB" in json.loads(told.output)["trouble"]
    lines = json.loads(run("doctor", "--json").output)["checks"]
    (line,) = [each for each in lines if each["name"] == "pull plant/orders"]
    assert line["state"] == "degraded" and "DuckDB" in line["detail"]


def test_a_mapping_that_is_wrong_keeps_no_other_from_being_pulled(file: Path, run: Callable[..., Any]) -> None:
    text = file.read_text()
    wrong = text[text.index("  orders:") :].replace("orders:", "gone:", 1).replace("table: orders", "table: gone")
    file.write_text(text.replace("  orders:", f"{wrong}  orders:", 1))
    told = run("pull", file)
    assert told.exit_code == 2 and "plant/gone" in told.output
    assert "orders: 3 rows" in told.output


def test_a_second_signal_ends_it_at_once() -> None:
    before = {each: signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)}
    with stopped_by_signals(insisted=True) as stop:
        signal.raise_signal(signal.SIGTERM)
        assert stop.is_set()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert before == {each: signal.getsignal(each) for each in before}


def test_again_and_again_until_stopped(file: Path, tmp_path: Path) -> None:
    start = [sys.executable, "-c", "from app.cli.main import main; main()", "--data-dir", str(tmp_path / "store")]
    process = subprocess.Popen(
        [*start, "pull", str(file), "--every", "1", "--json"], stdout=subprocess.PIPE, text=True, env=os.environ.copy()
    )
    try:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["added"] == 3
        execute(tmp_path, "INSERT INTO orders VALUES ('WO-9', 'P-9', 'late', TIMESTAMP '2025-03-04')")
        added = 0
        while not added:
            added = json.loads(process.stdout.readline())["added"]
        assert added == 1
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.communicate()
