"""faiss on one NVIDIA GPU. Only this file calls what faiss has for GPUs alone; it runs where there is one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from retrieval.adapters.faiss_vectors.gpu import MOST_K, MOST_K_CUVS, Found, Positions, told_apart
from retrieval.adapters.faiss_vectors.gpu_likely import Cagra, InvertedFile, Likely
from retrieval.adapters.faiss_vectors.gpu_shelf import LIKELY_FROM, GpuShelf
from retrieval.adapters.faiss_vectors.library import library
from retrieval.types import Vector

# faiss sets 1.5 GB aside where none is named; single questions need little, and a language model may want the rest of the card
_SCRATCH_BYTES = 512 << 20


class FaissDriver:
    """Device 0. Raises RuntimeError where faiss cannot use one."""

    def __init__(self, kind: str = "") -> None:
        """`kind` insists on what finds most of very many: "cagra" or "ivf"."""
        faiss = library()
        self._resources = faiss.StandardGpuResources()
        self.kinds: Sequence[str] = (kind,) if kind else ("cagra", "ivf") if has_cuvs() else ("ivf",)
        self._resources.setTempMemory(_SCRATCH_BYTES)
        self._torch = _cuda_torch()
        self.lends = self._torch is not None
        self.name, self.memory = _card(self._torch)
        self.most_k = MOST_K_CUVS if has_cuvs() else MOST_K

    def flat(self, dim: int) -> Any:
        faiss = library()
        return faiss.GpuIndexFlatIP(self._resources, dim)

    def among(self, flat: Any, positions: Positions, queries: Vector, k: int) -> Found:
        """Rows are copied out into a buffer that torch lends, and compared there: nothing but positions crosses to the GPU."""
        faiss = library()
        rows = self._torch.empty((positions.size, flat.d), dtype=self._torch.float32, device="cuda:0")
        lent = faiss.cast_integer_to_float_ptr(rows.data_ptr())
        wanted, asked = np.ascontiguousarray(positions, np.int64), np.ascontiguousarray(queries, np.float32)
        flat.reconstruct_batch_c(wanted.size, faiss.swig_ptr(wanted), lent)
        scores, places = np.empty((len(asked), k), np.float32), np.empty((len(asked), k), np.int64)
        args = faiss.GpuDistanceParams()
        args.metric, args.k, args.dims, args.device = faiss.METRIC_INNER_PRODUCT, k, flat.d, 0
        args.vectors, args.numVectors = lent, wanted.size
        args.queries, args.numQueries = faiss.swig_ptr(asked), len(asked)
        args.outDistances, args.outIndices = faiss.swig_ptr(scores), faiss.swig_ptr(places)
        # the same resources as the flat index has, so the same stream: the rows are there when they are read
        faiss.bfKnn(self._resources, args)
        return Found(wanted[places], scores)

    def likely(self, vectors: Vector, kind: str) -> Likely:
        """CAGRA, which only a faiss built with cuVS has, or an inverted file of 4√n lists."""
        faiss, dim = library(), vectors.shape[1]
        if kind == "cagra":
            how = faiss.GpuIndexCagraConfig()
            # half the time of building from inverted lists, and a graph that finds more (eval/bench/gpu.v1.md)
            how.build_algo = faiss.graph_build_algo_NN_DESCENT
            return Cagra(faiss.GpuIndexCagra(self._resources, dim, faiss.METRIC_INNER_PRODUCT, how), vectors)
        lists = max(1, round(4 * len(vectors) ** 0.5))
        return InvertedFile(
            faiss.GpuIndexIVFFlat(self._resources, dim, lists, faiss.METRIC_INNER_PRODUCT), vectors, MOST_K
        )


def shelf(likely_from: int = LIKELY_FROM, kind: str = "") -> GpuShelf:
    """Stores on device 0. Raises GpuLost where faiss cannot use one."""
    with told_apart():
        return GpuShelf(FaissDriver(kind), likely_from)


def installed() -> int:
    """How many GPUs this faiss can use: 0 without a GPU, a driver, or a build for GPUs."""
    return int(library().get_num_gpus())


def has_cuvs() -> bool:
    """Whether this faiss was built with cuVS: only such a build has the class."""
    return hasattr(library(), "GpuIndexCagra")


def _cuda_torch() -> Any:
    """torch where it sees the GPU too, else None: a torch for CPUs beside faiss for GPUs lends no buffers."""
    import torch

    return torch if torch.cuda.is_available() else None


def _card(torch: Any) -> tuple[str, int]:
    if torch is None:
        return "GPU 0", 0
    card = torch.cuda.get_device_properties(0)
    return str(card.name), int(card.total_memory)
