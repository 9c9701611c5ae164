"""Jobs over HTTP and on the command line."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner, Result
from litestar.testing import TestClient

from app.cli.main import main
from app.cli.remote import RemoteService
from app.fakes import MemoryService
from app.http.app import create_app
from app.http.jobs import working_off
from app.http.serve import Serving
from app.jobs.job import State
from retrieval.errors import JobConflict, JobNotFound
from retrieval.types import Principal

STRANGER = Principal("elsewhere")
FILES = [("f", ("a.txt", b"the pump leaks")), ("f", ("b.exe", b"MZ"))]


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    folder = tmp_path / "texts"
    folder.mkdir()
    (folder / "a.txt").write_text("the seal of the pump leaks")
    return folder


def work_off(service: MemoryService) -> None:
    service.work(SimpleNamespace(is_set=lambda: False, wait=time.sleep), lasting=False)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("query", "headers"),
    [
        ("?wait=false", {}),
        ("?wait=0", {}),
        ("", {"prefer": "respond-async"}),
        ("", {"prefer": "wait=5, Respond-Async"}),
    ],
)
def test_an_upload_that_nobody_waits_for_is_a_job(
    client: TestClient[Any], service: MemoryService, query: str, headers: dict[str, str]
) -> None:
    accepted = client.post(f"/v1/ingest{query}", files=FILES, headers=headers)
    job = accepted.json()
    assert accepted.status_code == 202 and accepted.headers["location"] == f"/v1/jobs/{job['id']}"
    assert (job["state"], job["attempts"], job["ended_at"], job["sources"]) == ("queued", 0, None, None)
    work_off(service)
    done = client.get(accepted.headers["location"]).json()
    assert (done["state"], done["done"], done["total"]) == ("done", 2, 2)
    assert done["counts"] == {"ingested": 1, "rejected": 1} and done["ended_at"].endswith("Z")
    assert [(Path(s["source"]).name, s["status"], s["code"]) for s in done["sources"]] == [
        ("a.txt", "ingested", None), ("b.exe", "rejected", "unknown_type")
    ]  # fmt: skip


def test_one_that_is_waited_for_is_answered_as_ever_and_is_a_job_too(client: TestClient[Any]) -> None:
    reply = client.post("/v1/ingest?wait=true", files=FILES)
    assert reply.status_code == 200 and reply.json()["ingested"] == 1
    (job,) = client.get("/v1/jobs").json()["jobs"]
    assert (job["state"], job["counts"]) == ("done", {"ingested": 1, "rejected": 1})


def test_jobs_are_listed_newest_first_cancelled_and_resumed(client: TestClient[Any], service: MemoryService) -> None:
    ids = [client.post("/v1/ingest?wait=false", files=[("f", (f"{n}.txt", b"pump"))]).json()["id"] for n in range(3)]
    assert [job["id"] for job in client.get("/v1/jobs").json()["jobs"]] == ids[::-1]
    assert [job["id"] for job in client.get("/v1/jobs?limit=1").json()["jobs"]] == ids[2:]
    assert client.post(f"/v1/jobs/{ids[0]}/cancel").json()["state"] == "cancelled"
    conflict = client.post(f"/v1/jobs/{ids[1]}/resume")
    assert (conflict.status_code, conflict.json()["error"]["code"]) == (409, "job_conflict")
    work_off(service)
    assert [job["state"] for job in client.get("/v1/jobs").json()["jobs"]] == ["done", "done", "cancelled"]
    assert client.post(f"/v1/jobs/{ids[0]}/resume").json()["state"] == "queued"
    work_off(service)
    assert client.get(f"/v1/jobs/{ids[0]}").json()["counts"] == {"ingested": 1}
    assert client.post(f"/v1/jobs/{ids[0]}/cancel").status_code == 409


def test_a_job_that_takes_nothing_in_says_why(client: TestClient[Any], service: MemoryService) -> None:
    made = client.post("/v1/ingest?wait=false", files=[("f", ("b.exe", b"MZ"))])
    work_off(service)
    job = client.get(made.headers["location"]).json()
    assert (job["state"], job["code"]) == ("failed", "nothing_taken") and "b.exe: no reader takes .exe" in job["reason"]


def test_another_tenants_job_is_not_there(client: TestClient[Any], service: MemoryService, texts: Path) -> None:
    job = service.jobs.submit([texts], STRANGER)
    for call in (client.get, lambda p: client.post(f"{p}/cancel"), lambda p: client.post(f"{p}/resume")):
        refused = call(f"/v1/jobs/{job.id}")
        assert (refused.status_code, refused.json()["error"]["code"]) == (404, "job_not_found")
        assert refused.json() == json.loads(call("/v1/jobs/job_none").text.replace("job_none", job.id))
    assert client.get("/v1/jobs").json() == {"jobs": []}
    assert service.jobs.one(job.id, STRANGER).state is State.QUEUED


@pytest.mark.parametrize("limit", ["0", "1001", "x"])
def test_a_limit_that_is_none_is_refused(client: TestClient[Any], limit: str) -> None:
    assert client.get(f"/v1/jobs?limit={limit}").status_code == 400


def test_a_server_works_its_jobs_off(service: MemoryService, options: Any, texts: Path, principal: Principal) -> None:
    failed = []
    real = service.work

    def sometimes(*given: Any, **more: Any) -> None:
        if not failed:
            failed.append(1)
            raise ZeroDivisionError("the worker itself slips once")
        real(*given, **more)

    service.work = sometimes  # type: ignore[method-assign]
    app = create_app(service, principal, options._replace(lifespan=[working_off(service, rest_s=0.01)]))
    with TestClient(app, base_url="http://127.0.0.1") as client:
        client.headers["authorization"] = f"Bearer {options.token}"
        made = client.post("/v1/ingest/local?wait=false", json={"paths": [str(texts)]})
        assert made.status_code == 202
        until = time.monotonic() + 10
        while (job := client.get(made.headers["location"]).json())["state"] != "done":
            assert time.monotonic() < until, job
            time.sleep(0.02)
    assert failed and job["counts"] == {"ingested": 1}


def test_local_files_are_queued_for_the_token_alone(client: TestClient[Any], texts: Path, options: Any) -> None:
    body = {"paths": [str(texts)]}
    assert client.post("/v1/ingest/local?wait=false", json=body).status_code == 403
    right = {"authorization": f"Bearer {options.token}"}
    for path in ("/not/there", f"/{'long' * 100}"):
        gone = client.post("/v1/ingest/local?wait=false", json={"paths": [path]}, headers=right)
        assert gone.status_code == 400 and "does not exist" in gone.json()["error"]["message"]


# --- the command line, over a service of its own and over a server


@pytest.fixture(params=["own", "server"])
def run(
    request: pytest.FixtureRequest, service: MemoryService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    granian: Any, options: Any, principal: Principal,
) -> Callable[..., Result]:  # fmt: skip
    """Run a verb; `code` is how it must end."""
    own: Any = service
    if request.param == "server":
        url = granian(service)
        own = SimpleNamespace(made=lambda: RemoteService(Serving(1, 0.0, url, "one", options.token)))
    build = (lambda settings: own.made()) if request.param == "server" else (lambda settings: own)
    monkeypatch.setitem(sys.modules, "app.wiring", SimpleNamespace(build=build))
    monkeypatch.setenv("WATCHFLOOR_TENANT", principal.tenant)

    def call(*words: str, code: int = 0) -> Result:
        result = CliRunner().invoke(main, ["--data-dir", str(tmp_path), *words])
        assert result.exit_code == code, (result.output, result.exception)
        return result

    return call


def test_verbs(run: Callable[..., Result], service: MemoryService, texts: Path) -> None:
    assert "no jobs yet" in run("jobs").output
    queued = json.loads(run("ingest", "--background", "--json", str(texts)).output)
    assert queued["state"] == "queued" and queued["paths"] == [str(texts)]
    id_ = queued["id"]
    assert f"{id_}  " in run("jobs", "list").output and "not begun" in run("jobs").output
    assert json.loads(run("jobs", "--json").output)["jobs"][0]["id"] == id_
    assert "jobs list --json" in run("jobs", "--json", "list", code=2).output
    assert json.loads(run("jobs", "cancel", id_, "--json").output)["state"] == "cancelled"
    assert "queued" in run("jobs", "resume", id_).output
    work_off(service)
    shown = run("jobs", "show", id_).output
    assert "done" in shown and "1 of 1 (1 ingested)" in shown and "ingested file://" in shown
    whole = json.loads(run("jobs", "show", id_, "--json").output)
    assert [source["status"] for source in whole["sources"]] == ["ingested"]
    assert "is done" in run("jobs", "resume", id_, code=2).output
    assert "no job" in run("jobs", "show", "job_of_nobody", code=2).output
    assert json.loads(run("jobs", "cancel", "../x", "--json", code=2).output)["error"]["code"] == "job_not_found"


def test_what_background_cannot_take(run: Callable[..., Result], texts: Path, tmp_path: Path) -> None:
    for more in (["--report", str(tmp_path / "r")], ["--engine", "local"]):
        assert "--background takes no other" in run("ingest", "--background", *more, str(texts), code=2).output


def test_working_off_on_the_command_line(
    service: MemoryService, texts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, principal: Principal
) -> None:
    monkeypatch.setitem(sys.modules, "app.wiring", SimpleNamespace(build=lambda settings: service))
    service.jobs.submit([texts], principal)
    result = CliRunner().invoke(main, ["--data-dir", str(tmp_path), "jobs", "work", "--until-done", "--json"])
    assert result.exit_code == 0 and [json.loads(line)["state"] for line in result.output.splitlines()] == ["done"]


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        ([], ("local", None)),
        (["--engine", "ray"], ("ray", None)),
        (["--ray-address", "head:6379"], ("ray", "head:6379")),
        (["--ray-address", "head:6379", "--engine", "local"], ("local", "head:6379")),
        (["--engine", "local", "--ray-address", "head:6379"], ("local", "head:6379")),
    ],
)
def test_an_engine_is_chosen_over_the_settings(
    service: MemoryService, texts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], asked: Any
) -> None:
    given: list[Any] = []

    def build(settings: Any) -> MemoryService:
        given.append(settings.ingest)
        return service

    monkeypatch.setitem(sys.modules, "app.wiring", SimpleNamespace(build=build))
    monkeypatch.setenv("WATCHFLOOR_INGEST__RAY_WORKERS", "3")
    result = CliRunner().invoke(main, ["--data-dir", str(tmp_path), "ingest", *words, str(texts)])
    assert result.exit_code == 0, result.output
    assert (given[0].engine, given[0].ray_address, given[0].ray_workers) == (*asked, 3)


def test_a_running_server_says_the_same_as_the_store(granian: Any, service: MemoryService, options: Any) -> None:
    remote = RemoteService(Serving(1, 0.0, granian(service), "one", options.token))
    who = Principal("plant")
    with pytest.raises(JobNotFound):
        remote.jobs.one("job_x", who)
    made = client_upload(remote)
    with pytest.raises(JobConflict):
        remote.jobs.resume(made, who)
    assert remote.jobs.one(made, who) == service.jobs.one(made, who)
    assert remote.jobs.listed(who) == service.jobs.listed(who)
    remote.close()


def client_upload(remote: RemoteService) -> str:
    reply = remote._client.post("/v1/ingest?wait=false", files=FILES)
    return str(reply.json()["id"])
