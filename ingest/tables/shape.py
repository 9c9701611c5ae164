"""What a table is about, decided in one place from its column names and its content.

A series is a time column beside numbers; alerts have a time and a rule, a severity or a score; work orders say so in their
columns; narratives carry long text; all else is plain rows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from ingest.cells import Cell
from ingest.tables.table import Table, number
from ingest.timestamps import is_blank, is_epoch, looks_like_time


class TableKind(StrEnum):
    SERIES = "series"
    ALERTS = "alerts"
    WORK_ORDERS = "work_orders"
    NARRATIVES = "narratives"
    ROWS = "rows"


class Role(StrEnum):
    START = "start"
    END = "end"
    KEY = "key"
    ASSET = "asset"
    ASSET_NAME = "asset_name"
    SENSOR = "sensor"
    MESSAGE = "message"
    RULE = "rule"
    SEVERITY = "severity"
    UNIT = "unit"
    QUALITY = "quality"
    STATE = "state"
    ACKNOWLEDGED = "acknowledged"


_NAMES: Mapping[Role, str] = {
    Role.START: "timestamp time datetime date ts start start_time start_date started started_at raised raised_at raised_time opened "
    "opened_at open_time created created_at event_time event_date occurred occurred_at triggered triggered_at activated "
    "activation_time reported reported_at from begin begin_time alarm_time bsc_start_date bscstartdate when",
    Role.END: "end end_time end_date ended ended_at cleared cleared_at cleared_time clear_time closed closed_at close_time "
    "finished finished_at finish finish_time actual_finish completed completed_at resolved resolved_at to until",
    Role.KEY: "id alert_id alarm_id event_id wo_id wo work_order work_order_id workorder workorder_id work_order_number "
    "incident_id ticket ticket_id number key uid",
    Role.ASSET: "asset_id asset equipment_id equipment machine_id machine device_id device tag asset_tag",
    Role.ASSET_NAME: "asset_name equipment_name machine_name device_name",
    Role.SENSOR: "sensor sensor_id point_id point series series_id signal metric channel",
    Role.MESSAGE: "message text description summary title alarm_text alert detail details reason narrative note notes "
    "wo_description event_description what",
    Role.RULE: "rule rule_id rule_name alarm alarm_name alert_type alarm_type kpi kpi_name condition",
    Role.SEVERITY: "severity level criticality alarm_level alert_level",
    Role.UNIT: "unit units uom unit_of_measure engineering_unit engineering_units eng_unit",
    Role.QUALITY: "quality qual quality_code opc_quality data_quality value_quality",
    Role.STATE: "state status event event_type action transition alarm_state alert_state event_state new_state condition_state "
    "alarm_status alert_status",
    Role.ACKNOWLEDGED: "acknowledged acknowledged_at acknowledged_time acknowledge_time acknowledgement_time ack ack_at ack_time "
    "acked acked_at time_acknowledged",
}
_ROLE_OF = {name: role for role, names in _NAMES.items() for name in names.split()}
_ALERT_ONLY = frozenset(
    "alert_id alarm_id rule rule_id rule_name alarm alarm_name alarm_type alert_type severity alarm_level alert_level raised "
    "raised_at raised_time cleared cleared_at cleared_time anomaly_score acknowledged acknowledged_at ack ack_time alarm_state "
    "alert_state".split()
)
# columns that say whose a value is, in what and how good
BESIDE_VALUES = (Role.ASSET, Role.ASSET_NAME, Role.SENSOR, Role.UNIT, Role.QUALITY)
_WORK_ORDER = re.compile(r"(wo|work_?order)(_?(id|number|no|num|description|type|status))?")
_LONG_TEXT = 200
_TIMED = frozenset({Role.START, Role.END, Role.ACKNOWLEDGED})


class Shape(NamedTuple):
    """`roles`: the columns (by index) that play a part, in file order. `values`: numeric columns of a series."""

    kind: TableKind
    roles: Mapping[Role, tuple[int, ...]]
    times: tuple[int, ...]
    values: tuple[int, ...]

    def first(self, role: Role) -> int | None:
        found = self.roles.get(role, ())
        return found[0] if found else None


class _Column(NamedTuple):
    name: str
    filled: int
    times: float
    numbers: float
    mean_length: float


def plain_name(column: str) -> str:
    """ "Start Time", "startTime" and "start-time" are one name: start_time."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", column.strip())
    return re.sub(r"[^a-z0-9%]+", "_", spaced.lower()).strip("_")


