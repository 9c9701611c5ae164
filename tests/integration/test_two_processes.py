"""Ingest in one process, serving in others: what was acknowledged is found by the next search, and replicas agree."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from app.cli.main import main

COMMAND = [sys.executable, "-c", "from app.cli.main import main; main(prog_name='watchfloor')"]
# what is seen and heard is tested elsewhere
PLAIN = {f"WATCHFLOOR_ENCODERS__{name}": "off" for name in ("IMAGE", "DETECTOR", "SPEECH")} | {"OMP_NUM_THREADS": "1"}
ROUNDS = 2


@contextmanager
def replica(data: Path, more: dict[str, str]) -> Iterator[httpx.Client]:
    """A real server, and a client of it."""
    command = [*COMMAND, "--data-dir", str(data), "serve", "--port", "0", "--json"]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WATCHFLOOR_")}
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=kept | PLAIN | more
    )
    try:
        assert process.stdout is not None and process.stderr is not None
        line = process.stdout.readline()
        assert line, process.stderr.read()
        with httpx.Client(base_url=json.loads(line)["url"], timeout=120, trust_env=False) as client:
            yield client
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(params=["sqlite", "postgres"])
def kept(request: pytest.FixtureRequest, full: bool) -> dict[str, str]:
    """The settings that say where the catalog is."""
    if request.param == "sqlite":
        if not full:
            pytest.skip("with --full: each server takes seconds to load its encoder")
        return {}
    url: str = request.getfixturevalue("postgres")()
    return {"WATCHFLOOR_STORE__URL": url.replace("postgresql+psycopg://", "postgresql://")}


def ingest(data: Path, files: Path, more: dict[str, str]) -> dict[str, Any]:
    """Take a folder in, in this process; the summary."""
    words = ["--data-dir", str(data), "ingest", "--json", str(files)]
    done = CliRunner(env=PLAIN | more).invoke(main, words, prog_name="watchfloor", catch_exceptions=False)
    assert done.exit_code == 0, done.output
    summary: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return summary


def found(client: httpx.Client, text: str) -> list[tuple[str, float, str]]:
    hits = client.post("/v1/search", json={"text": text, "k": 5}).raise_for_status().json()["hits"]
    return [(hit["evidence"], hit["score"], hit["text"]) for hit in hits]


def test_what_one_process_takes_in_every_replica_finds(kept: dict[str, str], tmp_path: Path) -> None:
    data, files = tmp_path / "data", tmp_path / "site"
    files.mkdir()
    with ExitStack() as stack, ThreadPoolExecutor(2) as both:
        names = [{"WATCHFLOOR_INSTANCE": name} | kept for name in ("left", "right")]
        clients = list(both.map(lambda more: stack.enter_context(replica(data, more)), names))
        for number in range(ROUNDS):
            tag = f"XV-{4700 + number}"
            (files / f"{number}.md").write_text(f"# Note {number}\n\nValve {tag} stuck open at {number + 2}.5 bar.\n")
            summary = ingest(data, files, kept)
            assert (summary["ingested"], summary["unchanged"]) == (1, number)
            left, right = both.map(lambda client, tag=tag: found(client, tag), clients)
            assert left == right and any(tag in text for _, _, text in left)
        question = {"question": "Which valve stuck open at 3.5 bar?", "asked_at": "2026-03-04T08:00:00Z"}
        answers = [client.post("/v1/ask", json=question).raise_for_status().json() for client in clients]
        assert answers[0]["claims"] == answers[1]["claims"] and "XV-4701" in json.dumps(answers[0]["claims"])
        assert answers[0]["sequence"] == answers[1]["sequence"] == summary["sequence"]
    assert sorted(path.name for path in (data / "projections").iterdir()) == ["left", "local", "right"]
    assert (data / "catalog.sqlite3").exists() == (not kept)
