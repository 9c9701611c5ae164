"""The benchmark's sources: as many pieces as were asked for, each with its vectors, all on the site."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from eval.bench.encoders import QuickImages, QuickText
from eval.bench.sources import Sources, shares
from retrieval.adapters.folder_blobs import FolderBlobs
from retrieval.types import Kind


@pytest.fixture(scope="module")
def units(tmp_path_factory: pytest.TempPathFactory) -> list:
    return list(Sources(2000, b"key", FolderBlobs(tmp_path_factory.mktemp("blobs"))))


def test_sources_hold_what_was_asked_for(units: list) -> None:
    kinds = Counter(piece.kind for unit in units for piece in unit.evidence)
    share = shares(2000)
    assert (kinds[Kind.FRAME], kinds[Kind.PASSAGE], kinds[Kind.WINDOW]) == (share.frames, share.passages, share.windows)
    assert (kinds[Kind.ALERT], kinds[Kind.ROW]) == (share.alerts, share.rows)
    ids = [piece.id for unit in units for piece in unit.evidence]
    assert len(set(ids)) == len(ids)
    assert len({unit.source for unit in units}) == len(units)


def test_every_piece_has_a_text_vector_and_every_frame_a_picture_vector(units: list) -> None:
    spaces = Counter(vector.space for unit in units for vector in unit.embeddings)
    assert spaces == {QuickText.space: 2000, QuickImages.space: shares(2000).frames}
    lengths = [float(np.linalg.norm(vector.vector)) for unit in units for vector in unit.embeddings]
    np.testing.assert_allclose(lengths, 1.0, rtol=1e-5)


def test_what_is_mentioned_is_on_the_site(units: list) -> None:
    entities = {entity.id for entity in units[0].entities}
    ends = {end for link in units[0].links for end in (link.source, link.target)}
    mentioned = {mention.entity for unit in units for piece in unit.evidence for mention in piece.entities}
    assert ends <= entities and mentioned <= entities
