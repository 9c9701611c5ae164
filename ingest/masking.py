"""Personal data in text, masked before anything is stored: addresses, numbers of people, cards and accounts by their patterns.

A number counts as a telephone's only with an international prefix, an area code in brackets, or a word for it before it; cards,
accounts and Spanish identity numbers only where their check digits agree: figures of a plant (readings, times, tags) must stay. Names
of people have no pattern and are not masked by these.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Protocol

import msgspec

from ingest.ports import Batch, Draft, Item, Reader
from retrieval.types import CharSpan, Entity, Locator, RowKey

_NIF_LETTERS = "TRWAGMYFPDXBNJZSQVHLCKE"
_NIE_FIRST = {"X": "0", "Y": "1", "Z": "2"}


class Masked(NamedTuple):
    """A text without its personal data, and how many of each kind were masked."""

    text: str
    counts: dict[str, int]


class Masker(Protocol):
    """Masks personal data: each piece becomes [kind]. `name` changes whenever its output for the same text would."""

    name: str

    def mask(self, text: str) -> Masked: ...


class Pattern(NamedTuple):
    """One kind: the group `it` of `shape` is masked where `agrees` says so."""

    kind: str
    shape: re.Pattern[str]
    agrees: Callable[[str], bool]


def luhn(text: str) -> bool:
    """Whether the check digit of a card's number agrees (ISO/IEC 7812-1, annex B)."""
    digits = [int(sign) for sign in reversed(text) if sign.isdigit()]
    doubled = sum(sum(divmod(2 * digit, 10)) for digit in digits[1::2])
    return (sum(digits[::2]) + doubled) % 10 == 0 and len(set(digits)) > 1


def iban(text: str) -> bool:
    """Whether the check digits of an account's number agree (ISO 13616: 97 divides the rearranged number but for 1)."""
    plain = re.sub(r"\s", "", text).upper()
    return int("".join(str(int(sign, 36)) for sign in plain[4:] + plain[:4])) % 97 == 1


def nif(text: str) -> bool:
    """Whether the letter of a Spanish identity number agrees (number modulo 23)."""
    plain = text.upper().replace("-", "").replace(" ", "")
    digits = _NIE_FIRST.get(plain[0], plain[0]) + plain[1:-1]
    return plain[-1] == _NIF_LETTERS[int(digits) % 23]


def telephone(text: str) -> bool:
    """Between 7 and 15 digits (ITU-T E.164)."""
    return 7 <= sum(sign.isdigit() for sign in text) <= 15


# between two digits stand at most two signs, so that a run of digits can be split in one way only
_NUMBER = r"\(?\d(?:[ .\-/()]{0,2}\d){6,14}"
# a number ends where no more of a word, a decimal or a time follows
_END = r"(?![\w]|[.,:]\d)"
_TELEPHONE = r"\b(?:tel|telephone|phone|mobile|mob|cell|fax|(?:call|dial|ring)(?= (?:at|on|no|number)\b)|tel[eé]fono|m[oó]vil|handy)\b"
_BETWEEN = r"(?:[ .:]|\bno\b|\bnumber\b|\bat\b|\bon\b){1,6}"
_SSN = r"(?<![\w-])(?:SSN|social security)\W{0,3}(?:no\.?|number)?\W{0,3}(?P<it>\d{3}-?\d{2}-?\d{4})(?![\w-])"
PATTERNS = tuple(
    Pattern(kind, re.compile(shape, flags), agrees)
    for kind, shape, flags, agrees in (
        ("email", r"(?P<it>[\w.+%-]{1,64}@(?:[\w-]{1,63}\.){1,8}[A-Za-z]{2,24})(?![\w@])", 0, bool),
        ("account", r"(?<!\w)(?P<it>[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?)(?!\w)", 0, iban),
        ("card", r"(?<![\w.,-])(?P<it>\d(?:[ -]?\d){12,18})(?![\w-]|[.,]\d)", 0, luhn),
        ("id", r"(?<![\w-])(?P<it>(?:\d{8}|[XYZ]-?\d{7})-?[A-Z])(?![\w-])", 0, nif),
        ("id", _SSN, re.I, bool),
        ("phone", rf"(?<![\w+])(?P<it>(?:\+|00)[1-9]\d{{0,2}}[ .\-/]?{_NUMBER}){_END}", 0, telephone),
        ("phone", rf"(?<![\w(])(?P<it>\(\d{{3}}\) ?\d{{3}}[ .-]?\d{{4}}){_END}", 0, telephone),
        ("phone", rf"{_TELEPHONE}{_BETWEEN}(?P<it>{_NUMBER}){_END}", re.I, telephone),
    )
)


