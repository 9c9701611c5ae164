"""Bad input through the real command line: one line that says what is wrong, an exit code, and a store left as it was."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


def truncated_mp4(place: Any, folder: Path) -> None:
    place.make_clip(folder / "whole.mp4", 4)
    data = (folder / "whole.mp4").read_bytes()
    (folder / "whole.mp4").unlink()
    (folder / "bad.mp4").write_bytes(data[: len(data) // 2])


def encrypted_pdf(place: Any, folder: Path) -> None:
    place.make_pdf(folder / "bad.pdf", "secret", password="pass")


def broken_csv(place: Any, folder: Path) -> None:
    (folder / "bad.csv").write_text(
        'timestamp,value\n2026-03-04T00:00:00Z,1\n2026-03-04T00:01:00Z,2,"x\n2026-03-04T00:02:00Z\n'
    )


def unreadable(place: Any, folder: Path) -> None:
    # root may read anything: a link to nowhere is what nobody can read
    (folder / "bad.md").symlink_to(folder / "nowhere.md")


def empty_image(place: Any, folder: Path) -> None:
    (folder / "bad.png").write_bytes(b"")


def unknown_type(place: Any, folder: Path) -> None:
    (folder / "bad.xyz").write_bytes(b"what is this")


def not_what_it_says(place: Any, folder: Path) -> None:
    (folder / "bad.jpg").write_bytes(b"<html>no picture</html>")


BAD: dict[str, tuple[Callable[[Any, Path], None], set[str]]] = {
    "truncated mp4": (truncated_mp4, {"truncated", "unreadable"}),
    "encrypted pdf": (encrypted_pdf, {"encrypted"}),
    "broken csv": (broken_csv, {"broken_row"}),
    "unreadable file": (unreadable, {"unreadable"}),
    "empty image": (empty_image, {"empty"}),
    "unknown type": (unknown_type, {"unknown_type"}),
    "html as jpg": (not_what_it_says, {"unreadable", "unknown_type"}),
}


@pytest.fixture(scope="module")
def rejected(place: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, tuple[Any, Any]]:
    """Every bad file in a folder of its own, taken in by one command; what it said, and the store before and after."""
    folder = tmp_path_factory.mktemp("bad")
    for name, (make, _) in BAD.items():
        (folder / name).mkdir()
        make(place, folder / name)
    before = place.held()
    ran = place.run("ingest", "--json", "--report", str(place.data.parent / "quality"), str(folder))
    return ran, (before, place.held())


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_reported(rejected: tuple[Any, Any], name: str) -> None:
    *lines, summary = rejected[0].lines
    slug = name.replace(" ", "%20")
    (line,) = [line for line in lines if f"/{slug}/" in line["source"]]
    assert line["status"] == "rejected" and line["evidence"] == 0
    assert line["reason"] and "\n" not in line["reason"] and "Traceback" not in line["reason"]
    (row,) = [row for row in summary["rejected"] if row["source"] == line["source"]]
    assert set(row) == {"source", "code", "reason"} and row["reason"] == line["reason"]
    assert row["code"] in BAD[name][1]


def test_nothing_but_bad_files_ends_with_two_and_changes_nothing(rejected: tuple[Any, Any]) -> None:
    ran, (before, after) = rejected
    assert ran.code == 2
    assert before == after
    assert "Traceback" not in ran.err


def test_the_report_names_every_bad_file(rejected: tuple[Any, Any], place: Any) -> None:
    told = json.loads((place.data.parent / "quality" / "quality.json").read_text())
    assert told == rejected[0].lines[-1]["quality"]
    assert told["totals"]["rejected"] == told["sources"]["rejected"] == len(BAD)
    shown = (place.data.parent / "quality" / "quality.html").read_text()
    assert all(name.replace(" ", "%20") in shown for name in BAD)


@pytest.mark.parametrize(
    "kind", ["empty folder", "missing path", "long question", "unknown id", "bad id", "bad time", "bad kind"]
)
def test_a_command_that_cannot_be_done_says_so_in_one_line(place: Any, tmp_path: Path, kind: str) -> None:
    (tmp_path / "empty").mkdir()
    words = {
        "empty folder": ["ingest", str(tmp_path / "empty")],
        "missing path": ["ingest", str(tmp_path / "nowhere")],
        "long question": ["ask", "why " * 25_000],
        "unknown id": ["show", "ev_" + "0" * 40],
        "bad id": ["show", "../../etc/passwd"],
        "bad time": ["ask", "what happened?", "--asked-at", "yesterday"],
        "bad kind": ["search", "pump", "--kind", "smell"],
    }[kind]
    before = place.held()
    ran = place.run(*words, cwd=tmp_path)
    assert ran.code == 2
    assert ran.out == "" and len(ran.err.splitlines()) == 1 and ran.err.startswith("watchfloor: ")
    assert len(ran.err) < 500
    assert place.held() == before


def test_failures_are_json_too(place: Any) -> None:
    ran = place.run("show", "--json", "ev_" + "0" * 40)
    assert ran.code == 2 and ran.json["error"]["code"] == "evidence_not_found"


def test_one_bad_file_does_not_stop_the_rest(place: Any, tmp_path: Path) -> None:
    """Into a store of its own: good files beside bad ones go in, and the command has done something."""
    (tmp_path / "in").mkdir()
    unknown_type(place, tmp_path / "in")
    (tmp_path / "in" / "site.yaml").write_text("site: {id: s, name: S, timezone: UTC}\n")
    other = place._replace(data=tmp_path / "data")
    ran = other.run("ingest", "--json", str(tmp_path / "in"))
    assert ran.code == 0
    assert [line["status"] for line in sorted(ran.lines[:-1], key=lambda line: line["source"])] == [
        "rejected",
        "ingested",
    ]
    shutil.rmtree(other.data)
