"""Tables of `bench retrieval` and `bench sizes` for people."""

from __future__ import annotations

from typing import Any

import click

from app.cli.common import clean, console
from eval.bench.retrieval_data import FILTERS

_FILTER_HEADS = {"none": "no filter", "time": "10 %", "source": "1 %", "asset": "0.1 %", "apart": "1 %, apart"}


def paint(found: dict[str, Any]) -> None:
    """Each way's p50 in milliseconds, its ratio to the scan of the same process, and its recall."""
    from rich.table import Table

    table = Table("way", *(_FILTER_HEADS[name] for name in FILTERS), title="p50 ms · of a flat scan · recall@10")
    finding = found["finding"]
    ours = {"ours": finding["exact"]} | ({"ours, quantised": finding["quantised"]} if finding["quantised"] else {})
    for told, of in ours.items():
        table.add_row(told, *_cells(of["ways"]["ours"]))
    for of in found["peers"].values():
        for way, by_filter in of["ways"].items():
            table.add_row(clean(way), *_cells(by_filter))
    console().print(table)
    words = {name: of["p50_ms"]["median"] for name, of in found["words"]["engines"].items()}
    click.echo("words, p50 ms: " + ", ".join(f"{name} {ms:.2f}" for name, ms in words.items()))
    for name, why in found["skipped"].items():
        click.echo(f"left out: {name}: {clean(why)[:200]}")


def _cells(by_filter: dict[str, Any]) -> list[str]:
    def cell(of: dict[str, Any]) -> str:
        short = f" · {of['short']} short" if of["short"] else ""
        return f"{of['p50_ms']['median']:.3g} · {of['ratio']['median']:.3g} · {of['recall']:.3f}{short}"

    return [cell(by_filter[name]) if name in by_filter else "" for name in FILTERS]


def paint_sizes(found: dict[str, Any]) -> None:
    """One line a store."""
    from rich.table import Table

    table = Table("pieces", "vectors", "commit s", "index s", "start s", "memory MiB", "p50/p95 ms", "disk MiB")
    for row in found["table"]:
        index = sum(row[f"{name}_s"] for name in ("vectors", "words", "graph", "settle"))
        times = ", ".join(
            f"{_FILTER_HEADS[name]} {of['p50']:.2g}/{of['p95']:.2g}" for name, of in row["times_ms"].items()
        )
        disk = ", ".join(f"{name} {mib:.0f}" for name, mib in row["disk_mib"].items())
        cells = (
            row["rows"],
            row["storage"] or "as it ships",
            row["commit_s"],
            round(index, 1),
            row["start_s"],
            row["memory_mib"],
        )
        table.add_row(*map(str, cells), times, disk)
    console().print(table)
    for name, why in found["skipped"].items():
        click.echo(f"left out: {name}: {clean(why)[:200]}")
