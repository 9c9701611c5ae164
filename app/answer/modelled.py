"""The second way to an answer: a vision-language model words the claims, over evidence the brief found; we check every one.

The model sees labelled evidence (E1…En) and answers as JSON under a schema. A claim that names a label that was not given, or a figure
that does not stand in what it cites, is unsupported and is not stated as fact. When the model fails, the brief answers and says so.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence

import msgspec

from app.answer.brief import EvidenceBrief, describe, investigate
from app.answer.desk import Desk, Finding, cite
from app.answer.passages import TELLING
from app.model import ChatModel, Picture
from app.ports import Ask, Event
from prompts import Prompt
from retrieval.errors import ModelUnavailable
from retrieval.times import iso
from retrieval.types import Answer, Claim, Evidence, Kind, Principal, Support, Verdict

_ITEMS = 16
_CHARS = 1200
_DECISIVE = (Verdict.NOT_OBSERVED, Verdict.NOT_RECORDED)


class Worded(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One claim as the model gives it."""

    text: str
    evidence: list[str]


class Reply(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the model answers with."""

    claims: list[Worded]
    insufficient: bool


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
        # what was not recorded, or not there to be seen, is ours to say: no model is asked
        if finding.verdict not in _DECISIVE:
            finding = self._word(ask, desk, finding)
        for claim in finding.claims:
            listen(Event("claim", claim))
        timings = {"evidence": found_ms, "total": (time.perf_counter() - started) * 1e3}
        answer = self._brief.close(ask, desk, finding, timings)
        return answer if desk.degraded else msgspec.structs.replace(answer, model=self.name)

    def _word(self, ask: Ask, desk: Desk, finding: Finding) -> Finding:
        items = self._items(desk, finding)
        if not items:
            return finding
        schema = msgspec.json.schema(Reply)
        prompt = self._prompt.render(
            count=str(len(items)),
            schema=msgspec.json.encode(schema).decode(),
            evidence="\n".join(_shown(i, e) for i, e in enumerate(items, 1)),
            asked_at=iso(ask.asked_at),
            zone=str(desk.tools.zone),
            question=ask.question,
        )
        try:
            reply = parse_reply(self._model.complete(prompt, self._pictures(desk, items), schema))
        except ModelUnavailable as error:
            desk.degraded.append(f"model: {error}; the evidence brief answers")
            return finding
        return judge(reply, items, finding)

    def _items(self, desk: Desk, finding: Finding) -> list[Evidence]:
        """What the brief relied on first, then what search finds beside it."""
        hits = desk.search(desk.question.text, _ITEMS, kinds=(*TELLING, Kind.FRAME, Kind.WINDOW))
        return list({e.id: e for e in (*finding.used, *(h.evidence for h in hits))}.values())[:_ITEMS]

    def _pictures(self, desk: Desk, items: Sequence[Evidence]) -> list[Picture]:
        frames = [e for e in items if e.kind is Kind.FRAME and e.media][: self._max_images]
        blobs = desk.tools.blobs
        return [Picture(blobs.get(e.tenant, e.media or ""), blobs.media_type(e.tenant, e.media or "")) for e in frames]


def _shown(number: int, evidence: Evidence) -> str:
    when = f" {iso(evidence.valid.t0)}" if evidence.valid else ""
    text = evidence.text[:_CHARS].replace("</evidence>", "")
    return f"E{number} ({evidence.kind.value}{when})\n<evidence>\n{text}\n</evidence>"


def parse_reply(text: str) -> Reply:
    """The model's JSON. Raises ModelUnavailable when it is anything else."""
    found = re.search(r"\{.*\}", text, re.S)
    try:
        return msgspec.json.decode(found[0] if found else text, type=Reply)
    except msgspec.DecodeError as error:
        raise ModelUnavailable("the model's answer does not fit the schema") from error


def judge(reply: Reply, items: Sequence[Evidence], finding: Finding) -> Finding:
    """Keep the model's claims with what each is worth; the verdict follows from the supported ones."""
    labelled = {f"E{i}": e for i, e in enumerate(items, 1)}
    claims = tuple(_judged(worded, labelled) for worded in reply.claims)
    supported = [c for c in claims if c.support is Support.SUPPORTED]
    if reply.insufficient or not supported:
        return finding._replace(verdict=Verdict.INSUFFICIENT, claims=())
    cited = {c.evidence for one in supported for c in one.citations}
    verdict = Verdict.ANSWERED if len(supported) == len(claims) else Verdict.PARTIAL
    return finding._replace(verdict=verdict, claims=claims, used=tuple(e for e in items if e.id in cited))


def _judged(worded: Worded, labelled: dict[str, Evidence]) -> Claim:
    cited = [labelled[label] for label in dict.fromkeys(worded.evidence) if label in labelled]
    invented = any(label not in labelled for label in worded.evidence)
    grounded = bool(cited) and not invented and figures_stand(worded.text, cited)
    support = Support.SUPPORTED if grounded else Support.UNSUPPORTED
    return Claim(worded.text, support, tuple(cite(e, e.text[:200]) for e in cited))


def figures_stand(text: str, cited: Sequence[Evidence]) -> bool:
    """Whether every number of a claim stands in the text of what it cites."""
    stated = set(re.findall(r"\d+(?:[.,:]\d+)*", text))
    known = {n for e in cited for n in re.findall(r"\d+(?:[.,:]\d+)*", e.text)}
    return stated <= known
