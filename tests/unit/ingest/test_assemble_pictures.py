"""A frame that looks like an earlier one is embedded as that one."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

from ingest.assemble import Assembler
from ingest.ports import Draft
from retrieval.adapters.folder_blobs import FolderBlobs
from retrieval.fakes.encoders import HashImageEncoder
from retrieval.types import FrameAt, Kind


def _frame(ms: int, colour: str, looks: bytes | None = None) -> Draft:
    return Draft(Kind.FRAME, FrameAt(ms), "", media=_png(colour), media_type="image/png", looks=looks)


def _png(colour: str) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (8, 8), colour).save(out, "PNG")
    return out.getvalue()


def test_a_frame_that_looks_like_another_has_its_vector(tmp_path: Path) -> None:
    drafts = [_frame(0, "red"), _frame(1, "blue"), _frame(2, "green", looks=_png("red"))]
    assembler = Assembler(FolderBlobs(tmp_path), None, HashImageEncoder())
    vectors = {each.evidence: each.vector for each in assembler.embeddings([(d, str(d.locator.ms)) for d in drafts])}  # type: ignore[union-attr]
    assert np.array_equal(vectors["2"], vectors["0"]) and not np.array_equal(vectors["1"], vectors["0"])
