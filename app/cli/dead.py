"""`watchfloor dead`: messages of a bus that could not be read, and giving them another try."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from app.cli.common import as_json_option, clean, console, print_json, settings_of, verb

if TYPE_CHECKING:
    from app.wiring_stream import DeadMessage

_SHOWN = 200


@click.command()
@click.option(
    "--again",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Feeds file: read the kept messages of its feeds once more, as it says now.",
)
@click.option("--forget", is_flag=True, help="Remove them all.")
@as_json_option
@click.pass_context
@verb
def dead(ctx: click.Context, again: Path | None, forget: bool, as_json: bool) -> None:
    """List the messages of a bus that could not be read, with their cause; or try them again, or forget them.

    The newest are shown last, with the first 200 characters of what was sent. Nothing is shown where personal data is masked.
    """
    from app.wiring import Parts
    from app.wiring_stream import dead_again, dead_letters, dead_messages
    from retrieval.errors import InputError

    if again and forget:
        raise InputError("either --again or --forget")
    settings = settings_of(ctx)
    parts = Parts(settings)
    try:
        if again:
            taken, still = dead_again(parts, settings, again)
            _say({"taken": taken, "dead": still}, f"{taken} taken in, {still} still cannot be read", as_json)
        elif forget:
            gone = dead_letters(parts, settings).forget()
            _say({"forgotten": gone}, f"{gone} forgotten", as_json)
        else:
            _list(dead_messages(parts, settings), as_json)
    finally:
        parts.close()


def _say(value: dict[str, object], words: str, as_json: bool) -> None:
    if as_json:
        print_json(value)
    else:
        click.echo(words)


def _list(found: list[DeadMessage], as_json: bool) -> None:
    if as_json:
        print_json({"dead": [_plain(each) for each in found]})
        return
    for told in map(_plain, found):
        console().print(clean(f"{told['at']} {told['source']}: {told['reason']} ({told['code']})"))
        if told["message"]:
            console().print(clean(f"    {told['message']}"))
    console().print(f"{len(found)} messages could not be read")


def _plain(found: DeadMessage) -> dict[str, Any]:
    from retrieval.times import iso

    return {
        "source": found.source,
        "code": found.code,
        "reason": found.reason,
        "at": iso(found.at),
        "tries": found.tries,
        "message": found.body[:_SHOWN].decode("utf-8", "replace"),
    }
