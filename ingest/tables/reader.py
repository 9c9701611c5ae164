"""Every structured file: a series becomes windows, alerts one alert each, work orders and other tables one row each."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ingest.ports import Batch, Item
from ingest.series.reader import series_batches
from ingest.tables.records import record_batches
from ingest.tables.shape import TableKind, shape_of
from ingest.tables.table import is_tabular, load
from retrieval.types import Entity, Link


class TableReader:
    """csv, tsv, json and jsonl. `site` gives the tenant's entities and links: units and limits of sensors come from there."""

    name = "tables"
    version = "1"

    def __init__(self, site: Callable[[str], tuple[list[Entity], list[Link]]]) -> None:
        self._site = site

    def accepts(self, item: Item) -> bool:
        return is_tabular(item.media_type)

    def read(self, item: Item, tenant: str) -> Iterator[Batch]:
        """Raises SourceRejected (see table.load, and broken_row, ambiguous_dates) before the first batch is made."""
        table = load(item)
        shape = shape_of(table, item.name)
        if shape.kind is TableKind.SERIES:
            entities, links = self._site(tenant)
            return series_batches(table, shape, item, tenant, (entities, links))
        return record_batches(table, shape, item, tenant)
