"""The second way to an answer: a vision-language model words the claims, over evidence the brief found; we check every one.

The model sees labelled evidence (E1…En) and answers as JSON under a schema. Each claim is verified when its last brace has come and
told at once. What does not stand in what it cites is not stated as fact. When the model fails, the brief answers and says so.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from app.answer.bearing import bears, closed
from app.answer.brief import EvidenceBrief
from app.answer.conflict import differing
from app.answer.context import Context, Showing
from app.answer.desk import Desk, Finding, cite
from app.answer.outgoing import told
from app.answer.reply import Look, Reader, Reply, Worded, look_of, schema_of
from app.deadline import ends_at
from app.model.port import ChatModel, Course, Part, Usage
from app.model.waiting import in_time
from app.ports import Ask, Event
from app.verify.described import DESCRIPTION, UNPROVEN, described
from app.verify.port import Exhibit, Judgement, Verifier
from app.words import one_line
from retrieval.errors import EvidenceNotFound, ModelUnavailable
from retrieval.types import Answer, Claim, Evidence, Kind, Principal, Sighting, Support, Verdict

_CLAIMS = 12
_CLAIM_CHARS = 1000
# of English prose, in the tokenizers of Llama and Qwen
_CHARS_A_TOKEN = 4
_LOOK_S = 10.0
DECISIVE = (Verdict.NOT_OBSERVED, Verdict.NOT_RECORDED, Verdict.CONFLICT)
_LABEL = re.compile(r"\s*[\[(]\s*E\d+(?:\s*[,;–-]\s*E\d+)*\s*[\])]")
_SEEN = {"yes": Sighting.CONFIRMED, "no": Sighting.REJECTED, "unclear": Sighting.UNVERIFIED}
_FALLS_BACK = "the evidence brief answers"


class Patience(NamedTuple):
    """How long a model may take for one answer, in seconds, and how many claims get a second look at their frame."""

    answer_s: float
    looks: int = 0


@dataclass
class _Said:
    """What the model has said so far: its claims as they were judged, and the tokens it took."""

    claims: list[Claim] = field(default_factory=list)
    judgements: list[Judgement] = field(default_factory=list)
    exhibits: tuple[Exhibit, ...] = ()
    usage: tuple[int, int] | None = None
    logprobs: list[float] = field(default_factory=list)
    looked: bool = False
    insufficient: bool = False
    # what it said does not answer: the brief does
    beside: bool = False

    def spend(self, told: Usage | None, shown: Sequence[Part], text: str) -> None:
        """Add a reply's tokens, as its server counted them; one that was broken off told none, and is reckoned by its length."""
        words = sum(len(part) for part in shown if isinstance(part, str))
        used = told or Usage(words // _CHARS_A_TOKEN, len(text) // _CHARS_A_TOKEN)
        before = self.usage or (0, 0)
        self.usage = (before[0] + used.prompt_tokens, before[1] + used.completion_tokens)

    def supported(self) -> list[Claim]:
        return [claim for claim in self.claims if claim.support is Support.SUPPORTED]


class ModelAnswerer:
    """Answers through a model, on top of the brief's retrieval and under its verdicts on coverage."""

    def __init__(
        self, brief: EvidenceBrief, model: ChatModel, showing: Showing, verifier: Verifier, patience: Patience
    ) -> None:
        self._brief, self._model, self._showing = brief, model, showing
        self._verifier, self._patience = verifier, patience
        self.name = model.name

    def answer(
        self, ask: Ask, principal: Principal, listen: Callable[[Event], None], stop: threading.Event | None = None
    ) -> Answer:
        """Answer through the model. Raises QuestionTooLong; a failing model leaves the brief's answer, marked degraded."""
        started = time.perf_counter()
        course = Course(ends_at(ask, self._patience.answer_s), stop)
        desk, finding = self._brief.find(ask, principal, listen)
        found_ms = (time.perf_counter() - started) * 1e3
        said = _Said()
        worded = None
        # what was not recorded, not there to be seen, told two ways or cannot be is ours to say: no model is asked
        if (finding.verdict not in DECISIVE and not closed(desk, finding)) or desk.pinned:
            worded = self._worded(ask, desk, finding, said, course, listen)
        by = self._model.name if worded is not None and not said.beside else None
        if worded is None:
            worded = _fallen_back(finding, said)
        for claim in finding.claims if worded.claims[: len(finding.claims)] == finding.claims else ():
            listen(Event("claim", told(claim)))
        timings = {"evidence": found_ms, "total": (time.perf_counter() - started) * 1e3}
        answer = self._brief.close(ask, desk, worded, timings, said.judgements, said.logprobs, by)
        return self._signed(answer, said)

    def _signed(self, answer: Answer, said: _Said) -> Answer:
        """Which prompts took part, and at what cost."""
        if said.usage is None:
            return answer
        looked = (self._showing.prompts.look.id,) if said.looked else ()
        prompts = (*self._showing.prompts.ids, *looked)
        return msgspec.structs.replace(answer, prompts=prompts, usage=said.usage)

    def _worded(
        self, ask: Ask, desk: Desk, finding: Finding, said: _Said, course: Course, listen: Callable[[Event], None]
    ) -> Finding | None:
        """The finding in the model's checked words; None where the brief's own stays. What was said before a failure is kept."""
        try:
            able = in_time(course, self._model.capabilities)
            context = self._showing.lay_out(ask, desk, finding, able)
            if not context.exhibits:
                if finding.used or desk.pinned:
                    told_ = f"nothing of the evidence fits in its context of {able.context} tokens"
                    desk.degraded.append(f"model: {told_}; {_FALLS_BACK}")
                return None
            said.exhibits = context.exhibits
            self._listen_to(ask, desk, context, said, course, listen)
            self._look_again(context, said, course, listen)
        except ModelUnavailable as error:
            desk.degraded.append(f"model: {error}; {_FALLS_BACK}")
            return None
        why = beside(said, finding, desk)
        if why:
            said.beside = True
            desk.degraded.append(f"model: {why}; {_FALLS_BACK}")
            return _with(finding, said.claims, said.exhibits)
        return judge(said.claims, said.exhibits, finding)

    def _listen_to(
        self, ask: Ask, desk: Desk, context: Context, said: _Said, course: Course, listen: Callable[[Event], None]
    ) -> None:
        """Read the reply as it comes; each claim is judged and told when it is whole. Enough claims end the reply."""
        parts = self._showing.parts(ask, desk, context)
        stream = self._model.stream(parts, schema_of(Reply), course)
        reader = Reader(stream)
        try:
            with closing(stream):  # type: ignore[type-var]
                for worded in reader.claims():
                    if worded.text.strip():
                        self._take(worded, context, said, listen)
                    if len(said.claims) == _CLAIMS:
                        break
        finally:
            said.spend(reader.usage, parts if reader.text or reader.usage else (), reader.text)
        said.insufficient = reader.insufficient
        said.logprobs = reader.logprobs

    def _take(self, worded: Worded, context: Context, said: _Said, listen: Callable[[Event], None]) -> None:
        claim, judgement = judged(worded, context.exhibits, self._verifier)
        said.claims.append(claim)
        said.judgements.append(judgement)
        listen(Event("claim", claim))

    def _look_again(self, context: Context, said: _Said, course: Course, listen: Callable[[Event], None]) -> None:
        """Ask of a few claims that rest on one shown frame alone whether that frame shows it; a "no" takes their support away."""
        shown = {label for label, _ in context.pictures}
        frames = {e.evidence.id: e for e in context.exhibits if e.evidence.kind is Kind.FRAME and e.label in shown}
        # a description plays its frame back: whether that shows it can be seen there
        frames |= {e.evidence.id: e for e in context.exhibits if described(e.evidence) and e.evidence.media}
        for n, claim in enumerate(said.claims):
            only = {cited.evidence for cited in claim.citations}
            told_so = claim.support is Support.SUPPORTED or claim.why == UNPROVEN
            if not told_so or len(only) != 1 or not only <= frames.keys():
                continue
            if sum(c.sighting is not None for c in said.claims) >= self._patience.looks:
                return
            said.looked = True
            said.claims[n] = looked = self._looked(claim, frames[only.pop()], said, course)
            listen(Event("sighting", looked))

    def _looked(self, claim: Claim, exhibit: Exhibit, said: _Said, course: Course) -> Claim:
        """The claim with what a look at its frame said. A look that fails leaves it unverified."""
        try:
            parts = self._showing.look(claim.text.removeprefix(f"{DESCRIPTION}: "), exhibit.evidence)
            pieces = list(self._model.stream(parts, schema_of(Look), course.within(_LOOK_S)))
            text = "".join(piece.text for piece in pieces)
            said.spend(next((piece.usage for piece in pieces if piece.usage), None), parts, text)
            sighting = _SEEN[look_of(text)]
        except (ModelUnavailable, EvidenceNotFound, OSError):
            sighting = Sighting.UNVERIFIED
        if sighting is not Sighting.REJECTED:
            return msgspec.structs.replace(claim, sighting=sighting)
        why = "a second look at the frame does not show it"
        return msgspec.structs.replace(claim, sighting=sighting, support=Support.UNSUPPORTED, why=why)


def _fallen_back(finding: Finding, said: _Said) -> Finding:
    """The brief's finding; claims that had been verified and told before the model failed stay beside it."""
    return _with(finding, said.supported(), said.exhibits)


def judge(claims: Sequence[Claim], exhibits: Sequence[Exhibit], finding: Finding) -> Finding:
    """The model's claims with what each is worth; the verdict follows from the supported ones, within what the brief knows.

    Verdicts on coverage and on conflicts stay, with the brief's claims before the model's.
    """
    if finding.verdict in DECISIVE:
        return _with(finding, claims, exhibits)
    supported = [c for c in claims if c.support is Support.SUPPORTED]
    used = tuple(_cited(supported, exhibits))
    if differing(supported, used):
        return finding._replace(verdict=Verdict.CONFLICT, claims=tuple(claims), used=used)
    # the brief knows what it could not look at: a model's words do not fill that in
    whole = len(supported) == len(claims) and finding.verdict is not Verdict.PARTIAL
    verdict = Verdict.ANSWERED if whole else Verdict.PARTIAL
    return finding._replace(verdict=verdict, claims=tuple(claims), used=used)


def beside(said: _Said, finding: Finding, desk: Desk) -> str:
    """Why what the model said does not answer, so that the brief's own finding stays; "" when it does."""
    supported = said.supported()
    if not supported:
        return (
            "it finds that the evidence does not answer"
            if said.insufficient
            else "nothing it said stands in the evidence"
        )
    if finding.verdict is Verdict.INSUFFICIENT and not desk.pinned and not bears(desk, supported, said.exhibits):
        return "what it said does not bear on the question"
    return ""


def _with(finding: Finding, claims: Sequence[Claim], exhibits: Sequence[Exhibit]) -> Finding:
    """A finding with claims behind its own, and the evidence of the supported ones."""
    supported = [c for c in claims if c.support is Support.SUPPORTED]
    used = {e.id: e for e in (*finding.used, *_cited(supported, exhibits))}
    return finding._replace(claims=(*finding.claims, *claims), used=tuple(used.values()))


def _cited(claims: Sequence[Claim], exhibits: Sequence[Exhibit]) -> list[Evidence]:
    ids = {cited.evidence for claim in claims for cited in claim.citations}
    return [e.evidence for e in exhibits if e.evidence.id in ids]


def judged(worded: Worded, exhibits: Sequence[Exhibit], verifier: Verifier) -> tuple[Claim, Judgement]:
    """One claim, judged against what stands under the labels it cites, and under those alone."""
    labelled = {exhibit.label: exhibit for exhibit in exhibits}
    cited = [labelled[label] for label in dict.fromkeys(worded.evidence) if label in labelled]
    text = one_line(_LABEL.sub("", worded.text), _CLAIM_CHARS)
    invented = [label for label in worded.evidence if label not in labelled]
    if invented or not cited:
        why = f"it cites {one_line(', '.join(invented), 60)}, which was not given" if invented else "it cites nothing"
        judgement = Judgement(Support.UNSUPPORTED, why)
    else:
        judgement = verifier.judge(text, cited)
    if judgement.why == UNPROVEN:
        text = f"{DESCRIPTION}: {text}"
    quotes = tuple(cite(e.evidence, one_line(e.evidence.text)) for e in cited)
    return told(Claim(text, judgement.support, quotes, judgement.why, judgement.recomputed)), judgement
