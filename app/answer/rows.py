"""Questions that rows answer: alerts, work orders and other tables, filtered and counted from the rows themselves."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from app.answer.desk import Desk, Finding, claim, headline
from app.answer.passages import gives
from app.answer.question import Wants
from app.answer.series import stem, tokens_of
from app.answer.storms import gathered, single
from app.answer.wording import moment, stretch
from retrieval.types import Claim, Evidence, Kind, RowKey, Verdict

_CITED = 10
_LISTED = 6
_SCANNED = 20_000
_TABLE_WORDS = frozenset(
    stem(w)
    for w in (
        "work order alert alarm event record row table entry wo job ticket maintenance equipment asset code listed raised opened "
        "logged many number total there were been unit plant severity message site"
    ).split()
)


class Narrowed(NamedTuple):
    """Rows that pass the question's words; `by` are the words that narrowed, `unmet` those no row has."""

    rows: list[Evidence]
    by: tuple[str, ...]
    unmet: tuple[str, ...]


def candidates(desk: Desk, kind: Kind) -> list[Evidence]:
    """Rows of the kind about the question's entities in its window."""
    window = desk.question.when.window if desk.question.when else None
    rows = named_tables(desk, desk.scan(_SCANNED, kinds=(kind,), entities=desk.question.entities, window=window))
    if kind is Kind.ROW and Wants.WORK_ORDER in desk.question.wants:
        return [r for r in rows if is_work_order(r)]
    return rows


def named_tables(desk: Desk, found: list[Evidence]) -> list[Evidence]:
    """Only rows of the tables the question names, when it names some but not all ("anomaly events", not "alert events")."""
    words = {_same(stem(w)) for w in desk.question.words} - {"event"}
    tables = {r.locator.table for r in found if isinstance(r.locator, RowKey)}
    named = {t for t in tables if words & {_same(token) for token in tokens_of(t)}}
    if not named or named == tables:
        return found
    return [r for r in found if isinstance(r.locator, RowKey) and r.locator.table in named]


def _same(word: str) -> str:
    """Alarms and alerts are one thing under two names."""
    return {"alarm": "alert", "anomal": "anomali"}.get(word, word)


def by_key(desk: Desk) -> list[Evidence]:
    """Rows whose key the question names ("AL-246", "WO259747")."""
    found: dict[str, Evidence] = {}
    for tag in desk.question.unknown_tags:
        for hit in desk.search(tag, 50, channels=("words",), kinds=(Kind.ALERT, Kind.ROW)):
            row = hit.evidence
            if (
                isinstance(row.locator, RowKey)
                and row.locator.key.lower() == tag.lower()
                and gives(desk.question.plain, row.text)
            ):
                found.setdefault(row.id, row)
    return list(found.values())


def told(desk: Desk, found: Sequence[Evidence]) -> Finding:
    """Rows as they stand."""
    chosen = tuple(found[:_LISTED])
    return Finding(Verdict.ANSWERED, tuple(row_claim(desk, r) for r in chosen), chosen)


def is_work_order(row: Evidence) -> bool:
    """Whether a row is a work order: so named by its table or its columns."""
    table = row.locator.table if isinstance(row.locator, RowKey) else ""
    names = tokens_of(table, *fields(row))
    return stem("workorder") in names or "wo" in names or {"work", "order"} <= names


def fields(row: Evidence) -> dict[str, object]:
    """The columns of a row, as its table named them."""
    return dict(row.data.get("fields", {}))


def narrow(desk: Desk, rows: Sequence[Evidence]) -> Narrowed:
    """Keep the rows that have the question's words, one word after another, as long as some row has it."""
    denied = {stem(w) for w in re.findall(r"\bnot (\w+)", desk.question.plain.lower())}
    words = [stem(w) for w in desk.question.words if stem(w) not in denied]
    named = tokens_of(*desk.question.entities)
    tokens = {r.id: row_tokens(r) for r in rows}
    kept, by, unmet = list(rows), [], []
    for word in dict.fromkeys(words):
        if word in _TABLE_WORDS or word in named or tokens_of(word) <= named:
            continue
        having = [r for r in kept if word in tokens[r.id] or tokens_of(word) <= tokens[r.id]]
        if having and len(having) < len(kept):
            kept = having
            by.append(word)
        elif not having:
            unmet.append(word)
    for word in denied:
        without = [r for r in kept if word not in tokens[r.id]]
        if without and len(without) < len(kept):
            kept = without
            by.append(f"not {word}")
    return Narrowed(kept, tuple(by), tuple(unmet))


def row_tokens(row: Evidence) -> frozenset[str]:
    """The words of a row: its text, and the names of its columns that hold a yes."""
    yes = [name for name, value in fields(row).items() if str(value).upper() == "TRUE"]
    no = [name for name, value in fields(row).items() if str(value).upper() == "FALSE"]
    return (tokens_of(row.text) - tokens_of(*no)) | tokens_of(*yes)


def count(desk: Desk, rows: Sequence[Evidence], what: str) -> Finding:
    """How many rows; once for all of them and once for each word that narrows."""
    rows = single(rows)
    narrowed = narrow(desk, rows)
    total = claim(_counted(len(rows), what, ()), *_sample(rows))
    claims = [total]
    if narrowed.by:
        claims.append(claim(_counted(len(narrowed.rows), what, narrowed.by), *_sample(narrowed.rows)))
    return Finding(Verdict.ANSWERED, tuple(claims), tuple(narrowed.rows[:_CITED]))


def _counted(n: int, what: str, by: Sequence[str]) -> str:
    return f"{n} {what}{'s' if n != 1 else ''}{' matching “' + ' '.join(by) + '”' if by else ''}."


def _sample(rows: Sequence[Evidence]) -> list[tuple[Evidence, str]]:
    return [(r, headline(r)) for r in rows[:_CITED]]


def listing(desk: Desk, rows: Sequence[Evidence]) -> Finding:
    """The rows themselves, those that fit the question's words best."""
    narrowed = narrow(desk, rows)
    narrowed = narrowed._replace(rows=gathered(narrowed.rows, _LISTED))
    chosen = narrowed.rows[:_LISTED]
    claims = tuple(row_claim(desk, r) for r in chosen)
    more = len(narrowed.rows) - len(chosen)
    if more > 0:
        claims += (claim(f"{more} more rows match.", *_sample(narrowed.rows[_LISTED : _LISTED + 3])),)
    return Finding(Verdict.ANSWERED if chosen else Verdict.INSUFFICIENT, claims, tuple(chosen))


def row_claim(desk: Desk, row: Evidence) -> Claim:
    """A row said in words, with its time."""
    when = ""
    if row.valid is not None:
        zone = desk.tools.zone
        when = f" ({moment(row.valid.t0, zone) if row.valid.seconds < 1 else stretch(row.valid, zone)})"
    return claim(f"{headline(row, 300)}{when}", (row, headline(row, 300)))
