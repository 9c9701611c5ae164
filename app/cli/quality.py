"""`watchfloor quality`: who delivers what, how late and how well, and who is silent."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import click

from app.cli.common import as_json_option, clean, console, opened, print_json, verb

if TYPE_CHECKING:
    from rich.console import Console

_UNITS = {"m": 60.0, "h": 3_600.0, "d": 86_400.0}
_DAYS = 35
_STYLES = {"silent": "red", "unattended": "yellow", "learning": "dim"}


def _seconds(_: click.Context, __: click.Parameter, given: str) -> float:
    found = re.fullmatch(r"(\d{1,4})([mhd])", given)
    seconds = int(found[1]) * _UNITS[found[2]] if found else 0.0
    if not 0 < seconds <= _DAYS * _UNITS["d"]:
        raise click.BadParameter(f"{given!r} is no time back; write 90m, 12h or 7d, {_DAYS}d at most")
    return seconds


@click.command()
@click.option("--since", default="7d", show_default=True, callback=_seconds, help="How far back: 90m, 12h, 7d.")
@click.option("--forget", metavar="SOURCE", help="Watch SOURCE no more until it delivers again; its alarm ends.")
@as_json_option
@click.pass_context
@verb
def quality(ctx: click.Context, since: float, forget: str | None, as_json: bool) -> None:
    """Say who delivers what: when last heard, how often, how late, what is missing, doubtful or refused. The worst first.

    A source that is silent for longer than it may be has an alarm. How long that is, is declared (expect_every in the files of feeds,
    cameras and warehouses) or learned, once a source was heard for 8 days.
    """
    with opened(ctx) as (service, principal):
        if forget is not None:
            service.forget_source(forget, principal)
        found = service.quality(principal, since)
    if as_json:
        print_json(found)
    else:
        _paint(found, console())


def _paint(found: dict[str, Any], out: Console) -> None:
    if not found["sources"]:
        out.print("nothing has delivered yet; take something in with watchfloor ingest, listen, cameras or pull")
    for one in found["sources"]:
        _line(one, out)
    for bus, standing in found["listeners"].items():
        lag = "" if standing["lag_s"] is None else f", {standing['lag_s']:.1f} s behind"
        trouble = f"; {standing['trouble']}" if standing["trouble"] else ""
        out.print(clean(f"listener {bus}: {standing['waiting']} in hand{lag} at {standing['at'][:19]}Z{trouble}"))
    if not found["whole"]:
        out.print("not all that is stored has been read yet; look again")


def _line(one: dict[str, Any], out: Console) -> None:
    from rich.text import Text

    state = Text(f"{one['state']:10} ", style=_STYLES.get(one["state"], "green"))
    out.print(Text.assemble(state, clean(f"{one['name']}: {'; '.join(_told(one))}")))


def _told(one: dict[str, Any]) -> list[str]:
    """What is to be said of one, the usual left out."""
    from app.words import length_words

    heard = f"last heard {one['heard'][:19]}Z" if one["heard"] else "never heard"
    parts = [heard, f"{one['pieces']} pieces"]
    if one["expected_s"] or one["usual_s"]:
        often = (
            f"expected every {length_words(one['expected_s'])}"
            if one["expected_s"]
            else f"every {length_words(one['usual_s'])}"
        )
        parts.append(often + (f", may be silent for {length_words(one['allowed_s'])}" if one["allowed_s"] else ""))
    if one["lag_p50_s"] is not None:
        parts.append(
            f"lag {length_words(one['lag_p50_s'])} (95 %: {length_words(one['lag_p95_s'])}, {length_words(one['lag_max_s'])} at most)"
        )
    parts += [f"{one[field]} {words}" for field, words in _DOUBTS.items() if one[field]]
    parts += [f"clock {skew['seconds']:+g} s against {skew['against']}" for skew in one["skews"]]
    parts += [f"{count} refused ({code})" for code, count in one["rejected"].items()]
    return parts


_DOUBTS = {
    "gaps": "gaps",
    "future": "dated after now",
    "duplicates": "duplicates",
    "unknown_pieces": "tags that name no known thing",
}
