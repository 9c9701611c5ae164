from __future__ import annotations

from importlib.resources import files

import pytest

from prompts import Prompt, PromptError, load

# where there is a later version than the first, it is the one in force, and the first is gone
LATER = {"answer-rules": 2, "answer-question": 2}
VARIABLES = {
    "answer-rules": {"schema"},
    "answer-evidence": {"evidence"},
    "answer-item": {"label", "text"},
    "answer-picture": {"label"},
    "answer-asked": set(),
    "answer-question": {"before", "asked_at", "zone", "question"},
    "look": {"claim", "schema"},
    "caption": {"schema"},
    "probe": set(),
}


def test_every_prompt_file_loads_and_names_its_version() -> None:
    assert {file.name.partition(".")[0] for file in files("prompts").iterdir() if file.name.endswith(".md")} == set(
        VARIABLES
    )
    for name, variables in VARIABLES.items():
        version = LATER.get(name, 1)
        prompt = load(name, version)
        assert prompt.id == f"{name}@v{version}"
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
