"""Words that tell a text from others, and the forms in which bytes on disk may have them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from retrieval.tags import tags

_LEAST_BYTES = 8
_PHRASE = 5
# accents that stand behind their letter, as decomposed text has them: they end no word
_MARKS = "\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
_WORD = re.compile(rf"\w[\w{_MARKS}.:/-]*[\w{_MARKS}]")
# what a word must have to be told from others by its look: a digit or a capital within
_TELLING = re.compile(r"\d|\B[A-Z]")
# as files are written (the two composed and decomposed) and as what reads compatibility letters, like ligatures, writes them
_FORMS = ("NFC", "NFD", "NFKC")


def distinctive(text: str) -> Iterator[str]:
    """Names and numbers: words with a digit or a capital where no sentence begins; then every few words as they stand, which nobody
    else writes by chance."""
    words = list(_WORD.finditer(text))
    for match in words:
        before = text[: match.start()].rstrip(" ")[-1:]
        capital = match[0][0].isupper() and before not in ("", "\n", *".!?:#")
        if (capital or _TELLING.search(match[0])) and len(match[0].encode(errors="ignore")) >= _LEAST_BYTES:
            yield match[0]
    for first, last in zip(words[::_PHRASE], words[_PHRASE - 1 :: _PHRASE], strict=False):
        yield text[first.start() : last.end()]
    if len(words) < _PHRASE:
        yield text.strip()


def stored(text: str) -> list[str]:
    """As bytes on disk may have it: as it stands, and in each of the normal forms that differ (Unicode Standard Annex 15)."""
    if text.isascii():
        return [text]
    return list(dict.fromkeys([text, *(unicodedata.normalize(form, text) for form in _FORMS)]))  # type: ignore[arg-type]


def folded(text: str) -> list[str]:
    """As an index may have its words: small, without accents, and tags in their own forms (retrieval/tags.py)."""
    small = unicodedata.normalize("NFC", text).lower()
    bare = small if small.isascii() else unicodedata.normalize("NFD", small).encode("ascii", "ignore").decode()
    return list(dict.fromkeys([small, bare, "\n".join(tags(text))]))
