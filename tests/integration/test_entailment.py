"""The adapter of entailment models, over a tiny cross-encoder with random weights: its wiring, not its judgement."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.verify.nli import CrossEncoderEntailment
from retrieval.errors import EncoderUnavailable

PREMISES = ["Pump P-101 tripped at 04:01.", "The yard was empty."]


def tiny(folder: Path, labels: dict[int, str]) -> str:
    """A two-layer BERT classifier, saved with safetensors."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

    torch.manual_seed(7)
    words = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        *"pump tripped at the yard was empty p 101 04 01 - : .".split(),
    ]
    folder.mkdir()
    (folder / "vocab.txt").write_text("\n".join(words))
    BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder)
    config = BertConfig(
        vocab_size=len(words), hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
        id2label=labels, label2id={label: n for n, label in labels.items()},
    )  # fmt: skip
    BertForSequenceClassification(config).save_pretrained(folder, safe_serialization=True)
    return str(folder)


def test_labels_are_found_by_name_whatever_their_order(tmp_path: Path) -> None:
    one = {0: "contradiction", 1: "entailment", 2: "neutral"}
    other = {0: "ENTAILMENT", 1: "NEUTRAL", 2: "CONTRADICTION"}
    first = CrossEncoderEntailment(tiny(tmp_path / "a", one)).judge(PREMISES, "The pump tripped.")
    second = CrossEncoderEntailment(tiny(tmp_path / "b", other)).judge(PREMISES, "The pump tripped.")
    assert len(first) == 2 and all(sum(judged) == pytest.approx(1.0, abs=1e-5) for judged in first)
    # the same weights under other names: the same numbers in another order
    for a, b in zip(first, second, strict=True):
        assert (a.contradicts, a.entails, a.neutral) == pytest.approx((b.entails, b.neutral, b.contradicts), abs=1e-5)


def test_a_model_that_judges_something_else_is_refused(tmp_path: Path) -> None:
    wrong = CrossEncoderEntailment(tiny(tmp_path / "c", {0: "positive", 1: "negative", 2: "mixed"}))
    with pytest.raises(EncoderUnavailable, match="entailment, neutral, contradiction are needed"):
        wrong.judge(PREMISES, "The pump tripped.")


def test_a_model_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(EncoderUnavailable, match="cannot be loaded"):
        CrossEncoderEntailment(str(tmp_path / "none")).judge(PREMISES, "x")
    assert CrossEncoderEntailment(str(tmp_path / "none")).judge([], "x") == []
