"""What every verb shares: the settings, the service behind it, JSON output, and how failures are told."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn, ParamSpec

import click

if TYPE_CHECKING:
    from rich.console import Console

    from app.ports import Service
    from app.settings import Settings
    from retrieval.types import Principal

P = ParamSpec("P")
as_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")


def verb(function: Callable[P, None]) -> Callable[P, None]:
    """Tell failures in one line, and end with 2 for wrong input, 1 for the rest. The function takes `as_json`."""

    @functools.wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> None:
        from retrieval.errors import WatchfloorError

        as_json = bool(kwargs.get("as_json"))
        try:
            function(*args, **kwargs)
        except WatchfloorError as error:
            fail(error, as_json)
        except BrokenPipeError:
            sys.stderr.close()
            sys.exit(141)

    return wrapped


def fail(error: Exception, as_json: bool) -> NoReturn:
    """Print the failure, on stdout as JSON or on stderr as one line, and exit."""
    from app.wire import error_json
    from retrieval.errors import InputError

    code = str(getattr(error, "code", "error"))
    message = " ".join(str(error).split())
    if as_json:
        print_json(error_json(code, message))
    else:
        click.echo(f"watchfloor: {message}", err=True)
    sys.exit(2 if isinstance(error, InputError) else 1)


def print_json(value: Any, err: bool = False) -> None:
    """One line of JSON on stdout, or on stderr; NaN becomes null."""
    import msgspec

    click.echo(msgspec.json.encode(value).decode(), err=err)


def settings_of(ctx: click.Context) -> Settings:
    """The settings, with --data-dir and what a verb's own options say over everything else."""
    from app.settings import load

    given = ctx.obj or {}
    data_dir = given.get("data_dir")
    more = given.get("settings", {})
    return load(given.get("config"), **more, **({} if data_dir is None else {"data_dir": data_dir}))


@contextmanager
def opened(ctx: click.Context, *, local: bool = False) -> Iterator[tuple[Service, Principal]]:
    """The service: the server that runs on this data directory, else our own.

    `local` is for verbs that must hold the store themselves. Raises StoreBusy for those while a server runs.
    """
    log_to_stderr()
    from app.cli.remote import find_server
    from app.principals import local_principal
    from retrieval.errors import StoreBusy

    settings = settings_of(ctx)
    service: Service | None = find_server(settings.data_dir, instance=settings.instance)
    if service is not None and local:
        service.close()
        raise StoreBusy(f"a server runs on {settings.data_dir} and holds its indexes; stop it, then try again")
    if service is None:
        from app.wiring import build

        service = build(settings)
    try:
        yield service, local_principal(settings)
    finally:
        service.close()


def log_to_stderr() -> None:
    """Standard output is for answers: what parts log goes to standard error."""
    import structlog

    structlog.configure(logger_factory=lambda *_: structlog.PrintLogger(sys.stderr))


def console(*, err: bool = False) -> Console:
    """A rich console that never reads markup out of evidence."""
    from rich.console import Console

    return Console(stderr=err, markup=False, highlight=False, emoji=False, soft_wrap=False)


def clean(text: str) -> str:
    """Text without control characters: evidence must not move the cursor or write to the clipboard."""
    return "".join(char if char.isprintable() or char in "\n\t" else "�" for char in text)
