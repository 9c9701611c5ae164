"""Every structured file: a series becomes windows, alerts one alert each, work orders and other tables one row each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain

from ingest.media_types import PARQUET, STRUCTURED, XLSX
from ingest.ports import Batch, Item
from ingest.series.anomaly import standard
from ingest.series.reader import series_batches
from ingest.tables.parquet import load_parquet
from ingest.tables.records import record_batches, text_batch
from ingest.tables.shape import TableKind, shape_of
from ingest.tables.table import LIMITS, Table, load
from ingest.tables.workbook import load_workbook
from ingest.warm import WarmWorker, Worker
from retrieval.errors import SourceRejected
from retrieval.types import Entity, Link


class TableReader:
    """csv, tsv, json, jsonl, xlsx and parquet. `site` gives the tenant's entities and links: units, limits, what is related.

    `worker` takes text files apart; without one it is a child that is kept for them.
    """

    name = "tables"
    version = f"4 {standard.VERSION} {standard.ROWS_VERSION}"

    def __init__(self, site: Callable[[str], tuple[list[Entity], list[Link]]], worker: Worker | None = None) -> None:
        self._site, self._worker = site, worker or WarmWorker(LIMITS)

    def accepts(self, item: Item) -> bool:
        return item.media_type in STRUCTURED

    def read(self, item: Item, tenant: str) -> Iterator[Batch]:
        """Raises SourceRejected (see table.load, load_workbook and load_parquet, and broken_row, ambiguous_dates).

        Of a single table it is raised before the first batch; a workbook's sheets are read one after another.
        """
        if item.media_type == XLSX:
            yield from self._workbook(item, tenant)
        else:
            table = load_parquet(item) if item.media_type == PARQUET else load(item, tenant, self._worker)
            yield from self._batches(table, item, tenant, item.name)

    def _workbook(self, item: Item, tenant: str) -> Iterator[Batch]:
        read = load_workbook(item)
        sheets = (self._sheet(table, item, tenant) for table in read.tables)
        return chain(chain.from_iterable(sheets), (text_batch(table, item, tenant) for table in read.texts))

    def _sheet(self, table: Table, item: Item, tenant: str) -> Iterator[Batch]:
        try:
            yield from self._batches(table, item, tenant, f"{item.name}/{table.stem.rpartition('/')[2]}")
        except SourceRejected as problem:
            raise SourceRejected(
                f"sheet {table.stem.rpartition('/')[2]!r}, {problem.reason}", kind=problem.kind
            ) from problem

    def _batches(self, table: Table, item: Item, tenant: str, hint: str) -> Iterator[Batch]:
        shape = shape_of(table, hint)
        if shape.kind is TableKind.SERIES:
            return series_batches(table, shape, item, tenant, self._site(tenant))
        return record_batches(table, shape, item, tenant, self._site(tenant))
