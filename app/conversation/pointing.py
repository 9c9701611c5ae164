"""Words that point back at a thing spoken of before: "that camera", "it", "there", "that work order"."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import tzinfo
from typing import NamedTuple

from app.answer.outgoing import without_addresses
from app.answer.places import Site
from retrieval.types import Entity, EntityType, Micros

Finder = Callable[[str], Sequence[tuple[int, int, str]]]
_NOUNS: Mapping[EntityType, str] = {
    EntityType.CAMERA: r"cameras?|cam|footage|clip|video",
    EntityType.SENSOR: r"sensors?|series|reading|signal",
    EntityType.ZONE: r"zone|area|place|room|hall|bay|yard",
    EntityType.PERSON: r"person|operator|technician|engineer",
    EntityType.ASSET: r"asset|machine|unit|equipment|pump|motor|compressor|conveyor|crane|valve|tank|boiler|fan|chiller|transformer|"
    r"turbine|generator|belt|line|truck|forklift|press|robot|lift|gearbox|mixer|engine|one",
}
_WATCHERS = (EntityType.CAMERA, EntityType.SENSOR)
THINGS = (EntityType.ASSET, EntityType.CAMERA, EntityType.SENSOR, EntityType.ZONE)
_POINTS = r"(?:that|this|the\s+same|those|these)"
_KEYED = re.compile(
    rf"\b{_POINTS}\s+(?P<noun>work\s*orders?|orders?|tickets?|jobs?|alerts?|alarms?|rows?|records?)\b", re.I
)
_IT = re.compile(r"\b(?P<own>its)\b|\b(?P<it>it|that one|this one)\b(?!['’]s\s+(?:said|true|possible))", re.I)
_EMPTY_IT = re.compile(
    r"\b(?:it|that)\s+(?:is|was|seems?|says?|happen(?:s|ed)?)\s+(?:true|possible|said|likely)\b", re.I
)
_THERE = re.compile(
    r"(?<!is )(?<!are )(?<!was )(?<!were )\bthere\b(?!\s+(?:is|are|was|were|any|anything|anyone|a|an|be|been)\b)", re.I
)
# "what did it see?" is asked of a camera
_WATCHES = re.compile(r"\bit\s+(?:see|saw|show|record|film|catch|capture|watch)", re.I)
# a key goes into a question word for word: three words of 40 characters with a digit name a row and give no orders
_KEY = re.compile(r"(?=.{1,40}$)(?=.*\d)[\w#./:-]+(?: [\w#./:-]+){0,2}")


class Around(NamedTuple):
    """What a conversation may be about: the site as its asker may see it, how names are found, and the site's zone."""

    site: Site
    find: Finder
    zone: tzinfo


class Before(NamedTuple):
    """The last question as it was understood, when it was asked, and what its answer cited: entities and row keys, in order."""

    question: str
    asked_at: Micros
    cited: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()


def pointed(text: str, last: Before, around: Around) -> str:
    """The text with every such word replaced by the name of what it points at, where that is known."""
    return _pronouns(_keyed(_nouns(text, last, around), last), last, around)


def _nouns(text: str, last: Before, around: Around) -> str:
    """ "that camera" → the camera spoken of, or the one whose pictures were cited."""
    for kind, nouns in _NOUNS.items():
        pattern = re.compile(rf"\b{_POINTS}\s+(?:{nouns})\b", re.I)
        found = pattern.search(text)
        meant = antecedent(last, around, kind) if found else None
        if found and meant:
            text = text[: found.start()] + meant.name + text[found.end() :]
    return text


def _keyed(text: str, last: Before) -> str:
    """ "that work order" → the key of the row that was cited."""
    found = _KEYED.search(text)
    if found is None or not last.keys or not sayable(last.keys[0]):
        return text
    return text[: found.start()] + f"{found['noun']} {last.keys[0]}" + text[found.end() :]


def sayable(key: str) -> bool:
    """Whether a row's key, which its document chose, may be put into a question: a name of one, and no address."""
    return _KEY.fullmatch(key) is not None and without_addresses(key) == key


def _pronouns(text: str, last: Before, around: Around) -> str:
    """ "it", "its" and "there" → the thing spoken of. A question that names a thing itself may mean that one: it stays."""
    if around.find(text) or _EMPTY_IT.search(text):
        return text
    found = _IT.search(text)
    seeing = (EntityType.CAMERA,) if _WATCHES.search(text) else ()
    meant = antecedent(last, around, *seeing, *THINGS) if found else None
    if found and meant:
        return text[: found.start()] + (f"{meant.name}'s" if found["own"] else meant.name) + text[found.end() :]
    found = _THERE.search(text)
    meant = antecedent(last, around, EntityType.ZONE, EntityType.CAMERA, EntityType.ASSET) if found else None
    return text[: found.start()] + f"at {meant.name}" + text[found.end() :] if found and meant else text


def antecedent(last: Before, around: Around, *kinds: EntityType) -> Entity | None:
    """The thing of one of these kinds that the earlier question named last, else the first that its answer cited."""
    named = [entity for _, _, entity in around.find(last.question)]
    for kind in kinds:
        for id_ in (*reversed(named), *last.cited):
            entity = around.site.entities.get(id_)
            if entity is not None and entity.type is kind and without_addresses(entity.name) == entity.name:
                return entity
        # of the camera or sensor that nobody named or cited: the one that watches what was named
        watching = around.site.watchers(named, kind) if kind in _WATCHERS else []
        if watching:
            return around.site.entities[watching[0]]
    return None
