"""The second way to an answer: a vision-language model words the claims, over evidence the brief found; we check every one.

The model sees labelled evidence (E1…En) and answers as JSON under a schema. A claim that names a label that was not given, or a figure
that does not stand in what it cites, is unsupported and is not stated as fact. When the model fails, the brief answers and says so.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec

from app.answer.brief import EvidenceBrief, describe, investigate
from app.answer.desk import Desk, Finding, cite
from app.answer.passages import TELLING
from app.answer.standing import weigh, without_addresses
from app.answer.wording import stretch
from app.charts import draw
from app.model import ChatModel, Picture
from app.pictures import shrunk
from app.ports import Ask, Event
from app.words import one_line, source_name
from prompts import Prompt
from retrieval.errors import EvidenceNotFound, ModelUnavailable
from retrieval.times import iso
from retrieval.types import Answer, Claim, Evidence, Kind, PageBox, Principal, Support, Verdict

_ITEMS = 16
_CHARS = 1200
_CLAIMS = 12
_CLAIM_CHARS = 1000
_DECISIVE = (Verdict.NOT_OBSERVED, Verdict.NOT_RECORDED, Verdict.CONFLICT)
_LABEL = re.compile(r"\s*[\[(]\s*E\d+(?:\s*[,;–-]\s*E\d+)*\s*[\])]")


class Worded(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One claim as the model gives it."""

    text: str
    evidence: list[str]


