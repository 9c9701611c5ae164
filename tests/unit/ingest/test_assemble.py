"""Drafts become evidence: in their order, with their media kept."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.assemble import Assembler, Origin
from ingest.ports import Draft, Item, SourcePolicy
from retrieval.adapters.folder_blobs import FolderBlobs
from retrieval.errors import StoreError
from retrieval.types import CharSpan, Kind

MEDIA = st.one_of(st.none(), st.sampled_from([b"one", b"two", b"", b"three" * 100]))


def origin(folder):
    item = Item(folder / "a.txt", "file:///a.txt", "a.txt", "text/plain", "hash", SourcePolicy())
    return Origin(item, "t", b"k" * 32, "pages", "1")


def drafts(media):
    return [
        Draft(Kind.PASSAGE, CharSpan(at, at + 1), f"page {at}", media=each, media_type="x/y")
        for at, each in enumerate(media)
    ]


@settings(max_examples=25)
@given(media=st.lists(MEDIA, max_size=20))
def test_pieces_are_what_each_draft_gives_alone(tmp_path_factory, media):
    folder = tmp_path_factory.mktemp("store")
    together, alone = (Assembler(FolderBlobs(folder / name), None, None) for name in ("together", "alone"))
    given_drafts, source = drafts(media), origin(folder)
    pieces = together.pieces(given_drafts, source)
    assert pieces == [alone.evidence(draft, source) for draft in given_drafts]
    for piece, each in zip(pieces, media, strict=True):
        assert (piece.media is None) == (each is None)
        if piece.media is not None:
            assert FolderBlobs(folder / "together").get("t", piece.media) == each
    assert not list(folder.rglob(".new-*"))


def test_media_that_cannot_be_kept_are_an_error(tmp_path):
    (tmp_path / "blobs").write_text("a file where the folder should be")
    with pytest.raises(StoreError):
        Assembler(FolderBlobs(tmp_path / "blobs"), None, None).pieces(drafts([b"one", b"two"]), origin(tmp_path))
