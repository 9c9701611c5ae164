"""Stores pieces and looks, in turns, until it is killed: python watching_worker.py STORE SOURCE."""

from __future__ import annotations

import sys
from itertools import count

from ingest.watchfulness.groups import Places
from ingest.watchfulness.watch import Watchfulness
from retrieval.catalog import Catalog, system_clock
from retrieval.ids import evidence_id
from retrieval.ports import Unit
from retrieval.types import CharSpan, Evidence, Kind, Provenance


def main(store: str, name: str) -> None:
    catalog = Catalog(store)
    watch = Watchfulness(catalog, "t", Places(), system_clock)
    for n in count():
        source, place = f"feed:///alarms/{name}-{n}", CharSpan(0, 1)
        piece = Evidence(
            id=evidence_id(b"k", source, place, ""), tenant="t", source=source, kind=Kind.ALERT, locator=place, text="P-977",
            provenance=Provenance("test"),
        )  # fmt: skip
        catalog.commit(Unit("t", source, "1", "test", [piece]))
        watch.look()
        print(n, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