class Reply(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the model answers with."""

    claims: list[Worded]
    insufficient: bool


class Shown(NamedTuple):
    """One piece of evidence as the model sees it: `text` is all that stands under its label."""

    label: str
    evidence: Evidence
    text: str


class ModelAnswerer:
    """Answers through a model, on top of the brief's retrieval and under its verdicts on coverage."""

    def __init__(self, brief: EvidenceBrief, model: ChatModel, prompt: Prompt, max_images: int) -> None:
        self._brief, self._model, self._prompt, self._max_images = brief, model, prompt, max_images
        self.name = f"{model.name} ({prompt.id})"

    def answer(self, ask: Ask, principal: Principal, listen: Callable[[Event], None]) -> Answer:
        """Answer through the model. Raises QuestionTooLong; a failing model leaves the brief's answer, marked degraded."""
        started = time.perf_counter()
        desk = self._brief.open(ask, principal)
        listen(Event("plan", describe(desk.question)))
        finding = investigate(desk)
        found_ms = (time.perf_counter() - started) * 1e3
        listen(Event("evidence", [e.id for e in finding.used]))
        # what was not recorded, not there to be seen, or told two ways is ours to say: no model is asked
        worded = None if finding.verdict in _DECISIVE else self._word(ask, desk, finding, started)
        finding = worded or finding
        for claim in finding.claims:
            listen(Event("claim", claim))
        timings = {"evidence": found_ms, "total": (time.perf_counter() - started) * 1e3}
        answer = self._brief.close(ask, desk, finding, timings)
        return msgspec.structs.replace(answer, model=self.name) if worded else answer

    def _word(self, ask: Ask, desk: Desk, finding: Finding, started: float) -> Finding | None:
        """The finding in the model's checked words; None where the brief's own stays."""
        items = lay_out(self._items(desk, finding), finding, desk)
        if not items:
            return None
        pictures = self._pictures(desk, items)
        left = None if ask.deadline_s is None else ask.deadline_s - (time.perf_counter() - started)
        try:
            reply = parse_reply(self._model.complete(self._ask(ask, desk, items), pictures, reply_schema(), left))
        except ModelUnavailable as error:
            desk.degraded.append(f"model: {error}; the evidence brief answers")
            return None
        if not reply.insufficient and not any(c.support is Support.SUPPORTED for c in weighed(reply, items)):
            desk.degraded.append("model: nothing it said stands in the evidence; the evidence brief answers")
        return judge(reply, items, finding)

    def _ask(self, ask: Ask, desk: Desk, items: Sequence[Shown]) -> str:
        return self._prompt.render(
            count=str(len(items)),
            schema=msgspec.json.encode(reply_schema()).decode(),
            evidence="\n".join(f"{i.label}\n<evidence>\n{i.text}\n</evidence>" for i in items),
            asked_at=iso(ask.asked_at),
            zone=str(desk.tools.zone),
            question=ask.question,
        )

    def _items(self, desk: Desk, finding: Finding) -> list[Evidence]:
        """What the brief relied on first, then what search finds beside it."""
        hits = desk.search(desk.question.text, _ITEMS, kinds=(*TELLING, Kind.FRAME, Kind.WINDOW))
        return list({e.id: e for e in (*finding.used, *(h.evidence for h in hits))}.values())[:_ITEMS]

    def _pictures(self, desk: Desk, items: Sequence[Shown]) -> list[Picture]:
        """Frames, made small, then charts of windows, as many as may be shown."""
        seen = [i for kind in (Kind.FRAME, Kind.WINDOW) for i in items if i.evidence.kind is kind and i.evidence.media]
        pictures = []
        for item in seen[: self._max_images]:
            try:
                pictures.append(_picture(desk, item))
            # one picture that is gone or damaged leaves the others
            except (EvidenceNotFound, OSError) as error:
                desk.degraded.append(f"picture of {item.evidence.id}: not readable ({type(error).__name__})")
        return pictures


def _picture(desk: Desk, item: Shown) -> Picture:
    evidence = item.evidence
    data = desk.tools.blobs.get(evidence.tenant, evidence.media or "")
    if evidence.kind is Kind.FRAME:
        return Picture(shrunk(data), "image/jpeg", item.label)
    title = evidence.text.partition(": ")[0]
    chart = draw(data, title, evidence.data.get("limits"), evidence.data.get("anomalies", ()))
    return Picture(chart, "image/png", item.label)


def lay_out(evidence: Sequence[Evidence], finding: Finding, desk: Desk) -> list[Shown]:
    """Evidence under labels E1…En: where and when, its text, and what the brief computed from its samples or frames."""
    return [Shown(f"E{n}", e, _told(e, finding, desk)) for n, e in enumerate(evidence, 1)]


def _told(evidence: Evidence, finding: Finding, desk: Desk) -> str:
    when = stretch(evidence.valid, desk.tools.zone) if evidence.valid else "time unknown"
    page = f", page {evidence.locator.page}" if isinstance(evidence.locator, PageBox) else ""
    lines = [f"{evidence.kind.value} of {source_name(evidence.source)}{page}; {when}", evidence.text[:_CHARS]]
    if evidence.kind in (Kind.WINDOW, Kind.FRAME):
        own = [c.text for c in finding.claims if any(cited.evidence == evidence.id for cited in c.citations)]
        lines += [f"Computed: {text}" for text in own]
    # evidence must not close its own quotation
    return re.sub(r"<(?=\s*/?\s*evidence)", "‹", "\n".join(lines), flags=re.I)


def reply_schema() -> dict[str, Any]:
    """The JSON schema of a reply; its root is the object itself, as strict servers want it."""
    _, parts = msgspec.json.schema_components([Reply], ref_template="#/$defs/{name}")
    root = parts.pop("Reply")
    return {**root, "$defs": parts}


def parse_reply(text: str) -> Reply:
    """The model's JSON, alone or inside other words. Raises ModelUnavailable when there is none that fits the schema."""
    found = re.search(r"\{.*\}", text, re.S)
    try:
        return msgspec.json.decode(found[0] if found else text, type=Reply)
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise ModelUnavailable("the model's answer does not fit the schema") from error


def judge(reply: Reply, items: Sequence[Shown], finding: Finding) -> Finding:
    """The model's claims with what each is worth; the verdict follows from the supported ones.

    Where none stands in the evidence, the brief's own claims and verdict stay, and the model's are added as what they are.
    """
    if reply.insufficient:
        return finding._replace(verdict=Verdict.INSUFFICIENT, claims=(), used=())
    claims = weighed(reply, items)
    supported = [c for c in claims if c.support is Support.SUPPORTED]
    if not supported:
        return finding._replace(claims=(*finding.claims, *claims))
    cited = {c.evidence for one in supported for c in one.citations}
    # the brief knows what it could not look at: a model's words do not fill that in
    whole = len(supported) == len(claims) == len(reply.claims) and finding.verdict is not Verdict.PARTIAL
    verdict = Verdict.ANSWERED if whole else Verdict.PARTIAL
    return finding._replace(
        verdict=verdict, claims=claims, used=tuple(i.evidence for i in items if i.evidence.id in cited)
    )


def weighed(reply: Reply, items: Sequence[Shown]) -> tuple[Claim, ...]:
    """The first claims of a reply, each weighed; empty ones are left out."""
    return tuple(judged(worded, items) for worded in reply.claims[:_CLAIMS] if worded.text.strip())


def judged(worded: Worded, items: Sequence[Shown]) -> Claim:
    """One claim, weighed against what stands under the labels it cites, and under those alone."""
    labelled = {item.label: item for item in items}
    cited = [labelled[label] for label in dict.fromkeys(worded.evidence) if label in labelled]
    shown = "\n".join(item.text for item in cited if item.evidence.kind is not Kind.FRAME)
    seen = "\n".join(item.text for item in cited if item.evidence.kind is Kind.FRAME)
    text = one_line(_LABEL.sub("", worded.text), _CLAIM_CHARS)
    support = Support.UNSUPPORTED
    if cited and all(label in labelled for label in worded.evidence):
        names = {m.entity for item in cited for m in item.evidence.entities}
        support = weigh(text, shown, names, seen)
    quotes = (cite(item.evidence, one_line(item.evidence.text)) for item in cited)
    return Claim(without_addresses(text, f"{shown}\n{seen}"), support, tuple(quotes))
