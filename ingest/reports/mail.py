"""Mail as it was sent (RFC 5322, .eml) → its subject, who wrote to whom and when, and its words; attachments are named, not read.

The message is parsed in a child process.
"""

from __future__ import annotations

from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from ingest.reports.html import blocks_of
from ingest.reports.passages import Block
from ingest.tables.table import decode
from ingest.warm import WarmWorker
from retrieval.errors import SourceRejected

_NAMED = ("From", "Date", "Subject")
_SEALED = ("multipart/encrypted", "application/pkcs7-mime", "application/x-pkcs7-mime")


class Head(msgspec.Struct, frozen=True, tag="head"):
    """What stands above the body. `date` is ISO 8601, without a zone where the message gives none, "" where it gives no date."""

    subject: str
    sender: str
    to: str
    date: str
    attachments: tuple[str, ...]
    notes: tuple[str, ...]


class Part(msgspec.Struct, frozen=True, tag="part"):
    """A piece of the body."""

    block: Block


_MESSAGE: Any = Head | Part


class Mail(NamedTuple):
    head: Head
    blocks: list[Block]


def read_mail(path: Path, tenant: str, worker: WarmWorker) -> Mail:
    """The message; its first blocks are the subject and the people. Raises SourceRejected: encrypted, unreadable, too_large, timeout."""
    messages: Iterator[Head | Part] = worker.read_as(_MESSAGE, f"{__name__}:parts", path, tenant)
    head, blocks = Head("", "", "", "", (), ()), []
    for message in messages:
        if isinstance(message, Head):
            head = message
        else:
            blocks.append(message.block)
    people = (("From", head.sender), ("To", head.to), ("Date", head.date), ("Attached", ", ".join(head.attachments)))
    opening = [Block(head.subject, 1)] if head.subject else []
    told = "\n".join(f"{name}: {value}" for name, value in people if value)
    return Mail(head, [*opening, *([Block(told)] if told else []), *blocks])


# --- in the child ---------------------------------------------------------------------------------------------------


def parts(args: dict[str, Any]) -> Iterator[Head | Part]:
    """The head, then the body's blocks. Raises SourceRejected."""
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
    yield _head(message, names, (*notes, *_defects(message), *(f"attachment {name!r} was not read" for name in names)))
    if body is not None:
        for block in blocks_of(text) if body.get_content_subtype() == "html" else _paragraphs(text):
            yield Part(block)


def _head(message: EmailMessage, names: tuple[str, ...], notes: tuple[str, ...]) -> Head:
    sent = getattr(message["Date"], "datetime", None)
    if message["Date"] and sent is None:
        notes = (*notes, "the Date header is no date")
    fields = (" ".join(str(message[name] or "").split()) for name in ("Subject", "From", "To"))
    subject, sender, to = fields
    return Head(subject, sender, to, sent.isoformat() if sent else "", names, notes)


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


def _paragraphs(text: str) -> Iterator[Block]:
    for part in text.replace("\r\n", "\n").split("\n\n"):
        if part.strip():
            yield Block(part.strip("\n"))