class PatternMasker:
    """The Masker by the patterns above, in their order."""

    name = "patterns 2"

    def mask(self, text: str) -> Masked:
        counts: dict[str, int] = {}
        for pattern in PATTERNS:
            text = pattern.shape.sub(lambda found, p=pattern: _replaced(found, p, counts), text)  # type: ignore[misc]
        return Masked(text, counts)


def _replaced(found: re.Match[str], pattern: Pattern, counts: dict[str, int]) -> str:
    if not pattern.agrees(found["it"]):
        return found[0]
    counts[pattern.kind] = counts.get(pattern.kind, 0) + 1
    start, end = found.start("it") - found.start(), found.end("it") - found.start()
    return f"{found[0][:start]}[{pattern.kind}]{found[0][end:]}"


class MaskingReader:
    """A Reader whose text is masked before anybody else gets it."""

    def __init__(self, reader: Reader, masker: Masker) -> None:
        self._reader, self._masked = reader, BatchMask(masker)
        self.name = reader.name
        self.version = f"{reader.version}; masked by {masker.name}"

    def accepts(self, item: Item) -> bool:
        return self._reader.accepts(item)

    def read(self, item: Item, tenant: str) -> Iterator[Batch]:
        """Raises what the reader raises."""
        return map(self._masked, self._reader.read(item, tenant))


class BatchMask:
    """Masks what is about to be kept: what is said, the words and fields under it, keys and headings, and the names of what it
    declares. Pictures and sound are as they were."""

    def __init__(self, masker: Masker) -> None:
        self._masker = masker
        self.name = masker.name

    def text(self, text: str) -> str:
        """One text, masked."""
        return self._masker.mask(text).text

    def __call__(self, batch: Batch) -> Batch:
        drafts = [self._draft(draft) for draft in batch.drafts]
        return batch._replace(drafts=drafts, entities=[self._entity(each) for each in batch.entities])

    def _draft(self, draft: Draft) -> Draft:
        text, counts = self._masker.mask(draft.text)
        told = ", ".join(f"{kind} ×{count}" for kind, count in sorted(counts.items()))
        return draft._replace(
            text=text,
            embed=None if draft.embed is None else self.text(draft.embed),
            data=self._deep(draft.data),
            locator=self._place(draft.locator),
            models=draft.models | {"masked": self._masker.name},
            notes=(*draft.notes, f"masked: {told}") if told else draft.notes,
        )

    def _entity(self, entity: Entity) -> Entity:
        names = tuple(self.text(alias) for alias in entity.aliases)
        facts = self._deep(entity.facts)
        return msgspec.structs.replace(entity, name=self.text(entity.name), aliases=names, facts=facts)

    def _place(self, locator: Locator) -> Locator:
        if isinstance(locator, RowKey):
            return msgspec.structs.replace(locator, key=self.text(locator.key))
        if isinstance(locator, CharSpan):
            return msgspec.structs.replace(locator, heading=self.text(locator.heading))
        return locator

    def _deep(self, value: Any) -> Any:
        """The same with every text in it masked."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {key: self._deep(each) for key, each in value.items()}
        if isinstance(value, list | tuple):
            return [self._deep(each) for each in value]
        return value
