"""Files that are dangerous to open (threats.md, API4): each is refused with its reason, soon and cheaply, and stops nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.ports import Advance
from app.settings import load
from app.wiring import build
from eval.bombs import BOMBS, corpus
from eval.memory import PeakMemory, largest_decoder
from retrieval.types import Principal

REFUSED_S, WORKER_BYTES = 5.0, 512 << 20
KINDS = {
    "no_sound",
    "unknown_type",
    "unreadable",
    "truncated",
    "too_large",
    "timeout",
    "broken_row",
    "empty",
    "no_text",
}
NOTE = "The gearbox of the winch was greased.\n"


class Eaten:
    """What became of the corpus, taken in at once with a harmless note before and behind it."""

    def __init__(self, folder: Path) -> None:
        files = folder / "files"
        files.mkdir()
        (files / "a note.md").write_text(NOTE)
        corpus(files)
        (files / "zz note.md").write_text(NOTE.replace("winch", "hoist"))
        self.took: dict[str, float] = {}
        self._began = time.monotonic()
        service = build(load(data_dir=folder / "store", encoders={"image": "off", "detector": "off"}))
        try:
            with PeakMemory(largest_decoder) as watch:
                self.summary = service.ingest([files], Principal("default"), self._tell)
        finally:
            service.close()
        self.peak = watch.peak
        self.refused = {report["source"].rpartition("/")[2]: report for report in self.summary.rejected}

    def _tell(self, advance: Advance) -> None:
        if advance.report is None:
            self._began = time.monotonic()
        else:
            self.took[advance.source.rpartition("/")[2]] = time.monotonic() - self._began


@pytest.fixture(scope="module")
def eaten(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Eaten]:
    yield Eaten(tmp_path_factory.mktemp("bombs"))


@pytest.mark.parametrize("name", [bomb.name for bomb in BOMBS])
def test_each_is_refused_with_its_reason(eaten: Eaten, name: str) -> None:
    report = eaten.refused[name]
    assert report["code"] in KINDS and report["reason"]
    assert eaten.took[name] <= REFUSED_S


def test_no_worker_holds_more_than_half_a_gibibyte(eaten: Eaten) -> None:
    assert 0 < eaten.peak <= WORKER_BYTES


def test_the_others_are_taken_in(eaten: Eaten) -> None:
    assert eaten.summary.ingested == 2
    assert len(eaten.refused) == len(BOMBS) >= 20


def test_reasons_hold_no_path_of_this_machine(eaten: Eaten, tmp_path_factory: pytest.TempPathFactory) -> None:
    base = str(tmp_path_factory.getbasetemp())
    assert not [report for report in eaten.refused.values() if base in report["reason"]]
