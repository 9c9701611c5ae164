"""The warehouse file: which warehouse, which tables, and how their rows are told."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from ingest.watchfulness.rhythm import parse_every
from ingest.yaml_text import parsed
from retrieval.errors import BadSettings

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*")
_LONGEST_IDENTIFIER = 255
_Words: TypeAlias = tuple[str, ...]


class Duckdb(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="duckdb"):
    """A DuckDB file, opened for reading only, and parquet files below `folder` (none: the folder of the warehouse file)."""

    database: str = ""
    folder: str = ""


class Snowflake(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="snowflake"
):
    """A Snowflake account. The key and its passphrase come from the settings. `host` is for a private link; plain http only to loopback."""

    account: Annotated[str, msgspec.Meta(min_length=1)]
    user: str = ""
    role: str = ""
    warehouse: str = ""
    database: str = ""
    schema: str = ""
    host: str = ""
    port: int = 443
    protocol: Literal["https", "http"] = "https"


class Mapping(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One table, view, query or set of parquet files. One row is one piece of evidence, named by its `key` columns.

    `watermark` is the column that tells when a row was written (a time, a date or a number); rows are compared in blocks of it, each
    `bucket` long. Rows whose watermark is null are a block of their own and read in full; without a watermark all rows are one, cut
    into slices by key. `time` and `until` say when what a row tells of happened, `timezone` and `dates` how clock times without a zone
    read. `assets` are the columns that name what it hangs on; `tell` what is told (none: every column). `vectors`: whether rows are
    found by meaning too, not by their words alone. `compare`: every column, or key and watermark only. `expect_every` ("1h") is how often
    new rows come: a mapping that brings none for twice as long raises an alarm.
    """

    table: str = ""
    query: str = ""
    parquet: str = ""
    kind: Literal["alerts", "work_orders", "narratives", "rows"] = "rows"
    key: Annotated[_Words, msgspec.Meta(min_length=1)]
    watermark: str = ""
    bucket: Literal["minute", "hour", "day", "week"] | Annotated[int, msgspec.Meta(ge=1)] = "day"
    time: str = ""
    until: str = ""
    timezone: str = "UTC"
    dates: Literal["iso", "us", "eu"] = "iso"
    assets: _Words = ()
    tell: _Words = ()
    labels: _Words = ()
    vectors: bool = False
    compare: Literal["all", "watermark"] = "all"
    expect_every: str = ""

    @property
    def named(self) -> _Words:
        """Every column that is named."""
        one = (self.watermark, self.time, self.until)
        return tuple(dict.fromkeys(filter(None, (*self.key, *one, *self.assets, *self.tell))))


class WarehouseFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A whole warehouse file. `name` names the sources of its rows."""

    name: str
    connection: Duckdb | Snowflake
    mappings: dict[str, Mapping]


def read_warehouse(path: Path) -> WarehouseFile:
    """Raises BadSettings, naming the file and what is wrong in it."""
    try:
        read = msgspec.convert(parsed(path.read_bytes()), WarehouseFile)
        _check(read)
    except OSError as problem:
        raise BadSettings(f"warehouse file {path}: {problem.strerror}") from problem
    except ValueError as problem:
        raise BadSettings(f"warehouse file {path.name}: {' '.join(str(problem).split())}") from problem
    return read


def _check(read: WarehouseFile) -> None:
    if not read.mappings:
        raise ValueError("no mappings are named")
    for each in (read.name, *read.mappings):
        if not _NAME.fullmatch(each):
            raise ValueError(f"{each!r} is no name for a warehouse or a mapping; use a-z, 0-9, - and _")
    if isinstance(read.connection, Snowflake):
        _check_address(read.connection)
    for name, mapping in read.mappings.items():
        try:
            parse_every(mapping.expect_every)
            _check_mapping(mapping, isinstance(read.connection, Duckdb))
        except ValueError as problem:
            raise ValueError(f"mapping {name}: {problem}") from problem


def _check_address(given: Snowflake) -> None:
    if given.protocol == "http" and not _is_loopback(given.host):
        raise ValueError("protocol http would send the proof of who we are in the clear; it is for loopback hosts only")


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _check_mapping(mapping: Mapping, duckdb: bool) -> None:
    given = [name for name in ("table", "query", "parquet") if getattr(mapping, name)]
    if len(given) != 1:
        raise ValueError(f"name one of table, query and parquet, not {' and '.join(given) or 'none'}")
    if mapping.parquet and not duckdb:
        raise ValueError("parquet files are read by duckdb only")
    if mapping.table:
        table_parts(mapping.table)
    for column in mapping.named:
        check_identifier(column)
    if mapping.compare == "watermark" and not mapping.watermark:
        raise ValueError("compare: watermark needs a watermark")
    try:
        ZoneInfo(mapping.timezone)
    except (ZoneInfoNotFoundError, OSError) as problem:
        raise ValueError(
            f"timezone {mapping.timezone!r} is not known; use an IANA name such as Europe/Madrid"
        ) from problem


def check_identifier(name: str) -> None:
    """Raises ValueError for what no table and no column is called but in an attack or by mistake: quotes, semicolons, control signs."""
    if not name or len(name) > _LONGEST_IDENTIFIER or not name.isprintable() or set(name) & set("\"'`;\\"):
        raise ValueError(f"{name[:60]!r} is refused as an identifier: 1 to 255 signs, no quotes, ; or control signs")


def table_parts(table: str) -> list[tuple[str, bool]]:
    """The parts of a table's name with whether each is written exactly, in double quotes: plant."Odd name" → plant; Odd name, exact.

    Raises ValueError for anything but up to three identifiers joined by dots.
    """
    parts = re.findall(r'"([^"]*)"|([^".]+)', table)
    written = ".".join(f'"{exact}"' if exact else plain for exact, plain in parts)
    if written != table or not 1 <= len(parts) <= 3:
        raise ValueError(f"{table[:60]!r} is refused as a table: at most three names joined by dots")
    for exact, plain in parts:
        check_identifier(exact or plain)
        if plain and not _PLAIN.fullmatch(plain):
            raise ValueError(f"{plain[:60]!r} is refused as a table: put an unusual name in double quotes")
    return [(exact or plain, bool(exact)) for exact, plain in parts]


def query_text(folder: Path, mapping: Mapping) -> str:
    """The one SELECT of the operator's own file, without its closing semicolon. Raises BadSettings."""
    try:
        text = (folder / mapping.query).read_text(encoding="utf-8").strip().rstrip(";").strip()
    except (OSError, UnicodeDecodeError) as problem:
        raise BadSettings(
            f"query {mapping.query}: {getattr(problem, 'strerror', None) or 'not UTF-8 text'}"
        ) from problem
    if not re.match(r"(?i)(select|with)\b", text) or ";" in text:
        raise BadSettings(f"query {mapping.query}: one SELECT is needed, without a semicolon in it")
    return text


def matched(wanted: str, columns: Sequence[str]) -> str:
    """The column of a table that a mapping means, however it writes its letters. Raises BadSettings."""
    if wanted in columns:
        return wanted
    found = [name for name in columns if name.casefold() == wanted.casefold()]
    if len(found) != 1:
        why = "there is no such column" if not found else "more than one column is called so"
        raise BadSettings(f"column {wanted!r}: {why}; there are {', '.join(columns)[:400]}")
    return found[0]
