"""Mail as it was sent (RFC 5322, .eml) → its subject, who wrote to whom and when, and its words; attachments are named, not read.

Runs in the child process.
"""

from __future__ import annotations

from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from ingest.reports.html import blocks_of
from ingest.reports.passages import Opening, Piece, block
from ingest.tables.text import decode
from retrieval.errors import SourceRejected

_NAMED = ("From", "Date", "Subject")
_SEALED = ("multipart/encrypted", "application/pkcs7-mime", "application/x-pkcs7-mime")


def mail(args: dict[str, Any]) -> Iterator[Opening | Piece]:
    """The subject and the people, then the body. Raises SourceRejected: encrypted, unreadable (not a mail)."""
    import email
    import email.policy

    message = email.message_from_bytes(Path(args["path"]).read_bytes(), policy=email.policy.default)
    if not any(name in message for name in _NAMED):
        raise SourceRejected("not a mail: it has neither a sender, a date nor a subject")
    if any(part.get_content_type() in _SEALED for part in message.walk()):
        raise SourceRejected("the mail is encrypted", kind="encrypted")
    names = tuple(_name(part) for part in message.iter_attachments()) if message.is_multipart() else ()
    body = message.get_body(("plain", "html"))
    text, notes = ("", ("the mail has no text",)) if body is None else _text(body)
    yield from _head(
        message, names, (*notes, *_defects(message), *(f"attachment {name!r} was not read" for name in names))
    )
    if body is not None:
        yield from blocks_of(text) if body.get_content_subtype() == "html" else _paragraphs(text)


def _head(message: EmailMessage, names: tuple[str, ...], notes: tuple[str, ...]) -> Iterator[Opening | Piece]:
    """What stands above the body. The moment is ISO 8601, without a zone where the message gives none."""
    moment = getattr(message["Date"], "datetime", None)
    if message["Date"] and moment is None:
        notes = (*notes, "the Date header is no date")
    subject, sender, to = (" ".join(str(message[name] or "").split()) for name in ("Subject", "From", "To"))
    sent = moment.isoformat() if moment else ""
    facts = {name: value for name, value in (("from", sender), ("to", to), ("attachments", list(names))) if value}
    yield Opening(subject, notes, sent, facts)
    if subject:
        yield from block(subject, 1)
    people = (("From", sender), ("To", to), ("Date", sent), ("Attached", ", ".join(names)))
    told = "\n".join(f"{name}: {value}" for name, value in people if value)
    if told:
        yield from block(told)


def _text(body: Any) -> tuple[str, tuple[str, ...]]:
    """The body's text. A character set that is missing, unknown or does not fit is found out as for any text file."""
    data = body.get_payload(decode=True) or b""
    try:
        return data.decode(body.get_content_charset("utf-8")), ()
    except (LookupError, UnicodeDecodeError):
        return decode(data)


def _defects(message: Any) -> tuple[str, ...]:
    from email.errors import CloseBoundaryNotFoundDefect, StartBoundaryNotFoundDefect

    cut = (CloseBoundaryNotFoundDefect, StartBoundaryNotFoundDefect)
    broken = any(isinstance(defect, cut) for part in message.walk() for defect in part.defects)
    return ("the mail is cut off: its last part has no end",) if broken else ()


def _name(part: Any) -> str:
    """A forwarded message goes by its subject, another attachment by its file name or type."""
    if part.get_content_type() == "message/rfc822":
        inner = part.get_payload(0)
        return f"message: {inner['Subject'] or 'without a subject'}"
    return " ".join(str(part.get_filename() or part.get_content_type()).split())


def _paragraphs(text: str) -> Iterator[Piece]:
    for part in text.replace("\r\n", "\n").split("\n\n"):
        if part.strip():
            yield from block(part.strip("\n"))
