"""`python -m eval.bench.serving STORE --model URL`: the measured service in a process of its own, until its standard input ends."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from pathlib import Path

import click

from app.budget import Allowance, Budget
from app.cli.common import log_to_stderr
from app.http.app import create_app
from app.http.context import Options
from app.http.serve import Listener, collect_rarely, free_port, one_blas_thread
from app.principals import local_principal
from app.service import Watchfloor
from eval.bench.house import AT_ONCE, BenchParts, settings_for

_HOST = "127.0.0.1"
_UP_S = 30.0


@click.command()
@click.argument("store", type=click.Path(path_type=Path))
@click.option("--model", required=True, help="Address of the stub, ending in /v1.")
def main(store: Path, model: str) -> None:
    """Serve the store on a free port of loopback and print {"url": …} once it answers."""
    # standard output holds the address alone
    log_to_stderr()
    one_blas_thread()
    collect_rarely()
    settings = settings_for(store, model)
    parts = BenchParts(settings)
    # what an index holds in memory is read now, not while the first question waits
    parts.settle()
    # a client's next question may come before its last one is quite over
    service = Watchfloor(parts, Budget(Allowance(concurrent=2 * AT_ONCE)))
    port = free_port(_HOST)
    options = Options(data_dir=store, deadline_s=settings.limits.deadline_s)
    listener = Listener(create_app(service, local_principal(settings), options), _HOST, port)
    threading.Thread(target=_announce, args=(listener, f"http://{_HOST}:{port}"), daemon=True).start()
    try:
        asyncio.run(listener.serve())
    finally:
        service.close()


def _announce(listener: Listener, url: str) -> None:
    """Say where it is, and stop it when whoever started it has gone."""
    listener.wait(_UP_S)
    click.echo(json.dumps({"url": url}))
    sys.stdin.read()
    listener.stop()


if __name__ == "__main__":
    main()
