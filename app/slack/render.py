"""An answer as Block Kit. Text of evidence and of people is data: it can neither mention anybody nor make a link."""

from __future__ import annotations

import html
import re
from typing import Any

from app.answer.outgoing import without_addresses
from app.words import locator_words, one_line, short_id, source_name
from retrieval.types import Answer, Citation, Claim, Support, Verdict

MOST_BLOCKS = 50
_SECTION = 2900  # a section's text may have 3000 characters, and escaping has been done by then
_CONTEXT = 900
_MOST_CLAIMS = 12
_MOST_CITED = 8  # a context block takes ten elements
_MENTION = re.compile(r"<[@#!][^>]*>")
_LINK = re.compile(r"<(?:[^|>]*\|)?([^>]*)>")
_SCHEME = re.compile(r"(?i)\b([a-z][a-z0-9+.-]*):(?=/|\w+@)")
_WORDS = {
    Verdict.ANSWERED: "Answered",
    Verdict.PARTIAL: "Partly answered",
    Verdict.CONFLICT: "Sources disagree",
    Verdict.NOT_OBSERVED: "Looked at, not observed",
    Verdict.NOT_RECORDED: "Not recorded",
    Verdict.INSUFFICIENT: "Not enough evidence",
    Verdict.REFUSED: "Refused",
}


def question_of(text: str) -> str:
    """What was asked: mentions taken out, links reduced to their words, Slack's three escapes undone."""
    said = _LINK.sub(r"\1", _MENTION.sub(" ", text))
    return " ".join(html.unescape(said).split())


def escape(text: str) -> str:
    """Text → mrkdwn that says just that: &, < and > escaped (so no <!channel>, no <url|name>), addresses broken.

    A zero-width space after the scheme keeps clients from making links of addresses that stand in evidence.
    """
    broken = _SCHEME.sub("\\1:\u200b", text)
    return broken.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def message(answer: Answer, own_url: str) -> dict[str, Any]:
    """Fields of chat.postMessage: `text` for notifications, and `blocks`. `own_url` is the only host ever linked to."""
    claims = [claim for claim in answer.claims if claim.support is not Support.UNSUPPORTED]
    blocks = [_section(f"*{_WORDS[answer.verdict]}*")]
    for claim in claims[:_MOST_CLAIMS]:
        blocks += _claim_blocks(claim, own_url)
    gaps = [note.text for note in answer.coverage if note.status == "gap"]
    notes = [*(f"gap: {text}" for text in gaps[:4]), *(f"note: {text}" for text in answer.degraded[:4])]
    if answer.resolved:
        notes.insert(0, f"understood as: {answer.resolved}")
    if len(claims) < len(answer.claims):
        notes.append(f"{len(answer.claims) - len(claims)} statements that do not stand in the evidence are left out")
    if len(claims) > _MOST_CLAIMS:
        notes.append(f"{len(claims) - _MOST_CLAIMS} further claims are left out here")
    notes.append(f"answer {answer.id}, sequence {answer.sequence}")
    blocks.append(_context([escape(one_line(note, _CONTEXT // 2)) for note in notes[:10]]))
    stated = [claim.text for claim in claims if claim.support is Support.SUPPORTED]
    first = f": {stated[0]}" if stated else ""
    return {"text": escape(one_line(f"{_WORDS[answer.verdict]}{first}", 300)), "blocks": blocks[:MOST_BLOCKS]}


def failure(text: str) -> dict[str, Any]:
    """The same for a failure, in one line."""
    said = escape(one_line(text, 300))
    return {"text": said, "blocks": [_section(said)]}


def _claim_blocks(claim: Claim, own_url: str) -> list[dict[str, Any]]:
    flag = "" if claim.support is Support.SUPPORTED else f" ({claim.support.value})"
    blocks = [_section(escape(one_line(claim.text + flag, _SECTION // 3)))]
    if claim.citations:
        blocks.append(_context([_citation(cited, own_url) for cited in claim.citations[:_MOST_CITED]]))
    return blocks


def _citation(cited: Citation, own_url: str) -> str:
    # a file's name is its sender's to choose
    where = without_addresses(f"{source_name(cited.source)}, {locator_words(cited.locator, cited.valid)}")
    link = f"<{own_url}/#{cited.evidence}|{short_id(cited.evidence)}>" if _plain(cited.evidence) else ""
    quote = f": “{one_line(cited.quote, 160)}”" if cited.quote else ""
    return f"{link} {escape(one_line(where, 200) + quote)}".strip()


def _plain(evidence_id: str) -> bool:
    return re.fullmatch(r"[A-Za-z0-9_-]+", evidence_id) is not None


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text[:3000], "verbatim": True}}


def _context(lines: list[str]) -> dict[str, Any]:
    return {
        "type": "context",
        "elements": [{"type": "mrkdwn", "text": line[:2000], "verbatim": True} for line in lines],
    }
