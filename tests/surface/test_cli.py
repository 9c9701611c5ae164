"""The verbs through click's runner over the service in memory, and one subprocess."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from app.cli.chart import braille, labelled
from app.cli.main import VERBS, main
from app.cli.recall import expand, remember
from app.fakes import MemoryService
from app.ports import Check, Found
from retrieval.errors import BadQuery, ModelUnavailable, StoreBusy

Run = Callable[..., Result]


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "state"
    folder.mkdir()
    return folder


@pytest.fixture
def run(service: MemoryService, data_dir: Path, monkeypatch: pytest.MonkeyPatch, principal: Any) -> Run:
    """Run the command line on the sample; the tenant is the sample's."""
    monkeypatch.setitem(sys.modules, "app.wiring", SimpleNamespace(build=lambda settings: service))
    monkeypatch.setenv("WATCHFLOOR_TENANT", principal.tenant)

    def call(*arguments: str, **kwargs: Any) -> Result:
        result = CliRunner().invoke(main, ["--data-dir", str(data_dir), *arguments], **kwargs)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return call


def test_every_verb_takes_json() -> None:
    with click.Context(main) as ctx:
        assert set(main.list_commands(ctx)) >= {*VERBS, "eval"}
        for name in VERBS:
            command = main.get_command(ctx, name)
            assert command is not None
            assert any("--json" in option.opts for option in command.params), name
            assert command.get_short_help_str(), name


def test_help_is_quick_and_loads_nothing_heavy() -> None:
    code = (
        "import sys\nfrom app.cli.main import main\n"
        "try:\n    main(['--help'])\n"
        "except SystemExit:\n    pass\n"
        "heavy = {'torch', 'faiss', 'numpy', 'litestar', 'rich', 'sqlalchemy', 'httpx'} & set(sys.modules)\n"
        "sys.exit(f'loaded {heavy}' if heavy else 0)\n"
    )
    started = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "reconcile" in done.stdout and "eval" in done.stdout
    assert time.monotonic() - started < 5  # 0.3 s on a quiet machine


def test_ask_json_has_the_promised_fields(run: Run) -> None:
    result = run("ask", "smoke near pump", "--json", "--asked-at", "2026-03-04T08:00:00+00:00")
    body = json.loads(result.stdout)
    assert result.exit_code == 0
    assert list(body) == [
        "id",
        "question",
        "verdict",
        "confidence",
        "claims",
        "timeline",
        "coverage",
        "as_of",
        "sequence",
        "model",
        "degraded",
        "timings_ms",
        "calibration",
        "conversation",
        "resolved",
        "prompts",
        "usage",
    ]
    assert body["as_of"] == "2026-03-04T08:00:00Z"


def test_ask_prints_claims_with_places_in_words(run: Run) -> None:
    out = run("ask", "smoke near pump").stdout
    assert "answered" in out
    assert "[ev_aaaaaaaaaa] CAM-07.mp4, frame at 2026-03-04 02:10:05 UTC (00:05 in the clip)" in " ".join(out.split())
    assert "CAM-07 was not recording" in out
    assert "smoke near pump P-3 <b>seen</b>" in out


def test_evidence_cannot_command_the_terminal(run: Run, service: MemoryService, ids: dict[str, str]) -> None:
    from msgspec.structs import replace

    evil = "smoke \x1b]52;c;aGk=\x07\x1b[2J [bold]red[/bold]"
    service._evidence[ids["frame"]] = replace(service._evidence[ids["frame"]], text=evil)
    for arguments in (("ask", "smoke"), ("search", "smoke"), ("show", ids["page"])):
        out = run(*arguments).stdout
        assert "\x1b" not in out and "\x07" not in out
    assert "[bold]red[/bold]" in run("search", "smoke").stdout


def test_a_question_of_100_kb_is_one_clear_line(run: Run) -> None:
    result = run("ask", "x" * 100_000)
    assert result.exit_code == 2 and result.stdout == ""
    assert result.stderr.startswith("watchfloor: the question has 100000 characters")
    assert len(result.stderr.splitlines()) == 1
    as_json = run("ask", "x" * 100_000, "--json")
    assert as_json.exit_code == 2
    assert json.loads(as_json.stdout)["error"]["code"] == "question_too_long"


def test_the_question_may_come_from_standard_input(run: Run) -> None:
    assert json.loads(run("ask", "-", "--json", input="smoke").stdout)["question"] == "smoke"


@pytest.mark.parametrize("text", ["tomorrow", "2026-03-04T02:00:00", "0000"])
def test_times_without_a_zone_are_refused(run: Run, text: str) -> None:
    result = run("ask", "pump", "--as-of", text)
    assert result.exit_code == 2 and "--as-of" in result.stderr


