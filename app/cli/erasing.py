"""`watchfloor erase`: take evidence out for good, prove that it is gone, and let it be taken in again."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from app.cli.common import as_json_option, clean, opened, print_json, settings_of, verb

if TYPE_CHECKING:
    from app.governance.port import Governance
    from app.governance.receipts import Signed, Verdict
    from retrieval.erasure.values import Erasure, Tally, Target
    from retrieval.types import Principal

_LOOK_S = 0.2
_THERE = "{} is there already and is left as it is; give --receipt a new name"
_KINDS = ("frame", "passage", "alert", "window", "transcript", "row")


@click.group(invoke_without_command=True)
@click.option("--evidence", multiple=True, metavar="ID", help="A piece of evidence; several times for more.")
@click.option("--source", "sources", multiple=True, metavar="FILE|URI", help="All that came from a source.")
@click.option("--entity", "entities", multiple=True, metavar="ID", help="All that hangs on an entity of the site.")
@click.option(
    "--subject",
    default="",
    metavar="NAME",
    help="All about a person: an entity, label or field of that name; not words in a text.",
)
@click.option("--older-than", metavar="AGE", help="What is older: 36h, 30d, 12w, 7y.")
@click.option("--by", type=click.Choice(["recorded", "valid"]), default="recorded", show_default=True,
              help="What age is counted from: when it was recorded, or when it happened.")  # fmt: skip
@click.option("--kind", "kinds", multiple=True, type=click.Choice(_KINDS), help="Only of this kind.")
@click.option("--dry-run", is_flag=True, help="Count what would go, and change nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--receipt", type=click.Path(path_type=Path, dir_okay=False), help="Where to write the receipt.")
@click.option("--no-wait", is_flag=True, help="Return once it is hidden; fetch the receipt with `erase receipt ID`.")
@as_json_option
@click.pass_context
def erase(ctx: click.Context, /, as_json: bool, **given: Any) -> None:
    """Erase evidence: what matches every option given. It is counted first, and asked for.

    From when it is hidden nobody finds it, now or as of any time; then its bytes are removed from catalog, blobs, indexes, snapshots and
    caches, every file of the store is searched for them, and a signed receipt is written. What a legal hold keeps stays. Words: `list`,
    `receipt`, `resume`, `verify`, `again`.
    """
    if ctx.invoked_subcommand is None:
        _erase(ctx, as_json=as_json, **given)
    elif as_json or any(value for name, value in given.items() if name != "by"):
        raise click.UsageError(f"options go behind the word: watchfloor erase {ctx.invoked_subcommand} …")


@verb
def _erase(ctx: click.Context, *, as_json: bool, **given: Any) -> None:
    from retrieval.errors import InputError

    if as_json and not (given["yes"] or given["dry_run"]):
        raise InputError("with --json nobody can be asked: give --yes, or --dry-run to count")
    if given["receipt"] is not None and given["receipt"].exists():
        raise InputError(_THERE.format(given["receipt"]))
    with opened(ctx) as (service, principal):
        book = service.governance
        target = _target(ctx, given)
        counted = book.count(target, principal)
        if given["dry_run"]:
            _told({"would_erase": _plain(counted)}, _counted(counted), as_json)
            return
        if not (given["yes"] or as_json):
            click.echo(_counted(counted))
            click.confirm("Erase it? It cannot be brought back", abort=True)
        made = book.erase(target, principal)
        if made is None:
            _told({"erasure": None}, "there is nothing to erase", as_json)
            return
        _follow(book, principal, made, given, as_json)


def _follow(book: Governance, principal: Principal, made: Erasure, given: dict[str, Any], as_json: bool) -> None:
    """Wait for the bytes to be gone, and write the receipt."""
    if not as_json:
        click.echo(f"{made.id}: hidden; {_counted(made.tally)}")
    if given["no_wait"]:
        _told({"erasure": _plain(made)}, f"fetch its receipt with: watchfloor erase receipt {made.id}", as_json)
        return
    done = _gone(book, principal, made)
    path = _write_receipt(book, principal, done, given["receipt"])
    _told(
        {"erasure": _plain(done), "receipt": str(path)}, f"its bytes are gone; receipt with its salt: {path}", as_json
    )


@erase.command("list")
@as_json_option
@click.pass_context
@verb
def listed(ctx: click.Context, as_json: bool) -> None:
    """Erasures, the newest first, and the key that verifies their receipts."""
    with opened(ctx) as (service, principal):
        found, key = service.governance.erasures(principal), service.governance.public_key()
    if as_json:
        print_json({"erasures": [_plain(each) for each in found], "key": key})
        return
    for each in found:
        click.echo(clean(f"{each.id} {each.state:10} by {each.what}: {_counted(each.tally)}"))
        if each.trouble:
            click.echo(clean(f"    {each.trouble}"))
    click.echo(f"receipts are verified by the key {key}")


@erase.command()
@click.argument("erasure_id", metavar="ID")
@click.option("--receipt", type=click.Path(path_type=Path, dir_okay=False), help="Where to write it.")
@as_json_option
@click.pass_context
@verb
def receipt(ctx: click.Context, erasure_id: str, receipt: Path | None, as_json: bool) -> None:
    """Write the receipt of an erasure. The first time with its salt, which the store then forgets."""
    with opened(ctx) as (service, principal):
        path = _write_receipt(service.governance, principal, service.governance.erasure(erasure_id, principal), receipt)
    _told({"receipt": str(path)}, f"written to {path}", as_json)


@erase.command()
@as_json_option
@click.pass_context
@verb
def resume(ctx: click.Context, as_json: bool) -> None:
    """Go on with erasures whose bytes are not gone yet; a running server does so by itself."""
    with opened(ctx) as (service, principal):
        service.governance.resume()
        waiting = [each for each in service.governance.erasures(principal) if each.purged_at is None]
    words = "\n".join(f"{each.id}: {each.trouble or each.state}" for each in waiting) or "nothing waits to be removed"
    _told({"waiting": [_plain(each) for each in waiting]}, clean(words), as_json)
    sys.exit(1 if any(each.trouble for each in waiting) else 0)


@erase.command()
@click.argument("receipt", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@as_json_option
@click.pass_context
@verb
def verify(ctx: click.Context, receipt: Path, as_json: bool) -> None:
    """Check a receipt's signature, and search every file of the store for what was erased. Ends with 1 unless it is proven absent."""
    from app.governance import receipts

    folder = settings_of(ctx).data_dir.resolve()
    found = receipts.verify(receipts.decoded(receipt.read_bytes()), folder, receipts.Seal(folder).known())
    if as_json:
        print_json({**_plain(found), "absent": found.absent})
    else:
        for line in _proof(found):
            click.echo(clean(line))
    sys.exit(0 if found.absent else 1)


