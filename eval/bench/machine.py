"""The machine a run was made on: without it no figure can be read."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

_LIBRARIES = (
    "faiss-cpu", "faiss-gpu", "faiss-gpu-cu12", "faiss-gpu-cuvs",
    "granian", "ladybug", "langchain-openai", "litestar", "numpy", "sqlalchemy", "tantivy", "torch",
)  # fmt: skip


def facts() -> dict[str, Any]:
    """{cores, cpu, memory_gib, load_1m, python, versions}; `load_1m` is that of others too, and tells how quiet it was."""
    import psutil

    return {
        "cores": os.cpu_count(),
        "cpu": _cpu(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "load_1m": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "versions": {name: told for name in _LIBRARIES if (told := _version(name))},
    }


def _version(name: str) -> str | None:
    """None for what is not installed: of the builds of faiss there is only ever one."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _cpu() -> str:
    """The processor's own name, where the system tells it."""
    listing = Path("/proc/cpuinfo")
    lines = listing.read_text(encoding="utf-8").splitlines() if listing.is_file() else []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())
