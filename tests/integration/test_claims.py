"""Scripted right and wrong claims go the whole way: asked about their evidence, said by a served model, judged, answered."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

import pytest

from app.ports import Ask, Event
from app.settings import load
from app.wiring import build
from eval.claims import scoring
from eval.claims.judging import exhibit
from eval.claims.scoring import Judged
from eval.claims.store import Opened, open_store
from eval.claims.types import ScriptedClaim
from eval.stub import StubModel, shown
from retrieval.types import Kind, Principal, Support

SEED, EACH = 77, 500
# what is shown at once: so many claims, so many pieces, and of one clip so many frames
CLAIMS, PIECES, FRAMES = 12, 16, 2


class Batch(NamedTuple):
    claims: list[ScriptedClaim]
    pieces: list[str]


def batches(found: Iterable[ScriptedClaim], opened: Opened) -> Iterator[Batch]:
    """Claims in order, as many as can be shown their evidence at once; frames of one moment would be thinned out."""
    batch = Batch([], [])
    for claim in found:
        real = [one for one in claim.evidence if one in opened.world.by_id]
        pieces = list(dict.fromkeys([*batch.pieces, *real]))
        if batch.claims and (len(batch.claims) == CLAIMS or not _fits(pieces, opened)):
            yield batch
            batch, pieces = Batch([], []), real
        batch = Batch([*batch.claims, claim], pieces)
    if batch.claims:
        yield batch


def _fits(pieces: Sequence[str], opened: Opened) -> bool:
    frames = [e.source for one in pieces if (e := opened.world.by_id[one]).kind is Kind.FRAME]
    return len(pieces) <= PIECES and all(frames.count(source) <= FRAMES for source in frames)


class Script:
    """A model that says the claims it was given, under the labels at which it finds their evidence."""

    def __init__(self, opened: Opened) -> None:
        self._opened = opened
        self.claims: list[ScriptedClaim] = []
        self.missing: list[str] = []

    def __call__(self, body: dict[str, Any]) -> Iterable[str]:
        under = shown(body)
        worded = [{"text": c.text, "evidence": [self._label(one, under) for one in c.evidence]} for c in self.claims]
        yield json.dumps({"claims": worded, "insufficient": False}, ensure_ascii=False)

    def _label(self, piece: str, under: dict[str, str]) -> str:
        evidence = self._opened.world.by_id.get(piece)
        if evidence is None:
            return "E99"
        head = exhibit(evidence, "", self._opened).text.split("\nComputed: ")[0]
        for label, text in under.items():
            if text == head or text.startswith(f"{head}\n"):
                return label
        self.missing.append(head)
        return "E98"


def through_the_service(found: Sequence[ScriptedClaim], opened: Opened, store: Any) -> Iterator[Judged]:
    script = Script(opened)
    with StubModel(script) as stub:
        service = build(load(data_dir=store, model={"base_url": stub.url, "looks": 0, "max_images": 0}))
        try:
            for batch in batches(found, opened):
                script.claims = batch.claims
                yield from _asked(service, batch)
                assert script.missing == []
        finally:
            service.close()


def _asked(service: Any, batch: Batch) -> Iterator[Judged]:
    heard: list[Event] = []
    ask = Ask(question="What happened at the plant?", asked_at=1_773_500_000_000_000, about=tuple(batch.pieces))
    answer = service.ask(ask, Principal("default"), heard.append)
    said = [event.data for event in heard if event.name == "claim"]
    assert [claim.text for claim in said[: len(batch.claims)]] == [claim.text for claim in batch.claims], (
        answer.degraded
    )
    for scripted, claim in zip(batch.claims, said, strict=False):
        yield Judged(scripted, claim.support is Support.SUPPORTED, claim.why)


@pytest.fixture(scope="module")
def judged(plant) -> list[Judged]:
    opened = open_store(plant.store)
    found = scoring.claims("tuning", opened.world, SEED, EACH)
    return list(through_the_service(found, opened, plant.store))


def test_no_wrong_claim_is_presented_as_supported(judged) -> None:
    wrong = [one for one in judged if not one.claim.right]
    assert len(wrong) == EACH
    assert [f"{one.claim.mutation}: {one.claim.text}" for one in wrong if one.supported] == []


def test_right_claims_are_kept(judged) -> None:
    right = [one for one in judged if one.claim.right]
    lost = [f"{one.claim.text} ({one.why})" for one in right if not one.supported]
    assert len(right) == EACH
    assert len(lost) <= 0.05 * EACH, "\n".join(islice(lost, 20))
