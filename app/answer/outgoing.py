"""What leaves in an answer: no address but our own links to evidence. A reader who wants the one in a document opens the document.

Text of documents is not trusted: an address in it may carry away what stands beside it once somebody, or a program that shows previews,
opens it (PromptArmor on Slack AI, August 2024; CVE-2025-32711). So addresses are taken out of every claim, quote, heading, note and
timeline line, whether they stand in the evidence or not. They are looked for in a text as it stands, and as a screen would read it: with
HTML's entities, Markdown's backslashes and percent signs undone. The name of a host alone ("mybinder.org") is a name and stays; a
name in punycode, which nobody reads, does not.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple, TypeVar
from urllib.parse import unquote

import msgspec

from retrieval.types import Answer, CharSpan, Citation, Claim, CoverageNote, Locator, RowKey, SeriesWindow

T = TypeVar("T", bound=msgspec.Struct)

REMOVED = "[address removed]"
_REST = r"[^\s<>\"”]*"
_HOST = r"(?<![\w@./-])(?:[\w.+-]+@)?(?:[\w-]+\.)+"
_OTHER = r"[a-z][a-z0-9+.-]{1,31}:(?=[^\s<>\"”])"
_ADDRESS = re.compile(
    # browsers need no slashes behind the schemes they know, and take backslashes for slashes (WHATWG URL, 4.4)
    rf"[a-z][a-z0-9+.-]{{1,15}}:[/\\]{{2}}{_REST}|\b(?:https?|ftp|wss?):(?=\S){_REST}"
    rf"|(?<![\w/\\])[/\\]{{2,}}(?=[\w\[]){_REST}"
    rf"|\bwww\d*\.(?=\w){_REST}"
    rf"|\b(?:mailto|javascript|vbscript|blob|filesystem|view-source):(?=\S){_REST}|\bdata:(?:[a-z]+/|[;,](?=\S)){_REST}"
    rf"|\b(?:\d{{1,3}}\.){{3}}\d{{1,3}}(?::\d+)?/(?!\d{{1,2}}(?![\w./])){_REST}"
    rf"|{_HOST}[^\W\d_]{{2,}}(?::\d+)?[/?#]{_REST}|(?<![\w-])xn--[\w.-]+"
    # where a screen expects an address, whatever its scheme
    rf"|(?:(?<=\]\()|(?<=\]\(<)|(?<=\]: )|(?<=\]:)|(?<=<)|(?<=href=)|(?<=href=[\"'])|(?<=src=)|(?<=src=[\"'])){_OTHER}{_REST}"
    r"|<[\w.+-]+@[\w.-]+>",
    re.I,
)
# one thing on the screen: an entity, an escaped byte or sign, or a character
_SIGN = re.compile(r"&#?\w{1,31};|%[0-9a-f]{2}|\\(?=[!-/:-@\[-`{-~])|.", re.I | re.S)
_UNSEEN = "\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff"
_INVISIBLE = re.compile(f"[{_UNSEEN}]")
# what reads otherwise than it stands, beside what Unicode says is another way to write a sign
_WRITTEN_OTHERWISE = re.compile(rf"[&%\\。{_UNSEEN}]")
_LIES = re.compile(r"file:///(?![/\\])[^\s#]*")
_STOPS = str.maketrans("。", ".")


class _Span(NamedTuple):
    start: int
    end: int


# a claim leaves twice: when it is found, and in the answer
@lru_cache(maxsize=2048)
def without_addresses(text: str) -> str:
    """The text with every address replaced by words that say so; the punctuation behind it stays."""
    while spans := _merged([*_as_it_stands(text), *_as_read(text)]):
        pieces, at = [], 0
        for span in spans:
            pieces += [text[at : span.start], _removed(text[span.start : span.end])]
            at = span.end
        text = "".join(pieces) + text[at:]
    return text


def _as_it_stands(text: str) -> Iterator[_Span]:
    return (_Span(*match.span()) for match in _ADDRESS.finditer(text))


def _as_read(text: str) -> Iterator[_Span]:
    """The addresses that only show once the text is read; nothing where it reads as it stands."""
    if not _WRITTEN_OTHERWISE.search(text) and unicodedata.is_normalized("NFKC", text):
        return
    signs = [(_shown(match[0]), _Span(*match.span())) for match in _SIGN.finditer(text)]
    places = [span for shown, span in signs for _ in shown]
    for match in _ADDRESS.finditer("".join(shown for shown, _ in signs)):
        yield _Span(places[match.start()].start, places[match.end() - 1].end)


def _shown(sign: str) -> str:
    if sign == "\\" or _INVISIBLE.fullmatch(sign):
        return ""
    if sign[0] == "&" and len(sign) > 1:
        return html.unescape(sign)
    return unquote(sign) if sign[0] == "%" and len(sign) > 1 else unicodedata.normalize("NFKC", sign).translate(_STOPS)


def _merged(spans: list[_Span]) -> list[_Span]:
    merged: list[_Span] = []
    for span in sorted(spans):
        if merged and span.start < merged[-1].end:
            merged[-1] = _Span(merged[-1].start, max(span.end, merged[-1].end))
        else:
            merged.append(span)
    return merged


def _removed(found: str) -> str:
    kept = len(found) - len(found.rstrip(".,;:!?)]}'*_|"))
    return REMOVED + (found[-kept:] if kept else "")


def told(claim: Claim) -> Claim:
    """A claim as it may leave."""
    return msgspec.structs.replace(
        claim,
        text=without_addresses(claim.text),
        citations=tuple(_cited(citation) for citation in claim.citations),
        why=without_addresses(claim.why),
        recomputed=tuple(map(without_addresses, claim.recomputed)),
    )


def _cited(citation: Citation) -> Citation:
    quote, locator = without_addresses(citation.quote), _located(citation.locator)
    return msgspec.structs.replace(citation, quote=quote, locator=locator)


def _located(locator: Locator) -> Locator:
    """Headings, keys and names of columns are words of documents too."""
    if isinstance(locator, CharSpan):
        return _cleaned(locator, "heading")
    if isinstance(locator, RowKey):
        return _cleaned(locator, "table", "key")
    return _cleaned(locator, "series") if isinstance(locator, SeriesWindow) else locator


def _noted(note: CoverageNote) -> CoverageNote:
    """A subject that is no entity says where the source lies, as a citation does; the column behind it is the document's word."""
    lies = _LIES.match(note.subject)
    kept = lies[0] if lies else ""
    subject = kept + without_addresses(note.subject[len(kept) :])
    return msgspec.structs.replace(note, subject=subject, text=without_addresses(note.text))


def _cleaned(value: T, *fields: str) -> T:
    return msgspec.structs.replace(value, **{name: without_addresses(getattr(value, name)) for name in fields})


def sealed(answer: Answer) -> Answer:
    """An answer as it may leave: claims with what they cite, timeline, coverage, what was degraded, how the question was understood."""
    return msgspec.structs.replace(
        answer,
        claims=tuple(told(claim) for claim in answer.claims),
        timeline=tuple(_cleaned(entry, "text") for entry in answer.timeline),
        coverage=tuple(map(_noted, answer.coverage)),
        degraded=tuple(map(without_addresses, answer.degraded)),
        resolved=without_addresses(answer.resolved),
    )
