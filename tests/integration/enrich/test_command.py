"""`watchfloor enrich captions` as it is typed, on a store that the real command took in, against a model server on loopback.

It runs in this process but where a signal reaches it.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from PIL import Image, ImageDraw

from eval.stub import StubModel, hanging, images, prompt, saying
from retrieval.catalog import Catalog
from retrieval.types import Evidence, Filter, Kind, Principal

STILLS = 5
SITE = """
site: {id: northgate, name: Northgate, timezone: UTC}
cameras: [{id: CAM-01, name: Camera 1, fixed: true}]
sources: [{match: "*", camera: CAM-01}]
"""
REPLY = {"caption": "A man carries a ladder.", "objects": ["man", "ladder"], "readable_text": "", "sure": True}
ME = Principal("default")


def draw(path: Path, n: int) -> None:
    image = Image.new("RGB", (640, 360), (40 * n, 110, 90))
    ImageDraw.Draw(image).rectangle((100 * n, 60, 100 * n + 90, 300), fill=(230, 40 * n, 10))
    image.save(path)


class Store(NamedTuple):
    """A store of stills, and the command on it with a model behind it."""

    run_on: Any
    data: Path

    def run(self, url: str, *words: str, **more: str) -> tuple[int, Any]:
        done = self.run_on.call("enrich", "captions", "--json", *words, WATCHFLOOR_MODEL__BASE_URL=url, **more)
        assert done.out, done.err
        return done.code, done.json

    def begin(self, url: str) -> subprocess.Popen[str]:
        """The command in a process of its own."""
        return subprocess.Popen(
            self.run_on.command("enrich", "captions", "--json"),
            env={**self.run_on.environment(), "WATCHFLOOR_MODEL__BASE_URL": url},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def captions(self) -> list[Evidence]:
        catalog = Catalog(self.data / "catalog.sqlite3")
        try:
            assert catalog.sound()
            found = catalog.scan(Filter(kinds=(Kind.PASSAGE,)), ME)
            vectors = [row for row, _, _ in catalog.embeddings([e.id for e in found])]
            # each came whole, with its vector
            assert len(vectors) == len(found)
            return found
        finally:
            catalog.close()


@pytest.fixture(scope="module")
def taken(tmp_path_factory: pytest.TempPathFactory, place: Any) -> Any:
    """Stills that the real command took in, once: each is a moment of its own."""
    folder = tmp_path_factory.mktemp("stills")
    on = place._replace(files=folder / "in", data=folder / "data")
    on.files.mkdir()
    (on.files / "site.yaml").write_text(SITE)
    for n in range(STILLS):
        draw(on.files / f"CAM-01_20260304T02000{n}Z.png", n)
    assert on.call("ingest", "--json", str(on.files)).code == 0
    return on


@pytest.fixture
def store(tmp_path: Path, taken: Any) -> Store:
    """A store of one's own."""
    data = Path(shutil.copytree(taken.data, tmp_path / "data"))
    return Store(taken._replace(data=data), data)


@pytest.fixture
def stub() -> Iterator[StubModel]:
    with StubModel(saying(json.dumps(REPLY))) as made:
        yield made


def hanging_from(stub: StubModel, request: int) -> Callable[[dict[str, Any]], Iterable[Any]]:
    """Answers until so many requests have come, then hangs."""
    said, hung = saying(json.dumps(REPLY)), hanging()
    return lambda body: (hung if len(stub.requests) >= request else said)(body)


def until_asked(stub: StubModel, requests: int, child: subprocess.Popen[str]) -> None:
    ends = time.monotonic() + 60
    while len(stub.requests) < requests:
        assert child.poll() is None and time.monotonic() < ends, child.communicate()
        time.sleep(0.02)


