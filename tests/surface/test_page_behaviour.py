"""What the page does while it asks: its own code, run by node over the least document there is."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import app.web

WEB = Path(next(iter(app.web.__path__)))
Play = Callable[[str], Any]


@pytest.fixture
def play(tmp_path: Path) -> Play:
    """Run one scenario of page_app.mjs; what a reader sees in it."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed: the page's code was not run")
    for script in WEB.glob("*.js"):
        shutil.copy(script, tmp_path)
    (tmp_path / "package.json").write_text('{"type": "module"}')

    def played(scenario: str) -> Any:
        command = [node, str(Path(__file__).with_name("page_app.mjs")), (tmp_path / "app.js").as_uri(), scenario]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return played


def test_a_question_asked_over_another_has_the_page(play: Play) -> None:
    seen = play("over")
    assert seen["between"]["status"] == "Asking" and seen["between"]["waiting"] and not seen["between"]["hidden"]
    assert "claim of two" in seen["after"]["words"] and not seen["after"]["hidden"]
    assert seen["after"]["status"] == "" and not seen["after"]["waiting"]


def test_escape_stops(play: Play) -> None:
    seen = play("escape")
    assert (seen["status"], seen["kind"], seen["hidden"], seen["waiting"]) == ("Stopped.", "", True, False)


def test_pictures_belong_to_one_question(play: Play) -> None:
    assert play("pictures") == [[1, "new"], [0, "cv_1"]]


def test_a_deleted_conversation_leaves_the_page_free(play: Play) -> None:
    seen = play("deleted")
    assert seen["leaning"]["leaning"] and not seen["after"]["leaning"]
    assert (seen["after"]["status"], seen["after"]["kind"]) == ("no conversation is yours", "error")
    assert seen["conversations"] == ["new", "cv_1", "new"]


def test_a_reply_that_ends_too_soon_is_no_answer(play: Play) -> None:
    seen = play("cut")
    assert "before the answer" in seen["status"] and seen["kind"] == "error" and seen["hidden"]


def test_a_failure_on_the_way_is_told_in_the_servers_words(play: Play) -> None:
    seen = play("failed")
    assert (seen["status"], seen["kind"], seen["hidden"]) == ("the model is gone", "error", True)


def test_sound_is_played_and_a_frame_is_shown(play: Play) -> None:
    (heard, words), (seen, _) = play("evidence")
    assert "audio" in heard and "img" not in heard and "img" in seen and "audio" not in seen
    assert "a call.wav, 01:05–01:09 in the recording" in words
