"""The data quality of a run as a page: when each camera and sensor recorded, as a picture, and the lists below it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from html import escape
from typing import Any

_WIDTH, _ROW, _NAMES = 900, 22, 180
_SKEWS = ("camera", "against", "s ahead", "spread", "clips", "s a day", "for example")
_STYLE = (
    "body{font:15px system-ui;margin:2rem auto;max-width:72rem;color:#222;padding:0 1rem}table{border-collapse:collapse;margin:1rem 0}"
    "td,th{border:1px solid #ccc;padding:.3rem .6rem;text-align:left;vertical-align:top}svg{max-width:100%;height:auto}"
    "text{font:12px system-ui;fill:#333}.quiet{color:#666}"
)


Quality = Mapping[str, Any]
"""ingest.quality.Quality as plain JSON: what the last line of an ingest holds."""


def page(quality: Quality) -> str:
    """One HTML document without scripts or foreign addresses; every text of a source is escaped."""
    parts = [
        f"<p>{_counts(quality['sources'])}; evidence from {_when(quality['first'])} to {_when(quality['last'])}.</p>",
        _table(
            ("kind", "pieces", "of unknown time"),
            [(k, v["pieces"], v["untimed"]) for k, v in quality["evidence"].items()],
        ),
        _section(quality, "recorded", "When it recorded", _picture(quality)),
        _listed(quality, "gaps", "Gaps in what this run read", ("subject", "from", "to", "seconds")),
        _listed(quality, "clocks", "Times and clocks", ("what was assumed", "sources", "for example")),
        _listed(quality, "skews", "Clocks in pictures", _SKEWS),
        _listed(quality, "notes", "What else was assumed", ("what", "sources", "for example")),
        _listed(quality, "unknown", "Tags that name no known thing", ("tag", "texts", "for example")),
        _listed(quality, "duplicates", "Duplicates", ("source", "has the bytes of")),
        _listed(quality, "rejected", "Rejected", ("source", "code", "reason")),
    ]
    if quality["future"]:
        parts.insert(1, f"<p><b>{quality['future']} pieces are dated after now: check clocks and zones.</b></p>")
    head = f"<!doctype html><html lang=en><meta charset=utf-8><title>Data quality</title><style>{_STYLE}</style>"
    return f"{head}<h1>Data quality</h1>{''.join(parts)}</html>"


def _counts(sources: dict[str, int]) -> str:
    return ", ".join(f"{count} {escape(name)}" for name, count in sources.items())


def _when(time: str | None) -> str:
    return escape(time) if time else "an unknown time"


def _listed(quality: Quality, name: str, title: str, head: Sequence[str]) -> str:
    rows = [_cells(row) for row in quality[name]]
    return _section(quality, name, title, _table(head, rows) if rows else "")


def _cells(row: Any) -> Sequence[Any]:
    return list(row.values()) if isinstance(row, dict) else row


def _section(quality: Quality, name: str, title: str, body: str) -> str:
    total, shown = quality["totals"][name], len(quality[name])
    more = (
        f" <span class=quiet>({shown} of {total})</span>" if shown < total else f" <span class=quiet>({total})</span>"
    )
    return f"<h2>{title}{more}</h2>{body or '<p class=quiet>none</p>'}"


def _table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    top = "".join(f"<th>{escape(name)}</th>" for name in head)
    body = "".join("<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><tr>{top}</tr>{body}</table>"


def _picture(quality: Quality) -> str:
    """A bar for each stretch recorded, one row a subject, over the whole of the time that any of them recorded."""
    rows = [
        (each["subject"], [tuple(map(_seconds, span)) for span in each["spans"]])
        for each in quality["recorded"]
        if each["spans"]
    ]
    if not rows:
        return ""
    begin = min(span[0] for _, spans in rows for span in spans)
    whole = max(max(span[1] for _, spans in rows for span in spans) - begin, 1.0)
    drawn = []
    for n, (subject, spans) in enumerate(rows):
        drawn.append(f'<text x="0" y="{n * _ROW + 15}">{escape(subject[-28:])}</text>')
        for start, end in spans:
            x, width = _NAMES + (start - begin) / whole * (_WIDTH - _NAMES), (end - start) / whole * (_WIDTH - _NAMES)
            drawn.append(
                f'<rect x="{x:.1f}" y="{n * _ROW + 4}" width="{max(width, 1):.1f}" height="14" fill="#3b6ea5"/>'
            )
    height = len(rows) * _ROW
    return f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="when each recorded">{"".join(drawn)}</svg>'


def _seconds(time: str) -> float:
    return datetime.fromisoformat(time).timestamp()