def test_captions_are_made_found_and_played_back(store: Store, stub: StubModel) -> None:
    code, told = store.run(stub.url, "--budget", "2")
    assert code == 0 and {k: told[k] for k in ("moments", "captioned", "failed", "left", "already")} == {
        "moments": STILLS, "captioned": 2, "failed": 0, "left": STILLS - 2, "already": 0,
    }  # fmt: skip
    assert told["stopped"] == "the budget of frames is spent" and told["prompt"] == "caption@v1"
    assert told["model"] == stub.name and told["prompt_tokens"] > 0 and told["completion_tokens"] > 0
    assert all(images(body) == 1 and "CAM-01" not in prompt(body) for body in stub.requests)
    asked = stub.requests[0]["response_format"]["json_schema"]
    assert asked["strict"] is True and set(asked["schema"]["required"]) == set(REPLY)
    code, told = store.run(stub.url, "--source", "*Z.png", "--minutes", "5", "--at-once", "3")
    assert (code, told["already"], told["captioned"], told["left"]) == (0, 2, STILLS - 2, 0)
    found = store.run_on.call("search", "--json", "who carries a ladder").json["hits"]
    first = found[0]
    assert first["text"].startswith(f"caption by {stub.name}, not checked") and first["kind"] == "passage"
    assert len(stub.requests) == STILLS
    shown = store.run_on.call("show", "--json", first["evidence"])
    assert shown.code == 0 and shown.json["media"] and shown.json["locator"]["type"] == "frame"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_run_that_is_broken_off_is_gone_on_with(store: Store, stub: StubModel, number: signal.Signals) -> None:
    stub.script = hanging_from(stub, 3)
    child = store.begin(stub.url)
    try:
        until_asked(stub, 3, child)
        os.kill(child.pid, number)
        out, err = child.communicate(timeout=60)
    finally:
        child.kill()
    assert child.returncode == (-signal.SIGKILL if number == signal.SIGKILL else 130), err
    if number == signal.SIGINT:
        told = json.loads(out)
        assert (told["captioned"], told["left"], told["stopped"]) == (2, STILLS - 2, "it was interrupted")
    before = store.captions()
    assert len(before) == 2
    stub.script = saying(json.dumps(REPLY))
    code, told = store.run(stub.url)
    assert (code, told["already"], told["captioned"], told["left"]) == (0, 2, STILLS - 2, 0)
    # two before, the one that was broken off, and the rest once
    assert len(stub.requests) == 3 + STILLS - 2
    assert {e.id for e in before} < {e.id for e in store.captions()}


def test_a_picture_that_is_taken_in_anew_loses_its_caption(store: Store, stub: StubModel) -> None:
    store.run(stub.url)
    changed = sorted(store.run_on.files.glob("*.png"))[0]
    draw(changed, 4)
    store.run_on.call("ingest", "--json", str(store.run_on.files))
    kept = store.captions()
    assert len(kept) == STILLS - 1 and not any(changed.name in e.source for e in kept)
    found = store.run_on.call("search", "--json", "-k", "50", "who carries a ladder").json["hits"]
    assert sum(hit["kind"] == "passage" for hit in found) <= STILLS - 1
    assert not any(hit["kind"] == "passage" and changed.name in hit["source"] for hit in found)
    _, told = store.run(stub.url)
    assert (told["already"], told["captioned"]) == (STILLS - 1, 1)


def test_what_cannot_begin_says_what_to_set(store: Store, stub: StubModel) -> None:
    code, told = store.run(stub.url, WATCHFLOOR_MODEL__IMAGES="0")
    assert code == 2 and told["error"]["code"] == "bad_settings" and "sees no pictures" in told["error"]["message"]
    unset = store.run_on.call("enrich", "captions", "--json")
    assert unset.code == 2 and "WATCHFLOOR_MODEL__BASE_URL" in unset.json["error"]["message"]
    stub.__exit__(None, None, None)
    code, told = store.run(stub.url)
    assert code == 1 and told["error"]["code"] == "model_unavailable"
    assert store.captions() == []
