"""Vectors of stored pictures: each picture is encoded once, also where a clip comes back to it batches later."""

from __future__ import annotations

import io
from collections import OrderedDict
from collections.abc import Iterable, Sequence

from PIL import Image, UnidentifiedImageError

from retrieval.errors import SourceRejected
from retrieval.ids import content_hash
from retrieval.ports import ImageEncoder
from retrieval.types import Vector

_BATCH = 16
# as many as a clip compares a frame with, four times over: clips are read at once
_REMEMBERED = 256


class PictureVectors:
    """Vectors by an image encoder, remembered by what the bytes of a picture hash to. Not for sharing between threads."""

    def __init__(self, encoder: ImageEncoder) -> None:
        self._encoder = encoder
        self.space = encoder.space
        self._known: OrderedDict[str, Vector] = OrderedDict()

    def of(self, pictures: Sequence[bytes]) -> list[Vector]:
        """One L2-normalised vector a picture (JPEG or PNG), shape (dim,). Raises EncoderUnavailable, SourceRejected for what is no
        picture."""
        names = [content_hash(each) for each in pictures]
        wanted = dict(zip(names, pictures, strict=True))
        vectors = {name: self._known[name] for name in wanted if name in self._known}
        new = [name for name in wanted if name not in vectors]
        for start in range(0, len(new), _BATCH):
            part = new[start : start + _BATCH]
            made = self._encoder.encode_images([_picture(wanted[name]) for name in part])
            vectors.update(zip(part, made, strict=True))
        self._remember(names, vectors)
        return [vectors[name] for name in names]

    def _remember(self, names: Iterable[str], vectors: dict[str, Vector]) -> None:
        for name in names:
            self._known[name] = vectors[name]
            self._known.move_to_end(name)
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)


def _picture(media: bytes) -> Image.Image:
    try:
        with Image.open(io.BytesIO(media)) as image:
            return image.convert("RGB")
    except (UnidentifiedImageError, OSError) as problem:
        raise SourceRejected("a frame could not be opened as a picture", kind="unreadable") from problem
