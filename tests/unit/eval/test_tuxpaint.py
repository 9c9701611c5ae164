"""The suite `tuxpaint`: places, halves and names that give nothing away."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from eval.eyes import tuxpaint
from retrieval.errors import InputError
from retrieval.types import Evidence, FrameAt, Hit, Kind, Provenance


def hit(source: str) -> Hit:
    evidence = Evidence(
        id=source,
        tenant="t",
        source=source,
        kind=Kind.FRAME,
        locator=FrameAt(0, 0),
        text="",
        provenance=Provenance("test"),
    )
    return Hit(evidence, 1.0, {})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "tuxpaint"
    made.mkdir()
    rows = [{"image": f"animals__crow{n}.png", "caption_en": "A crow.", "captions": {}} for n in range(40)]
    (made / "captions.jsonl").write_text("\n".join(map(json.dumps, rows)))
    for row in rows:
        (made / row["image"]).write_bytes(row["image"].encode())
    return made


def test_pictures_are_taken_in_under_names_that_say_nothing(folder: Path, tmp_path: Path) -> None:
    pictures = tuxpaint.read(folder)
    named = tuxpaint.unnamed(pictures, tmp_path / "numbered")
    assert sorted(named.values()) == list(range(40)) and not any("crow" in uri for uri in named)
    for uri, index in named.items():
        assert Path(uri.removeprefix("file://")).read_bytes() == pictures[index].path.name.encode()


def test_the_halves_are_about_equal_and_do_not_change(folder: Path) -> None:
    halves = [each.half for each in tuxpaint.read(folder)]
    assert 10 <= sum(halves) <= 30
    assert [each.half for each in tuxpaint.read(folder)] == halves


def test_a_picture_with_the_same_caption_is_a_miss() -> None:
    named = {"file:///0.png": 0, "file:///1.png": 1}
    hits = [hit("file:///1.png"), hit("file:///0.png")]
    assert [tuxpaint.place(hits, named, index) for index in (0, 1, 2)] == [2, 1, 11]


def test_recalls_count_the_share_found_by_each_place() -> None:
    told = tuxpaint.recalls(np.array([1, 5, 6, 10, 11]))
    assert (told["n"], told["R@1"], told["R@5"], told["R@10"]) == (5, 0.2, 0.4, 0.8)
    assert told["R@10 low"] <= 0.8 <= told["R@10 high"]


def test_missing_captions_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no captions"):
        tuxpaint.read(tmp_path)
