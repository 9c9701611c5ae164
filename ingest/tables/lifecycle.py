"""The course of an alert: raised, acknowledged, cleared. Some systems write it in one row, others a row for each step.

The states are those of ISA-18.2 and IEC 62682; the words for them are what control systems write in a column of states.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from itertools import pairwise
from typing import Any, NamedTuple

from ingest.cells import Cell
from ingest.tables.reading import Read
from ingest.tables.shape import Role, Shape, plain_name, text_cell
from ingest.tables.table import Table
from ingest.tables.wording import took, when
from retrieval.times import iso
from retrieval.types import Interval


class State(StrEnum):
    RAISED = "raised"
    ACKNOWLEDGED = "acknowledged"
    CLEARED = "cleared"
    SHELVED = "shelved"
    UNSHELVED = "unshelved"


_WORDS: Mapping[State, str] = {
    State.RAISED: "raised raise active activated act alm alarm on set open opened new triggered trigger occurred incoming came_in "
    "unack unacknowledged unack_alm unack_act act_unack active_unacknowledged alarm_active in_alarm start started",
    State.ACKNOWLEDGED: "ack acked acknowledged acknowledge acknowledgement acknowledgment accepted ack_alm ack_act act_ack "
    "active_acknowledged",
    State.CLEARED: "rtn clr cleared clear normal ok off reset closed close return_to_normal returned_to_normal returned inactive "
    "resolved resolve end ended gone recovered unack_rtn rtn_unack ack_rtn rtn_ack alarm_cleared",
    State.SHELVED: "shelved shelve suppressed suppress suppressed_by_design inhibited inhibit disabled out_of_service oos masked",
    State.UNSHELVED: "unshelved unshelve unsuppressed unsuppress uninhibited enabled in_service unmasked",
}
_STATE_OF = {word: state for state, words in _WORDS.items() for word in words.split()}
# a column is one of states when nearly all of its words are
_KNOWN = 0.9
_OWN_KEYS = frozenset({"alarm_id", "alert_id"})


def state_of(cell: Cell) -> State | None:
    """The state that a cell names, None where it names none."""
    return _STATE_OF.get(plain_name(text_cell(cell)))


class Course(NamedTuple):
    """When an alert was raised, acknowledged and cleared; None where the record does not say. `open` says that it could have said so.

    `shelved` are steps that took the alert from view or brought it back, in order.
    """

    raised: Interval | None = None
    acknowledged: Interval | None = None
    cleared: Interval | None = None
    open: bool = False
    shelved: tuple[tuple[State, Interval], ...] = ()

    @property
    def delay_us(self) -> int | None:
        """From raised to acknowledged, where both are moments and in that order."""
        raised, acknowledged = self.raised, self.acknowledged
        if raised is None or acknowledged is None or raised.t0 != raised.t1 or acknowledged.t0 != acknowledged.t1:
            return None
        return acknowledged.t0 - raised.t0 if acknowledged.t0 >= raised.t0 else None


class Life(NamedTuple):
    """The rows (by place) that tell of one alert, in order of time, the one it is told by first known as `head`; and its course."""

    head: int
    rows: tuple[int, ...]
    course: Course


class Lives(NamedTuple):
    """Every row is in one life or among the `others`, whose state or time is not known."""

    lives: list[Life]
    others: list[int]


def course_of(table: Table, shape: Shape, read: Read) -> Course | None:
    """The course that one row tells in columns of its own; None where the table has no such columns."""
    if not {Role.END, Role.ACKNOWLEDGED} & set(shape.roles):
        return None
    raised, acknowledged, cleared = (
        next((read.times[table.columns[i]] for i in shape.roles.get(role, ()) if table.columns[i] in read.times), None)
        for role in (Role.START, Role.ACKNOWLEDGED, Role.END)
    )
    written = any(table.columns[i] in read.fields for i in shape.roles.get(Role.END, ()))
    return Course(raised, acknowledged, cleared, open=Role.END in shape.roles and not written)


def lives_of(table: Table, shape: Shape, reads: Sequence[Read]) -> Lives | None:
    """The alerts that rows of steps tell of; None where the rows are not steps.

    They are where a column names states, no column tells an end, and some alert has a step after the one that raised it.
    """
    column = next((i for i in shape.roles.get(Role.STATE, ()) if _tells_states(table.column(i))), None)
    ends = any(table.columns[i] in read.times for i in shape.roles.get(Role.END, ()) for read in reads)
    columns = _identity(table, shape)
    if column is None or ends or not columns:
        return None
    states = [state_of(row.cells[column]) for row in table.rows]
    told: dict[tuple[str, ...], list[int]] = {}
    for at in _in_time(reads):
        if states[at] is not None:
            told.setdefault(tuple(text_cell(table.rows[at].cells[column]) for column in columns), []).append(at)
    lives = [life for rows in told.values() for life in _lives(rows, states, reads)]
    if not any(len(life.rows) > 1 for life in lives):
        return None
    inside = {at for life in lives for at in life.rows}
    return Lives(sorted(lives, key=lambda life: life.rows), [at for at in range(len(reads)) if at not in inside])


def _tells_states(cells: Sequence[Cell]) -> bool:
    """Whether nearly every word in a column is a state, and not all of them the first."""
    filled = [cell for cell in cells if text_cell(cell)]
    states = [state for cell in filled if (state := state_of(cell)) is not None]
    return len(states) >= _KNOWN * max(1, len(filled)) and bool(set(states) - {State.RAISED})


def course_data(course: Course) -> dict[str, Any]:
    """As plain JSON: times as RFC 3339 in UTC or None, `acknowledged_after_s` in seconds, `shelved` as [state, time]."""
    delay = course.delay_us
    times = {name: _stamp(getattr(course, name)) for name in ("raised", "acknowledged", "cleared")}
    shelved = [[state.value, iso(span.t0)] for state, span in course.shelved]
    return {
        **times,
        "acknowledged_after_s": None if delay is None else delay / 1e6,
        "open": course.open,
        "shelved": shelved,
    }


def course_text(course: Course) -> str:
    """What the span of the alert does not tell, each behind "; "."""
    parts = []
    if course.raised is None:
        parts.append("raised before the record begins")
    if course.acknowledged is not None:
        delay = course.delay_us
        parts.append(
            f"acknowledged {when(course.acknowledged)}" + (f", after {took(delay)}" if delay is not None else "")
        )
    parts += [f"{state.value} {when(span)}" for state, span in course.shelved]
    if course.open:
        parts.append("not cleared in the record")
    return "".join(f"; {part}" for part in parts)


def _stamp(span: Interval | None) -> str | None:
    return None if span is None else iso(span.t0)


def _in_time(reads: Sequence[Read]) -> Iterator[int]:
    """Rows with a time, the earliest first; those of one moment as the file has them, from its end where it runs backwards."""
    known = [(read.valid.t0, at) for at, read in enumerate(reads) if read.valid is not None]
    rising = sum((b > a) - (b < a) for (a, _), (b, _) in pairwise(known))
    yield from (at for _, at in sorted(known, key=lambda pair: (pair[0], pair[1] if rising >= 0 else -pair[1])))


def _identity(table: Table, shape: Shape) -> tuple[int, ...]:
    """The columns whose cells make two rows steps of one alert: its key where keys come again, else what is wrong with what.

    None where each alarm has a key of its own: its row is all there is of it. A key that only numbers the rows says nothing.
    """
    key = shape.first(Role.KEY)
    if key is not None and max(Counter(filter(None, map(text_cell, table.column(key)))).values(), default=0) > 1:
        return (key,)
    if key is not None and plain_name(table.columns[key]) in _OWN_KEYS:
        return ()
    roles = [role for role in (Role.ASSET, Role.ASSET_NAME, Role.SENSOR, Role.RULE) if role in shape.roles]
    if not {Role.SENSOR, Role.RULE} & set(roles) and Role.MESSAGE in shape.roles:
        roles.append(Role.MESSAGE)
    return tuple(shape.roles[role][0] for role in roles)


class _Open:
    """A life that is being told, step by step."""

    def __init__(self) -> None:
        self.rows: list[int] = []
        self.times: dict[State, Interval] = {}
        self.shelved: list[tuple[State, Interval]] = []

    def takes(self, state: State) -> bool:
        """Whether a step can still belong here: nothing is raised twice, and behind the clearing only the acknowledgement comes."""
        if state is State.RAISED:
            return not self.rows
        if state is State.CLEARED:
            return State.CLEARED not in self.times
        return state not in self.times or state is not State.ACKNOWLEDGED or State.CLEARED not in self.times

    def add(self, at: int, state: State, span: Interval) -> None:
        self.rows.append(at)
        if state in (State.SHELVED, State.UNSHELVED):
            self.shelved.append((state, span))
        else:
            self.times.setdefault(state, span)

    def life(self) -> Life:
        cleared = self.times.get(State.CLEARED)
        course = Course(
            self.times.get(State.RAISED),
            self.times.get(State.ACKNOWLEDGED),
            cleared,
            cleared is None,
            tuple(self.shelved),
        )
        return Life(self.rows[0], tuple(self.rows), course)


def _lives(rows: Sequence[int], states: Sequence[State | None], reads: Sequence[Read]) -> Iterator[Life]:
    """Steps of one identity, in order of time, cut into lives."""
    told = _Open()
    for at in rows:
        state, span = states[at], reads[at].valid
        if state is None or span is None:
            continue
        if not told.takes(state):
            yield told.life()
            told = _Open()
        told.add(at, state, span)
    if told.rows:
        yield told.life()
