"""The page and the API page: everything from this package, nothing that could run foreign code, every route described."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient

import app.http
import app.web as web_package

WEB = Path(next(iter(web_package.__path__)))
ASSETS = Path(app.http.__file__).parent / "assets"
PAGE_FILES = sorted(WEB.glob("*.*"))


def test_the_page_is_served_under_a_strict_policy(client: TestClient[Any]) -> None:
    response = client.get("/")
    assert response.status_code == 200 and response.headers["content-type"].startswith("text/html")
    policy = response.headers["content-security-policy"]
    assert "default-src 'self'" in policy and "unsafe" not in policy
    assert response.headers["x-frame-options"] == "DENY"


def test_every_file_the_pages_name_is_there(client: TestClient[Any]) -> None:
    for page in ("/", "/schema"):
        for url in re.findall(r'(?:src|href)="(/(?:web|assets)/[^"]+)"', client.get(page).text):
            assert client.get(url).status_code == 200, url
    modules = re.findall(r'from "\./(\w+\.js)"', "".join(path.read_text() for path in WEB.glob("*.js")))
    assert modules
    for name in modules:
        reply = client.get(f"/web/{name}")
        assert "javascript" in reply.headers["content-type"], name


@pytest.mark.parametrize("path", PAGE_FILES, ids=lambda path: path.name)
def test_the_page_names_no_other_host_and_writes_no_markup(path: Path) -> None:
    text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"(?i)(?:https?:)?//[\w-]+\.[\w.-]+", text)
    for forbidden in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "style="):
        assert forbidden not in text
    assert not re.search(r"(?i)<script(?![^>]*src=)", text)
    assert not re.search(r"(?i)<[^>]+\son\w+=", text)


def test_the_api_page_loads_nothing_from_elsewhere(client: TestClient[Any]) -> None:
    response = client.get("/schema")
    assert "http" not in response.text.replace("http-equiv", "")
    assert not re.search(r"<script(?![^>]*src=)", response.text)
    assert "script-src" not in response.headers["content-security-policy"]
    assert "validatorUrl: null" in (ASSETS / "start.js").read_text()


def test_assets_are_small_and_their_licence_lies_beside_them() -> None:
    assert sum(path.stat().st_size for path in ASSETS.iterdir()) < 2.5 * 2**20
    assert "Apache License" in (ASSETS / "LICENSE").read_text()
    assert "swagger-ui-dist` 5.35.0" in (ASSETS / "README.md").read_text()


def test_every_route_is_described(client: TestClient[Any]) -> None:
    described = client.get("/schema/openapi.json").json()["paths"]
    routes = {
        (re.sub(r"\{(\w+):\w+\}", r"{\1}", route.path_format), method.lower())
        for route in client.app.routes
        for method in getattr(route, "methods", ())
        if route.path.startswith(("/v1", "/slack")) and method != "OPTIONS"
    }
    assert len(routes) >= 11
    assert routes == {(path, method) for path, item in described.items() for method in item}


def test_the_answer_is_described_field_by_field(client: TestClient[Any]) -> None:
    schema = client.get("/schema/openapi.json").json()
    properties = next(
        body["properties"] for name, body in schema["components"]["schemas"].items() if "WireAnswer" in name
    )
    answer = client.post("/v1/ask", json={"question": "pump"}).json()
    assert set(properties) == set(answer)
