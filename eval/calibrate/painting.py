"""A calibration's summary for people at a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from app.cli.common import console
from eval.calibrate.metrics import METRICS
from eval.calibrate.report import interval


def paint(found: Mapping[str, Any], out: Path) -> None:
    """The metrics of every direction, the threshold, and where the files are."""
    fitted, limit = found["fitted"], found["abstention"]
    click.echo(f"{found['name']} of {found['answerer']}: {fitted['answers']} answers, {fitted['right']} right")
    for direction in found["directions"]:
        _paint_direction(direction)
    if limit is None:
        click.echo("no threshold keeps the stated risk: none is stored")
    else:
        click.echo(f"threshold {limit['threshold']:.3f} for a risk of {limit['risk']:.0%} (bound {limit['bound']:.3f})")
    for row in found["kept"]:
        click.echo(
            f"  {row['fitted_on']} → {row['tested_on']}: {row['kept']} of {row['stated']} stated answers kept, "
            f"{row['kept_wrong']} of them wrong ({row['stated_wrong']} of all)"
        )
    click.echo(f"written to {out}")


def _paint_direction(direction: Mapping[str, Any]) -> None:
    from rich.table import Table

    title = f"{direction['fitted_on']} → {direction['tested_on']}: {direction['right']} of {direction['n']} right"
    table = Table("metric", *direction["metrics"], title=title, title_justify="left")
    for name in METRICS:
        table.add_row(name, *(interval(found[name]) for found in direction["metrics"].values()))
    console().print(table)
