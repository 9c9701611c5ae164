"""Settings: where they come from, which wins, what is refused, and that secrets stay secret."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest

from app.settings import Settings, load
from retrieval.errors import BadSettings


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in os.environ:
        if name.startswith("WATCHFLOOR_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def test_without_anything_the_defaults_hold() -> None:
    found = load()
    assert found.data_dir == Path("watchfloor-data") and found.host == "127.0.0.1" and found.port == 8000
    assert found.model.base_url is None and found.slack.teams == ()


def test_the_environment_reaches_every_level(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHFLOOR_DATA_DIR", "/srv/wf")
    monkeypatch.setenv("WATCHFLOOR_MODEL__BASE_URL", "http://127.0.0.1:8001/v1")
    monkeypatch.setenv("WATCHFLOOR_MODEL__TIMEOUT_S", "2.5")
    monkeypatch.setenv("WATCHFLOOR_SLACK__TEAMS", '["T1", "T2"]')
    found = load()
    assert found.data_dir == Path("/srv/wf")
    assert (found.model.base_url, found.model.timeout_s) == ("http://127.0.0.1:8001/v1", 2.5)
    assert found.slack.teams == ("T1", "T2")
    # what was not given keeps its default
    assert found.model.max_images == 4


def test_what_is_passed_beats_the_environment_beats_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "watchfloor.toml"
    file.write_text('port = 1\ntenant = "file"\ntimezone = "UTC"\n[model]\nname = "file"\nmax_images = 1\n')
    monkeypatch.setenv("WATCHFLOOR_PORT", "2")
    monkeypatch.setenv("WATCHFLOOR_TENANT", "environment")
    monkeypatch.setenv("WATCHFLOOR_MODEL__NAME", "environment")
    found = load(file, port=3)
    assert (found.port, found.tenant, found.timezone) == (3, "environment", "UTC")
    # one level is merged, not replaced
    assert (found.model.name, found.model.max_images) == ("environment", 1)


def test_the_environment_names_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "other.toml"
    file.write_text("port = 4321\n")
    monkeypatch.setenv("WATCHFLOOR_CONFIG", str(file))
    assert load().port == 4321


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({"port": 70_000}, "port"),
        ({"port": "many"}, "port"),
        ({"host": "0.0.0.0"}, "host"),
        ({"host": "example.com"}, "host"),
        ({"model": {"timeout_s": 0}}, "model.timeout_s"),
        ({"model": {"colour": "red"}}, "model.colour"),
        ({"limits": {"question_chars": 0}}, "limits.question_chars"),
        ({"prot": 1}, "prot"),
    ],
)
def test_a_wrong_value_is_named(given: dict[str, Any], name: str) -> None:
    with pytest.raises(BadSettings, match=rf"setting {name}: ") as caught:
        load(**given)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.1.2.3"])
def test_this_machine_alone_is_served(host: str) -> None:
    assert load(host=host).host == host


def test_a_file_that_is_missing_or_no_toml_is_said(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match="no settings file"):
        load(tmp_path / "none.toml")
    broken = tmp_path / "broken.toml"
    broken.write_text("port = = 1")
    with pytest.raises(BadSettings):
        load(broken)


@pytest.mark.parametrize(("line", "name"), [("prot = 1", "prot"), ("[modle]\nname = 'm'", "modle")])
def test_a_misspelt_name_in_the_file_is_refused(tmp_path: Path, line: str, name: str) -> None:
    file = tmp_path / "watchfloor.toml"
    file.write_text(f"{line}\n")
    with pytest.raises(BadSettings, match=f"setting {name}: there is no such setting"):
        load(file)


def test_variables_of_the_house_that_are_no_settings_are_let_be(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "watchfloor.toml"
    file.write_text("port = 4321\n")
    monkeypatch.setenv("WATCHFLOOR_CONFIG", str(file))
    monkeypatch.setenv("WATCHFLOOR_TEST_DATA", "/srv/data")
    assert load().port == 4321


def test_secrets_are_never_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHFLOOR_MODEL__API_KEY", "sk-secret")
    monkeypatch.setenv("WATCHFLOOR_NEO4J__PASSWORD", "sk-secret")
    monkeypatch.setenv("WATCHFLOOR_SLACK__BOT_TOKEN", "sk-secret")
    found = load()
    assert found.model.api_key is not None and found.model.api_key.get_secret_value() == "sk-secret"
    assert "sk-secret" not in f"{found!r} {found} {found.model_dump()} {found.model_dump_json()}"


def test_a_wrong_secret_is_not_in_the_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHFLOOR_MODEL__API_KEY", "sk-secret")
    monkeypatch.setenv("WATCHFLOOR_MODEL__TIMEOUT_S", "sk-other-secret")
    with pytest.raises(BadSettings) as caught:
        load()
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_settings_do_not_change() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load().port = 1  # type: ignore[misc]


def test_every_setting_is_described() -> None:
    for name, field in Settings.model_fields.items():
        inner = getattr(field.annotation, "model_fields", {})
        assert field.description or inner, name
        assert all(each.description for each in inner.values()), name


def test_nothing_else_reads_the_environment() -> None:
    root = Path(__file__).parents[3]
    found = {
        str(path.relative_to(root))
        for package in ("app", "ingest", "retrieval", "prompts")
        for path in (root / package).rglob("*.py")
        if re.search(r"\benviron\b|\bgetenv\b|\bload_dotenv\b", path.read_text(encoding="utf-8"))
    }
    assert found == {"app/settings.py"}
