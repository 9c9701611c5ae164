"""Text tables are taken apart in a child process: what it and its parent hold, and what a hostile file comes to."""

from __future__ import annotations

from pathlib import Path

import pytest

from eval.memory import PeakMemory, largest_decoder, own
from ingest.media_types import media_type
from ingest.ports import Item, SourcePolicy
from ingest.sandbox import Limits
from ingest.tables.table import LIMITS, load
from ingest.warm import WarmWorker
from retrieval.errors import SourceRejected

ROWS = 150_000
# a row of five cells is five texts, a list, a tuple and its number; held twice it would take more
ROW_BYTES, CHILD_BYTES = 700, 48 << 20


def item_at(path: Path) -> Item:
    return Item(path, path.as_uri(), path.name, media_type(path), "h", SourcePolicy())


@pytest.mark.parametrize("name", ["long.csv", "long.jsonl"])
def test_a_long_table_is_held_once(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with path.open("w") as file:
        if name.endswith("csv"):
            file.write("part,name,supplier,stock,shelf\n")
        for n in range(ROWS):
            cells = [f"PN-{n}", f"seal ring {n % 977} of pump", f"Supplier {n % 53}", f"{n % 400}", f"shelf {n % 812}"]
            keys = ("part", "name", "supplier", "stock", "shelf")
            pairs = ", ".join(f'"{key}": "{cell}"' for key, cell in zip(keys, cells, strict=True))
            file.write((",".join(cells) if name.endswith("csv") else f"{{{pairs}}}") + "\n")
    with PeakMemory(own) as parent, PeakMemory(largest_decoder) as child:
        table = load(item_at(path), "t", WarmWorker(LIMITS))
    assert len(table.rows) == ROWS and table.rows[-1].cells[0] == f"PN-{ROWS - 1}"
    assert 0 < parent.more <= ROWS * ROW_BYTES
    assert 0 < child.peak <= CHILD_BYTES


def test_what_does_not_fit_the_childs_memory_is_refused_and_the_next_is_read(tmp_path: Path) -> None:
    large, small = tmp_path / "large.json", tmp_path / "small.json"
    large.write_text("[" + ",".join(['{"a":1}'] * 3_000_000) + "]")
    small.write_text('[{"a": 1}]')
    worker = WarmWorker(Limits(wall_s=60, cpu_s=60, memory_bytes=256 << 20, output_bytes=64 << 20))
    with pytest.raises(SourceRejected) as refused:
        load(item_at(large), "t", worker)
    assert refused.value.kind == "too_large"
    assert load(item_at(small), "t", worker).columns == ("a",)
