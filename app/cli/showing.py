"""`watchfloor show`: a frame becomes a file, a passage is printed, a window is drawn."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import click

from app.cli.common import as_json_option, clean, console, opened, print_json, settings_of, verb

if TYPE_CHECKING:
    from app.ports import Media, Samples, Service
    from retrieval.types import Evidence, Principal

_SUFFIXES = {
    "image/jpeg": ".jpg", "image/png": ".png", "image/webp": ".webp", "image/gif": ".gif", "video/mp4": ".mp4", "video/webm": ".webm",
    "audio/wav": ".wav",
}  # fmt: skip


@click.command()
@click.argument("evidence_id", metavar="ID")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="File for the picture or the sound.")
@click.option("--clip", is_flag=True, help="Write the moment the frame belongs to as a short clip, not the frame.")
@click.option("--label", help="With --clip: as long as this was seen.")
@as_json_option
@click.pass_context
@verb
def show(ctx: click.Context, evidence_id: str, out: Path | None, clip: bool, label: str | None, as_json: bool) -> None:
    """Play evidence back: write the frame or the sound (default ./ID.jpg, ./ID.wav), print the passage, draw the window (PNG with --out).

    ID may be the short form of an id that `ask` or `search` printed.
    """
    from app.cli.recall import expand
    from app.wire import evidence_json
    from retrieval.types import SeriesWindow

    wanted = expand(settings_of(ctx).data_dir, evidence_id)
    with opened(ctx) as (service, principal):
        found = service.evidence(wanted, principal)
        note = ""
        if clip:
            played = service.clip(found.id, principal, label)
            file: Path | None = _write(played, found, out)
            note = played.note
        else:
            file = _write_picture(service, principal, found, out)
        samples = service.samples(found.id, principal) if isinstance(found.locator, SeriesWindow) else None
    if as_json:
        told = {"note": note} if note else {}
        print_json({**evidence_json(found), "file": None if file is None else str(file), **told})
    else:
        _paint(found, samples, file)
        if note:
            console().print(f"note: {note}")


def _write_picture(service: Service, principal: Principal, found: Evidence, out: Path | None) -> Path | None:
    """Write frames and speech always, anything else with a picture when --out asks."""
    from retrieval.types import Kind

    if (found.kind not in (Kind.FRAME, Kind.TRANSCRIPT) or found.media is None) and out is None:
        return None
    return _write(service.media(found.id, principal), found, out)


def _write(media: Media, found: Evidence, out: Path | None) -> Path:
    """Raises InputError where it cannot be written."""
    from retrieval.errors import InputError

    file = out or Path(f"{found.id}{_SUFFIXES.get(media.media_type, media.path.suffix)}")
    try:
        shutil.copyfile(media.path, file)
    except OSError as error:
        raise InputError(f"{file} cannot be written ({error.strerror}); give another --out") from error
    return file


def _paint(found: Evidence, samples: Samples | None, file: Path | None) -> None:
    from app.cli.chart import labelled
    from app.words import locator_words, source_name, span_words
    from retrieval.types import PageBox

    out = console()
    out.print(clean(f"{found.kind.value} {found.id}"))
    out.print(clean(f"{source_name(found.source)}, {locator_words(found.locator, found.valid)}"))
    if isinstance(found.locator, PageBox) and found.locator.box:
        left, top, right, bottom = (f"{100 * edge:.0f} %" for edge in found.locator.box)
        out.print(f"box: {left} to {right} across, {top} to {bottom} down the page")
    out.print(f"happened: {'unknown' if found.valid is None else span_words(found.valid)}")
    if found.entities:
        out.print(clean("about: " + ", ".join(f"{item.entity} ({item.relation.value})" for item in found.entities)))
    out.print()
    out.print(clean(found.text))
    if samples is not None:
        for line in labelled(samples.t, samples.v, clean(samples.unit)):
            click.echo(line)
    for note in found.provenance.notes:
        out.print(clean(f"note: {note}"))
    if file is not None:
        out.print(f"written: {file}")
