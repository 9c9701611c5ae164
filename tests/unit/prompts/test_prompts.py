from __future__ import annotations

import pytest

from prompts import Prompt, PromptError, load


def test_every_prompt_file_loads_and_names_its_version() -> None:
    prompt = load("answer", 1)
    assert prompt.id == "answer@v1"
    assert prompt.variables() == {"count", "schema", "evidence", "asked_at", "zone", "question"}


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
