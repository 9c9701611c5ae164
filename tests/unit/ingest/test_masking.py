"""Personal data in text is masked; what a plant writes is not."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.masking import MaskingReader, PatternMasker, iban, luhn, nif
from ingest.ports import Batch, Draft, Item, Reader
from retrieval.types import CharSpan, Entity, EntityType, Kind, RowKey

MASKER = PatternMasker()


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("write to ana.ruiz@example.com.", "write to [email]."),
        ("call +34 600 123 456 at once", "call [phone] at once"),
        ("Tel.: 91 123 45 67", "Tel.: [phone]"),
        ("phone no. 555-0199, ext. 12", "phone no. [phone], ext. 12"),
        ("(212) 555-0199", "[phone]"),
        ("0034 600 123 456", "[phone]"),
        ("card 4111 1111 1111 1111", "card [card]"),  # the test number all payment processors publish
        ("IBAN ES91 2100 0418 4502 0005 1332", "IBAN [account]"),  # ISO 13616's own example for Spain
        ("GB29NWBK60161331926819", "[account]"),  # and for the United Kingdom
        ("NIF 12345678Z", "NIF [id]"),
        ("NIE X1234567L", "NIE [id]"),
        ("SSN 078-05-1120", "SSN [id]"),
    ],
)
def test_personal_data_is_masked(text: str, masked: str) -> None:
    assert MASKER.mask(text).text == masked and sum(MASKER.mask(text).counts.values()) == 1


@pytest.mark.parametrize(
    "text",
    [
        "from 2026-04-10 02:01:08 UTC to 2026-04-10 02:46:53 UTC",
        "P-101 vibration 10.08 mm/s, WO-2420, AL-395, IR-2604-05",
        "call 3 pumps in, mobile 12 t crane, phone 2",
        "reading 3.14159265358979 at 1772590200000000",
        "part 4111 1111 1111 1112",  # the check digit is wrong
        "serial 12345678A",  # so is the letter
        "ES91 2100 0418 4502 0005 1333",
        "tolerance +0.05 -0.02, +12 V, offset +02:00",
        "zone A @ 14:00, 5@10 mm",
        "set-point +34 °C; 10.0.0.1; page 100-200",
    ],
)
def test_what_a_plant_writes_stays(text: str) -> None:
    assert MASKER.mask(text) == (text, {})


@given(st.datetimes(timezones=st.just(UTC)).filter(lambda at: at.year > 999), st.sampled_from(["T", " "]))
def test_no_time_is_ever_taken_for_a_number_of_somebodys(at: datetime, sep: str) -> None:
    text = f"at {at.isoformat(sep)} and {at:%d/%m/%Y %H:%M:%S}"
    assert MASKER.mask(text).text == text


@given(st.text(max_size=200))
def test_masking_ends_and_masked_text_has_nothing_left_to_mask(text: str) -> None:
    once = MASKER.mask(text).text
    assert MASKER.mask(once).text == once


@given(st.text("0123456789 -+()./@abc", max_size=300))
def test_the_worst_of_texts_is_no_trouble(text: str) -> None:
    MASKER.mask(text)


def test_check_digits() -> None:
    assert luhn("79927398713") and not luhn("79927398710") and not luhn("0000000000000")
    assert iban("GB29 NWBK 6016 1331 9268 19") and not iban("GB29 NWBK 6016 1331 9268 18")
    assert nif("12345678Z") and nif("X1234567L") and not nif("12345678A")


class Said:
    """A reader of one piece with somebody's address everywhere."""

    name, version = "said", "1"

    def accepts(self, item: Item) -> bool:
        return True

    def read(self, item: Item, tenant: str) -> Iterator[Batch]:
        who = "ana@example.com"
        data = {"fields": {"by": who, "n": 3}, "lines": [who, 2.5]}
        row = Draft(Kind.ROW, RowKey("log", who, 4), f"by {who}", data=data, embed=who, models={"x": "y"})
        passage = Draft(Kind.PASSAGE, CharSpan(0, 4, who), "nothing here")
        yield Batch([row, passage], entities=[Entity(id="WO-1", type=EntityType.WORK_ORDER, name=who, tenant=tenant)])


def test_a_reader_behind_the_masker_lets_nothing_through() -> None:
    reader: Reader = MaskingReader(Said(), MASKER)
    assert (reader.name, reader.version) == ("said", "1; masked by patterns 2")
    item: Item = None  # type: ignore[assignment]
    assert reader.accepts(item)
    (batch,) = reader.read(item, "t")
    assert "ana" not in repr(batch)
    row, passage = batch.drafts
    assert row.data == {"fields": {"by": "[email]", "n": 3}, "lines": ["[email]", 2.5]}
    assert row.notes == ("masked: email ×1",) and row.models == {"x": "y", "masked": "patterns 2"}
    assert passage.notes == () and passage.embed is None


@pytest.mark.parametrize("text", ["ring 4500 3200 mm", "call 2026 03 04", "the call came 2026-03-04 02:10:00"])
def test_plant_figures_are_no_telephones(text: str) -> None:
    assert PatternMasker().mask(text).text == text


@pytest.mark.parametrize("word", ["+1" + "1" * 40 + "a ", "tel " + "1" * 36 + "a ", "call at (" + "1 " * 40 + "a "])
def test_hostile_digits_end_at_once(word: str) -> None:
    """These took minutes a megabyte when digits could be split in many ways."""
    text = word * 2000
    assert PatternMasker().mask(text).text
