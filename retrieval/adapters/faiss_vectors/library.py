"""faiss itself, loaded late."""

from __future__ import annotations

from pathlib import Path
from typing import Any

# there where NVIDIA's kernel driver is loaded
_DRIVER = Path("/proc/driver/nvidia/version")


def library() -> Any:
    """The library, loaded at first use (it takes a while), without the types it declares wrongly."""
    import faiss

    return faiss


def unused() -> str:
    """What to add where a GPU is there that this faiss cannot use, in words; "" elsewhere."""
    if not _DRIVER.exists():
        return ""
    if hasattr(library(), "StandardGpuResources"):
        return "; an NVIDIA driver is loaded, but faiss sees no GPU"
    return (
        "; an NVIDIA driver is loaded, but this faiss is for CPUs: install watchfloor[gpu] in place of watchfloor[cpu]"
    )
