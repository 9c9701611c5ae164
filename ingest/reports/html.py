"""A web page → its blocks of text. Runs where the page was read: in the child process."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ingest.reports.passages import Block

_HIDDEN = ("script", "style", "noscript", "template", "nav", "iframe", "svg")
_BLOCKS = (
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "p",
    "li",
    "tr",
    "pre",
    "blockquote",
    "figcaption",
    "dt",
    "dd",
    "caption",
)


def blocks_of(page: bytes | str) -> Iterator[Block]:
    """Headings, paragraphs, list items and table rows in order of the page; what a browser hides is left out."""
    from bs4 import BeautifulSoup, Tag

    soup = BeautifulSoup(page, "lxml")
    for hidden in soup.find_all(_HIDDEN):
        hidden.decompose()
    if soup.title is not None:
        soup.title.decompose() if soup.find("h1") else setattr(soup.title, "name", "h1")
    found = [tag for tag in soup.find_all(_BLOCKS) if isinstance(tag, Tag) and tag.find_parent(_BLOCKS) is None]
    if not found:
        found = [soup]
    for tag in found:
        cells = tag.find_all(["td", "th"]) if tag.name == "tr" else []
        text = " | ".join(cell.get_text(" ", strip=True) for cell in cells) or _shown(tag)
        if text.strip(" |"):
            yield Block(text, int(tag.name[1]) if re.fullmatch(r"h[1-6]", tag.name) else 0)


def _shown(tag: Any) -> str:
    if tag.name == "pre":
        return str(tag.get_text()).strip()
    return " ".join(tag.get_text(" ", strip=True).split())
