"""One goal of `bench gpu` in a process of its own, since a CUDA error ends the process that faiss is in. Prints its result as JSON."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import msgspec

from eval.bench import gpu_models, gpu_serving, gpu_vectors, gpu_video
from eval.bench.gpu_work import Goal, Skipped, Work
from retrieval.errors import EncoderUnavailable

# in the order of their numbers in the goals: 1, 2, 3, 4, 5, 6, 7, 8
GOALS: dict[str, Callable[[Work], Goal]] = {
    "flat": gpu_vectors.flat,
    "likely": gpu_vectors.likely,
    "filters": gpu_vectors.filters,
    "text": gpu_models.text,
    "clip": gpu_models.clip,
    "nvdec": gpu_video.nvdec,
    "vlm": gpu_serving.vlm,
    "video": gpu_video.journey,
}


def measured(name: str, work: Work) -> dict[str, Any]:
    """{"figures", "bars"}, or {"skipped": why} where its part is not installed."""
    try:
        found = GOALS[name](work)
    except (Skipped, EncoderUnavailable) as error:
        return {"skipped": str(error)}
    return {"figures": found.figures, "bars": {bar: of.told() for bar, of in found.bars.items()}}


if __name__ == "__main__":
    print(msgspec.json.encode(measured(sys.argv[1], msgspec.json.decode(sys.argv[2], type=Work))).decode())
