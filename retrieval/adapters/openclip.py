"""Images, and the texts that find them, through open_clip: a pretrained tag, a weights file, or a checkpoint folder.

A checkpoint folder holds open_clip_config.json, open_clip_model.safetensors and card.json. The card states the SHA-256 of
the weights ("sha256"), and may name the model ("name") and the folder's own merge list for the tokenizer ("bpe").
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from os import cpu_count
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL.Image import Image

from retrieval.errors import EncoderUnavailable
from retrieval.types import Vector

CONFIG, WEIGHTS, CARD = "open_clip_config.json", "open_clip_model.safetensors", "card.json"
_BATCH, _GPU_BATCH = 32, 256
_REMEMBERED = 256  # texts: questions, and the prompts of a tagger
_LOOKED_AT = 256  # pictures: a frame is tagged, then embedded, within one batch


class _Source(NamedTuple):
    """What to hand to open_clip. `bpe` is a tokenizer's merge list, `revision` says which weights these are."""

    model: str
    pretrained: str | None
    name: str
    revision: str
    bpe: str | None = None


def read_card(folder: Path) -> dict[str, Any]:
    """The card of a checkpoint folder. Raises EncoderUnavailable when it is missing or not JSON."""
    try:
        card = json.loads((folder / CARD).read_text())
    except (OSError, ValueError) as error:
        raise EncoderUnavailable(f"{folder} has no readable {CARD}: {error}") from error
    if not isinstance(card, dict):
        raise EncoderUnavailable(f"{folder / CARD} is not a JSON object")
    return card


class OpenClipEncoder:
    """The ImageEncoder port over open_clip. Loaded at construction; `space` is "image:NAME@REVISION".

    `model` is a folder as above, or a model name of open_clip; then `pretrained` is one of its pretrained tags or the path
    of a .safetensors file. `card` is the folder's card, empty for tags and single files. On a GPU the model computes in bfloat16: vectors
    agree with float32's to a cosine of .999. Pictures are scaled and cut by as many threads as there are cores.
    """

    def __init__(self, model: str, pretrained: str | None = None, device: str | None = None) -> None:
        """Raises EncoderUnavailable with the reason when the weights are missing, altered or not loadable."""
        folder = Path(model)
        self.card: dict[str, Any] = read_card(folder) if folder.is_dir() else {}
        source = _from_folder(folder, self.card) if folder.is_dir() else _from_name(model, pretrained)
        self.space = f"image:{source.name}@{source.revision}"
        self._lock = threading.RLock()
        self._device = device or _default_device()
        self._model, preprocess, self._tokenizer = _load(source, self._device)
        self._drawn, self._numbers = _halves(preprocess)
        self._on_gpu = self._device.startswith("cuda")
        self._batch = _GPU_BATCH if self._on_gpu else _BATCH
        self._pool = ThreadPoolExecutor(cpu_count(), "pictures")
        self._texts: OrderedDict[str, Vector] = OrderedDict()
        self._pictures: OrderedDict[bytes, Vector] = OrderedDict()
        self.dim = int(self.encode_texts(["a picture"]).shape[1])

    def encode_images(self, images: Sequence[Image]) -> Vector:
        """Shape (n, dim), float32, L2-normalised."""
        import torch

        keys = list(self._pool.map(_key, images))
        with self._lock, torch.inference_mode():
            fresh = {key: image for key, image in zip(keys, images, strict=True) if key not in self._pictures}
            ready = zip(fresh, self._pool.map(self._ready, fresh.values()), strict=True)
            while batch := list(islice(ready, self._batch)):
                vectors = self._seen(torch.from_numpy(np.stack([pixels for _, pixels in batch])).to(self._device))
                self._pictures.update((key, vector) for (key, _), vector in zip(batch, vectors, strict=True))
            found = [self._pictures[key] for key in keys]
            while len(self._pictures) > _LOOKED_AT:
                self._pictures.popitem(last=False)
        return np.stack(found) if found else np.zeros((0, self.dim), np.float32)

    def _ready(self, image: Image) -> Any:
        """uint8 of shape (height, width, 3), as large as the model takes."""
        return np.asarray(self._drawn(image.convert("RGB")))

    def _seen(self, pixels: Any) -> Vector:
        """Of a batch of uint8, (n, height, width, 3), where the model is."""
        import torch

        numbers = self._numbers(pixels.permute(0, 3, 1, 2).float() / 255)
        with torch.autocast("cuda", torch.bfloat16, enabled=self._on_gpu):
            return _rows(self._model.encode_image(numbers))

    def encode_texts(self, texts: Sequence[str]) -> Vector:
        """Shape (n, dim), float32, L2-normalised. Texts seen lately are not encoded again."""
        import torch

        with self._lock, torch.inference_mode():
            for batch in _batches([text for text in dict.fromkeys(texts) if text not in self._texts]):
                vectors = _rows(self._model.encode_text(self._tokenizer(list(batch)).to(self._device)))
                self._texts.update(zip(batch, vectors, strict=True))
            found = [self._texts[text] for text in texts]
            while len(self._texts) > _REMEMBERED:
                self._texts.popitem(last=False)
        return np.stack(found) if found else np.zeros((0, self.dim), np.float32)


