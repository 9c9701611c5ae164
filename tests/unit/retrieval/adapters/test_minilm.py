"""How texts are put together for the text encoder, without the model."""

from hypothesis import given
from hypothesis import strategies as st

from retrieval.adapters.minilm import batched

LENGTHS = st.lists(st.integers(1, 256), max_size=300)


@given(LENGTHS, st.integers(1, 4096))
def test_every_text_is_in_one_batch_and_none_is_too_big(lengths: list[int], most: int) -> None:
    batches = batched(lengths, most)
    assert sorted(at for rows in batches for at in rows) == list(range(len(lengths)))
    assert all(len(rows) == 1 or len(rows) * max(lengths[at] for at in rows) <= most for rows in batches)


@given(LENGTHS, st.integers(256, 4096))
def test_no_longer_text_comes_after_a_shorter_one_and_batches_are_full(lengths: list[int], most: int) -> None:
    batches = batched(lengths, most)
    assert [lengths[at] for rows in batches for at in rows] == sorted(lengths, reverse=True)
    for rows in batches[:-1]:
        assert (len(rows) + 1) * lengths[rows[0]] > most


def test_padding_of_mixed_texts_is_little() -> None:
    lengths = [3 + at * 37 % 250 for at in range(500)]
    padded = sum(len(rows) * lengths[rows[0]] for rows in batched(lengths, 2048))
    assert padded <= 1.05 * sum(lengths)