def test_search_filters(run: Run, ids: dict[str, str]) -> None:
    def found(*options: str) -> set[str]:
        body = json.loads(run("search", "pump temperature", "--json", *options).stdout)
        return {hit["evidence"] for hit in body["hits"]}

    hit = json.loads(run("search", "smoke", "--json").stdout)["hits"][0]
    assert set(hit) == {"evidence", "kind", "source", "score", "text", "locator", "valid", "channels"}
    assert found("--kind", "window") == {ids["window"]}
    assert found("--kind", "window", "--kind", "frame") == {ids["window"], ids["frame"]}
    assert found("--entity", "CAM-07") == {ids["frame"]}
    assert found("--start", "2026-03-04T02:30:00Z", "--end", "2026-03-04T02:40:00Z") == {ids["window"]}
    assert "shift log.pdf, page 3" in run("search", "bearing").stdout
    assert run("search", "pump", "--kind", "smell").exit_code == 2


def test_search_explains_how_it_went(run: Run) -> None:
    assert "explain" not in json.loads(run("search", "pump", "--json").stdout)
    (told,) = json.loads(run("search", "pump", "--kind", "window", "--json", "--explain").stdout)["explain"]
    assert set(told) == {"space", "total", "passing", "k", "plan", "why", "compared", "found", "ms"}
    assert (told["total"], told["passing"], told["plan"]) == (3, 1, "exact")
    shown = run("search", "pump", "--kind", "window", "--explain").stdout
    assert "words: exact; 1 of 3 pass, 1 compared for the best 10" in shown
    assert "compares all" in shown


def test_search_says_what_was_left_out(run: Run, service: MemoryService, monkeypatch: pytest.MonkeyPatch) -> None:
    told = Found([], ("image: no encoder of pictures is configured",))
    monkeypatch.setattr(service, "find", lambda query, principal: told)
    assert json.loads(run("search", "pump", "--json").stdout) == {"hits": [], "degraded": list(told.degraded)}
    assert "Degraded\n  image: no encoder of pictures is configured" in run("search", "pump").stdout


