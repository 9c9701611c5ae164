"""Prompts are files: `name.vN.md`, with `$variable` holes. Rendering is strict both ways: a missing or an unused variable raises.

Values are put in as they are and never read as templates, so text from documents cannot become instructions of the template.
"""

from __future__ import annotations

from importlib.resources import files
from string import Template
from typing import NamedTuple


class PromptError(ValueError):
    """A prompt is missing, or its variables do not match what it was given."""


class Prompt(NamedTuple):
    """One version of one prompt. `id` is "name@vN", to be stored with every answer it took part in."""

    id: str
    text: str

    def variables(self) -> frozenset[str]:
        return frozenset(Template(self.text).get_identifiers())

    def render(self, **values: str) -> str:
        """Fill the holes. Raises PromptError naming variables that are missing or unused."""
        wanted, given = self.variables(), frozenset(values)
        if wanted != given:
            missing, unused = sorted(wanted - given), sorted(given - wanted)
            raise PromptError(f"prompt {self.id}: missing {missing or 'none'}, unused {unused or 'none'}")
        return Template(self.text).substitute(values)


def load(name: str, version: int) -> Prompt:
    """The prompt `name` in this version. Raises PromptError when there is no such file."""
    file = files(__name__).joinpath(f"{name}.v{version}.md")
    if not file.is_file():
        raise PromptError(f"no prompt {name}.v{version}.md")
    return Prompt(f"{name}@v{version}", file.read_text(encoding="utf-8"))
