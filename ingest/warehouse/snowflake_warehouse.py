"""A Snowflake account as a Warehouse: key-pair authentication, rows as arrow batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from ingest.warehouse.mapping import Snowflake
from ingest.warehouse.port import PAGE, Column, Sort
from retrieval.errors import BadSettings, UpstreamError

_LOGIN_S, _NETWORK_S = 15, 600
# what the connector calls the types (snowflake.connector.constants.FIELD_TYPES)
_SORTS = {
    "FIXED": Sort.NUMBER, "REAL": Sort.NUMBER, "DECFLOAT": Sort.NUMBER, "DATE": Sort.DATE, "TIMESTAMP": Sort.TIME,
    "TIMESTAMP_LTZ": Sort.TIME, "TIMESTAMP_TZ": Sort.TIME, "TIMESTAMP_NTZ": Sort.TIME, "BINARY": Sort.UNREAD,
    "GEOGRAPHY": Sort.UNREAD, "GEOMETRY": Sort.UNREAD, "VECTOR": Sort.UNREAD, "FILE": Sort.UNREAD,
}  # fmt: skip
_NAIVE, _ZONED = "YYYY-MM-DD HH24:MI:SS.FF9", "YYYY-MM-DD HH24:MI:SS.FF9TZHTZM"
# times cross as text, and are compared as such: the account's own formats must not shape them
_SESSION = {
    "TIMEZONE": "UTC", "DATE_OUTPUT_FORMAT": "YYYY-MM-DD", "TIMESTAMP_OUTPUT_FORMAT": _NAIVE,
    "TIMESTAMP_NTZ_OUTPUT_FORMAT": _NAIVE, "TIMESTAMP_LTZ_OUTPUT_FORMAT": _ZONED, "TIMESTAMP_TZ_OUTPUT_FORMAT": _ZONED,
    "CLIENT_TELEMETRY_ENABLED": False, "CLIENT_OUT_OF_BAND_TELEMETRY_ENABLED": False, "CLIENT_PREFETCH_THREADS": 2,
}  # fmt: skip


class KeyPair(NamedTuple):
    """Who we are: a user, the file of its private key (PKCS #8, PEM), and that key's passphrase ("" = none)."""

    user: str
    key_file: Path | None
    passphrase: str


class SnowflakeWarehouse:
    """Raises BadSettings where user or key are missing or refused, UpstreamError where Snowflake cannot be reached."""

    dialect = "snowflake"

    def __init__(self, given: Snowflake, access: KeyPair) -> None:
        try:
            import snowflake.connector
        except ImportError as problem:
            raise BadSettings("the Snowflake connector is not installed: install watchfloor[snowflake]") from problem
        self._errors = snowflake.connector.errors
        self._types = snowflake.connector.constants.FIELD_TYPES
        proof = _proof(given, access)
        try:
            with self._translated():
                self._connection = snowflake.connector.connect(**_named(given), **proof)
        except (ValueError, TypeError) as problem:
            raise BadSettings(f"Snowflake: the private key cannot be used: {_line(problem)}") from problem

    def identifier(self, name: str, exact: bool) -> str:
        """A bare name means its upper case, as in Snowflake itself."""
        return '"' + (name if exact else name.upper()).replace('"', '""') + '"'

    def files(self, pattern: str) -> str:
        raise BadSettings("parquet files are read by duckdb only")

    def columns(self, statement: str) -> list[Column]:
        with self._translated():
            described = self._connection.cursor().describe(statement)
        return [Column(each.name, _SORTS.get(self._types[each.type_code].name, Sort.OTHER)) for each in described]

    def pages(self, statement: str) -> Iterator[Sequence[Sequence[Any]]]:
        with self._translated(), self._connection.cursor() as cursor:
            cursor.execute(statement)
            for table in cursor.fetch_arrow_batches():
                for batch in table.to_batches(max_chunksize=PAGE):
                    yield list(zip(*(column.to_pylist() for column in batch.columns), strict=True))

    def close(self) -> None:
        self._connection.close()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        errors = self._errors
        try:
            yield
        except (errors.ProgrammingError, errors.ForbiddenError, errors.NotSupportedError) as problem:
            raise BadSettings(f"Snowflake: {_line(problem)}") from problem
        except errors.Error as problem:
            raise UpstreamError(f"Snowflake: {_line(problem)}") from problem


def _named(given: Snowflake) -> dict[str, Any]:
    names = ("account", "role", "warehouse", "database", "schema", "host")
    named = {name: getattr(given, name) for name in names if getattr(given, name)}
    return {
        **named, "port": given.port, "protocol": given.protocol, "application": "Watchfloor", "login_timeout": _LOGIN_S,
        "network_timeout": _NETWORK_S, "session_parameters": _SESSION,
        # else it asks the network around which cloud this is
        "platform_detection_timeout_seconds": 0.0,
    }  # fmt: skip


def _proof(given: Snowflake, access: KeyPair) -> dict[str, Any]:
    user = access.user or given.user
    if not user or access.key_file is None:
        missing = "warehouse.private_key_file" if user else "warehouse.user"
        raise BadSettings(f"Snowflake: setting {missing} is needed; keys are never read from the warehouse file")
    if not access.key_file.is_file():
        raise BadSettings(f"Snowflake: no private key at {access.key_file}")
    proof: dict[str, Any] = {"user": user, "authenticator": "SNOWFLAKE_JWT", "private_key_file": str(access.key_file)}
    return proof | ({"private_key_file_pwd": access.passphrase} if access.passphrase else {})


def _line(problem: Exception) -> str:
    return " ".join(str(problem).split())[:400]
