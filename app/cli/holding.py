"""`watchfloor hold` and `watchfloor retention`: what must be kept, and what is kept no longer than it may be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from app.cli.common import as_json_option, clean, opened, print_json, settings_of, verb
from app.cli.erasing import source_uri

if TYPE_CHECKING:
    from retrieval.erasure.values import Hold


@click.group(invoke_without_command=True)
@as_json_option
@click.pass_context
def hold(ctx: click.Context, as_json: bool) -> None:
    """Legal holds: `list` them (also without a word), `place` one, `release` one. What is held is neither erased nor aged out."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(listed, as_json=as_json)
    elif as_json:
        raise click.UsageError(f"--json goes behind the word: watchfloor hold {ctx.invoked_subcommand} --json")


@hold.command("list")
@click.option("--all", "all_", is_flag=True, help="Those released too.")
@as_json_option
@click.pass_context
@verb
def listed(ctx: click.Context, all_: bool = False, as_json: bool = False) -> None:
    """The oldest first."""
    with opened(ctx) as (service, principal):
        found = service.governance.holds(principal, all_=all_)
    if as_json:
        print_json({"holds": [_plain(each) for each in found]})
        return
    for each in found:
        click.echo(clean(_line(each)))
    if not found:
        click.echo("no legal holds")


@hold.command()
@click.option("--evidence", multiple=True, metavar="ID", help="A piece of evidence, by its whole id.")
@click.option("--source", "sources", multiple=True, metavar="FILE|URI", help="All that came from a source.")
@click.option("--entity", "entities", multiple=True, metavar="ID", help="All that hangs on an entity.")
@click.option("--from", "start", metavar="TIME", help="All that happened from then on.")
@click.option("--to", "end", metavar="TIME", help="All that happened before then.")
@click.option("--why", required=True, help="Why it must be kept.")
@as_json_option
@click.pass_context
@verb
def place(ctx: click.Context, /, as_json: bool, **given: Any) -> None:
    """Keep what matches any of the options, until the hold is released."""
    from app.governance.wire import WireHold, hold_in

    wire = WireHold(
        why=given["why"],
        evidence=list(given["evidence"]),
        sources=[source_uri(each) for each in given["sources"]],
        entities=list(given["entities"]),
        start=given["start"],
        end=given["end"],
    )
    with opened(ctx) as (service, principal):
        placed = service.governance.hold(hold_in(wire), principal)
    _say(placed, as_json)
    if not as_json:
        none = "; check the names: only what comes and matches will be" if not placed.keeps else ""
        click.echo(f"pieces of evidence that it keeps: {placed.keeps}{none}")


@hold.command()
@click.argument("hold_id", metavar="ID")
@as_json_option
@click.pass_context
@verb
def release(ctx: click.Context, hold_id: str, as_json: bool) -> None:
    """What it kept may be erased again, and ages."""
    with opened(ctx) as (service, principal):
        released = service.governance.release_hold(hold_id, principal)
    _say(released, as_json)


@click.command()
@click.option("--run", is_flag=True, help="Apply them now; a running server does so by itself.")
@as_json_option
@click.pass_context
@verb
def retention(ctx: click.Context, run: bool, as_json: bool) -> None:
    """The rules of how long evidence is kept, as the settings have them; with --run they are applied."""
    given = settings_of(ctx).retention
    rules = given.model_dump(exclude_none=True)
    if not run:
        _rules(rules, as_json)
        return
    with opened(ctx) as (service, principal):
        done = service.governance.retain(principal)
        service.governance.resume()
    if as_json:
        print_json({"erased": done.erased, "coverage": done.coverage, "held": done.held})
        return
    erased = ", ".join(f"{count} {kind}" for kind, count in done.erased.items()) or "nothing"
    click.echo(f"erased {erased}; {done.coverage} superseded records of coverage; {done.held} kept by legal holds")


def _rules(rules: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json({"retention": rules})
        return
    kept = {name: age for name, age in rules.items() if name not in ("by", "every_s")}
    for name, age in kept.items():
        told = "superseded coverage" if name == "coverage" else f"{name} (from when it was {rules['by']})"
        click.echo(f"{told}: {age}")
    click.echo(f"all else for ever; a running server applies this every {rules['every_s']:g} s")


def _line(hold: Hold) -> str:
    told = _plain(hold)
    named = [f"{name} {', '.join(told[name])}" for name in ("evidence", "sources", "entities") if told[name]]
    if told["start"] or told["end"]:
        named.append(f"from {told['start'] or 'ever'} to {told['end'] or 'ever'}")
    until = f", released {told['released_at']}" if told["released_at"] else ""
    return f"{hold.id} by {hold.subject} since {told['placed_at']}{until}: {'; '.join(named)} — {hold.why}"


def _plain(hold: Hold) -> dict[str, Any]:
    import msgspec

    from app.governance.wire import hold_out

    plain: dict[str, Any] = msgspec.to_builtins(hold_out(hold))
    return plain


def _say(hold: Hold, as_json: bool) -> None:
    if as_json:
        print_json(_plain(hold))
    else:
        click.echo(clean(_line(hold)))
