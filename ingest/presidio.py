"""Masking by presidio-analyzer (MIT), the optional extra `privacy`.

A spaCy pipeline is used where one is installed (`en_core_web_lg`, `_md` or `_sm`); without one presidio runs on a blank English
pipeline: its patterns and check digits work, names of people are not found, and the masker's name says so. The patterns of masking.py
go first.
"""

from __future__ import annotations

import importlib.util
import threading
from typing import Any

from ingest.masking import Masked, PatternMasker
from retrieval.errors import EncoderUnavailable

_PIPELINES = ("en_core_web_lg", "en_core_web_md", "en_core_web_sm")
# e-mail is left to the patterns: presidio's recogniser asks the network for a list of domains. Times, pages' addresses and places are
# what an operation is asked about, and stay
_KINDS = {
    "PHONE_NUMBER": "phone",
    "CREDIT_CARD": "card",
    "IBAN_CODE": "account",
    "US_SSN": "id",
    "PERSON": "name",
}
_SURE = 0.4
_LANGUAGE = "en"


class PresidioMasker:
    """The Masker over presidio's analyzer. Loaded at construction; calls from several threads take turns."""

    def __init__(self) -> None:
        """Raises EncoderUnavailable where the extra is not installed."""
        if importlib.util.find_spec("presidio_analyzer") is None:
            raise EncoderUnavailable("presidio is not installed; install [privacy], or set privacy.text to patterns")
        self._lock = threading.Lock()
        self._engine, pipeline = _engine()
        known = set(self._engine.get_supported_entities(_LANGUAGE))
        self._kinds = sorted(kind for kind in _KINDS if kind in known and (pipeline or kind != "PERSON"))
        self._patterns = PatternMasker()
        self.name = f"{self._patterns.name}, presidio {_version()} ({pipeline or 'without a language model: no names'})"

    def mask(self, text: str) -> Masked:
        """Each piece becomes [kind]; where two overlap, the surer one."""
        text, counts = self._patterns.mask(text)
        with self._lock:
            found = self._engine.analyze(text=text, language=_LANGUAGE, entities=self._kinds, score_threshold=_SURE)
        for each in sorted(_apart(found), key=lambda one: -one.start):
            kind = _KINDS[each.entity_type]
            counts[kind] = counts.get(kind, 0) + 1
            text = f"{text[: each.start]}[{kind}]{text[each.end :]}"
        return Masked(text, counts)


def _apart(found: list[Any]) -> list[Any]:
    kept: list[Any] = []
    for each in sorted(found, key=lambda one: (-one.score, one.start - one.end, one.start)):
        if all(each.end <= other.start or other.end <= each.start for other in kept):
            kept.append(each)
    return kept


def _engine() -> tuple[Any, str]:
    """The analyzer and the name of its pipeline, "" for a blank one."""
    import spacy
    from presidio_analyzer import AnalyzerEngine
    from presidio_analyzer.nlp_engine import SpacyNlpEngine

    pipeline = next((name for name in _PIPELINES if spacy.util.is_package(name)), "")

    class Loaded(SpacyNlpEngine):  # type: ignore[misc]
        """Presidio's engine over a pipeline that is here already: its own would try to download one."""

        def __init__(self) -> None:
            super().__init__()
            self.nlp = {_LANGUAGE: spacy.load(pipeline) if pipeline else spacy.blank(_LANGUAGE)}

    return AnalyzerEngine(nlp_engine=Loaded(), supported_languages=[_LANGUAGE]), pipeline


def _version() -> str:
    from importlib.metadata import version

    return version("presidio-analyzer")
