"""Questions that point: at pieces of evidence ("what does this show?"), or with a picture of their own ("where was this seen?")."""

from __future__ import annotations

import re
from collections.abc import Sequence

from app.answer.desk import Desk, Finding, claim, headline
from app.answer.wording import moment
from app.words import source_name
from retrieval.types import Evidence, Kind, Verdict

_POINTS = re.compile(r"\b(?:this|these|that|those|it|here|alike|like)\b", re.I)
_ALIKE = re.compile(r"\b(?:like|alike|similar|same|resembl\w+|match\w*)\b", re.I)
_MOST = 5


def at(desk: Desk) -> bool:
    """Whether the question is about the evidence it points at, rather than only asked beside it."""
    return bool(desk.pinned) and bool(_POINTS.search(desk.question.text)) and len(desk.question.words) <= 4


def tell(desk: Desk) -> Finding:
    """What is pointed at, in its own words; and frames that look like it, where that is asked or a picture was sent."""
    shown = list(desk.pinned)
    alike = _alike(desk) if desk.pictures or _ALIKE.search(desk.question.text) else []
    claims = [claim(_said(e, desk), (e, headline(e))) for e in shown]
    claims += [claim(f"Looks most like it: {_said(e, desk)}", (e, headline(e))) for e in alike]
    if not claims:
        return Finding(Verdict.INSUFFICIENT)
    return Finding(Verdict.ANSWERED, tuple(claims), (*shown, *alike))


def _alike(desk: Desk) -> Sequence[Evidence]:
    """Frames that look like the question's pictures, or like the frames it points at."""
    blobs = desk.tools.blobs
    frames = [e for e in desk.pinned if e.kind is Kind.FRAME and e.media]
    pictures = desk.pictures or tuple(blobs.get(e.tenant, e.media or "") for e in frames)
    if not pictures:
        return []
    window = desk.question.when.window if desk.question.when else None
    known = {e.id for e in desk.pinned}
    most, things = _MOST + len(known), desk.question.entities
    hits = desk.search("", most, ("image",), pictures, kinds=(Kind.FRAME,), entities=things, window=window)
    return [hit.evidence for hit in hits if hit.evidence.id not in known][:_MOST]


def _said(evidence: Evidence, desk: Desk) -> str:
    """A piece of evidence in a line: a frame with its source and time, since its words alone do not place it."""
    if evidence.kind is not Kind.FRAME:
        return headline(evidence, 400)
    when = f" at {moment(evidence.valid.t0, desk.tools.zone)}" if evidence.valid else ""
    return f"{source_name(evidence.source)}{when}: {headline(evidence)}"
