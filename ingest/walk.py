"""From the paths a user gives to the files to read: the site description first, then tables, then everything else, by name."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from ingest.media_types import AUDIO, BY_ENDING, IMAGES, STRUCTURED, VIDEO
from ingest.site import FILE_NAMES, SiteDescription, read_site
from ingest.video.start import is_sidecar
from retrieval.errors import InputError

_RECORDED = frozenset(ending for ending, kind in BY_ENDING.items() if kind in VIDEO | IMAGES | AUDIO)


class Site(NamedTuple):
    """A site description and the folder it speaks of."""

    path: Path
    description: SiteDescription


class Found(NamedTuple):
    """A file. `name` is its posix path below the site's folder, or below the folder that was given."""

    path: Path
    name: str
    site: Site | None


class Walk(NamedTuple):
    sites: tuple[Site, ...]
    files: tuple[Found, ...]


def walk(paths: Sequence[Path], exclude: Sequence[Path] = ()) -> Walk:
    """Find what to read. A path inside a site's folder is read as part of that site, with its clocks and labels.

    Left out: hidden files, folders in `exclude`, the site's image encoder, files that only describe a picture or clip beside
    them. Raises InputError for a path that does not exist or when nothing is left, BadSiteDescription for a broken site.yaml.
    """
    sites: dict[Path, Site] = {}
    files: dict[Path, Found] = {}
    for path in map(_absolute, paths):
        if not os.path.exists(path):  # noqa: PTH110 - False for a name that no system takes, where Path.exists raises
            raise InputError(f"no such file or folder: {path}")
        for found in _below(path, sites, [_absolute(folder) for folder in exclude]):
            files.setdefault(found.path, found)
    if not files and not sites:
        raise InputError(f"nothing to ingest in {', '.join(str(path) for path in paths) or 'no paths'}")
    return Walk(tuple(sites[root] for root in sorted(sites)), tuple(sorted(files.values(), key=_order)))


def sidecars(path: Path) -> list[Path]:
    """The json files that describe this picture, clip or recording: `clip.mp4.json` or `clip.json` beside `clip.mp4`."""
    if path.suffix.lower() not in _RECORDED:
        return []
    names = (path.with_name(path.name + ".json"), path.with_suffix(".json"))
    return [name for name in names if name.is_file() and is_sidecar(name)]


def fingerprint(path: Path) -> str:
    """SHA-256 of the file, and of its sidecars where it has any, in hex, read in pieces. Raises OSError."""
    digests = []
    for part in (path, *sidecars(path)):
        with part.open("rb") as file:
            digests.append(hashlib.file_digest(file, "sha256").hexdigest())
    return digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path))  # noqa: PTH100 - resolve() would rename what a link points to


def _below(path: Path, sites: dict[Path, Site], exclude: Sequence[Path]) -> Iterator[Found]:
    base = path if path.is_dir() else path.parent
    roots: dict[Path, Path | None] = {}
    for file in _files(path, exclude):
        if file.parent not in roots:
            roots[file.parent] = _site_root(file.parent)
        root = roots[file.parent]
        if root is None:
            yield Found(file, file.relative_to(base).as_posix(), None)
            continue
        site = sites.get(root) or Site(_description(root), read_site(_description(root)))
        sites[root] = site
        if file != site.path and not any(file.is_relative_to(folder) for folder in _encoder(root, site.description)):
            yield Found(file, file.relative_to(root).as_posix(), site)


def _site_root(folder: Path) -> Path | None:
    """The nearest folder, this one or above, that holds a site description."""
    return next((place for place in (folder, *folder.parents) if _has_site(place)), None)


def _has_site(folder: Path) -> bool:
    return any((folder / name).is_file() for name in FILE_NAMES)


def _description(root: Path) -> Path:
    return next(root / name for name in FILE_NAMES if (root / name).is_file())


def _encoder(root: Path, site: SiteDescription) -> list[Path]:
    folder = root / site.image_encoder if site.image_encoder else None
    return [_absolute(folder)] if folder is not None and folder.exists() and _absolute(folder) != root else []


def _files(path: Path, exclude: Sequence[Path]) -> Iterator[Path]:
    if path.is_file():
        yield path
        return
    for folder, folders, names in os.walk(path):
        here = Path(folder)
        folders[:] = sorted(name for name in folders if not name.startswith(".") and here / name not in exclude)
        for name in sorted(names):
            if not name.startswith(".") and here / name not in exclude and not is_sidecar(here / name):
                yield here / name


def _order(found: Found) -> tuple[int, str, str]:
    """Tables come before text and footage: the assets they name are then known when they are mentioned."""
    structured = BY_ENDING.get(found.path.suffix.lower()) in STRUCTURED
    return (0 if structured else 1, found.name, str(found.path))
