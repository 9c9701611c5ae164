"""Verbs about the house: doctor, serve, reindex, reconcile, snapshot, stats, feedback."""

from __future__ import annotations

import sys
from typing import Any

import click

from app.cli.common import as_json_option, console, log_to_stderr, opened, print_json, settings_of, verb

NOTHING = "–"
_MARKS = {"ok": "green", "off": "dim", "degraded": "yellow", "failed": "red"}


@click.command()
@as_json_option
@click.pass_context
@verb
def doctor(ctx: click.Context, as_json: bool) -> None:
    """Say how every part is, in one line each. Ends with 1 when one has failed."""
    from app.wire import checks_json

    with opened(ctx) as (service, _):
        checks = service.checks()
    if as_json:
        print_json(checks_json(checks))
    else:
        from rich.text import Text

        for check in checks:
            mark = Text(f"{check.state:9}", style=_MARKS.get(check.state, ""))
            console().print(Text.assemble(mark, f"{check.name}: {check.detail}"))
    sys.exit(1 if any(check.state == "failed" for check in checks) else 0)


@click.command()
@click.option("--host", help="Address to listen on; this machine's own only.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port; 0 = any free one.")
@as_json_option
@click.pass_context
@verb
def serve(ctx: click.Context, host: str | None, port: int | None, as_json: bool) -> None:
    """Serve the page, HTTP and, where configured, Slack, until Ctrl-C or SIGTERM."""
    from app.http.serve import run

    log_to_stderr()
    settings = settings_of(ctx)
    announce = print_json if as_json else _say_where
    run(settings, host, port, announce)


def _say_where(where: dict[str, Any]) -> None:
    click.echo(f"Watchfloor is at {where['url']} (Ctrl-C ends it)")


@click.command()
@as_json_option
@click.pass_context
@verb
def reindex(ctx: click.Context, as_json: bool) -> None:
    """Throw the indexes away and rebuild them from the catalog."""
    with opened(ctx, local=True) as (service, _):
        found = service.reindex()
    _print_pairs(found, as_json)


@click.command()
@as_json_option
@click.pass_context
@verb
def reconcile(ctx: click.Context, as_json: bool) -> None:
    """Compare the indexes with the catalog by content, and repair what differs."""
    with opened(ctx, local=True) as (service, _):
        found = service.reconcile()
    _print_pairs(found, as_json)


@click.command()
@as_json_option
@click.pass_context
@verb
def snapshot(ctx: click.Context, as_json: bool) -> None:
    """Write the index that lives in memory to disk, so that the next start need not read the whole log."""
    with opened(ctx, local=True) as (service, _):
        found = service.snapshot()
    _print_pairs(found, as_json)


@click.command()
@as_json_option
@click.pass_context
@verb
def stats(ctx: click.Context, as_json: bool) -> None:
    """Asks by verdict, how many answers were accepted, and the time to first evidence."""
    with opened(ctx) as (service, principal):
        found = service.stats(principal)
    _print_pairs(found, as_json)


@click.command()
@click.argument("answer_id", metavar="ANSWER")
@click.option("--accept/--reject", "accepted", required=True, default=None, help="Whether the answer was accepted.")
@click.option("--note", default="", help="Why.")
@as_json_option
@click.pass_context
@verb
def feedback(ctx: click.Context, answer_id: str, accepted: bool, note: str, as_json: bool) -> None:
    """Say whether ANSWER (its id) was accepted."""
    with opened(ctx) as (service, principal):
        service.feedback(answer_id, accepted, principal, note)
    _print_pairs({"answer": answer_id, "accepted": accepted}, as_json)


def _print_pairs(found: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    for name, value in found.items():
        parts = [f"{k} {_figure(v)}" for k, v in value.items()] if isinstance(value, dict) else [_figure(value)]
        click.echo(f"{name.replace('_', ' ')}: {', '.join(parts) or NOTHING}")


def _figure(value: Any) -> str:
    """A figure for people: two decimals at most, a dash where there is none."""
    if value is None:
        return NOTHING
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
