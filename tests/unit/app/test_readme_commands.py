"""Every command the README shows exists, and every folder of its map."""

from __future__ import annotations

import re
from pathlib import Path

from click.testing import CliRunner

from app.cli.main import main

ROOT = Path(__file__).parents[3]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks() -> str:
    return "\n".join(re.findall(r"```sh\n(.*?)```", README, re.S))


def test_every_verb_shown_exists_and_every_verb_is_shown() -> None:
    shown = set(re.findall(r"(?:bin/|^)watchfloor (\w+)", blocks(), re.M))
    told = CliRunner().invoke(main, ["--help"]).output
    verbs = set(re.findall(r"^  (\w+)  ", told.partition("Commands:")[2], re.M))
    assert shown <= verbs
    assert verbs - shown <= {"serve", "feedback"}, "the README leaves a verb out"


def test_every_make_target_shown_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    assert set(re.findall(r"(?:`|^)make ([\w-]+)", README, re.M)) <= targets


def test_every_folder_of_the_map_exists() -> None:
    folders = re.findall(r"^    (\w+)/ +", README, re.M)
    assert set(folders) == {"prompts", "retrieval", "ingest", "app", "eval", "tests"}
    assert all((ROOT / folder).is_dir() for folder in folders)
