"""Runs a set of scripted claims over a site: makes them, has them judged, sums up."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from eval.claims import scoring
from eval.claims.judging import product_judge
from eval.claims.scoring import Judged
from eval.claims.store import open_store
from retrieval.errors import InputError

Progress = Callable[[int, int, str], None]


def run(
    name: str, store: Path, seed: int, n: int = 500, progress: Progress | None = None
) -> tuple[dict[str, Any], list[Judged]]:
    """`n` right and `n` wrong claims of a set over an ingested store: the figures, and every claim judged. Raises InputError."""
    opened = open_store(store)
    found = scoring.claims(name, opened.world, seed, n)
    judged = scoring.judge_all(found, product_judge(opened), progress)
    return scoring.summary(name, seed, judged), judged


def run_site(
    name: str, site: Path, store: Path | None, seed: int, n: int = 500, progress: Progress | None = None
) -> tuple[dict[str, Any], list[Judged]]:
    """The same over a site's folder, ingested into `store` first unless that holds a store already. Raises InputError."""
    if store is not None and (store / "catalog.sqlite3").is_file():
        return run(name, store, seed, n, progress)
    if store is not None:
        take_in(site, store)
        return run(name, store, seed, n, progress)
    with TemporaryDirectory(prefix="watchfloor-claims-") as folder:
        take_in(site, Path(folder))
        return run(name, Path(folder), seed, n, progress)


def take_in(site: Path, store: Path) -> None:
    """Ingest the files of a site folder (written by `watchfloor eval site`). Raises InputError where there are none."""
    from app.settings import load
    from app.wiring import build
    from retrieval.types import Principal

    files = site / "site" if (site / "site").is_dir() else site
    if not files.is_dir():
        raise InputError(f"{files} is not a folder")
    settings = load(data_dir=store)
    service = build(settings)
    try:
        service.ingest([files], Principal(settings.tenant))
    finally:
        service.close()
