"""Data quality as pages: of a run, with when each camera and sensor recorded as a picture; and of all that deliver, over time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from html import escape
from typing import Any

from app.words import length_words

_WIDTH, _ROW, _NAMES = 900, 22, 180
_SKEWS = ("camera", "against", "s ahead", "spread", "clips", "s a day", "for example")
_STYLE = (
    "body{font:15px system-ui;margin:2rem auto;max-width:72rem;color:#222;padding:0 1rem}table{border-collapse:collapse;margin:1rem 0}"
    "td,th{border:1px solid #ccc;padding:.3rem .6rem;text-align:left;vertical-align:top}svg{max-width:100%;height:auto}"
    "text{font:12px system-ui;fill:#333}.quiet{color:#666}"
)

_STATES = {"silent": "#b00020", "unattended": "#a05a00", "heard": "#1b6e3c", "learning": "#666"}
_STANDING = (
    "source", "state", "last heard", "pieces an hour", "lag", "longest lag an hour", "every", "may be silent for",
    "gaps", "clock", "unknown tags", "duplicates", "refused",
)  # fmt: skip
# a week of hours, a pixel each; of unknown tags so many are named
_SPARK, _TALL, _TOLD = 168, 28, 5


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


def standing_page(quality: Quality) -> str:
    """The same of who delivers over time, the worst first: ingest.watchfulness.standing.Overview as plain JSON."""
    silent = sum(one["state"] == "silent" for one in quality["sources"])
    told = f"<b>{silent} silent</b> of" if silent else "none silent of"
    parts = [
        f"<p>{told} {len(quality['sources'])}; from {_when(quality['since'])} to {_when(quality['at'])}.</p>",
        "" if quality["whole"] else "<p><b>Not all that is stored has been read yet.</b></p>",
        _raw_table(_STANDING, [_standing(one) for one in quality["sources"]]),
        _silences(quality["sources"]),
        _listening(quality["listeners"]),
    ]
    head = f"<!doctype html><html lang=en><meta charset=utf-8><title>Who delivers</title><style>{_STYLE}</style>"
    return f"{head}<h1>Who delivers</h1>{''.join(parts)}</html>"


def _standing(one: Mapping[str, Any]) -> list[str]:
    """Cells of one, as HTML."""
    state = f'<b style="color:{_STATES.get(one["state"], "#222")}">{escape(one["state"])}</b>'
    lag = [length_words(one[field]) for field in ("lag_p50_s", "lag_p95_s", "lag_max_s")]
    every = f"{length_words(one['expected_s'])} (declared)" if one["expected_s"] else length_words(one["usual_s"])
    clocks = "; ".join(f"{skew['seconds']:+g} s against {skew['against']}" for skew in one["skews"])
    unknown = ", ".join(f"{tag} ({count})" for tag, count in list(one["unknown"].items())[:_TOLD])
    refused = ", ".join(f"{code}: {count}" for code, count in one["rejected"].items())
    gaps = f"{one['gaps']}, {length_words(one['gap_s'])}" if one["gaps"] else ""
    hours = one["hours"][-_SPARK:]
    return [
        escape(one["name"]), state, escape((one["heard"] or "never")[:19]),
        f"{_spark([hour['pieces'] for hour in hours])} {one['pieces']}", escape(" / ".join(lag)),
        _spark([hour["lag_s"] for hour in hours]), escape(every), escape(length_words(one["allowed_s"])), escape(gaps),
        escape(clocks), escape(unknown), str(one["duplicates"] or ""), escape(refused),
    ]  # fmt: skip


def _raw_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Of cells that are HTML already."""
    top = "".join(f"<th>{escape(name)}</th>" for name in head)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><tr>{top}</tr>{body}</table>"


def _spark(values: Sequence[float]) -> str:
    """A bar an hour, the highest as tall as the picture."""
    if not values or not max(values):
        return ""
    most = max(values)
    bars = "".join(
        f'<rect x="{n}" y="{_TALL - _TALL * value / most:.1f}" width="1" height="{_TALL * value / most:.1f}" fill="#3b6ea5"/>'
        for n, value in enumerate(values)
        if value
    )
    told = f"{len(values)} hours, {most:g} at most"
    size = f'viewBox="0 0 {len(values)} {_TALL}" width="{len(values)}" height="{_TALL}"'
    return f'<svg {size} role="img" aria-label="{told}"><title>{told}</title>{bars}</svg>'


def _silences(sources: Iterable[Mapping[str, Any]]) -> str:
    rows = [(one["name"], each["start"], each["end"] or "still silent") for one in sources for each in one["silences"]]
    found = sorted(rows, key=lambda row: row[1], reverse=True)
    body = _table(("source", "silent from", "until"), found) if found else "<p class=quiet>none</p>"
    return f"<h2>Silences</h2>{body}"


def _listening(listeners: Mapping[str, Mapping[str, Any]]) -> str:
    rows = [
        (
            bus,
            now["at"],
            length_words(now["lag_s"]),
            now["waiting"],
            now["stored"],
            now["known"],
            now["dead"],
            now["trouble"],
        )
        for bus, now in listeners.items()
    ]
    head = ("bus", "as of", "lag", "in hand", "stored", "known", "refused", "trouble")
    return f"<h2>Listeners</h2>{_table(head, rows)}" if rows else ""
