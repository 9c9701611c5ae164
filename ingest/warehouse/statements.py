"""SQL in text files, one file a dialect, one named section a statement. Into its gaps go quoted identifiers and whole numbers of ours,
nothing else: no value of the warehouse file or of a row is ever written into a statement."""

from __future__ import annotations

import re
from importlib import resources

from retrieval.queries import parse

_GAP = re.compile(r"<<\w+>>")


class Statements:
    """The statements of one dialect. Raises KeyError for an unknown name, ValueError for a gap left open."""

    def __init__(self, dialect: str) -> None:
        text = resources.files(__package__).joinpath(f"{dialect}.sql").read_text("utf-8")
        self._sections = parse(text.replace("-- name:", "// name:"))

    def get(self, name: str, **gaps: str | int) -> str:
        """The statement with its gaps filled, all in one go: what fills one is not looked into for others."""

        def fill(found: re.Match[str]) -> str:
            gap = found[0][2:-2]
            if gap not in gaps:
                raise ValueError(f"statement {name}: nothing given for {gap}")
            return str(gaps[gap])

        return _GAP.sub(fill, self._sections[name])
