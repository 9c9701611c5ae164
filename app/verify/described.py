"""What a model said of a picture beforehand (a caption): it helps to find the picture, and proves nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from app.verify.port import Exhibit, Judgement
from retrieval.types import Evidence, Support

# the name under which provenance tells the model that words are by
CAPTION = "caption"
DESCRIPTION = "A model's description, not checked"
UNPROVEN = "only a model's description of a picture says so, and a description is no proof"

Judge = Callable[[str, Sequence[Exhibit]], Judgement]


def described(evidence: Evidence) -> bool:
    """Whether the words of a piece of evidence are a model's, on a picture."""
    return CAPTION in evidence.provenance.models


def apart(claim: str, exhibits: Sequence[Exhibit], judge: Judge) -> Judgement:
    """What a claim is worth when descriptions neither hold it up nor speak against it: as by the other exhibits alone, but where only
    a description says it, that is told."""
    others = [exhibit for exhibit in exhibits if not described(exhibit.evidence)]
    if len(others) == len(exhibits):
        return judge(claim, exhibits)
    by_others = judge(claim, others) if others else None
    if by_others is not None and by_others.support is not Support.UNSUPPORTED:
        return by_others
    with_them = judge(claim, exhibits)
    if with_them.support is Support.SUPPORTED:
        return msgspec.structs.replace(with_them, support=Support.UNSUPPORTED, why=UNPROVEN)
    return by_others or msgspec.structs.replace(with_them, support=Support.UNSUPPORTED)
