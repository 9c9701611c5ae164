"""`watchfloor bench warehouse`: a large table is pulled, killed on the way again and again, and must end as the table is."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from eval.bench.warehouse_server import fake_snowflake

_START = [sys.executable, "-c", "from app.cli.main import main; main()"]
_DUCKDB = """CREATE OR REPLACE TABLE ALARMS AS SELECT 'AL-' || i AS ALARM_ID, 'P-' || (100 + i % 40) AS ASSET, 'high' AS SEVERITY,
  'seal ' || i || ' leaks' AS MESSAGE, TIMESTAMP '2026-01-01' + INTERVAL (i * 10) SECOND AS RAISED_AT,
  TIMESTAMP '2026-01-01' + INTERVAL (i * 10) SECOND AS CHANGED_AT FROM range({rows}) AS t(i)"""
_SNOWFLAKE = """CREATE OR REPLACE TABLE ALARMS AS SELECT 'AL-' || SEQ4() AS ALARM_ID, 'P-' || (100 + SEQ4() % 40) AS ASSET,
  'high' AS SEVERITY, 'seal ' || SEQ4() || ' leaks' AS MESSAGE,
  DATEADD(SECOND, SEQ4() * 10, '2026-01-01'::TIMESTAMP_NTZ) AS RAISED_AT,
  DATEADD(SECOND, SEQ4() * 10, '2026-01-01'::TIMESTAMP_NTZ) AS CHANGED_AT FROM TABLE(GENERATOR(ROWCOUNT => {rows}))"""
_LATE = """INSERT INTO ALARMS SELECT 'AL-LATE', 'P-7', 'low', 'came late', RAISED_AT, CHANGED_AT FROM ALARMS WHERE ALARM_ID = 'AL-3'"""
_ALARMS = {
    "table": "ALARMS", "kind": "alerts", "key": ["ALARM_ID"], "watermark": "CHANGED_AT", "time": "RAISED_AT", "assets": ["ASSET"],
}  # fmt: skip


class Warehoused(NamedTuple):
    """A warehouse with the table: how the pull connects, its environment, and how statements get into it."""

    connection: dict[str, Any]
    environment: dict[str, str]
    execute: Callable[[Sequence[str]], None]


@contextlib.contextmanager
def duckdb_in(folder: Path) -> Iterator[Warehoused]:
    import duckdb

    path = folder / "plant.duckdb"

    def execute(statements: Sequence[str]) -> None:
        with duckdb.connect(str(path)) as connection:
            for statement in statements:
                connection.execute(statement)

    yield Warehoused({"kind": "duckdb", "database": str(path)}, {}, execute)


@contextlib.contextmanager
def snowflake_in(folder: Path) -> Iterator[Warehoused]:
    """Only where the connector and fakesnow are installed: run by the Python of scripts/snowflake-env."""
    with fake_snowflake(folder) as server:
        yield Warehoused(server.connection, server.environment, server.execute)


def measure(folder: Path, kind: str, rows: int, kills: int, vectors: bool, seed: int) -> dict[str, Any]:
    """Plain JSON: rows a second of a pull that nothing stops, what one costs that finds nothing, the greatest resident memory (MiB), and
    whether the store that was killed `kills` times holds what the table holds, each row once."""
    folder.mkdir(parents=True, exist_ok=True)
    with (duckdb_in if kind == "duckdb" else snowflake_in)(folder) as warehouse:
        warehouse.execute([(_DUCKDB if kind == "duckdb" else _SNOWFLAKE).format(rows=rows)])
        file = folder / "warehouse.yaml"
        mapping = {**_ALARMS, "vectors": vectors}
        file.write_text(
            json.dumps({"name": "plant", "connection": warehouse.connection, "mappings": {"alarms": mapping}})
        )
        clean = _pulled(folder / "clean", file, warehouse)
        again = _pulled(folder / "clean", file, warehouse)
        killed = _killed(folder / "killed", file, warehouse, (kills, rows, seed))
        whole = _pulled(folder / "killed", file, warehouse)
        equal = held(folder / "killed") == held(folder / "clean") == expected(rows)
        warehouse.execute([_LATE])
        late = _pulled(folder / "killed", file, warehouse)
        found = held(folder / "killed").get("AL-LATE")
    return {
        "kind": kind, "rows": rows, "vectors": vectors, "seconds": clean["took_s"], "rows_per_s": round(rows / clean["took_s"], 1),
        "peak_rss_mib": clean["peak_rss_mib"], "unchanged_s": again["took_s"], "unchanged_read": again["read"], "killed_at_rows": killed,
        "last_pull_read": whole["read"], "equal": equal, "late_row_found": found == ("P-7", "came late"), "late_pull_read": late["read"],
        "late_pull_s": late["took_s"],
    }  # fmt: skip


def expected(rows: int) -> dict[str, tuple[str, str]]:
    """Key → (asset, message), by the rule the table was made by."""
    return {f"AL-{n}": (f"P-{100 + n % 40}", f"seal {n} leaks") for n in range(rows)}


def held(store: Path) -> dict[str, tuple[str, str]]:
    """The same of what stands in a store, read from its file; a row that stands twice gives a key of its own."""
    found: dict[str, tuple[str, str]] = {}
    with contextlib.closing(sqlite3.connect(f"file:{store / 'catalog.sqlite3'}?mode=ro", uri=True)) as connection:
        for locator, data in connection.execute("SELECT locator, data FROM evidence WHERE superseded_at IS NULL"):
            key, fields = json.loads(locator)["key"], json.loads(data)["fields"]
            found[key if key not in found else f"{key} again"] = (fields["ASSET"], fields["MESSAGE"])
    return found


def _start(store: Path, file: Path, warehouse: Warehoused) -> subprocess.Popen[str]:
    command = [*_START, "--data-dir", str(store), "pull", str(file), "--json"]
    environment = os.environ | warehouse.environment
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


def _pulled(store: Path, file: Path, warehouse: Warehoused) -> dict[str, Any]:
    import psutil

    process, peak = _start(store, file, warehouse), 0
    while process.poll() is None:
        with contextlib.suppress(psutil.NoSuchProcess):
            peak = max(peak, psutil.Process(process.pid).memory_info().rss)
        time.sleep(0.05)
    told: dict[str, Any] = json.loads(process.communicate()[0])
    return {**told, "peak_rss_mib": peak >> 20}


def _killed(store: Path, file: Path, warehouse: Warehoused, plan: tuple[int, int, int]) -> list[int]:
    """Kill pulls at random points of the way; how many rows were held at each kill."""
    kills, rows, seed = plan
    chance, at = random.Random(seed), list[int]()
    for n in range(kills):
        until = int(rows * (n + chance.random()) / kills)
        process = _start(store, file, warehouse)
        while process.poll() is None and _count(store) < until:
            time.sleep(0.05)
        time.sleep(chance.random() * 0.05)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        at.append(_count(store))
    return at


def _count(store: Path) -> int:
    path = store / "catalog.sqlite3"
    if not path.exists():
        return 0
    with (
        contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection,
        contextlib.suppress(sqlite3.OperationalError),
    ):
        return int(connection.execute("SELECT COUNT(*) FROM evidence").fetchone()[0])
    return 0
