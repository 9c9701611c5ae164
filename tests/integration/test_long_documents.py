"""Documents of 2,000 pages: read whole, while neither the child that parses them nor its parent holds much."""

from __future__ import annotations

import base64
import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import docx
import numpy as np
import pytest
from PIL import Image

from eval.memory import PeakMemory, largest_decoder, own
from ingest.media_types import media_type
from ingest.ports import Item, SourcePolicy
from ingest.reports.reader import ReportReader
from retrieval.types import Kind

PAGES, PARAGRAPHS, PICTURES = 2000, 6, 100
PARENT_BYTES, CHILD_BYTES = 16 << 20, 224 << 20
LINE = (
    "The crew greased the bearing of pump P-{page:04} and wrote paragraph {number} of it into the log of the shift. "
    * 4
)


def told(page: int) -> list[str]:
    return [LINE.format(page=page, number=number).strip() for number in range(PARAGRAPHS)]


def markdown() -> bytes:
    return "".join(f"# Chapter {page}\n\n" + "\n\n".join(told(page)) + "\n\n" for page in range(PAGES)).encode()


def text() -> bytes:
    return "\n\n".join(line for page in range(PAGES) for line in (f"Chapter {page}", *told(page))).encode()


def html() -> bytes:
    """Every twentieth page carries a picture of its own."""
    made = ["<html><body>"]
    for page in range(PAGES):
        made.append(f"<h1>Chapter {page}</h1>" + "".join(f"<p>{line}</p>" for line in told(page)))
        if page % (PAGES // PICTURES) == 0:
            made.append(
                f'<img alt="Picture {page}" src="data:image/jpeg;base64,{base64.b64encode(picture(page)).decode()}">'
            )
    return "".join(made).encode()


def word() -> bytes:
    """Written by hand into an empty document of python-docx, which takes a minute for so many paragraphs."""
    empty, made = io.BytesIO(), io.BytesIO()
    docx.Document().save(empty)
    body = "".join(
        f'<w:p><w:pPr><w:pStyle w:val="Heading1"/></w:pPr><w:r><w:t>Chapter {page}</w:t></w:r></w:p>'
        + "".join(f"<w:p><w:r><w:t>{line}</w:t></w:r></w:p>" for line in told(page))
        for page in range(PAGES)
    )
    with zipfile.ZipFile(empty) as source, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as target:
        for part in source.infolist():
            data = source.read(part)
            target.writestr(
                part,
                data.replace(b"<w:body>", b"<w:body>" + body.encode())
                if part.filename == "word/document.xml"
                else data,
            )
    return made.getvalue()


def picture(seed: int) -> bytes:
    """A JPEG of some 200 kB."""
    noise = np.random.default_rng(seed).integers(0, 255, (400, 600, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(noise).save(out, "JPEG", quality=80)
    return out.getvalue()


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> ReportReader:
    """One that has read before: what it imports is not of the document."""
    path = tmp_path_factory.mktemp("first") / "a.md"
    path.write_text("# Log\n\nAll quiet.\n")
    reader = ReportReader()
    assert list(reader.read(item_at(path), "t"))
    return reader


def item_at(path: Path) -> Item:
    return Item(path, path.as_uri(), path.name, media_type(path), "h", SourcePolicy())


@pytest.mark.parametrize(("name", "make"), [("a.md", markdown), ("a.txt", text), ("a.html", html), ("a.docx", word)])
def test_a_document_of_2000_pages(reader: ReportReader, tmp_path: Path, name: str, make: Callable[[], bytes]) -> None:
    path = tmp_path / name
    path.write_bytes(make())
    words: set[str] = set()
    headings: set[str] = set()
    figures = 0
    with PeakMemory(own) as parent, PeakMemory(largest_decoder) as child:
        for batch in reader.read(item_at(path), "t"):
            for draft in batch.drafts:
                words.update(word for word in draft.text.split() if word.startswith("P-"))
                headings.add(draft.data.get("heading", ""))
                figures += draft.kind is Kind.FRAME
    assert words == {f"P-{page:04}" for page in range(PAGES)}
    assert name == "a.txt" or headings == {f"Chapter {page}" for page in range(PAGES)}
    assert figures == (PICTURES if name == "a.html" else 0)
    assert 0 <= parent.more <= PARENT_BYTES
    assert 0 < child.peak <= CHILD_BYTES
