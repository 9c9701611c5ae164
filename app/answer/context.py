"""What a model is shown of the evidence: chosen, ordered, labelled E1…En, and kept within its tokens and pixels."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import msgspec

from app.answer.desk import Desk, Finding
from app.answer.passages import TELLING
from app.answer.reply import Look, Reply, schema_of
from app.answer.wording import stretch
from app.gallery import Gallery
from app.model.pictures import shrunk
from app.model.port import Capabilities, Part, Picture
from app.ports import Ask, Turn
from app.verify.port import Exhibit
from app.words import one_line, source_name
from prompts import Prompt, load
from retrieval.errors import EvidenceNotFound
from retrieval.search.collapse import same_moment
from retrieval.times import iso
from retrieval.types import Evidence, Kind, PageBox, Verdict

_ITEMS = 24
_HITS, _ENOUGH = 16, 8
_DESCRIBED = 3
_SENSED = (Kind.FRAME, Kind.ALERT)
# strategies that go to the evidence itself, by its key, thing and time
_FOUND_AT_ONCE = ("sight", "table", "figure")
_CHARS = 1200
_A_MOMENT = 3
# tags and times take more tokens than prose: measured prompts have 2.6 to 4 characters a token
_CHARS_A_TOKEN = 2.5
# Qwen2-VL's image processor: one token for 28 × 28 pixels
_PATCH = 28
# models with a fixed cost a picture take that much for a small one too (InternVL: 256)
_PICTURE_TOKENS = 256
# what is shown first matters most and gets the most pixels
_SIDES = (1024, 768, 768, 512)
_SMALLEST = 336
_MARGIN = 64
_BEFORE, _BEFORE_CHARS = 4, 300
# what cannot be seen may stand between the letters of a delimiter, and a reader still takes it for one
_GAP = r"[\s\u00ad\u200b-\u200f\u2060-\u2064\ufeff]*"
_TAGS = "|".join("".join(_GAP + letter for letter in tag) for tag in ("evidence", "earlier"))
_DELIMITER = re.compile(rf"<(?={_GAP}/?(?:{_TAGS}))", re.I)


class Prompts(NamedTuple):
    """The texts around what is shown, as versioned files; `look` is the one of a second look."""

    rules: Prompt
    evidence: Prompt
    item: Prompt
    picture: Prompt
    asked: Prompt
    question: Prompt
    look: Prompt

    @property
    def ids(self) -> tuple[str, ...]:
        """Of all but the second look, which not every answer gets."""
        return tuple(prompt.id for prompt in self[:-1])


def prompts_in_force() -> Prompts:
    """The versions that answers are made with now."""
    versions = {
        "answer-rules": 2,
        "answer-evidence": 1,
        "answer-item": 1,
        "answer-picture": 1,
        "answer-asked": 1,
        "answer-question": 2,
        "look": 1,
    }
    return Prompts(*(load(name, version) for name, version in versions.items()))


class Context(NamedTuple):
    """What is shown: exhibits in order, pictures with the labels they belong to, and the question's own pictures."""

    exhibits: tuple[Exhibit, ...]
    pictures: tuple[tuple[str, Picture], ...] = ()
    asked: tuple[Picture, ...] = ()


