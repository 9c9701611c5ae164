"""Where the catalog is kept: what is taken for an address, and that its password is seen by the driver alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import make_url

from app.settings import load
from app.wiring_store import StoreRooms, catalog_place
from retrieval.errors import BadSettings

PASSWORD = "p@ss:w/rd#1"


def test_without_an_address_it_is_a_file_of_the_data_directory(tmp_path: Path) -> None:
    settings = load(data_dir=tmp_path)
    assert catalog_place(settings) == tmp_path / "catalog.sqlite3"
    assert StoreRooms(settings).place() == str(tmp_path)


def test_the_password_reaches_the_driver_and_nobody_else(tmp_path: Path) -> None:
    given = {"url": "postgresql://wf@db.example:5433/plant", "password": PASSWORD}
    settings = load(data_dir=tmp_path, store=given)
    url = make_url(catalog_place(settings))
    assert (url.drivername, url.username, url.password) == ("postgresql+psycopg", "wf", PASSWORD)
    assert (url.host, url.port, url.database) == ("db.example", 5433, "plant")
    told = f"{settings!r} {settings.model_dump()} {settings.model_dump_json()} {StoreRooms(settings).place()}"
    assert PASSWORD not in told and "db.example:5433/plant" in told


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://wf:hidden@db/plant",
        "mysql://wf@db/plant",
        "sqlite:///elsewhere.db",
        "postgresql://wf@db",
        "postgresql:///plant",
        "db/plant",
        "postgresql://wf@db:0/plant",
        "postgresql://wf@db:port/plant",
    ],
)
def test_what_is_no_address_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(BadSettings, match=r"setting store\.url: .*without a password in it") as caught:
        load(store={"url": url})
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize("name", ["", "Left", "../local", "a b", "x" * 40])
def test_an_instance_is_a_plain_name(name: str) -> None:
    with pytest.raises(BadSettings, match="setting instance"):
        load(instance=name)


@pytest.mark.parametrize("given", [{"languages": ["latin"]}, {"languages": []}, {"tenants": {"a": ["latin"]}}])
def test_languages_are_those_with_stems(given: dict[str, object]) -> None:
    with pytest.raises(BadSettings, match="setting words"):
        load(words=given)
