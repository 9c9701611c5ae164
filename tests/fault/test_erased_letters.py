"""Erased words in a message that could not be read: removed too, or found; never told as absent while they are there."""

from __future__ import annotations

import importlib.util
import os
import sys
import time
from pathlib import Path

import msgspec
import pytest

from app.governance import receipts
from ingest.stream.dead import DeadLetters
from ingest.stream.message import Message
from retrieval.erasure.values import Target
from retrieval.errors import SourceRejected

KIT = Path(__file__).with_name("erasing_floor.py")
_spec = importlib.util.spec_from_file_location("erasing_floor", KIT)
assert _spec is not None and _spec.loader is not None
kit = importlib.util.module_from_spec(_spec)
sys.modules[_spec.name] = kit
_spec.loader.exec_module(kit)


def test_a_dead_letter_of_erased_words_goes_with_them(tmp_path: Path) -> None:
    floor = kit.Floor(tmp_path)
    floor.fill(2, 3)
    letters = DeadLetters(floor.catalog, floor.blobs, "t")
    gone, other = (
        Message("alarms", f"AL-{number}", b'{"text": "%s", broken' % kit.pieces(number, 1)[0].text.encode())
        for number in range(2)
    )
    letters.bury([(each, SourceRejected("no json", kind="broken_row")) for each in (gone, other)])
    for path in (tmp_path / "blobs").rglob("*"):
        # as if it had lain there since yesterday
        os.utime(path, (time.time() - 86_400,) * 2)
    made = floor.office.erase(Target(sources=(kit.source(0),)), kit.ANN)
    floor.office.resume()
    proof = receipts.verify(floor.office.receipt(made.id, kit.ANN), tmp_path, floor.seal.known())
    assert proof.absent and [each.message for each in letters.letters()] == [other]
    floor.close()


@pytest.mark.parametrize("before", [b"", b"xy", b"z" * 5000])
def test_a_dead_letter_in_base64_as_earlier_versions_wrote_them_goes_too(tmp_path: Path, before: bytes) -> None:
    floor = kit.Floor(tmp_path)
    floor.fill(2, 3)
    for number in range(2):
        body = before + b'{"text": "%s", broken' % kit.pieces(number, 1)[0].text.encode()
        old = msgspec.json.encode(Message("alarms", f'AL "{number}"', body))
        key = floor.blobs.put("t", old, "application/json")
        floor.catalog.record_rejection("t", f"feed:///alarms/~dead%2F{number}", "broken_row", "no json", key)
    made = floor.office.erase(Target(sources=(kit.source(0),)), kit.ANN)
    (done,) = floor.office.resume()
    assert done.purged_at is not None, done.trouble
    signed = floor.office.receipt(made.id, kit.ANN)
    assert receipts.verify(signed, tmp_path, floor.seal.known()).absent
    (left,) = DeadLetters(floor.catalog, floor.blobs, "t").letters()
    assert left.message is not None and left.message.key == 'AL "1"'
    # brought back, it is found again, where it lies
    back = before + kit.pieces(0, 1)[0].id.encode()
    (tmp_path / "letter").write_bytes(msgspec.json.encode(Message("alarms", "", back)))
    start = len('["alarms","","') + len(before) // 3 * 4
    found = receipts.verify(signed, tmp_path, floor.seal.known()).found
    assert found == (f"letter: an evidence id at byte {start}",)
    floor.close()
