"""What a file is: an allow-list of endings, checked against the first bytes."""

from __future__ import annotations

from pathlib import Path

from retrieval.errors import SourceRejected

DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
PPTX = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
PDF = "application/pdf"
MAIL = "message/rfc822"
MARKDOWN, HTML, TEXT = "text/markdown", "text/html", "text/plain"
CSV, TSV, JSON, JSONL = "text/csv", "text/tab-separated-values", "application/json", "application/x-ndjson"
PARQUET = "application/vnd.apache.parquet"
VIDEO = frozenset({"video/mp4", "video/x-msvideo", "video/x-matroska", "video/webm", "video/quicktime"})
IMAGES = frozenset({"image/jpeg", "image/png", "image/gif"})
AUDIO = frozenset(
    {"audio/wav", "audio/mpeg", "audio/ogg", "audio/flac", "audio/mp4", "audio/x-gsm", "audio/basic", "audio/x-alaw"}
)
# telephone formats without a header: RFC 3551 gives them all 8 kHz
RAW_RATES = {"audio/basic": 8_000, "audio/x-alaw": 8_000}
OFFICE = frozenset({DOCX, XLSX, PPTX})
TEXTUAL = frozenset({CSV, TSV, JSON, JSONL, MAIL})
STRUCTURED = frozenset({CSV, TSV, JSON, JSONL, XLSX, PARQUET})
WITH_FIGURES = frozenset({PDF, DOCX, PPTX, HTML})
DOCUMENTS = frozenset({PDF, DOCX, PPTX, MAIL, MARKDOWN, HTML, TEXT})

BY_ENDING = {
    ".mp4": "video/mp4", ".m4v": "video/mp4", ".mov": "video/quicktime", ".avi": "video/x-msvideo",
    ".mkv": "video/x-matroska", ".webm": "video/webm",
    ".wav": "audio/wav", ".mp3": "audio/mpeg", ".ogg": "audio/ogg", ".oga": "audio/ogg", ".opus": "audio/ogg",
    ".flac": "audio/flac", ".m4a": "audio/mp4", ".gsm": "audio/x-gsm",
    ".ulaw": "audio/basic", ".alaw": "audio/x-alaw",
    ".gif": "image/gif", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png",
    ".pdf": PDF, ".docx": DOCX, ".pptx": PPTX, ".xlsx": XLSX, ".eml": MAIL,
    ".md": MARKDOWN, ".markdown": MARKDOWN, ".html": HTML, ".htm": HTML,
    ".txt": TEXT, ".log": TEXT, ".rst": TEXT, ".csv": CSV, ".tsv": TSV, ".json": JSON, ".jsonl": JSONL, ".ndjson": JSONL,
    ".parquet": PARQUET, ".pq": PARQUET,
}  # fmt: skip
# what is often kept beside what is read: what to do is said instead of merely that it is unknown
_ARCHIVE = "archives are not opened: unpack it and ingest the folder"
_DATABASE = "databases are not read: export their tables as .csv or .parquet"
_REFUSED = {
    ".msg": "Outlook's .msg files are not read: save the message as .eml",
    ".doc": "the old .doc format is not read: save the document as .docx",
    ".xls": "the old .xls format is not read: save the workbook as .xlsx",
    ".ppt": "the old .ppt format is not read: save the slides as .pptx",
    **dict.fromkeys((".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".zst", ".7z", ".rar"), _ARCHIVE),
    **dict.fromkeys((".sqlite", ".sqlite3", ".db", ".mdb", ".accdb"), _DATABASE),
}
_DEMUXERS = {
    "audio/wav": "wav", "audio/mpeg": "mp3", "audio/ogg": "ogg", "audio/flac": "flac", "audio/mp4": "mov",
    "audio/x-gsm": "gsm", "audio/basic": "mulaw", "audio/x-alaw": "alaw",
    "video/mp4": "mov", "video/quicktime": "mov", "video/x-msvideo": "avi",
    "video/x-matroska": "matroska", "video/webm": "matroska", "image/gif": "gif",
}  # fmt: skip
_HEAD = 4096
_ONE_FAMILY = (
    {"video/mp4", "video/quicktime"},
    {"video/webm", "video/x-matroska"},
    {"audio/mp4", "video/mp4"},
    {"audio/mp4", "video/quicktime"},
)


def media_type(path: Path) -> str:
    """The media type of a file. Raises SourceRejected (unknown_type, empty, unreadable)."""
    by_name = BY_ENDING.get(path.suffix.lower())
    if by_name is None:
        told = _REFUSED.get(path.suffix.lower(), f"files of type {path.suffix or '(no ending)'} are not read")
        raise SourceRejected(told, kind="unknown_type")
    head = _head(path)
    if not head:
        raise SourceRejected("the file is empty (0 bytes)", kind="empty")
    return _checked(by_name, _by_content(head), head)


def demuxer(kind: str) -> str:
    """The only FFmpeg format that a file of this media type may be read as: a playlist named .wav or .mp4 must not open other files."""
    return _DEMUXERS[kind]


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_HEAD)
    except OSError as problem:
        raise SourceRejected(f"cannot be read: {problem.strerror or problem}", kind="unreadable") from problem


def _checked(by_name: str, by_content: str | None, head: bytes) -> str:
    """Bytes that are plainly another known type win over the name; text types must hold no binary."""
    if by_content is None:
        if by_name in (*RAW_RATES, "audio/x-gsm") and head.isascii() and "".join(head.decode().split()).isprintable():
            # sound without a header may be any bytes, but hardly all of them letters
            raise SourceRejected("named as a recording but holds text", kind="unknown_type")
        if by_name.startswith("text/") or by_name in TEXTUAL:
            _refuse_binary(head)
        return by_name
    if by_content == "application/zip":
        if by_name in OFFICE:
            return by_name
        raise SourceRejected(f"named as {by_name} but holds a zip archive", kind="unknown_type")
    return by_name if {by_name, by_content} in _ONE_FAMILY else by_content


def _refuse_binary(head: bytes) -> None:
    if b"\0" in head and not head.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise SourceRejected("named as text but holds binary data", kind="unknown_type")


def _by_content(head: bytes) -> str | None:
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:11], "video/mp4")
    if head.startswith(b"RIFF") and head[8:12] == b"AVI ":
        return "video/x-msvideo"
    if head[:4] in (b"RIFF", b"RF64") and head[8:12] == b"WAVE":
        return "audio/wav"
    if b"%PDF-" in head[:1024] and not head[:1].isalnum():
        return PDF
    return None


_MAGIC = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"\x1aE\xdf\xa3", "video/x-matroska"),
    (b"PK\x03\x04", "application/zip"),
    (b"PAR1", PARQUET),
    (b"PARE", PARQUET),
    (b"OggS", "audio/ogg"),
    (b"fLaC", "audio/flac"),
    (b"ID3", "audio/mpeg"),
)
_BRANDS = {b"qt ": "video/quicktime", b"M4A": "audio/mp4", b"M4B": "audio/mp4"}
