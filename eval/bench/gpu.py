"""`watchfloor bench gpu`: vectors, encoders, video and a model's caches on a GPU beside this machine's own processor.

Each goal runs in a process of its own; one whose part is not installed is named with the reason.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from eval.bench.children import ChildFailed, Python, run_child
from eval.bench.gpu_work import Work, card
from eval.bench.machine import facts
from retrieval.errors import InputError

Progress = Callable[[int, int, str], None]
Told = Callable[[dict[str, Any]], None]
GOALS = ("flat", "likely", "filters", "text", "clip", "nvdec", "vlm", "video")
_NO_GPU = "there is no NVIDIA GPU here: neither nvidia-smi nor torch sees one; --dry-run runs the same code with a fake one, for no figures"


def run_bench(work: Work, only: Sequence[str], progress: Progress, each: Told = lambda _: None) -> dict[str, Any]:
    """Every goal, or those named; `each` is told what was found as soon as it is, since a lent machine may be taken back.

    In a dry run nothing is judged. Raises InputError where there is no GPU.
    """
    unknown = set(only) - set(GOALS)
    if unknown:
        raise InputError(f"unknown goals: {', '.join(sorted(unknown))}; there are {', '.join(GOALS)}")
    gpu = {"name": "fake GPU: a dry run, no figure means anything"} if work.dry else card()
    if not gpu:
        raise InputError(_NO_GPU)
    machine = facts() | {"gpu": gpu, "faiss": _faiss()}
    found: dict[str, dict[str, Any]] = {}
    for name in only or GOALS:
        found[name] = _measured(name, work, progress)
        each({name: found[name]})
    bars = {bar: told for of in found.values() for bar, told in of.get("bars", {}).items()}
    return {
        "bench": "gpu",
        "dry_run": work.dry,
        "machine": machine,
        "sizes": msgspec.to_builtins(work),
        "goals": {name: of["figures"] for name, of in found.items() if "figures" in of},
        "skipped": {name: of["skipped"] for name, of in found.items() if "skipped" in of},
        "failed": {name: of["failed"] for name, of in found.items() if "failed" in of},
        "bars": {} if work.dry else bars,
    }


def paint(found: dict[str, Any]) -> None:
    """Which GPU it was, and what was not measured."""
    from app.cli.common import clean, console

    lines = [f"GPU: {', '.join(f'{value}' for value in found['machine']['gpu'].values())}"]
    for standing in ("skipped", "failed"):
        lines += [f"{standing} {name}: {why}" for name, why in found[standing].items()]
    console().print(clean("\n".join(lines)))


def _measured(name: str, work: Work, progress: Progress) -> dict[str, Any]:
    try:
        return run_child(Python(), "eval.bench.gpu_goal", [name, msgspec.json.encode(work).decode()], progress)
    except ChildFailed as error:
        return {"failed": str(error)}


def _faiss() -> dict[str, Any]:
    """Which build it is, and whether it has cuVS."""
    from retrieval.adapters.faiss_vectors.gpu_faiss import has_cuvs, installed
    from retrieval.adapters.faiss_vectors.library import library

    return {"version": library().__version__, "gpus": installed(), "cuvs": has_cuvs(), "cpu_threads": os.cpu_count()}