@erase.command()
@click.option("--source", "sources", multiple=True, metavar="FILE|URI", help="A source that was erased.")
@click.option("--evidence", multiple=True, metavar="ID", help="A piece that was erased, by its whole id.")
@click.option(
    "--entity", "entities", multiple=True, metavar="ID", help="A person that was erased, by the id of the entity."
)
@as_json_option
@click.pass_context
@verb
def again(
    ctx: click.Context, sources: tuple[str, ...], evidence: tuple[str, ...], entities: tuple[str, ...], as_json: bool
) -> None:
    """Let what was erased be taken in again, by the next ingest."""
    from app.governance.port import Again
    from retrieval.errors import BadQuery

    if not (sources or evidence or entities):
        raise BadQuery("say what may be taken in again: --source, --evidence or --entity")
    with opened(ctx) as (service, principal):
        wanted = Again([source_uri(each) for each in sources], evidence, entities)
        gone = service.governance.allow(wanted, principal)
    _told({"allowed": gone}, f"{gone} marks against it are gone" if gone else "it was not erased", as_json)


def source_uri(given: str) -> str:
    """A uri as it is; a path as the uri that an ingest gives it."""
    if "://" in given or given.startswith("feed:"):
        return given
    return Path(os.path.abspath(given)).as_uri()  # noqa: PTH100 - resolve() would rename what a link points to


def _target(ctx: click.Context, given: dict[str, Any]) -> Target:
    from app.cli.recall import expand
    from app.governance.retention import age
    from retrieval.erasure.values import Target
    from retrieval.types import Kind

    folder = settings_of(ctx).data_dir
    old = given["older_than"]
    return Target(
        evidence=tuple(expand(folder, each) for each in given["evidence"]),
        sources=tuple(source_uri(each) for each in given["sources"]),
        entities=given["entities"],
        subject=given["subject"],
        before=None if old is None else time.time_ns() // 1000 - age(old),
        by=given["by"],
        kinds=tuple(Kind(each) for each in given["kinds"]),
    )


