"""The graph in Neo4j, or in what speaks Bolt and openCypher like it. The database should be Watchfloor's own."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from retrieval.cypher_graph import CypherGraph, Step
from retrieval.errors import BadSettings, GraphUnavailable
from retrieval.queries import load

_SCHEMES = ("bolt", "bolt+s", "bolt+ssc", "neo4j", "neo4j+s", "neo4j+ssc")
_SCHEMA = ("schema_entity", "schema_evidence", "schema_evidence_id", "schema_progress")


class Neo4jGraph(CypherGraph):
    """The Graph port over the neo4j driver (extra `neo4j`).

    `timeout_s` bounds connecting and each reading transaction, `write_timeout_s` each writing one. Raises GraphUnavailable
    when the server cannot be reached, BadSettings when the driver is not installed or the address is not one.
    """

    def __init__(
        self,
        uri: str,
        user: str,
        password: str,
        database: str = "neo4j",
        timeout_s: float = 10.0,
        write_timeout_s: float = 120.0,
    ) -> None:
        if uri.split("://")[0] not in _SCHEMES:
            raise BadSettings(f"the graph's address must begin with one of {', '.join(_SCHEMES)} and ://")
        self._driver_module = _driver_module()
        self._statements = load("neo4j")
        self._database = database
        self._timeout_s, self._write_timeout_s = timeout_s, write_timeout_s
        try:
            self._driver = self._driver_module.GraphDatabase.driver(
                uri,
                auth=(user, password) if user else None,
                connection_timeout=timeout_s,
                connection_acquisition_timeout=timeout_s,
                max_transaction_retry_time=timeout_s,
            )
        except (ValueError, self._driver_module.exceptions.ConfigurationError) as error:
            raise BadSettings(f"the graph's address is not valid: {error}") from error
        try:
            self._write([Step(name, {}) for name in _SCHEMA], together=False)
        except GraphUnavailable:
            self._driver.close()
            raise

    def reset(self) -> None:
        """Delete every node Watchfloor made, of all tenants, a few thousand a transaction."""
        while self._run("wipe", {}, write=True)[0][0]:
            pass

    def close(self) -> None:
        self._driver.close()

    def _read(self, name: str, params: Mapping[str, Any]) -> list[list[Any]]:
        return self._run(name, params, write=False)

    def _write(self, steps: Sequence[Step], together: bool = True) -> None:
        """`together=False`: a transaction a step (schema changes may not share one)."""
        groups = [list(steps)] if together else [[step] for step in steps]
        with self._typed(steps[0].name if steps else ""), self._driver.session(database=self._database) as session:
            for group in groups:
                session.execute_write(self._bounded(self._all, self._write_timeout_s), group)

    def _all(self, transaction: Any, steps: Sequence[Step]) -> None:
        for step in steps:
            transaction.run(self._statements.get(step.name, step.kind), dict(step.params)).consume()

    def _run(self, name: str, params: Mapping[str, Any], write: bool) -> list[list[Any]]:
        def work(transaction: Any) -> list[list[Any]]:
            return [record.values() for record in transaction.run(self._statements.get(name), dict(params))]

        with self._typed(name), self._driver.session(database=self._database) as session:
            run = session.execute_write if write else session.execute_read
            found: list[list[Any]] = run(self._bounded(work, self._write_timeout_s if write else self._timeout_s))
            return found

    def _bounded(self, work: Any, seconds: float) -> Any:
        return self._driver_module.unit_of_work(timeout=seconds)(work)

    @contextlib.contextmanager
    def _typed(self, statement: str) -> Iterator[None]:
        errors = self._driver_module.exceptions
        try:
            yield
        except (errors.Neo4jError, errors.DriverError) as error:
            raise GraphUnavailable(f"the graph store did not run {statement}: {error}") from error


def _driver_module() -> Any:
    try:
        import neo4j
    except ImportError as error:
        raise BadSettings("a Neo4j graph needs the neo4j extra: pip install 'watchfloor[neo4j]'") from error
    return neo4j
