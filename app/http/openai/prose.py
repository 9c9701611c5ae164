"""An answer as prose: supported claims with markers of their citations, and a sentence on the verdict."""

from __future__ import annotations

from typing import Any, NamedTuple

from app.answer.outgoing import without_addresses
from app.words import locator_words, one_line, source_name
from retrieval.types import Answer, Citation, Claim, Support, Verdict

_NOTES = 3
_TITLE = 200
_CLAIM = 2000
_VERDICTS = {
    Verdict.ANSWERED: "",
    Verdict.PARTIAL: "This is only a part of what was asked; the evidence does not carry the rest.",
    Verdict.CONFLICT: "The sources disagree.",
    Verdict.NOT_OBSERVED: "It was looked for where it would have been recorded, and not observed.",
    Verdict.NOT_RECORDED: "The time asked about was not recorded, so this cannot be answered.",
    Verdict.INSUFFICIENT: "There is not enough evidence to answer this.",
    Verdict.REFUSED: "This question is not answered here.",
}
_EMPTY = "Nothing that could be said to this is supported by the evidence."


class Marker(NamedTuple):
    """A citation in the text: characters [start, end) of the content are "[n]"."""

    start: int
    end: int
    cited: Citation


class Prose:
    """The content of one reply, as it grows. Every piece of evidence has one number, in the order it was first cited."""

    def __init__(self) -> None:
        self.text = ""
        self.markers: list[Marker] = []
        self._numbers: dict[str, int] = {}
        self._told: list[Claim] = []

    def add(self, claim: Claim) -> str:
        """Put a claim behind what is there, if it is supported; returns what was added, "" where nothing was."""
        if claim.support is not Support.SUPPORTED or self._has(claim):
            return ""
        before = len(self.text)
        self._told.append(claim)
        words = one_line(claim.text, _CLAIM)
        full_stop = "" if words.endswith(("?", "!")) else "."
        self._write(("\n" if self.text else "") + words.removesuffix("."))
        for cited in {c.evidence: c for c in claim.citations}.values():
            self._mark(cited)
        self._write(full_stop)
        return self.text[before:]

    def close(self, answer: Answer) -> str:
        """Add what the answer holds and was not told yet, and what is to be said of it as a whole; returns what was added."""
        before = len(self.text)
        for claim in answer.claims:
            self.add(claim)
        for sentence in self._closing(answer):
            self._write(("\n" if self.text else "") + sentence)
        return self.text[before:]

    def annotations(self, own_url: str) -> list[dict[str, Any]]:
        """The markers in OpenAI's shape. `own_url` ends in "/" and is the only place linked to."""
        return [
            {
                "type": "url_citation",
                "url_citation": {
                    "start_index": marker.start,
                    "end_index": marker.end,
                    "url": f"{own_url}v1/evidence/{marker.cited.evidence}",
                    "title": title(marker.cited),
                },
            }
            for marker in self.markers
        ]

    def _closing(self, answer: Answer) -> list[str]:
        verdict = _VERDICTS[answer.verdict] if self._told or answer.verdict is not Verdict.ANSWERED else _EMPTY
        gaps = [note.text for note in answer.coverage if note.status == "gap"]
        notes = [] if answer.verdict is Verdict.ANSWERED else [sentence(note) for note in gaps[:_NOTES]]
        weaker = [sentence(f"Degraded: {why}") for why in answer.degraded[:_NOTES]]
        return [*self._withdrawn(answer), *filter(None, [verdict]), *notes, *weaker]

    def _withdrawn(self, answer: Answer) -> list[str]:
        """Claims that were told as they came and have lost their support since."""
        lost = {_key(claim): claim.why for claim in answer.claims if claim.support is not Support.SUPPORTED}
        gone = [claim for claim in self._told if _key(claim) in lost]
        return [
            f"Withdrawn: “{one_line(claim.text, _CLAIM)}” ({lost[_key(claim)] or 'unsupported'})." for claim in gone
        ]

    def _has(self, claim: Claim) -> bool:
        return any(_key(claim) == _key(told) for told in self._told)

    def _mark(self, cited: Citation) -> None:
        number = self._numbers.setdefault(cited.evidence, len(self._numbers) + 1)
        self._write(" " if not self.text.endswith("]") else "")
        start = len(self.text)
        self._write(f"[{number}]")
        self.markers.append(Marker(start, len(self.text), cited))

    def _write(self, text: str) -> None:
        self.text += text


def title(cited: Citation) -> str:
    """What a citation is: "shift log.pdf, page 3". A file's name is its sender's to choose: no address is left in it."""
    return one_line(
        without_addresses(f"{source_name(cited.source)}, {locator_words(cited.locator, cited.valid)}"), _TITLE
    )


def sentence(text: str) -> str:
    """The text on one line, with a full stop."""
    said = one_line(text, _CLAIM)
    return said if said.endswith((".", "!", "?")) else f"{said}."


def _key(claim: Claim) -> tuple[str, tuple[str, ...]]:
    return claim.text, tuple(cited.evidence for cited in claim.citations)
