"""Measurements in processes of their own: one line of JSON on their standard output, progress as "done/total what" on standard error."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Thread
from typing import IO, Any, NamedTuple

from app.settings import inherited
from retrieval.errors import WatchfloorError

Progress = Callable[[int, int, str], None]
_TOLD = re.compile(r"^(\d+)/(\d+) (.*)$")
_KEPT = 5


class ChildFailed(WatchfloorError):
    """A measurement in a process of its own ended without a result."""

    code = "child_failed"


class Python(NamedTuple):
    """The interpreter of an environment, by its path."""

    path: str = sys.executable

    @classmethod
    def of(cls, environment: Path) -> Python | None:
        """That of an environment's folder, or None where there is none."""
        path = environment.resolve() / "bin" / "python"
        return cls(str(path)) if path.exists() else None


def run_child(python: Python, module: str, arguments: Sequence[str], progress: Progress) -> dict[str, Any]:
    """What `python -m module …` prints. Raises ChildFailed with the last lines it said."""
    command = [python.path, "-m", module, *arguments]
    # lancedb's library tells of every search otherwise
    environment = inherited({"RUST_LOG": "error"})
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=environment, errors="replace") as process:
        assert process.stdout is not None and process.stderr is not None
        said: list[str] = []
        listener = Thread(target=_listen, args=(process.stderr, said, progress), daemon=True)
        listener.start()
        printed = process.stdout.read()
        listener.join()
    if process.returncode:
        raise ChildFailed(
            f"{module} {' '.join(arguments[:1])} ended with {process.returncode}: {' | '.join(said[-_KEPT:])}"
        )
    found: dict[str, Any] = json.loads(printed.strip().splitlines()[-1])
    return found


def tell(done: int, total: int, what: str) -> None:
    """A child's side of progress."""
    print(f"{done}/{total} {what}", file=sys.stderr, flush=True)


def _listen(stream: IO[str], said: list[str], progress: Progress) -> None:
    for line in stream:
        told = _TOLD.match(line.rstrip())
        if told:
            progress(int(told[1]), int(told[2]), told[3])
        elif line.strip():
            said.append(line.strip())
