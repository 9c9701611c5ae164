"""How places in evidence read."""

from __future__ import annotations

import pytest

from app.words import locator_words
from retrieval.types import CharSpan, ClipSpan, FrameAt, Interval, Locator, PageBox, RowKey

AT = Interval(1_772_590_205_000_000, 1_772_590_209_000_000)


@pytest.mark.parametrize(
    ("locator", "valid", "words"),
    [
        (ClipSpan(65_400, 69_900), None, "01:05–01:09 in the recording"),
        (ClipSpan(5_000, 9_000), AT, "said at 2026-03-04 02:10:05 UTC (00:05–00:09 in the recording)"),
        (FrameAt(5_000), AT, "frame at 2026-03-04 02:10:05 UTC (00:05 in the clip)"),
        (PageBox(3), None, "page 3"),
        (CharSpan(0, 9, "Notes"), None, "under “Notes”"),
        (RowKey("orders", "WO-7", 12), None, "row WO-7, line 12"),
        (RowKey("log/Work orders", "WO-7", 4), None, "row WO-7, line 4 of sheet “Work orders”"),
    ],
)
def test_where_to_look(locator: Locator, valid: Interval | None, words: str) -> None:
    assert locator_words(locator, valid) == words
