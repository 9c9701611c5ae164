from __future__ import annotations

from importlib.resources import files

import pytest

from prompts import Prompt, PromptError, load

VARIABLES = {
    "answer-rules": {"schema"},
    "answer-evidence": {"evidence"},
    "answer-item": {"label", "text"},
    "answer-picture": {"label"},
    "answer-asked": set(),
    "answer-question": {"before", "asked_at", "zone", "question"},
    "look": {"claim", "schema"},
    "probe": set(),
}


def test_every_prompt_file_loads_and_names_its_version() -> None:
    assert {file.name.partition(".")[0] for file in files("prompts").iterdir() if file.name.endswith(".md")} == set(
        VARIABLES
    )
    for name, variables in VARIABLES.items():
        prompt = load(name, 1)
        assert prompt.id == f"{name}@v1"
        assert prompt.variables() == variables


def test_missing_and_unused_variables_raise() -> None:
    prompt = Prompt("p@v1", "Hello $name")
    with pytest.raises(PromptError, match="missing \\['name'\\]"):
        prompt.render()
    with pytest.raises(PromptError, match="unused \\['other'\\]"):
        prompt.render(name="x", other="y")


@pytest.mark.parametrize("text", ["{{7*7}}", "{% for x in y %}", "{0.__class__}", "$name", "${name}", "$$"])
def test_values_are_never_templates(text: str) -> None:
    assert Prompt("p@v1", "<$name>").render(name=text) == f"<{text}>"


def test_an_unknown_prompt_is_an_error() -> None:
    with pytest.raises(PromptError, match="no prompt"):
        load("nothing", 1)
