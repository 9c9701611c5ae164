"""Accounts of incidents in tables: rows that have no account are kept as rows."""

from ingest.fakes import InProcess
from ingest.tables.reader import TableReader
from retrieval.types import Kind


def test_a_row_without_a_word_among_narratives_is_a_row(item_of):
    told = ", ".join(["he fell from the ladder"] * 20)
    lines = [f'{{"_id": "1", "title": "Fall", "text": "{told}"}}', '{"_id": "2", "title": "", "text": ""}']
    batches = TableReader(lambda tenant: ([], []), InProcess()).read(item_of("accidents.jsonl", "\n".join(lines)), "t")
    first, second = [draft for batch in batches for draft in batch.drafts]
    assert first.kind is Kind.PASSAGE and first.text.startswith("Fall\nhe fell")
    assert second.kind is Kind.ROW and second.locator.line == 2 and "2" in second.text


def test_texts_listed_under_names_are_read_one_by_one_with_their_name(item_of):
    item = item_of(
        "notes.json", '{"P-101": ["The seal leaked.", "It was replaced."], "P-102": ["Quiet."], "P-103": []}'
    )
    (batch,) = TableReader(lambda tenant: ([], []), InProcess()).read(item, "t")
    told = [draft.data["fields"] for draft in batch.drafts]
    assert told == [
        {"name": "P-101", "text": "The seal leaked."},
        {"name": "P-101", "text": "It was replaced."},
        {"name": "P-102", "text": "Quiet."},
    ]
