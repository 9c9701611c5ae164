"""Stems of words, the same whoever asks at the same time."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.answer.series import stem

# stems as the Snowball project's English vocabulary lists them (snowballstem.org, english/output.txt)
WORDS = {
    "vibrations": "vibrat",
    "running": "run",
    "bearings": "bear",
    "generously": "generous",
    "knackeries": "knackeri",
}


@pytest.fixture
def hasty() -> Iterator[None]:
    """Threads take turns a thousand times as often as they do else."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(5e-6)
    yield
    sys.setswitchinterval(before)


def test_threads_do_not_get_each_others_stems(hasty: None) -> None:
    words = [word for word in WORDS for _ in range(400)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(stem.__wrapped__, words))
    assert dict(zip(words, found, strict=True)) == WORDS and found == [WORDS[word] for word in words]
