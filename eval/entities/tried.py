"""Ways to find names in other spellings that were tried and left out of the linker, measured as more names in its book.

Each widens a book of names: by the singular or plural of a name's last word; by abbreviations, either way; and by misspellings: words of
six letters or more in the texts that no name holds and that are one letter off exactly one word of the names. A way belongs in the
linker when it raises F1 in both halves of both sets; none of these did.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from eval.entities.finders import Book
from eval.entities.gold import Labelled

Widened = Callable[[Book, Sequence[Labelled]], Book]
_LAST = re.compile(r"[^\W\d_]{3,}$")
_WORD = re.compile(r"[^\W\d_]+")
_LONG = 6
_ABBREVIATIONS = Path(__file__).with_name("abbreviations.txt")


def other_number(names: Book, texts: Sequence[Labelled]) -> Book:
    """Names that end in a word, in the singular and the plural."""
    return _with(names, lambda name: (_LAST.sub(other, name) for other in _numbers(_last(name))))


def abbreviated(names: Book, texts: Sequence[Labelled]) -> Book:
    """Names with any one word in its short or its long form."""
    pairs = [line.split() for line in _ABBREVIATIONS.read_text(encoding="utf-8").splitlines() if line[0] != "#"]
    other = {a: b for short, long in pairs for a, b in ((short, long), (long, short))}
    return _with(names, lambda name: _replaced(name, {word: (other[word],) for word in _words(name) if word in other}))


def misspelt(names: Book, texts: Sequence[Labelled]) -> Book:
    """Names with any one word as it is misspelt in the texts."""
    known = {word for called in names.values() for name in called for word in _words(name)}
    long = [word for word in sorted(known) if len(word) >= _LONG]
    slips: dict[str, list[str]] = {}
    for word in sorted({word for one in texts for word in _words(one.text) if len(word) >= _LONG} - known):
        meant = [right for right in long if one_off(word, right)]
        if len(meant) == 1:
            slips.setdefault(meant[0], []).append(word)
    return _with(names, lambda name: _replaced(name, {word: slips[word] for word in _words(name) if word in slips}))


WAYS: dict[str, Widened] = {"other number": other_number, "abbreviations": abbreviated, "one letter off": misspelt}


def one_off(a: str, b: str) -> bool:
    """Whether one letter inserted, left out or replaced, or two neighbours exchanged, turn one word into the other."""
    if len(a) > len(b):
        a, b = b, a
    if a == b or len(b) - len(a) > 1:
        return False
    at = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), len(a))
    if len(a) < len(b):
        return a[at:] == b[at + 1 :]
    return a[at + 1 :] == b[at + 1 :] or (a[at + 2 :] == b[at + 2 :] and a[at : at + 2] == b[at : at + 2][::-1])


def _with(names: Book, others: Callable[[str], Iterable[str]]) -> Book:
    """The book with more names; one that it holds already, under whatever kind, is not given to another."""
    taken = {name.lower() for called in names.values() for name in called}
    return {
        kind: called | {other for name in called for other in others(name.lower()) if other not in taken}
        for kind, called in names.items()
    }


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())


def _replaced(name: str, others: dict[str, Sequence[str]]) -> Iterator[str]:
    for word, forms in others.items():
        for form in forms:
            yield re.sub(rf"(?<![^\W\d_]){word}(?![^\W\d_])", form, name)


def _last(name: str) -> str:
    found = _LAST.search(name)
    return found[0] if found else ""


def _numbers(word: str) -> list[str]:
    """The singulars a word may have by its ending; else its plural."""
    singular: list[str] = []
    if word.endswith("ies"):
        singular = [word[:-3] + "y"]
    elif word.endswith(("ses", "xes", "zes", "ches", "shes")):
        singular = [word[:-2], word[:-1]]
    elif word.endswith("s") and not word.endswith(("ss", "us", "is")):
        singular = [word[:-1]]
    return [one for one in singular if len(one) > 2] or ([_plural(word)] if word else [])


def _plural(word: str) -> str:
    if word.endswith(("s", "x", "z", "ch", "sh")):
        return word + "es"
    return word[:-1] + "ies" if re.search(r"[^aeiou]y$", word) else word + "s"
