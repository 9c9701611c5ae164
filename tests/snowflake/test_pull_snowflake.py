"""`watchfloor pull` from Snowflake: the unpatched connector, a key pair, arrow batches, against fakesnow's server on loopback.

Run by the Python of scripts/snowflake-env (`make test-snowflake`); skipped elsewhere.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.wiring_warehouse import pulls_check
from eval.bench.warehouse_server import FakeSnowflake, fake_snowflake
from retrieval.catalog import Catalog
from retrieval.types import Filter, Kind, Principal, RowKey

pytest.importorskip("snowflake.connector", reason="`make test-snowflake` has an environment with the connector")
pytest.importorskip("fakesnow", reason="`make test-snowflake` has an environment with fakesnow")

ANN = Principal("default")
WATCHFLOOR = [sys.executable, "-c", "from app.cli.main import main; main()"]
COUNT = 5_500
LOAD = """CREATE OR REPLACE TABLE ALARMS AS SELECT 'AL-' || SEQ4() AS ALARM_ID, 'P-' || (100 + SEQ4() % 40) AS ASSET,
  'high' AS SEVERITY, 'seal ' || SEQ4() || ' leaks' AS MESSAGE,
  DATEADD(SECOND, SEQ4() * 60, '2026-03-01'::TIMESTAMP_NTZ) AS RAISED_AT,
  DATEADD(SECOND, SEQ4() * 60, '2026-03-01'::TIMESTAMP_NTZ) AS CHANGED_AT
  FROM TABLE(GENERATOR(ROWCOUNT => {count}))"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeSnowflake]:
    with fake_snowflake(tmp_path_factory.mktemp("snowflake")) as made:
        yield made


@pytest.fixture
def file(tmp_path: Path, server: FakeSnowflake) -> Path:
    alarms = {
        "table": "ALARMS", "kind": "alerts", "key": ["alarm_id"], "watermark": "changed_at", "time": "raised_at", "assets": ["asset"],
    }  # fmt: skip
    path = tmp_path / "warehouse.yaml"
    path.write_text(json.dumps({"name": "plant", "connection": server.connection, "mappings": {"alarms": alarms}}))
    server.execute([LOAD.format(count=COUNT)])
    return path


def command(store: Path, file: Path, *more: str) -> list[str]:
    return [*WATCHFLOOR, "--data-dir", str(store), "pull", str(file), "--json", *more]


def pulled(store: Path, file: Path, server: FakeSnowflake, **more: str) -> tuple[int, Any]:
    environment = os.environ | server.environment | more
    ran = subprocess.run(
        command(store, file), capture_output=True, text=True, env=environment, check=False, timeout=120
    )
    lines = [json.loads(line) for line in ran.stdout.splitlines()]
    assert lines, ran.stderr
    return ran.returncode, lines[0]


def held(store: Path) -> dict[str, str]:
    """Key → text of all that stands; a key that stands twice fails."""
    catalog = Catalog(store / "catalog.sqlite3")
    try:
        found = catalog.scan(Filter(kinds=(Kind.ALERT,)), ANN, 10 * COUNT)
    finally:
        catalog.close()
    keyed = {e.locator.key: e.text for e in found if isinstance(e.locator, RowKey)}
    assert len(keyed) == len(found)
    return keyed


def test_late_changed_and_deleted_rows(tmp_path: Path, file: Path, server: FakeSnowflake) -> None:
    store = tmp_path / "store"
    assert pulled(store, file, server)[1]["added"] == COUNT
    assert pulled(store, file, server)[1]["read"] == 0
    server.execute(
        [
            "INSERT INTO ALARMS SELECT 'AL-LATE-1', 'P-7', 'low', 'came late', RAISED_AT, CHANGED_AT FROM ALARMS WHERE ALARM_ID = 'AL-0'",
            "UPDATE ALARMS SET MESSAGE = 'edited in silence' WHERE ALARM_ID = 'AL-5'",
            "DELETE FROM ALARMS WHERE ALARM_ID = 'AL-4000'",
        ]
    )
    code, done = pulled(store, file, server)
    assert (code, done["added"], done["closed"]) == (0, 2, 2)
    now = held(store)
    assert len(now) == COUNT and "AL-4000" not in now
    assert "came late" in now["AL-LATE-1"] and "edited in silence" in now["AL-5"]


def test_killed_again_and_again_it_ends_as_the_table_is(tmp_path: Path, file: Path, server: FakeSnowflake) -> None:
    store, kills = tmp_path / "store", 0
    for delay_ms in (0, 100):
        process = subprocess.Popen(command(store, file), stdout=subprocess.PIPE, env=os.environ | server.environment)
        until = time.monotonic() + 60
        while not held_count(store) and process.poll() is None and time.monotonic() < until:
            time.sleep(0.02)
        time.sleep(delay_ms / 1000)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            kills += 1
        process.communicate()
    assert kills, "it was never killed while it pulled"
    pulled(store, file, server)
    assert set(held(store)) == {f"AL-{n}" for n in range(COUNT)}


def held_count(store: Path) -> int:
    if not (store / "catalog.sqlite3").exists():
        return 0
    catalog = Catalog(store / "catalog.sqlite3")
    try:
        return len(catalog.scan(Filter(), ANN, 1))
    finally:
        catalog.close()


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"WATCHFLOOR_WAREHOUSE__PRIVATE_KEY_PASSPHRASE": "wrong-one"}, "private key"),
        ({"WATCHFLOOR_WAREHOUSE__PRIVATE_KEY_FILE": "/nowhere/key.p8"}, "no private key"),
    ],
)
def test_a_key_that_cannot_be_used_is_told_without_its_passphrase(
    tmp_path: Path, file: Path, server: FakeSnowflake, changed: dict[str, str], told: str
) -> None:
    code, said = pulled(tmp_path / "store", file, server, **changed)
    assert code == 2 and told in said["error"]["message"]
    assert "wrong-one" not in json.dumps(said) and server.passphrase not in json.dumps(said)


def test_a_warehouse_that_is_away_fails_the_pull_and_doctor_says_so(
    tmp_path: Path, file: Path, server: FakeSnowflake
) -> None:
    store, away = tmp_path / "store", json.loads(file.read_text())
    away["connection"]["port"] = 9
    file.write_text(json.dumps(away))
    code, said = pulled(store, file, server)
    assert code == 1 and "Snowflake" in said["trouble"]
    catalog = Catalog(store / "catalog.sqlite3")
    (line,) = pulls_check(catalog, "default")
    catalog.close()
    assert (line.name, line.state) == ("pull plant/alarms", "degraded") and "never pulled whole" in line.detail