def test_show_writes_a_frame(run: Run, ids: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    body = json.loads(run("show", ids["frame"], "--json").stdout)
    assert body["file"] == f"{ids['frame']}.jpg"
    assert (tmp_path / body["file"]).read_bytes().startswith(b"\xff\xd8")
    run("show", ids["frame"], "--out", "here.jpg")
    assert (tmp_path / "here.jpg").is_file()
    assert run("show", ids["frame"], "--out", "no/such/folder/x.jpg").exit_code == 2


def test_show_prints_a_passage_with_its_box(run: Run, ids: dict[str, str]) -> None:
    out = run("show", ids["page"]).stdout
    assert "shift log.pdf, page 3" in out and "10 % to 90 % across, 20 % to 40 % down" in out
    assert "The bearing of the pump was changed." in out


def test_show_draws_a_window(run: Run, ids: dict[str, str], tmp_path: Path) -> None:
    out = run("show", ids["window"]).stdout
    assert any("\u2800" < char <= "\u28ff" for char in out) and "91.5" in out
    png = tmp_path / "chart.png"
    run("show", ids["window"], "--out", str(png))
    assert png.read_bytes().startswith(b"\x89PNG")


def test_show_takes_the_short_ids_that_were_printed(run: Run, ids: dict[str, str]) -> None:
    assert run("show", "ev_bbbbbbbbbb").exit_code == 2
    run("search", "bearing")
    assert run("show", "ev_bbbbbbbbbb").exit_code == 0


@pytest.mark.parametrize("wrong", ["ev_" + "0" * 40, "nonsense", "../../x", ""])
def test_unknown_ids_are_refused(run: Run, wrong: str) -> None:
    result = run("show", wrong, "--json")
    assert result.exit_code == 2
    assert json.loads(result.stdout)["error"]["code"] == "evidence_not_found"


def test_ingest_json_has_a_line_a_source_and_the_summary_last(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.txt").write_text("one")
    (folder / "b.txt").write_text("")
    (folder / "c.exe").write_bytes(b"MZ")
    result = run("ingest", str(folder), "--json")
    *lines, summary = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.exit_code == 0
    assert [set(line) for line in lines] == [{"source", "status", "evidence", "sequence", "reason"}] * 3
    assert set(summary) == {"ingested", "unchanged", "rejected", "evidence_by_kind", "sequence"}
    assert {row["code"] for row in summary["rejected"]} == {"empty", "unknown_type"}
    again = json.loads(run("ingest", str(folder), "--json").stdout.splitlines()[-1])
    assert (again["ingested"], again["unchanged"], again["sequence"]) == (0, 1, summary["sequence"])


def test_ingest_of_nothing_usable_ends_with_2(run: Run, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    assert run("ingest", str(empty), "--json").exit_code == 2
    missing = run("ingest", str(tmp_path / "none"), "--json")
    assert missing.exit_code == 2 and "does not exist" in missing.stdout


def test_ingest_says_for_people_what_was_rejected(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one")
    (tmp_path / "c.exe").write_bytes(b"MZ")
    result = run("ingest", str(tmp_path / "a.txt"), str(tmp_path / "c.exe"))
    assert "1 ingested, 0 unchanged, 1 rejected" in result.stdout
    assert "no reader takes .exe" in " ".join(result.stdout.split())


def test_doctor_ends_with_1_when_a_part_failed(run: Run, service: MemoryService) -> None:
    assert run("doctor").exit_code == 0
    service.extra_checks = [Check("graph", "failed", "no answer")]
    result = run("doctor", "--json")
    assert result.exit_code == 1 and json.loads(result.stdout)["ready"] is False


def test_house_verbs_print_json(run: Run) -> None:
    assert json.loads(run("reconcile", "--json").stdout) == {
        "words": {"checked": 4, "missing": 0, "extra": 0, "stale": 0, "repaired": 0}
    }
    assert json.loads(run("reindex", "--json").stdout) == {"words": 4}
    assert json.loads(run("snapshot", "--json").stdout) == {"sequence": 4, "files": 0, "bytes": 0}
    answer = json.loads(run("ask", "pump", "--json").stdout)["id"]
    assert run("feedback", answer, "--accept").exit_code == 0
    assert json.loads(run("stats", "--json").stdout)["accepted"] == 1
    assert run("feedback", "an_none", "--reject").exit_code == 2


def test_stats_are_rounded_and_nothing_is_a_dash(
    run: Run, service: MemoryService, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits = {"p50": 12.345678901, "p95": 1200.0}
    found = {"asks": 3, "by_verdict": {}, "acceptance": {"accepted": 0, "rate": None}, "first_evidence_ms": waits}
    monkeypatch.setattr(service, "stats", lambda principal: found)
    assert run("stats").stdout.splitlines() == [
        "asks: 3",
        "by verdict: –",
        "acceptance: accepted 0, rate –",
        "first evidence ms: p50 12.35, p95 1200",
    ]
    assert json.loads(run("stats", "--json").stdout) == found


@pytest.mark.parametrize("error", [ModelUnavailable("no model"), StoreBusy()])
def test_other_failures_end_with_1(
    run: Run, service: MemoryService, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: Any) -> Any:
        raise error

    monkeypatch.setattr(service, "ask", fail)
    result = run("ask", "pump")
    assert result.exit_code == 1 and result.stderr == f"watchfloor: {error}\n"


def test_serve_refuses_other_addresses(run: Run) -> None:
    result = run("serve", "--host", "0.0.0.0")
    assert result.exit_code == 2 and "access control" in result.stderr


def test_a_running_server_is_used_and_keeps_its_indexes(
    run: Run,
    service: MemoryService,
    granian: Callable[..., str],
    options: Any,
    data_dir: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from app.http.serve import announced

    def refuse(settings: Any) -> Any:
        raise AssertionError("a second process opened the store")

    monkeypatch.setitem(sys.modules, "app.wiring", SimpleNamespace(build=refuse))
    note = tmp_path / "note.txt"
    note.write_text("fan F-1 stopped")
    from app.http import serve as serving

    monkeypatch.setattr(serving.secrets, "token_hex", lambda n: options.instance)
    monkeypatch.setattr(serving.secrets, "token_urlsafe", lambda n: options.token)
    with announced(data_dir, granian(service)):
        assert json.loads(run("ingest", str(note), "--json").stdout.splitlines()[-1])["ingested"] == 1
        assert json.loads(run("ask", "fan", "--json").stdout)["claims"][0]["text"] == "fan F-1 stopped"
        assert run("search", "fan").exit_code == 0
        assert run("ask", "x" * 100_000).exit_code == 2
        busy = run("reindex")
        assert busy.exit_code == 1 and "stop it" in busy.stderr


def test_braille_keeps_extremes_and_gaps() -> None:
    spike = [0.0] * 500 + [9.0] + [0.0] * 499
    lines = braille(range(1000), spike, width=20, height=4)
    assert len(lines) == 4 and all(len(line) == 20 for line in lines)
    assert lines[0].strip("\u2800") != "", "one reading in a thousand is drawn"
    assert braille([0, 1], [math.nan, math.inf]) == []
    flat = braille([0, 1, 2], [5.0, 5.0, 5.0], width=3, height=2)
    assert flat[0] == "\u2800" * 3 and flat[1].strip("\u2800")
    assert labelled([0, 1], [1.0, 2.0], "bar")[0].startswith("2 bar")


def test_short_ids_must_be_unambiguous(tmp_path: Path) -> None:
    remember(tmp_path, ["ev_1234567890aa", "ev_1234567890bb"])
    assert expand(tmp_path, "ev_1234567890aa") == "ev_1234567890aa"
    with pytest.raises(BadQuery, match="2 pieces"):
        expand(tmp_path, "ev_1234567890")
    assert expand(tmp_path, "ev_12") == "ev_12"
    assert expand(tmp_path / "none", "ev_1234567890") == "ev_1234567890"
