"""Detection of whatever the site has words for, through transformers: OWLv2, OWL-ViT and Grounding DINO.

The labels are asked of the picture as text, so no class list is built in. How well a label is seen depends on its wording and on the
footage: unless a card states measured miss rates, nothing is said to be absent on their account.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL.Image import Image

from ingest.ports import Detection
from ingest.vision.boxes import Floats, best, detections, suppressed, to_corners
from ingest.vision.card import rates, read_card, sha256_of
from retrieval.errors import EncoderUnavailable

CARD = "card.json"
_OWLS = ("owlv2", "owlvit")
_DINOS = ("grounding-dino", "mm-grounding-dino")
_SCORES = {"owlv2": 0.3, "owlvit": 0.15, "grounding-dino": 0.35, "mm-grounding-dino": 0.35}
_BATCH = 4
_REMEDY = (
    "set detection.open_vocabulary to a folder with an OWLv2, OWL-ViT or Grounding DINO model (config.json, model.safetensors, the "
    "processor's files), or allow a download with detection.download"
)


class Given(NamedTuple):
    """Where the model comes from (a folder, or a hub's name) and how it runs: `device` None = a GPU where there is one; `threads` is
    how many it may keep busy."""

    model: str
    download: bool = False
    device: str | None = None
    threads: int = 2


class OpenVocabulary:
    """The Detector port over a zero-shot model. Loaded at construction; never downloads unless `given.download`.

    `able` holds every label, with the miss rate on the card (card.json in the folder), 1.0 for those that are not on it. `score` None =
    the card's, else the family's own.
    """

    def __init__(self, given: Given, labels: Sequence[str], score: float | None = None) -> None:
        """Raises EncoderUnavailable, with the reason and what to do, where there are no labels or the weights cannot be had."""
        self._labels = list(dict.fromkeys(" ".join(label.split()) for label in labels if label.strip()))
        if not self._labels:
            raise EncoderUnavailable("it has nothing to look for; set detection.labels to the site's words")
        self._threads = given.threads
        self._lock = threading.Lock()
        self._model, self._processor, self._device = _load(given)
        self._family = str(self._model.config.model_type)
        if self._family not in _OWLS + _DINOS:
            raise EncoderUnavailable(f"{given.model} is a model of type {self._family}; {_REMEDY}")
        folder = Path(given.model)
        digest = _digest(folder) if folder.is_dir() else str(self._model.config._commit_hash or "")
        card = read_card(folder / CARD, digest) if folder.is_dir() else None
        rated = rates(self._labels, card, score, _SCORES[self._family])
        self._score, self.able, self.aliases = rated
        self.weak: dict[str, float] = {}
        asked = hashlib.sha256("\n".join([*self._labels, str(self._score)]).encode()).hexdigest()[:6]
        self.name = f"{self._family} {folder.name}@{digest[:8]} for {len(self._labels)} labels {asked}{rated.told}"

    def detect(self, images: Sequence[Image]) -> list[list[Detection]]:
        """One list a picture, best first; boxes in fractions of the picture, scores in [score, 1]."""
        return [found for at in range(0, len(images), _BATCH) for found in self._batch(images[at : at + _BATCH])]

    def _batch(self, images: Sequence[Image]) -> list[list[Detection]]:
        rgb = [image.convert("RGB") for image in images]
        made = []
        for image, boxes, scores in zip(rgb, *self._forward(rgb), strict=True):
            found = suppressed(best(to_corners(boxes), scores, self._score))
            made.append(detections(found, self._labels, self._scale(image), (0.0, 0.0)))
        return made

    def _forward(self, images: Sequence[Image]) -> tuple[Floats, Floats]:
        """Boxes (n, queries, 4) as cx, cy, w, h in fractions of the model's picture, and scores (n, queries, labels) in [0, 1]."""
        import torch
        from threadpoolctl import threadpool_limits

        owl = self._family in _OWLS
        text = [self._labels if owl else self._prompt()] * len(images)
        with self._lock, torch.inference_mode(), threadpool_limits(limits=self._threads):
            inputs = self._processor(text=text, images=list(images), return_tensors="pt")
            out = self._model(**inputs.to(self._device))
            scores = out.logits.float().sigmoid().cpu().numpy()
            boxes = np.asarray(out.pred_boxes.float().cpu().numpy(), np.float32)
        return boxes, np.asarray(scores if owl else self._of_labels(scores), np.float32)

    def _scale(self, image: Image) -> tuple[float, float]:
        """The picture's own size in fractions of the model's: OWLv2 pads it to a square, on the right or below."""
        side = max(image.size)
        return (image.width / side, image.height / side) if self._family == "owlv2" else (1.0, 1.0)

    def _prompt(self) -> str:
        """Grounding DINO is asked for everything in one lower-case text, with a full stop after each label."""
        return " ".join(f"{_plain(label)}." for label in self._labels)

    def _of_labels(self, scores: Floats) -> Floats:
        """Scores of tokens (n, queries, tokens) → of labels: the best of a label's own tokens."""
        offsets = self._processor.tokenizer(self._prompt(), return_offsets_mapping=True)["offset_mapping"]
        made, start = [], 0
        for label in self._labels:
            end = start + len(_plain(label))
            own = [at for at, (a, b) in enumerate(offsets) if a < b and a >= start and b <= end]
            made.append(scores[:, :, own].max(axis=2, initial=0.0))
            start = end + 2
        return np.stack(made, axis=2)


def _plain(label: str) -> str:
    return label.lower().replace(".", " ").strip()


def _load(given: Given) -> tuple[Any, Any, str]:
    import torch
    from transformers import AutoModelForZeroShotObjectDetection, AutoProcessor

    device = given.device or ("cuda" if torch.cuda.is_available() else "cpu")
    try:
        processor = AutoProcessor.from_pretrained(  # type: ignore[no-untyped-call]
            given.model, local_files_only=not given.download
        )
        # pickled checkpoints can run code
        model = AutoModelForZeroShotObjectDetection.from_pretrained(
            given.model, local_files_only=not given.download, use_safetensors=True
        )
        return model.to(device).eval(), processor, device
    except (OSError, ValueError, RuntimeError, KeyError, TypeError, ImportError) as error:
        why = " ".join(str(error).split())[:300]
        raise EncoderUnavailable(f"{given.model} cannot be loaded ({why}); {_REMEDY}") from error


def _digest(folder: Path) -> str:
    """SHA-256 of the weights; of several parts, that of their digests in the order of their names."""
    parts = [sha256_of(path) for path in sorted(folder.glob("*.safetensors"))]
    return parts[0] if len(parts) == 1 else hashlib.sha256("".join(parts).encode()).hexdigest()
