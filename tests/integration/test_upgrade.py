"""A store that an earlier version wrote is opened, migrated, searched and asked; one that a newer version wrote is refused."""

from __future__ import annotations

import json
import shutil
import sqlite3
import tarfile
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from app.cli.main import main
from retrieval.catalog.migrate import HEAD, VERSION_TABLE

STORES = sorted((Path(__file__).parents[1] / "stores").glob("r*.tar.gz"))
PLAIN = {f"WATCHFLOOR_ENCODERS__{name}": "off" for name in ("IMAGE", "DETECTOR", "SPEECH")}
QUESTION = "Which part replaced the mechanical seal of pump P-101?"
# between the report as first written and its correction (tests/stores/README.md)
BETWEEN = {"r0007": "2026-11-26T17:44:11.5Z"}


@pytest.fixture(scope="module", params=STORES, ids=lambda path: path.name.split(".")[0])
def old(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("old") / request.param.name.split(".")[0]
    with tarfile.open(request.param) as archive:
        archive.extractall(folder, filter="data")
    return folder


def call(data: Path, *words: str) -> Any:
    done = CliRunner(env=PLAIN).invoke(main, ["--data-dir", str(data), *words, "--json"], prog_name="watchfloor")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout.splitlines()[-1])


def told(data: Path, statement: str) -> list[Any]:
    with closing(sqlite3.connect(data / "catalog.sqlite3")) as raw:
        return raw.execute(statement).fetchall()


def test_an_old_store_is_migrated_searched_and_asked(old: Path) -> None:
    revision, rows = (
        told(old, f"SELECT version_num FROM {VERSION_TABLE}"),
        "SELECT row, id, text FROM evidence ORDER BY row",
    )
    before = told(old, rows)
    assert revision == [(old.name.removeprefix("r"),)] and revision < [(HEAD,)]
    checks = {check["name"]: check for check in call(old, "doctor")["checks"]}
    assert checks["store"]["state"] == "ok" and checks["projections"]["state"] == "ok", checks
    assert told(old, f"SELECT version_num FROM {VERSION_TABLE}") == [(HEAD,)]
    assert told(old, rows) == before
    # an index of words that texts were read into otherwise is made anew, and that is said
    assert "made anew, it was written by analysis 1" in checks["words"]["detail"]
    hits = call(old, "search", "s4499")["hits"]
    assert "S-4499" in hits[0]["text"]
    assert call(old, "stats")["asks"] == 1
    now, then = call(old, "ask", QUESTION), call(old, "ask", QUESTION, "--as-of", BETWEEN[old.name])
    assert "S-4499" in json.dumps(now["claims"]) and now["verdict"] == then["verdict"] == "answered"
    assert "S-4410" in json.dumps(then["claims"]) and "S-4499" not in json.dumps(then)


def test_a_newer_store_is_refused_and_left_as_it_is(old: Path, tmp_path: Path) -> None:
    shutil.copytree(old, tmp_path / "newer")
    path = tmp_path / "newer" / "catalog.sqlite3"
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute(f"UPDATE {VERSION_TABLE} SET version_num = '9999'")
    before = path.read_bytes()
    done = CliRunner(env=PLAIN).invoke(main, ["--data-dir", str(path.parent), "search", "seal", "--json"])
    error = json.loads(done.stdout)["error"]
    assert (done.exit_code, error["code"]) == (1, "store_too_new")
    assert "9999" in error["message"] and HEAD in error["message"] and "upgrade" in error["message"]
    assert path.read_bytes() == before
