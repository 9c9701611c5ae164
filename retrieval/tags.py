"""Asset tags, error codes, part numbers, figures and times inside text, in forms that meet however they are typed.

What stands in a text (`tags`) and what somebody types (`asked`) are brought to the same forms: lower case, joined or not, a comma in
a figure as a point, hours with two digits, an accent in one character with its letter. Only what is typed is also read across a blank
between small letters and digits ("p 101 a"): in a text a blank joins capitals, figures and units alone, for "zone 12" is no tag.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from typing import NamedTuple

# a comma joins digits only: "4,2 bar", but "P-101, P-102"
_TAG = re.compile(r"[^\W_]+(?:(?:[-_./:#+]|(?<=\d),(?=\d))[^\W_]+)*")
# between digits a point or a comma is part of a figure
_JOINTS = re.compile(r"[-_/:#+]|(?<!\d)[.,]|[.,](?!\d)")
_PIECES = re.compile(r"[-_./:#+]")
_MIXED = re.compile(r"[^\W\d_]+\d|\d+[^\W\d_]")
_DIGIT = re.compile(r"\d")
_FIGURE = re.compile(r"\d+(?:[.,]\d+)+")
_GROUPED = re.compile(r"\d{1,3}(?:[.,]\d{3})+")
_TIME = re.compile(r"(\d{1,2}):(\d\d)(:\d\d)?")
_HALF = re.compile(r"\s?([ap])\.?m\b", re.IGNORECASE)
_UNIT = re.compile(r"m?bar|[kmg]?pa|psi|rpm|[kmg]?hz|[kmg]w|[km]?va|kv|ma|[mck]?m|k?g|ml|m?s|min", re.IGNORECASE)
_AMOUNT = re.compile(rf"(\d+(?:[.,]\d+)*)(?:{_UNIT.pattern})", re.IGNORECASE)
_HALF_AFTER = 5  # characters that tell it
# what is written so is one whatever follows what; of what is typed in small letters most is plain words, so that one of them at most
# stands before the digits, and a letter or a unit behind: "xv 4702", "p 101 a", "10 pt 4711 a", "42 bar", "6es7 315 2eh14"
_WRITTEN = re.compile(r"c+")
_TYPED = re.compile(r"d?[lsu]ds?|d[su]|[dw]d+")
_LONGEST = 60
_ACROSS = 4  # pieces that blanks may stand between
_CAPITALS = 4
_LETTERS = 5
_SUBTAGS = 6  # pieces of a tag whose parts are tags too
# what stands before a figure and is no part of a tag; of each language that word indexes know
_LITTLE = frozenset(
    "about after an and as at by for from in is of on or over since than the to under until was with "
    "am auf bei bis das der die ein im ist mit um und von war zu "
    "al con de del el en es la las los por un una au aux des du est et le les par pour sur une".split()
)


class _Piece(NamedTuple):
    """A word of a text between blanks, and where it ends."""

    word: str
    end: int
    joined: str  # small, without joints
    numbered: bool
    shape: str  # a letter for what it may be of a tag that blanks divide; none where it is no part of one
    apart: bool  # more than one blank lies before it


def tags(text: str) -> list[str]:
    """The forms of a text's tags, in order: pieces joined by -_./:#+ with a digit among them, or letters mixed with digits.

    A joined tag is also given without its joints, and so is each part of it that has a letter and a digit, so that "P101A" and
    "P-101A", "PT-4711" and "10-PT-4711" find each other. Figures and times have one form each.
    """
    return _forms(unicodedata.normalize("NFC", text), _written, _WRITTEN)


def asked(text: str) -> list[str]:
    """The same of what somebody types, blanks between the pieces of a tag allowed for, and figures that stand alone."""
    text = unicodedata.normalize("NFC", text)
    alone = [match.group() for match in _TAG.finditer(text) if match.group().isdigit() and len(match.group()) > 3]
    return _forms(text, _typed, _TYPED) + alone


def _forms(text: str, shape: Callable[[str], str], shapes: re.Pattern[str]) -> list[str]:
    found: dict[str, None] = {}
    pieces = list(_pieces(text, shape)) if _DIGIT.search(text) else []
    for at, piece in enumerate(pieces):
        if piece.numbered and len(piece.word) <= _LONGEST:
            found.update(dict.fromkeys(_of_word(piece.word.lower(), text[piece.end : piece.end + _HALF_AFTER])))
        if piece.shape and any(each.numbered for each in pieces[at : at + _ACROSS]):
            found.update(dict.fromkeys(_across(pieces[at : at + _ACROSS], shapes)))
    return list(found)


def _pieces(text: str, shape: Callable[[str], str]) -> Iterator[_Piece]:
    before = 0
    for match in _TAG.finditer(text):
        word, start = match.group(), match.start()
        apart = start - before != 1 or not text[before].isspace()
        before = match.end()
        yield _Piece(word, before, _joined(word.lower()), bool(_DIGIT.search(word)), shape(word), apart)


def _of_word(word: str, after: str) -> Iterator[str]:
    if clock := _TIME.fullmatch(word):
        yield from _times(clock, _HALF.match(after))
    elif _FIGURE.fullmatch(word):
        yield from _figures(word)
    else:
        amount = _AMOUNT.fullmatch(word)
        if amount and not amount[1].isdigit():
            yield from _figures(amount[1])
        joined = _joined(word)
        if _PIECES.search(word) or joined != word:
            yield from dict.fromkeys((word, joined))
            yield from _parts(_PIECES.split(word))
        elif _MIXED.search(word):
            yield word


def _figures(figure: str) -> Iterator[str]:
    """4,2 as 4.2; 1,200 also as 1200, for a comma or a point may group thousands."""
    yield figure.replace(",", ".")
    if _GROUPED.fullmatch(figure):
        yield re.sub(r"[.,]", "", figure)


def _times(clock: re.Match[str], half: re.Match[str] | None) -> Iterator[str]:
    """2:38 pm as 14:38; with seconds also without."""
    hour = int(clock[1])
    if half is not None and 1 <= hour <= 12:
        hour = hour % 12 + (12 if half[1].lower() == "p" else 0)
    yield f"{hour:02}:{clock[2]}"
    if clock[3]:
        yield f"{hour:02}:{clock[2]}{clock[3]}"


def _parts(pieces: list[str]) -> Iterator[str]:
    """Neighbouring pieces of a tag, joined: what people leave the unit's or the plant's number off of."""
    for first in range(len(pieces) if 2 < len(pieces) <= _SUBTAGS else 0):
        for end in range(first + 2, len(pieces) + 1):
            part = "".join(pieces[first:end])
            if end - first < len(pieces) and _MIXED.search(part):
                yield part


def _across(pieces: list[_Piece], shapes: re.Pattern[str]) -> Iterator[str]:
    """Pieces with one blank between them, joined, where letters and digits come together in one of the shapes."""
    joined, shape = pieces[0].joined, pieces[0].shape
    for piece in pieces[1:]:
        if piece.apart or not piece.shape:
            return
        joined, shape = joined + piece.joined, shape + piece.shape
        if len(joined) <= _LONGEST and shapes.fullmatch(shape) and _MIXED.search(joined):
            yield joined


def _written(word: str) -> str:
    """c: capitals, a unit, or whatever has a digit."""
    tag_like = _DIGIT.search(word) or (len(word) <= _CAPITALS and word.isupper()) or _UNIT.fullmatch(word)
    return "c" if tag_like else ""


def _typed(word: str) -> str:
    """d: begins with a digit; w: has one further on; s: a single letter; u: a unit; l: other letters."""
    if _DIGIT.search(word):
        return "d" if word[0].isdigit() else "w"
    if len(word) > _LETTERS or word.lower() in _LITTLE:
        return ""
    return "s" if len(word) == 1 else "u" if _UNIT.fullmatch(word) else "l"


def _joined(word: str) -> str:
    return _JOINTS.sub("", word).replace(",", ".")
