"""`watchfloor vllm --run` becomes the server it printed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from app.model.vllm import Machine, command_line


def test_the_verb_starts_what_it_prints_in_the_environment_it_was_given(tmp_path: Path) -> None:
    """A `vllm` of a good version, which tells what it was started with."""
    vllm = tmp_path / "vllm"
    vllm.write_text(
        '#!/bin/sh\n[ "$1" = --version ] && echo 0.32.0 || { echo "$@"; echo "$DO_NOT_TRACK $VLLM_API_KEY"; }\n'
    )
    vllm.chmod(0o755)
    watchfloor = [sys.executable, "-c", "from app.cli.main import main; main()", "vllm", "--run", "--host", "10.0.0.5"]
    given_ = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    refused = subprocess.run(watchfloor, capture_output=True, text=True, env=given_)
    assert refused.returncode == 2 and "set VLLM_API_KEY first" in refused.stderr
    told = subprocess.run(watchfloor, capture_output=True, text=True, env={**given_, "VLLM_API_KEY": "k"}, check=True)
    words, environment = told.stdout.splitlines()
    assert words.split()[:2] == list(command_line(Machine(24)).words[1:3]) and environment == "1 k"