def _key(image: Image) -> bytes:
    """What a picture shows, so that one that comes again is not encoded again."""
    digest = hashlib.blake2b(f"{image.mode}{image.size}".encode(), digest_size=16)
    digest.update(image.tobytes())
    return digest.digest()


def _from_folder(folder: Path, card: dict[str, Any]) -> _Source:
    weights = folder / WEIGHTS
    if not weights.is_file() or not (folder / CONFIG).is_file():
        raise EncoderUnavailable(f"{folder} needs {CONFIG} and {WEIGHTS}")
    found, stated = _sha256(weights), str(card.get("sha256", ""))
    if found != stated:
        raise EncoderUnavailable(f"{weights} has SHA-256 {found}, its card says {stated or 'nothing'}")
    bpe = card.get("bpe")
    if bpe is not None and (Path(str(bpe)).name != bpe or not (folder / str(bpe)).is_file()):
        raise EncoderUnavailable(f"the card of {folder} names a merge list that is not in the folder: {bpe}")
    path = folder.resolve()
    name = str(card.get("name") or path.name)
    return _Source(f"local-dir:{path}", None, name, found[:8], str(path / bpe) if bpe else None)


def _from_name(model: str, pretrained: str | None) -> _Source:
    if pretrained is None:
        raise EncoderUnavailable(
            f"{model} is no checkpoint folder; as an open_clip model it needs a pretrained tag or path"
        )
    weights = Path(pretrained)
    if weights.suffix in {".pt", ".pth", ".bin", ".ckpt", ".pkl"}:
        raise EncoderUnavailable(f"{pretrained}: only safetensors are read from disk, pickles can run code")
    if weights.suffix == ".safetensors":
        if not weights.is_file():
            raise EncoderUnavailable(f"{pretrained} does not exist")
        return _Source(model, str(weights.resolve()), model, _sha256(weights)[:8])
    return _Source(model, pretrained, model, re.sub(r"\W+", "_", pretrained))


def _load(source: _Source, device: str) -> tuple[Any, Any, Any]:
    import open_clip
    import safetensors

    try:
        model, _, preprocess = open_clip.create_model_and_transforms(
            source.model, pretrained=source.pretrained, device=device
        )
        extra = {"bpe_path": source.bpe} if source.bpe else {}
        tokenizer = open_clip.get_tokenizer(source.model, **extra)
    except (OSError, ValueError, RuntimeError, KeyError, TypeError, safetensors.SafetensorError) as error:
        raise EncoderUnavailable(f"image encoder {source.name} could not be loaded: {error}") from error
    return model.eval(), preprocess, tokenizer


def _halves(preprocess: Any) -> tuple[Any, Any]:
    """What open_clip does to a picture, and what it does to the numbers after: these are done to whole batches where the model is."""
    from torchvision.transforms import Compose, Normalize, ToTensor

    *drawn, to_numbers, normalise = preprocess.transforms
    if not (isinstance(to_numbers, ToTensor) and isinstance(normalise, Normalize)):
        raise EncoderUnavailable(f"this open_clip prepares pictures in another way: {to_numbers}, then {normalise}")
    return Compose(drawn), normalise


def _default_device() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _batches(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    return (items[start : start + _BATCH] for start in range(0, len(items), _BATCH))


def _rows(tensor: Any) -> Vector:
    vectors = tensor.float().cpu().numpy()
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12), np.float32)
