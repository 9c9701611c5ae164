"""A scripted claim, and how one is written from a template whose filled places are remembered."""

from __future__ import annotations

import string
from collections.abc import Mapping
from typing import Any, NamedTuple


class Slot(NamedTuple):
    """What fills a place of a template. `value` is what `text` says (times: UTC microseconds, durations: seconds).

    `kind` is what sort of thing it is (number, time, asset, …); `form` is how `value` was written, for writing another one.
    """

    kind: str
    text: str
    value: Any = None
    form: str = ""


class Span(NamedTuple):
    """A filled place of a claim's text: characters [start, end), the place's name, and its slot."""

    start: int
    end: int
    name: str
    slot: Slot


class ScriptedClaim(NamedTuple):
    """A claim as a model might word it, citing evidence ids. Right ones follow from what they cite, wrong ones do not.

    `mutation` says how a wrong one was made ("" for right ones) and `base` is the text of the right claim it was made from.
    `kind` is what the claim is about; `spans` are the filled places of a right claim's text.
    """

    text: str
    evidence: tuple[str, ...]
    right: bool
    mutation: str
    base: str
    kind: str = ""
    spans: tuple[Span, ...] = ()


def fill(template: str, slots: Mapping[str, Slot]) -> tuple[str, tuple[Span, ...]]:
    """The template's text with its slots filled in, and where each came to stand; the first letter is made a capital.

    Raises KeyError for a place without a slot.
    """
    text, spans = "", []
    for literal, name, _, _ in string.Formatter().parse(template):
        text += literal
        if name is not None:
            slot = slots[name]
            spans.append(Span(len(text), len(text) + len(slot.text), name, slot))
            text += slot.text
    return text[:1].upper() + text[1:], tuple(spans)


def places(template: str) -> frozenset[str]:
    """The names of a template's places."""
    return frozenset(name for _, name, _, _ in string.Formatter().parse(template) if name)


def right_claim(kind: str, template: str, slots: Mapping[str, Slot], *evidence: str) -> ScriptedClaim:
    """A right claim written from a template."""
    text, spans = fill(template, slots)
    return ScriptedClaim(text, evidence, True, "", text, kind, spans)
