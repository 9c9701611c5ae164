"""How a text becomes terms: words by their stems, one field a language, tags whole in a field of their own (retrieval/tags.py).

Letters lose their accents after stemming (the stemmers know accents), so that "Kuhler" finds "Kühler". The plain field holds words of
letters as they are written: what is asked for and occurs nowhere is looked for there, by its beginning or its likeness. A letter and
its accent are one character (NFC) on both sides: apart, as some files have them, the accent would end the word.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

import tantivy

from retrieval.errors import BadSettings
from retrieval.projecting import Times

# written beside every index: one that was made by another analysis is thrown away and made anew
ANALYSIS = 4
DEFAULT = ("english",)
_LONGEST = 60
_WORD = r"[\p{L}\p{N}]+"
# the same as Python says it
_SPELT = re.compile(r"[^\W_]+")
RAW = ("id", "kind", "source", "entity", "audience")
# question words that the languages' own lists of stop words leave in, without accents
_ASKING: Mapping[str, frozenset[str]] = {
    "english": frozenset(
        "what when where which who whom whose why how did does do was were has have had been any".split()
    ),
    "french": frozenset("combien comment ou pourquoi quand que quel quelle quelles quels qui quoi".split()),
    "german": frozenset("wann warum was welche welchem welchen welcher welches wem wen wer wie wieso wo wurde".split()),
    "spanish": frozenset("como cual cuales cuando cuanta cuantas cuanto cuantos donde por que quien quienes".split()),
}
LANGUAGES = tuple(_ASKING)


def body(language: str) -> str:
    """The name of a language's field."""
    return f"body_{language}"


def checked(languages: Sequence[str]) -> tuple[str, ...]:
    """The languages without repetition. Raises BadSettings for none and for one that has no stems here."""
    unknown = [language for language in languages if language not in LANGUAGES]
    if unknown or not languages:
        said = f"no stems for {', '.join(unknown)}" if unknown else "no language is given"
        raise BadSettings(f"words: {said}; there are {', '.join(LANGUAGES)}")
    return tuple(dict.fromkeys(languages))


def schema(languages: Sequence[str]) -> Any:
    """The fields of a tenant's index."""
    builder = tantivy.SchemaBuilder()
    builder.add_integer_field("row", indexed=True, fast=True)
    for language in languages:
        builder.add_text_field(body(language), tokenizer_name=language, index_option="freq")
    builder.add_text_field("plain", tokenizer_name="plain", index_option="basic")
    builder.add_text_field("tag", tokenizer_name="raw", index_option="freq")
    for name in RAW:
        builder.add_text_field(name, tokenizer_name="raw", index_option="basic")
    # columns alone: ranges are read from those, and each dictionary of terms more makes every commit dearer
    for name in (*Times._fields, "digest", "open"):
        builder.add_integer_field(name, indexed=False, fast=True)
    return builder.build()


def composed(text: str) -> str:
    """Every letter in one piece with its accents, where there is such a character."""
    return unicodedata.normalize("NFC", text)


class Analysis:
    """The analysers of a tenant's languages."""

    def __init__(self, languages: Sequence[str]) -> None:
        self.languages = tuple(languages)
        self.schema = schema(languages)
        self._stems = {language: _stems(language) for language in languages}
        self._plain, self._letters, self._asking = _plain(), _letters(), _asking(languages)

    def register(self, index: Any) -> None:
        """Make the analysers known to an opened index."""
        index.register_tokenizer("plain", self._letters)
        for language, analyzer in self._stems.items():
            index.register_tokenizer(language, analyzer)

    def words(self, text: str) -> list[str]:
        """The words of a question as they are written, once each, question words left out."""
        return [word for word in dict.fromkeys(_SPELT.findall(text)) if _bare(word) not in self._asking]

    def plain(self, word: str) -> str:
        """One word as the plain field has it: small, without accents."""
        found: list[str] = self._plain.analyze(word)
        return found[0] if found else ""

    def stems(self, word: str) -> dict[str, str]:
        """Language → the word's term in that language's field; a language whose stop word it is has none."""
        return {language: terms[0] for language, analyzer in self._stems.items() if (terms := analyzer.analyze(word))}


def _bare(word: str) -> str:
    """Small, without accents, quickly for what has none."""
    small = word.lower()
    return small if small.isascii() else unicodedata.normalize("NFD", small).encode("ascii", "ignore").decode()


def _built(pattern: str, *filters: Any) -> Any:
    words = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.regex(pattern))
    for each in (tantivy.Filter.remove_long(_LONGEST), tantivy.Filter.lowercase(), *filters):
        words = words.filter(each)
    return words.build()


def _stems(language: str) -> Any:
    stop, stem = tantivy.Filter.stopword(language), tantivy.Filter.stemmer(language)
    return _built(_WORD, stop, stem, tantivy.Filter.ascii_fold())


def _plain() -> Any:
    return _built(_WORD, tantivy.Filter.ascii_fold())


def _letters() -> Any:
    """Words without digits: a figure or a tag that is like another is another."""
    return _built(r"\p{L}{4,}", tantivy.Filter.ascii_fold())


def _asking(languages: Sequence[str]) -> frozenset[str]:
    return frozenset().union(*(_ASKING[language] for language in languages))
