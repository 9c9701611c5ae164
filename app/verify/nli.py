"""Entailment by a cross-encoder trained on natural-language inference (e.g. cross-encoder/nli-deberta-v3-base), where one is configured."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from app.verify.port import Entailed
from retrieval.errors import EncoderUnavailable

# pairs longer than this are cut by the tokenizer
_TOKENS = 512


class CrossEncoderEntailment:
    """A sentence-transformers CrossEncoder with the labels entailment, neutral and contradiction, loaded at first use.

    Raises EncoderUnavailable when it cannot be loaded or has other labels. Pickled weights are refused.
    """

    def __init__(self, model: str, device: str | None = None) -> None:
        self.name = model
        self._device = device
        self._lock = threading.Lock()
        self._loaded: tuple[Any, tuple[int, int, int]] | None = None

    def judge(self, premises: Sequence[str], hypothesis: str) -> list[Entailed]:
        """One judgement for each premise, in order."""
        if not premises:
            return []
        with self._lock:
            model, order = self._model()
            pairs = [(premise, hypothesis) for premise in premises]
            scores = model.predict(pairs, apply_softmax=True, show_progress_bar=False)  # (pairs, labels)
        return [Entailed(*(float(row[n]) for n in order)) for row in scores]

    def _model(self) -> tuple[Any, tuple[int, int, int]]:
        if self._loaded is None:
            self._loaded = self._load()
        return self._loaded

    def _load(self) -> tuple[Any, tuple[int, int, int]]:
        from sentence_transformers import CrossEncoder

        try:
            model = CrossEncoder(
                self.name, device=self._device, max_length=_TOKENS, model_kwargs={"use_safetensors": True}
            )
        except (OSError, ValueError) as error:
            raise EncoderUnavailable(
                f"the entailment model {self.name} cannot be loaded ({type(error).__name__})"
            ) from error
        return model, _order(model.config.id2label, self.name)


def _order(labels: dict[int, str], name: str) -> tuple[int, int, int]:
    """Where entailment, neutral and contradiction stand among the model's labels."""
    places = {label.lower(): int(n) for n, label in labels.items()}
    try:
        return places["entailment"], places["neutral"], places["contradiction"]
    except KeyError as error:
        raise EncoderUnavailable(
            f"{name} has the labels {', '.join(sorted(places))}; entailment, neutral, contradiction are needed"
        ) from error
