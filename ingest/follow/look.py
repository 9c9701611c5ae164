"""One look at a folder: what lies in it, and what could not be looked at."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ingest.follow.quiet import mark_of, unfinished
from ingest.site import FILE_NAMES


class Look(NamedTuple):
    """`marks` by path of every file that may be read; `sites` the same of site descriptions, also of those above the folder; `shut` are
    folders that could not be listed: what lies there is neither there nor gone."""

    marks: dict[Path, str]
    sites: dict[Path, str]
    shut: tuple[Path, ...]

    def gone(self, path: Path) -> bool:
        """Whether a file that was there is no more. A file that cannot be told from one in a folder that is shut is not gone."""
        if path in self.marks or path in self.sites or any(path.is_relative_to(folder) for folder in self.shut):
            return False
        return not os.path.lexists(path)


def look_at(root: Path, exclude: Sequence[Path]) -> Look:
    """Hidden files and folders, unfinished files, links that lead out of the folder, and `exclude` are left out."""
    marks, sites, shut = dict[Path, str](), dict[Path, str](), list[Path]()

    def cannot(problem: OSError) -> None:
        shut.append(Path(problem.filename or root))

    for folder, folders, names in os.walk(root, onerror=cannot):
        here = Path(folder)
        folders[:] = sorted(name for name in folders if not name.startswith(".") and here / name not in exclude)
        for name in sorted(names):
            if not unfinished(name) and _within(here / name, root):
                _note(here / name, sites if name in FILE_NAMES else marks)
    for above in root.parents:
        for name in FILE_NAMES:
            if (above / name).is_file():
                _note(above / name, sites)
    return Look(marks, sites, tuple(shut))


def _within(path: Path, root: Path) -> bool:
    """Whether a link stays in the folder: where others may put files, one that leads out would read what they may not."""
    return not path.is_symlink() or path.resolve().is_relative_to(root.resolve())


def _note(path: Path, into: dict[Path, str]) -> None:
    try:
        into[path] = mark_of(path)
    except FileNotFoundError:
        # gone between the listing and the look, or a link to nothing
        return
    except OSError:
        into[path] = "unreadable"
