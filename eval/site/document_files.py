"""Write documents as Markdown, PDF and DOCX, with the same bytes for the same document."""

from __future__ import annotations

import io
import zipfile
from datetime import datetime
from pathlib import Path

import docx
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.platypus import Flowable, PageBreak, Paragraph, SimpleDocTemplate, Spacer

from eval.site.documents import Document

STAMP = datetime(2026, 1, 1)  # noqa: DTZ001 - the DOCX property carries no zone
SECTIONS = ("What happened", "Findings", "Measures")


def write_document(document: Document, path: Path) -> None:
    """Write the document in the format its suffix names."""
    writers = {".md": _markdown, ".pdf": _pdf, ".docx": _docx}
    path.write_bytes(writers[path.suffix](document))


def _markdown(document: Document) -> bytes:
    parts = [f"# {document.title}"]
    for number, page in enumerate(document.pages):
        if len(document.pages) > 1:
            parts.append(f"## {SECTIONS[number]}")
        parts += page
    return ("\n\n".join(parts) + "\n").encode()


def _pdf(document: Document) -> bytes:
    buffer = io.BytesIO()
    styles = getSampleStyleSheet()
    flow: list[Flowable] = [Paragraph(document.title, styles["Title"])]
    for number, page in enumerate(document.pages):
        if number:
            flow.append(PageBreak())
        flow.append(
            Paragraph(SECTIONS[number] if "Incident" in document.title else f"Part {number + 1}", styles["Heading2"])
        )
        for paragraph in page:
            flow += [Paragraph(paragraph, styles["BodyText"]), Spacer(1, 8)]
    SimpleDocTemplate(buffer, pagesize=A4, title=document.title, author="", invariant=1).build(flow)
    return buffer.getvalue()


def _docx(document: Document) -> bytes:
    file = docx.Document()
    file.core_properties.created = file.core_properties.modified = STAMP
    file.core_properties.author = ""
    file.add_heading(document.title, 0)
    for number, page in enumerate(document.pages):
        if len(document.pages) > 1:
            file.add_heading(SECTIONS[number], 1)
        for paragraph in page:
            file.add_paragraph(paragraph)
    buffer = io.BytesIO()
    file.save(buffer)
    return _fixed_times(buffer.getvalue())


def _fixed_times(archive: bytes) -> bytes:
    """The same zip with every member's time set to 1980: the writer stamps them with the time of day."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as old, zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), old.read(name), zipfile.ZIP_DEFLATED)
    return buffer.getvalue()
