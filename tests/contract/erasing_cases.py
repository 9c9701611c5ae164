"""Evidence, answers and books to erase from."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from retrieval.catalog import Catalog
from retrieval.catalog.erasures import ErasureBook
from retrieval.erasure.values import Target
from retrieval.ids import evidence_id
from retrieval.ports import Unit
from retrieval.types import (
    Answer,
    CharSpan,
    Citation,
    Claim,
    Embedding,
    Evidence,
    Filter,
    Kind,
    Mention,
    Principal,
    Provenance,
    Relation,
    Support,
    Verdict,
)

ANN = Principal("t", "ann")
BOB = Principal("other", "bob")
CLIP, LOG = "file:///site/cam.mp4", "file:///site/log.md"


class Ticking:
    def __init__(self) -> None:
        self.now = 1_000_000

    def __call__(self) -> int:
        self.now += 1_000
        return self.now


class Books(NamedTuple):
    catalog: Catalog
    erasures: ErasureBook
    clock: Ticking

    def count(self, **target: Any) -> Any:
        return self.erasures.count(Target(**target), ANN)

    def erase(self, **target: Any) -> Any:
        return self.erasures.hide(Target(**target), ANN)

    def gone(self, **target: Any) -> Any:
        """Hidden, and removed."""
        made = self.erase(**target)
        ids = {id_ for id_, _ in self.erasures.traces(made).ids}
        self.erasures.commit_to(made, {})
        self.erasures.remove(made, ids)
        return made

    def texts(self, principal: Principal = ANN, as_of: int | None = None) -> list[str]:
        return sorted(each.text for each in self.catalog.scan(Filter(as_of=as_of), principal))


def piece(source: str, text: str, tenant: str = "t", **more: Any) -> Evidence:
    return Evidence(
        id=evidence_id(tenant.encode(), source, CharSpan(0, 1), text),
        tenant=tenant,
        source=source,
        kind=more.pop("kind", Kind.PASSAGE),
        locator=CharSpan(0, 1),
        text=text,
        provenance=Provenance("test"),
        **more,
    )


def unit(source: str, *pieces: Evidence, tenant: str = "t", content: str = "A", **more: Any) -> Unit:
    vectors = [Embedding(e.id, "text", np.random.default_rng(len(e.text)).random(8, np.float32)) for e in pieces]
    return Unit(tenant, source, f"{source} {content}", "reader", pieces, vectors, **more)


def on(*entities: str) -> tuple[Mention, ...]:
    return tuple(Mention(each, Relation.MENTIONS) for each in entities)


def answer(id_: str, *cited: Evidence, text: str = "It was so.", sequence: int = 99) -> Answer:
    quotes = tuple(Citation(e.id, e.kind, e.source, e.locator, e.valid, e.text) for e in cited)
    claims = (Claim(text, Support.SUPPORTED, quotes),)
    rest: dict[str, Any] = {"timeline": (), "coverage": (), "as_of": 1, "sequence": sequence, "model": "brief"}
    return Answer(id=id_, question="What?", verdict=Verdict.ANSWERED, confidence=None, claims=claims, **rest)
