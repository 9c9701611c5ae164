"""What the checkpoint sees: scores of frames by text prompts alone, thresholds, and figures per attribute.

The rule, here and in the product: score = mean cosine(frame, prompts) - mean cosine(frame, negatives); an attribute is
present when its score is above the threshold of its card.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from sklearn.metrics import average_precision_score

from eval.site.captions import ATTRIBUTES, Attribute

Scores = npt.NDArray[np.float32]
FALSE_ALARM_TARGET = 0.005  # of the frames without the attribute, on the validation seeds
MEAN, STD = 0.45, 0.25  # of every colour channel, on a 0..1 scale


def to_input(pictures: npt.NDArray[np.uint8]) -> torch.Tensor:
    """uint8 (n, rows, columns, 3) RGB to the image tower's float (n, 3, rows, columns)."""
    planes = torch.from_numpy(np.ascontiguousarray(pictures)).permute(0, 3, 1, 2)
    return planes.float().div_(255.0).sub_(MEAN).div_(STD).contiguous(memory_format=torch.channels_last)


@torch.no_grad()
def embed_pictures(model: Any, pictures: npt.NDArray[np.uint8], batch: int = 128) -> Scores:
    """Unit image embeddings, (n, dimensions), in float32."""
    model.eval()
    parts = [
        model.encode_image(to_input(pictures[start : start + batch]), normalize=True).float().numpy()
        for start in range(0, len(pictures), batch)
    ]
    return np.concatenate(parts)


@torch.no_grad()
def _embed_texts(model: Any, tokenizer: Any, texts: Sequence[str]) -> Scores:
    embedded: Scores = model.encode_text(tokenizer(list(texts)), normalize=True).float().numpy()
    return embedded


def directions(model: Any, tokenizer: Any) -> Scores:
    """One vector per attribute, (attributes, dimensions); its dot product with an image embedding is the score."""
    model.eval()
    return np.stack(
        [
            _embed_texts(model, tokenizer, attribute.prompts).mean(axis=0)
            - _embed_texts(model, tokenizer, attribute.negatives).mean(axis=0)
            for attribute in ATTRIBUTES
        ]
    )


def truth_of(held: Sequence[frozenset[str]]) -> npt.NDArray[np.bool_]:
    """Which attributes hold in which frame, (n, attributes)."""
    return np.array([[attribute.label in found for attribute in ATTRIBUTES] for found in held])


def threshold_for(scores: Scores, present: npt.NDArray[np.bool_]) -> float:
    """The lowest threshold whose false alarms stay at the target on these (validation) frames."""
    absent = np.sort(scores[~present])
    return float(absent[min(len(absent) - 1, int(np.ceil(len(absent) * (1 - FALSE_ALARM_TARGET))))])


def figures(
    attribute: Attribute, threshold: float, scores: Scores, present: npt.NDArray[np.bool_]
) -> dict[str, object]:
    """The card entry of one attribute, measured with exactly the decision rule on held-out frames."""
    said = scores > threshold
    return {
        "label": attribute.label,
        "aliases": list(attribute.aliases),
        "prompts": list(attribute.prompts),
        "negatives": list(attribute.negatives),
        "threshold": round(threshold, 5),
        "average_precision": round(float(average_precision_score(present, scores)), 4),
        "miss_rate": round(float(1 - said[present].mean()), 4),
        "false_alarm_rate": round(float(said[~present].mean()), 4),
        "prevalence": round(float(present.mean()), 4),
    }