def shape_of(table: Table, hint: str = "") -> Shape:
    """Decide what the table is about. `hint` is its path: a folder or file called alerts counts where columns are silent."""
    columns = [_measure(table, index) for index in range(len(table.columns))]
    roles: dict[Role, tuple[int, ...]] = {}
    for index, column in enumerate(columns):
        role = _ROLE_OF.get(column.name)
        if role is not None:
            roles[role] = (*roles.get(role, ()), index)
    times = tuple(i for i, column in enumerate(columns) if _is_time(column, _ROLE_OF.get(column.name)))
    roles = _timed(roles, times)
    values = tuple(i for i, c in enumerate(columns) if i not in times and c.filled and c.numbers >= 0.5)
    return Shape(_kind(columns, roles, times, values, hint), roles, times, values)


def _measure(table: Table, index: int) -> _Column:
    """Shares are of cells that are filled. A number counts as a time only where the column is called one."""
    filled = [cell for cell in table.column(index) if not is_blank(cell)]
    n = max(1, len(filled))
    name = plain_name(table.columns[index])
    named_time = _ROLE_OF.get(name) in _TIMED
    times = sum(1 for cell in filled if looks_like_time(cell) or (named_time and is_epoch(cell)))
    numbers = sum(1 for cell in filled if number(cell) is not None)
    return _Column(name, len(filled), times / n, numbers / n, sum(len(str(c)) for c in filled) / n)


def _is_time(column: _Column, role: Role | None) -> bool:
    return column.filled > 0 and column.times >= 0.5 and (column.numbers < 0.5 or role in _TIMED)


def _timed(roles: dict[Role, tuple[int, ...]], times: tuple[int, ...]) -> dict[Role, tuple[int, ...]]:
    """Start, end and acknowledgement must hold times; where no column is called a start, the first column of times is one."""
    kept = {role: tuple(i for i in found if role not in _TIMED or i in times) for role, found in roles.items()}
    others = tuple(i for i in times if i not in (*kept.get(Role.END, ()), *kept.get(Role.ACKNOWLEDGED, ())))
    if not kept.get(Role.START) and others:
        kept[Role.START] = others[:1]
    return {role: found for role, found in kept.items() if found}


def _kind(
    columns: list[_Column],
    roles: Mapping[Role, tuple[int, ...]],
    times: tuple[int, ...],
    values: tuple[int, ...],
    hint: str,
) -> TableKind:
    names = {column.name for column in columns}
    if times and values and not names & _ALERT_ONLY and _only_numbers(columns, roles, times, values):
        return TableKind.SERIES
    if any(_WORK_ORDER.fullmatch(name) for name in names):
        return TableKind.WORK_ORDERS
    alarming = bool(names & _ALERT_ONLY) or re.search(r"alert|alarm", hint.lower()) is not None
    if times and alarming:
        return TableKind.ALERTS
    if re.search(r"work[-_ ]?orders?", hint.lower()):
        return TableKind.WORK_ORDERS
    if Role.KEY in roles and any(column.mean_length >= _LONG_TEXT for column in columns):
        return TableKind.NARRATIVES
    return TableKind.ROWS


def _only_numbers(
    columns: list[_Column], roles: Mapping[Role, tuple[int, ...]], times: tuple[int, ...], values: tuple[int, ...]
) -> bool:
    """One column of times; the rest numbers, blanks, unit and quality, or the name of the asset or sensor measured."""
    named = {i for role in BESIDE_VALUES for i in roles.get(role, ())}
    measured = [i for i in values if i not in named and i not in roles.get(Role.KEY, ())]
    rest = set(range(len(columns))) - set(times) - set(values) - named
    return len(times) == 1 and bool(measured) and not any(columns[i].filled for i in rest)


def text_cell(cell: Cell) -> str:
    """A cell as words; blank for none."""
    return "" if is_blank(cell) else str(cell).strip()
