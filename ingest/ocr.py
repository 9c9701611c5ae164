"""Reading text in pictures with rapidocr: its models come with the package, nothing is downloaded."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from threading import Lock
from typing import Any, Protocol, runtime_checkable

import numpy as np
from PIL.Image import Image

from retrieval.types import Box

_LEAST_SCORE = 0.6
_LEAST_LETTERS = 2  # a lone sign is nearly always an edge taken for a letter


@runtime_checkable
class RegionReader(Protocol):
    """A TextReader that can also read a crop known to hold one line, without looking for lines first (some 25 times cheaper)."""

    name: str

    def lines(self, image: Image) -> list[tuple[str, Box]]: ...

    def recognise(self, crops: Sequence[Image]) -> list[str]:
        """One string a crop; "" where nothing can be read."""


class RapidText:
    """TextReader and RegionReader. The engine is loaded at first use (about 2 s); calls from several threads take turns.

    `able` is the miss rate a line. Of the clocks of 180 drawn clips (digits of 10 to 49 pixels, 360p to 1080p, compressed; suite clocks,
    seeds 11 to 13) one was missed or misread throughout, so at most 0.031 with 95 % confidence (Wilson), rounded up for what those
    clips do not show. Handwriting, blur and slant are worse.
    """

    able: dict[str, float] = {"text": 0.05}

    def __init__(self, threads: int = 2) -> None:
        self.name = f"rapidocr {version('rapidocr')}"
        self._threads = min(2, threads)
        self._engine: Any = None
        self._lock = Lock()

    def lines(self, image: Image) -> list[tuple[str, Box]]:
        """Lines of text with their boxes in fractions of the picture, top to bottom; unsure ones (score < .6) left out."""
        picture = _bgr(image)
        with self._lock:
            found = self._loaded()(picture, use_det=True, use_cls=False, use_rec=True)
        if found.boxes is None or found.txts is None:
            return []
        read = [
            (text.strip(), _box(corners, image.size))
            for text, corners, score in zip(found.txts, found.boxes, found.scores, strict=True)
            if score >= _LEAST_SCORE and sum(map(str.isalnum, text)) >= _LEAST_LETTERS
        ]
        return sorted(read, key=lambda line: (round(line[1][1] * 50), line[1][0]))

    def recognise(self, crops: Sequence[Image]) -> list[str]:
        """One string a crop of one line; "" where the score is below .6."""
        with self._lock:
            engine = self._loaded()
            return [self._one(engine, crop) for crop in crops]

    def _one(self, engine: Any, crop: Image) -> str:
        found = engine(_bgr(crop), use_det=False, use_cls=False, use_rec=True)
        if not found.txts or found.scores[0] < _LEAST_SCORE:
            return ""
        return str(found.txts[0]).strip()

    def _loaded(self) -> Any:
        if self._engine is None:
            import logging

            from rapidocr import RapidOCR

            logging.getLogger("RapidOCR").setLevel(logging.ERROR)
            self._engine = RapidOCR(
                params={
                    "Global.log_level": "error",
                    "Global.use_cls": False,
                    # the default blows small frames up to 736 lines, which costs four times as much and reads no better
                    "Det.limit_type": "max",
                    "Det.limit_side_len": 1280,
                    "EngineConfig.onnxruntime.intra_op_num_threads": self._threads,
                    "EngineConfig.onnxruntime.inter_op_num_threads": 1,
                }
            )
        return self._engine


def _bgr(image: Image) -> Any:
    return np.ascontiguousarray(np.asarray(image.convert("RGB"))[..., ::-1])


def _box(corners: Any, size: tuple[int, int]) -> Box:
    points = np.asarray(corners, np.float64) / np.asarray(size, np.float64)
    (x0, y0), (x1, y1) = np.clip(points.min(0), 0, 1), np.clip(points.max(0), 0, 1)
    return (round(float(x0), 4), round(float(y0), 4), round(float(x1), 4), round(float(y1), 4))
