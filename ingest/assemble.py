"""Drafts → evidence with an identity, its media kept, and its vectors."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import NamedTuple

import msgspec

from ingest.ports import Draft, Item
from ingest.vectors import PictureVectors
from retrieval.ids import content_hash, evidence_id
from retrieval.ports import Blobs, ImageEncoder, TextEncoder
from retrieval.types import Embedding, Evidence, Kind, Provenance

# media files on their way to the disk at once
_WRITES = 8


class Origin(NamedTuple):
    """Where drafts come from: the item, whose tenant, the tenant's key, and the reader."""

    item: Item
    tenant: str
    key: bytes
    ingester: str
    version: str


# a tenant and ids → those that were erased
Erased = Callable[[str, Sequence[str]], Collection[str]]


def nothing_erased(_: str, __: Sequence[str]) -> Collection[str]:
    """Of a store that was never erased from."""
    return ()


class Assembler:
    """Gives drafts their ids and vectors. Either encoder may be None: then that space stays empty. The media of pieces that were `erased`
    are not stored again: the catalog leaves those pieces out."""

    def __init__(
        self, blobs: Blobs, text: TextEncoder | None, image: ImageEncoder | None, erased: Erased = nothing_erased
    ) -> None:
        self._blobs, self._erased = blobs, erased
        self._text = text
        self._pictures = PictureVectors(image) if image else None

    def pieces(self, drafts: Sequence[Draft], origin: Origin) -> list[Evidence]:
        """The evidence of drafts, in their order. Media are written side by side: each waits for the disk, which takes many at once."""
        made = [_evidence(draft, origin) for draft in drafts]
        shown = [(piece, draft) for piece, draft in zip(made, drafts, strict=True) if draft.media is not None]
        gone = self._erased(origin.tenant, [piece.id for piece, _ in shown]) if shown else ()
        wanted = [draft for piece, draft in shown if piece.id not in gone]
        if len(wanted) < 2:
            for draft in wanted:
                self._store(draft, origin)
            return made
        with ThreadPoolExecutor(_WRITES) as writers:
            list(writers.map(partial(self._store, origin=origin), wanted))
        return made

    def evidence(self, draft: Draft, origin: Origin) -> Evidence:
        """Store the draft's media and give it its id: the tenant's key over source, place and content."""
        return self.pieces([draft], origin)[0]

    def _store(self, draft: Draft, origin: Origin) -> None:
        if draft.media is not None:
            self._blobs.put(origin.tenant, draft.media, draft.media_type)

    def embeddings(self, pairs: Sequence[tuple[Draft, str]]) -> list[Embedding]:
        """Vectors of (draft, evidence id) pairs. Raises EncoderUnavailable, SourceRejected for a frame that is no picture."""
        return [*self._of_texts(pairs), *self._of_images(pairs)]

    def _of_texts(self, pairs: Sequence[tuple[Draft, str]]) -> Iterator[Embedding]:
        if self._text is None:
            return
        texts = [(draft.text if draft.embed is None else draft.embed, name) for draft, name in pairs]
        texts = [(text, name) for text, name in texts if text.strip()]
        # frames of one scene say the same: each text is encoded once
        once = list(dict.fromkeys(text for text, _ in texts))
        # all at once: the encoder puts texts of like length together
        vectors = dict(zip(once, self._text.encode(once), strict=True)) if once else {}
        for text, name in texts:
            yield Embedding(name, self._text.space, vectors[text])

    def _of_images(self, pairs: Sequence[tuple[Draft, str]]) -> Iterator[Embedding]:
        if self._pictures is None:
            return
        frames = [(draft.looks or draft.media, name) for draft, name in pairs if draft.kind is Kind.FRAME]
        shown = [(media, name) for media, name in frames if media is not None]
        for (_, name), vector in zip(shown, self._pictures.of([media for media, _ in shown]), strict=True):
            yield Embedding(name, self._pictures.space, vector)


def _evidence(draft: Draft, origin: Origin) -> Evidence:
    data = msgspec.to_builtins(draft.data)
    # the key that blobs have by their port
    media = None if draft.media is None else hashlib.sha256(draft.media).hexdigest()
    # time and labels are part of what a piece says: read again under another clock or policy, it is another piece
    said = msgspec.json.encode([data, draft.valid, draft.mentions, origin.item.policy.labels], order="sorted")
    digest = content_hash(draft.text, media or "", said)
    return Evidence(
        id=evidence_id(origin.key, origin.item.uri, draft.locator, digest),
        tenant=origin.tenant,
        source=origin.item.uri,
        kind=draft.kind,
        locator=draft.locator,
        text=draft.text,
        provenance=Provenance(origin.ingester, origin.version, draft.models, draft.notes),
        media=media,
        valid=draft.valid,
        entities=draft.mentions,
        labels=origin.item.policy.labels,
        data=data,
    )
