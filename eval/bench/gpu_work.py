"""What the goals of `bench gpu` share: how much is measured, how a figure is told, and which GPU it is."""

from __future__ import annotations

import statistics
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec
import numpy as np

from eval.bench.encoders import unit
from retrieval.adapters.faiss_vectors.gpu_shelf import Driver
from retrieval.errors import WatchfloorError
from retrieval.types import Vector

T = TypeVar("T")
SIZES = (1_000_000, 10_000_000)
DIM, K = 384, 10
_CLUSTERS, _LATENT, _BLOCK, _SEED = 500, 48, 50_000, 20_261_126
_ASKED = "name,driver_version,memory.total,power.limit"


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """How much is measured, and with what. `dry`: at toy sizes, with a fake GPU over the CPU: no figure means anything.

    `vectors`: sizes of stores, the first for the flat scan and for filters. `clip`: an open_clip weights file or folder, else random
    weights. `model_url`: an OpenAI-compatible endpoint of vLLM with a vision-language model.
    """

    folder: str
    dry: bool = False
    vectors: tuple[int, ...] = SIZES
    queries: int = 1024
    batch: int = 10_000
    texts: int = 20_000
    images: int = 8192
    clips: int = 50
    clip_s: int = 10
    video_s: int = 3600
    asks: int = 200
    rounds: int = 5
    clip: str | None = None
    model_url: str | None = None

    @property
    def place(self) -> Path:
        """The folder, made where it was not there."""
        path = Path(self.folder)
        path.mkdir(parents=True, exist_ok=True)
        return path

    def toy(self) -> Work:
        """The same at sizes that take seconds anywhere."""
        small = {"vectors": (6000,), "queries": 32, "batch": 64, "texts": 24, "images": 4, "clips": 2, "clip_s": 2}
        return msgspec.structs.replace(self, dry=True, video_s=4, asks=8, rounds=2, **small)


class Skipped(WatchfloorError):
    """What this goal needs is not installed here."""

    code = "skipped"


class Bar(NamedTuple):
    """A goal's number, what was found, and whether less is better."""

    bar: float
    found: float
    at_most: bool = False

    def told(self) -> dict[str, Any]:
        met = self.found <= self.bar if self.at_most else self.found >= self.bar
        return {"bar": self.bar, "found": round(float(self.found), 4), "met": bool(met)}


class Goal(NamedTuple):
    """What one goal's measurement found."""

    figures: dict[str, Any]
    bars: dict[str, Bar]


def clustered(n: int, queries: int) -> tuple[Vector, Vector]:
    """Vectors as embeddings of short texts form them (as in retrieval_data.py), shapes (n, 384) and (queries, 384), length 1."""
    rng = np.random.default_rng(_SEED)
    centres = rng.standard_normal((_CLUSTERS, _LATENT), np.float32)
    turn = rng.standard_normal((_LATENT, DIM), np.float32) / np.float32(_LATENT**0.5)
    found = np.empty((n + queries, DIM), np.float32)
    for start in range(0, n + queries, _BLOCK):
        some = found[start : start + _BLOCK]
        near = centres[rng.integers(0, _CLUSTERS, len(some))]
        near += np.float32(0.6) * rng.standard_normal(near.shape, np.float32)
        some[:] = unit(near @ turn + np.float32(0.1) * rng.standard_normal(some.shape, np.float32))
    return found[:n], found[n:]


def timed(work: Callable[[], T], rounds: int) -> tuple[T, float]:
    """The last result and the median seconds of so many rounds, after one that warms up."""
    work()
    walls, found = [], None
    for _ in range(rounds):
        began = time.perf_counter()
        found = work()
        walls.append(time.perf_counter() - began)
    assert found is not None
    return found, statistics.median(walls)


def overlap(right: Any, found: Any) -> float:
    """The mean share of each row's ids that are found, over rows of equal length."""
    return float(np.mean([np.isin(want, got).mean() for want, got in zip(right, found, strict=True)]))


def driver(work: Work, kind: str = "") -> Driver:
    """The GPU's, or in a dry run the fake's. Raises Skipped."""
    if work.dry:
        from retrieval.fakes.gpu import FakeDriver

        return FakeDriver()
    from retrieval.adapters.faiss_vectors.gpu_faiss import FaissDriver, installed

    if not installed():
        raise Skipped("this faiss sees no GPU: install faiss-gpu or faiss-gpu-cuvs in place of faiss-cpu")
    return FaissDriver(kind)


def torch_device(work: Work) -> str:
    """Raises Skipped."""
    import torch

    if work.dry:
        return "cpu"
    if not torch.cuda.is_available():
        raise Skipped("this torch sees no GPU: install a build for CUDA")
    return "cuda"


def card() -> dict[str, Any]:
    """{name, driver, memory, power limit} as nvidia-smi tells them, else as torch does; empty where neither sees a GPU."""
    try:
        asked = ["nvidia-smi", f"--query-gpu={_ASKED}", "--format=csv,noheader"]
        told = subprocess.run(asked, capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return _torch_card()
    lines = told.strip().splitlines()
    return dict(zip(_ASKED.split(","), lines[0].split(", "), strict=False)) | {"gpus": len(lines)} if lines else {}


def _torch_card() -> dict[str, Any]:
    import torch

    if not torch.cuda.is_available():
        return {}
    found = torch.cuda.get_device_properties(0)
    memory = f"{found.total_memory >> 20} MiB"
    return {"name": found.name, "memory.total": memory, "cuda": torch.version.cuda, "gpus": torch.cuda.device_count()}
