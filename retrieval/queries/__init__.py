"""Cypher in text files, one file a dialect, one named section a statement. Values are always bound, never written in.

A section starts with a line `// name: NAME`. `<<link>>` and `<<relation>>` stand for relationship types, which come from the
enums alone; `<<links>>` and `<<relations>>` for all of them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import resources

from retrieval.types import LinkType, Relation

_HEAD = re.compile(r"^// name: (\w+)$", re.MULTILINE)
_GAP = re.compile(r"<<\w+>>")


def relationship(kind: LinkType | Relation) -> str:
    """The relationship type that stands for an enum member: upper case, as Cypher has it."""
    return kind.value.upper()


def parse(text: str) -> dict[str, str]:
    """Sections by name. Raises ValueError for text outside a section, a name given twice, or an empty section."""
    parts = _HEAD.split(text)
    if parts[0].strip():
        raise ValueError("text before the first section")
    found: dict[str, str] = {}
    for name, body in zip(parts[1::2], parts[2::2], strict=True):
        if name in found or not body.strip():
            raise ValueError(f"section {name} is empty or given twice")
        found[name] = body.strip()
    return found


class Statements:
    """The statements of one dialect. Raises KeyError for an unknown name, ValueError for a gap left open."""

    def __init__(self, sections: Mapping[str, str]) -> None:
        everything = {
            "<<links>>": "|".join(relationship(kind) for kind in LinkType),
            "<<relations>>": "|".join(relationship(kind) for kind in Relation),
        }
        self._text = dict(sections)
        for gap, types in everything.items():
            self._text = {name: text.replace(gap, types) for name, text in self._text.items()}

    def get(self, name: str, kind: LinkType | Relation | None = None) -> str:
        """The statement, with the relationship type of `kind` where it has a gap for one."""
        text = self._text[name]
        if kind is not None:
            text = text.replace("<<link>>" if isinstance(kind, LinkType) else "<<relation>>", relationship(kind))
        if left := _GAP.search(text):
            raise ValueError(f"statement {name}: nothing given for {left.group()}")
        return text


def load(dialect: str) -> Statements:
    """The statements of `dialect` (ladybug or neo4j)."""
    return Statements(parse(resources.files(__name__).joinpath(f"{dialect}.cypher").read_text("utf-8")))
