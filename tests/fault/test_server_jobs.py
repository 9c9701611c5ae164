"""A real server is killed while it works a job off: the next one finishes the job, and what it brought is found."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

COMMAND = [sys.executable, "-c", "from app.cli.main import main; main(prog_name='watchfloor')"]
# what is seen and heard is tested elsewhere
PLAIN = {f"WATCHFLOOR_ENCODERS__{name}": "off" for name in ("IMAGE", "DETECTOR", "SPEECH")} | {"OMP_NUM_THREADS": "1"}
_UP_S = 120.0
FILES = 60


@contextmanager
def serving(store: Path) -> Iterator[tuple[subprocess.Popen[str], httpx.Client]]:
    command = [*COMMAND, "--data-dir", str(store), "serve", "--port", "0", "--json"]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WATCHFLOOR_")}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=kept | PLAIN)
    try:
        assert process.stdout is not None and process.stderr is not None
        line = process.stdout.readline()
        assert line, process.stderr.read()
        with httpx.Client(base_url=json.loads(line)["url"], timeout=60, trust_env=False) as client:
            yield process, client
    finally:
        process.kill()
        process.communicate()


def when(client: httpx.Client, job: str, true: Callable[[Any], bool]) -> Any:
    until = time.monotonic() + _UP_S
    while not true(found := client.get(f"/v1/jobs/{job}").json()):
        assert time.monotonic() < until, found
        time.sleep(0.02)
    return found


def test_a_killed_servers_job_is_finished_by_the_next(tmp_path: Path) -> None:
    files = [
        ("f", (f"{n:02}.md", f"# Note {n}\n\nThe {n}th seal of pump P-{n} leaked.".encode())) for n in range(FILES)
    ]
    with serving(tmp_path / "store") as (process, client):
        made = client.post("/v1/ingest", files=files, headers={"prefer": "respond-async"})
        assert made.status_code == 202, made.text
        job = made.json()["id"]
        assert made.headers["location"] == f"/v1/jobs/{job}"
        begun = when(client, job, lambda found: found["done"] > 0)
        process.kill()
        process.wait(10)
    assert begun["state"] == "running" and begun["done"] < FILES
    with serving(tmp_path / "store") as (_, client):
        done = when(client, job, lambda found: found["state"] not in ("queued", "running"))
        assert (done["state"], done["attempts"], done["done"], done["total"]) == ("done", 2, FILES, FILES)
        assert len({source["source"] for source in done["sources"]}) == FILES
        found = client.post("/v1/search", json={"text": f"seal of pump P-{FILES - 1}", "k": 1}).json()
        assert f"P-{FILES - 1} leaked" in found["hits"][0]["text"]
        assert client.get("/v1/stats").json()["evidence_by_kind"] == {"passage": FILES}