class Showing:
    """Lays out evidence for a model that can do so much and no more."""

    def __init__(self, gallery: Gallery, prompts: Prompts, max_images: int, reply_tokens: int) -> None:
        self._gallery, self.prompts = gallery, prompts
        self._max_images, self._reply_tokens = max_images, reply_tokens

    def lay_out(self, ask: Ask, desk: Desk, finding: Finding, able: Capabilities) -> Context:
        """Exhibits and pictures within the model's context, after room for the rules, the question and its reply."""
        images = max(0, min(self._max_images, able.images))
        asked = tuple(Picture(shrunk(data, _SIDES[-1]), "image/jpeg") for data in ask.pictures[:images])
        if len(asked) < len(ask.pictures):
            unseen = len(ask.pictures) - len(asked)
            desk.degraded.append(f"model: it was not shown {unseen} of the question's pictures; they were searched by")
        room = able.context - self._reply_tokens - _MARGIN - _tokens(self._rules() + self._question(ask, desk))
        room -= len(asked) * _picture_tokens(_SIDES[-1])
        ranked = _thinned(self._ranked(desk, finding))
        share = 0.6 if images and any(_pictured(e) for e in ranked) else 1.0
        chosen, spent = _within(ranked, finding, desk, int(room * share))
        # the same evidence in the same order makes the same prompt: a server that caches prefixes answers sooner
        ordered = sorted(chosen, key=lambda e: (e.valid is None, e.valid.t0 if e.valid else 0, e.source, e.id))
        exhibits = tuple(Exhibit(f"E{n}", e, told(e, finding, desk)) for n, e in enumerate(ordered, 1))
        pictures = self._pictures(desk, exhibits, [e.id for e in ranked], images - len(asked), room - spent)
        return Context(exhibits, pictures, asked)

    def parts(self, ask: Ask, desk: Desk, context: Context) -> list[Part]:
        """The message: what is always the same first, what changes with each question last."""
        shown = "".join(self.prompts.item.render(label=e.label, text=e.text) for e in context.exhibits)
        parts: list[Part] = [self._rules(), self.prompts.evidence.render(evidence=shown)]
        for label, picture in context.pictures:
            parts += [self.prompts.picture.render(label=label).rstrip(), picture]
        for picture in context.asked:
            parts += [self.prompts.asked.render().rstrip(), picture]
        return [*parts, self._question(ask, desk)]

    def look(self, claim: str, frame: Evidence) -> list[Part]:
        """A narrow question about one frame. Raises EvidenceNotFound, OSError where its picture cannot be read."""
        schema = schema_text(Look)
        picture = Picture(self._gallery.small(frame, _SIDES[0]), "image/jpeg")
        return [self.prompts.look.render(claim=claim, schema=schema), picture]

    def _rules(self) -> str:
        return self.prompts.rules.render(schema=schema_text(Reply))

    def _question(self, ask: Ask, desk: Desk) -> str:
        return self.prompts.question.render(
            before=_before(ask.before), asked_at=iso(ask.asked_at), zone=str(desk.tools.zone), question=ask.question
        )

    def _ranked(self, desk: Desk, finding: Finding) -> list[Evidence]:
        """What was pointed at, what the brief relied on, then what search finds beside it; last, frames that a description led to."""
        found = [h.evidence for h in desk.hits] if len(desk.hits) >= _ENOUGH else self._beside(desk, finding)
        proving = list({e.id: e for e in (*desk.pinned, *finding.used, *found)}.values())
        led_to = [e for e in self._led_to(desk) if e.id not in {p.id for p in proving}]
        return [*proving[: _ITEMS - len(led_to)], *led_to]

    @staticmethod
    def _led_to(desk: Desk) -> list[Evidence]:
        """The best of the descriptions that were found, each behind the frame it describes: what it says is to be seen there."""
        best = desk.descriptions()[:_DESCRIBED]
        if not best:
            return []
        frames = desk.tools.catalog.get([str(e.data.get("frame")) for e in best], desk.principal, desk.as_of)
        return [each for e in best for each in (frames.get(str(e.data.get("frame"))), e) if each is not None]

    @staticmethod
    def _beside(desk: Desk, finding: Finding) -> list[Evidence]:
        """What else may bear on the question. A search is the dearest part of a prompt: where rows, samples or frames answer, the
        same words and what was recorded there and then are looked up, not all that is like it. An event has been searched for
        from every side by then."""
        event = desk.strategy == "event"
        if event and len(met := desk.met()) >= _ENOUGH:
            return met[:_HITS]
        if not event and (finding.verdict is not Verdict.ANSWERED or desk.strategy not in _FOUND_AT_ONCE):
            hits = desk.search(desk.question.text, _HITS, kinds=(*TELLING, Kind.FRAME, Kind.WINDOW))
            return [hit.evidence for hit in hits]
        then = next((e.valid for e in finding.used if e.valid), None)
        worded = desk.glance(_ENOUGH, "words", kinds=TELLING)
        beside = desk.glance(_ENOUGH, "time_place", kinds=_SENSED, window=then) if then else []
        return [hit.evidence for hit in (*worded, *beside)]

    def _pictures(
        self, desk: Desk, exhibits: Sequence[Exhibit], ranked: Sequence[str], slots: int, room: int
    ) -> tuple[tuple[str, Picture], ...]:
        """Frames, then charts of windows, the most important first, each as large as is left room for; shown in order of labels."""
        seen = [
            e
            for kind in (Kind.FRAME, Kind.WINDOW)
            for e in exhibits
            if e.evidence.kind is kind and _pictured(e.evidence)
        ]
        seen.sort(key=lambda e: (e.evidence.kind is not Kind.FRAME, ranked.index(e.evidence.id)))
        taken: list[tuple[str, Picture]] = []
        for exhibit in seen:
            side = _side(len(taken), room)
            if len(taken) >= slots or side is None:
                break
            picture = self._picture(desk, exhibit, side)
            if picture:
                taken.append((exhibit.label, picture))
                room -= _picture_tokens(side)
        return tuple(sorted(taken, key=lambda one: int(one[0][1:])))

    def _picture(self, desk: Desk, exhibit: Exhibit, side: int) -> Picture | None:
        """One picture; one that is gone or damaged is said so and leaves the others."""
        evidence = exhibit.evidence
        try:
            if evidence.kind is Kind.FRAME:
                return Picture(self._gallery.small(evidence, side), "image/jpeg")
            return Picture(self._gallery.chart(evidence).read_bytes(), "image/png")
        except (EvidenceNotFound, OSError) as error:
            desk.degraded.append(f"picture of {evidence.id}: not readable ({type(error).__name__})")
            return None