def _gone(book: Governance, principal: Principal, made: Erasure) -> Erasure:
    """The erasure once its bytes are gone. Raises StoreError with what is in the way."""
    from retrieval.errors import StoreError

    while True:
        book.resume()
        now = book.erasure(made.id, principal)
        if now.purged_at is not None:
            return now
        if now.trouble:
            raise StoreError(f"{now.id} is hidden, but {now.trouble}; `watchfloor erase resume` goes on with it")
        time.sleep(_LOOK_S)


def _write_receipt(book: Governance, principal: Principal, erasure: Erasure, path: Path | None) -> Path:
    """Raises StoreError where the bytes are not gone, and as `_new_file`."""
    from app.governance.receipts import encoded
    from retrieval.errors import StoreError, WatchfloorError

    place = path or Path(f"{erasure.id}.receipt.json")
    # before the salt is asked for: it is handed out once
    with os.fdopen(_new_file(place), "w") as file:
        try:
            signed: Signed | None = book.receipt(erasure.id, principal)
            if signed is None:
                raise StoreError(f"the bytes of {erasure.id} are not gone yet {erasure.trouble}".rstrip())
        except WatchfloorError:
            place.unlink()
            raise
        file.write(encoded(signed) + "\n")
        file.flush()
        os.fsync(file.fileno())
    return place


def _new_file(place: Path) -> int:
    """A file of one's own, opened for writing. Raises StoreError where it cannot be made, InputError where there is one: a receipt with the
    only salt may be in it."""
    from retrieval.errors import InputError, StoreError

    try:
        return os.open(place, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError as error:
        raise InputError(_THERE.format(place)) from error
    except OSError as error:
        raise StoreError(f"the receipt cannot be written to {place}: {error.strerror}; give --receipt") from error


def _proof(found: Verdict) -> list[str]:
    signed = "signed by this store" if found.own else "signed, but by another store's key"
    lines = [signed if found.signed else "NOT rightly signed: the receipt was changed"]
    needles, attested = (
        ", ".join(f"{count} {kind}s" for kind, count in told.items()) or "nothing"
        for told in (found.needles, found.attested)
    )
    if found.attested:
        lines.append(f"when it was signed {attested} were looked for, and were gone")
        lines.append("nothing can be looked for now: a rule's receipt holds no commitments")
    elif found.looked:
        lines.append(f"looked for {needles} in {found.files} files, {found.bytes / 1e6:.1f} MB")
    else:
        lines.append("nothing was looked for: this receipt has no salt beside it, or is not rightly signed")
    lines += [f"FOUND {each}" for each in found.found] + [f"could not be read: {each}" for each in found.unread]
    return [*lines, "absent" if found.absent else "NOT proven absent"]


def _counted(counted: Tally) -> str:
    kinds = ", ".join(f"{count} {kind}" for kind, count in counted.by_kind.items())
    parts = [_many(counted.evidence, "piece of evidence", "pieces of evidence") + (f" ({kinds})" if kinds else "")]
    more = (
        (counted.vectors, "vector", "vectors"),
        (counted.media, "blob", "blobs"),
        (counted.coverage, "record of coverage", "records of coverage"),
        (counted.answers, "answer that quotes it", "answers that quote it"),
    )
    parts += [_many(*each) for each in more if each[0]]
    parts += [
        f"{count or 'what hangs on a person or the site'} kept by legal hold {id_}"
        for id_, count in counted.held.items()
    ]
    return ", ".join(parts)


def _many(count: int, one: str, more: str) -> str:
    return f"{count} {one if count == 1 else more}"


def _plain(value: Any) -> dict[str, Any]:
    import msgspec

    from app.governance.wire import erasure_out
    from retrieval.erasure.values import Erasure

    plain: dict[str, Any] = msgspec.to_builtins(erasure_out(value) if isinstance(value, Erasure) else value)
    return plain


def _told(value: dict[str, Any], words: str, as_json: bool) -> None:
    if as_json:
        print_json(value)
    else:
        click.echo(words)
