"""A web page → its blocks of text and its figures. Runs in the child process."""

from __future__ import annotations

import base64
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ingest.reports.passages import Piece, block
from ingest.reports.raster import REPEATED, Picture, jpeg_of

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


def parts(args: dict[str, Any]) -> Iterator[Piece | Picture]:
    """Of the page at a path; see `parts_of`."""
    return parts_of(Path(args["path"]).read_bytes())


def blocks_of(page: bytes | str) -> Iterator[Piece]:
    """Headings, paragraphs, list items and table rows in order of the page; what a browser hides is left out."""
    return (part for part in parts_of(page) if isinstance(part, Piece))


def parts_of(page: bytes | str) -> Iterator[Piece | Picture]:
    """The page's blocks, and its figures where they stand: only pictures that the page carries itself, none that it names."""
    from bs4 import BeautifulSoup, Tag

    soup = BeautifulSoup(page, "lxml")
    for hidden in soup.find_all(_HIDDEN):
        hidden.decompose()
    if soup.title is not None:
        soup.title.decompose() if soup.find("h1") else setattr(soup.title, "name", "h1")
    found = [tag for tag in soup.find_all([*_BLOCKS, "img"]) if isinstance(tag, Tag) and _counts(tag)]
    if not any(tag.name != "img" for tag in found):
        found.insert(0, soup)
    carried = Counter(str(tag.get("src")) for tag in found if tag.name == "img")
    for tag in found:
        if tag.name == "img":
            yield from _figure(tag) if carried[str(tag.get("src"))] < REPEATED else ()
            continue
        # a table within a cell is part of that cell's text
        cells = tag.find_all(["td", "th"], recursive=False) if tag.name == "tr" else []
        text = " | ".join(cell.get_text(" ", strip=True) for cell in cells) or _shown(tag)
        if text.strip(" |"):
            yield from block(text, int(tag.name[1]) if re.fullmatch(r"h[1-6]", tag.name) else 0)


def _counts(tag: Any) -> bool:
    """Blocks that stand in no other, and pictures that are in the page itself."""
    if tag.name == "img":
        return str(tag.get("src", "")).startswith("data:image/")
    return tag.find_parent(_BLOCKS) is None


def _figure(tag: Any) -> Iterator[Picture]:
    """A picture with the caption of its figure, else the words that stand in for it."""
    head, _, body = str(tag["src"]).partition(",")
    try:
        data = base64.b64decode(body, validate=False) if head.endswith(";base64") else b""
    except ValueError:
        return
    jpeg = jpeg_of(data)
    around = tag.find_parent("figure")
    told = around.find("figcaption") if around is not None else None
    caption = told.get_text(" ", strip=True) if told is not None else str(tag.get("alt") or tag.get("title") or "")
    if jpeg is not None:
        yield Picture(jpeg, " ".join(caption.split()))


def _shown(tag: Any) -> str:
    if tag.name == "pre":
        return str(tag.get_text()).strip()
    return " ".join(tag.get_text(" ", strip=True).split())