def told(evidence: Evidence, finding: Finding, desk: Desk) -> str:
    """What stands under a label: where and when, the text, and what the brief computed from its samples or frames."""
    when = stretch(evidence.valid, desk.tools.zone) if evidence.valid else "time unknown"
    page = f", page {evidence.locator.page}" if isinstance(evidence.locator, PageBox) else ""
    lines = [f"{evidence.kind.value} of {source_name(evidence.source)}{page}; {when}", evidence.text[:_CHARS]]
    if evidence.kind in (Kind.WINDOW, Kind.FRAME):
        own = [c.text for c in finding.claims if any(cited.evidence == evidence.id for cited in c.citations)]
        lines += [f"Computed: {text}" for text in own]
    # evidence must not close its own quotation
    return _DELIMITER.sub("‹", "\n".join(lines))


@lru_cache(maxsize=8)
def schema_text(kind: type[Reply] | type[Look]) -> str:
    """A reply's schema as the text a prompt shows."""
    return msgspec.json.encode(schema_of(kind)).decode()


def _within(ranked: Sequence[Evidence], finding: Finding, desk: Desk, room: int) -> tuple[list[Evidence], int]:
    """The evidence whose words fit, best first, and the tokens they take."""
    chosen, spent = [], 0
    for evidence in ranked:
        cost = _tokens(told(evidence, finding, desk)) + 12
        if spent + cost <= room:
            chosen.append(evidence)
            spent += cost
    return chosen, spent


def _thinned(ranked: Sequence[Evidence]) -> list[Evidence]:
    """At most three frames of one moment."""
    kept: list[Evidence] = []
    for evidence in ranked:
        frames = [k for k in kept if k.kind is Kind.FRAME and k.source == evidence.source]
        if evidence.kind is Kind.FRAME and sum(same_moment(evidence, k) for k in frames) >= _A_MOMENT:
            continue
        kept.append(evidence)
    return kept


def _pictured(evidence: Evidence) -> bool:
    return evidence.kind in (Kind.FRAME, Kind.WINDOW) and evidence.media is not None


def _side(shown: int, room: int) -> int | None:
    """The longer side, in pixels, of the next picture; None where no useful one fits."""
    first = _SIDES[min(shown, len(_SIDES) - 1)]
    return next((side for side in (first, *_SIDES, _SMALLEST) if side <= first and _picture_tokens(side) <= room), None)


def _picture_tokens(side: int) -> int:
    """So many tokens, about, for a picture with this longer side."""
    return max(_PICTURE_TOKENS, math.ceil(side / _PATCH) ** 2)


def _tokens(text: str) -> int:
    return math.ceil(len(text) / _CHARS_A_TOKEN)


def _before(turns: Sequence[Turn]) -> str:
    """The last turns in short. Their replies hold words of evidence: data, which must not close its own quotation either."""
    lines = [
        f"- {one_line(t.resolved or t.question, _BEFORE_CHARS)}\n  {one_line(t.reply, _BEFORE_CHARS)}"
        for t in turns[-_BEFORE:]
    ]
    return _DELIMITER.sub("‹", "\n".join(lines)) or "nothing"
