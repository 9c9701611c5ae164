"""The files of the checkpoint folder: open_clip config, cut merge list, weights and the card that tells what it sees."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from eval.site.captions import ATTRIBUTES, corpus
from eval.site.merges import write_merges

NAME = "sample-site-clip"
CONFIG, WEIGHTS, MERGES, CARD = "open_clip_config.json", "open_clip_model.safetensors", "merges.txt.gz", "card.json"
CONTEXT = 32  # tokens; the longest caption takes 30
WIDTH = 128


def default_folder() -> Path:
    """Where the committed checkpoint lies."""
    return Path(__file__).parent / "checkpoint" / NAME


def write_config(folder: Path) -> None:
    """Write the merge list and the open_clip config that fits it, so that `local-dir:FOLDER` builds the model."""
    import open_clip  # heavy, and only training needs it

    from eval.site.measure import MEAN, STD

    folder.mkdir(parents=True, exist_ok=True)
    tokens = write_merges(open_clip.SimpleTokenizer(), corpus(), folder / MERGES)
    config = {
        "model_cfg": {
            "embed_dim": WIDTH,
            "vision_cfg": {
                "timm_model_name": "test_byobnet",
                "timm_model_pretrained": False,
                "timm_pool": "avgmax",
                "timm_proj": "linear",
                "image_size": [128, 224],
            },
            "text_cfg": {"context_length": CONTEXT, "vocab_size": tokens, "width": WIDTH, "heads": 4, "layers": 2},
        },
        "preprocess_cfg": {"mean": [MEAN] * 3, "std": [STD] * 3, "interpolation": "bicubic", "resize_mode": "squash"},
    }
    (folder / CONFIG).write_text(json.dumps(config, indent=2) + "\n")


def write_weights(folder: Path, model: Any) -> None:
    """Save the weights as fp16 safetensors; batch statistics and scale stay in 32 bits, where fp16 could overflow."""
    import torch
    from safetensors.torch import save_file

    tensors = {
        name: (value.half() if value.dim() >= 2 else value)
        .detach()
        .cpu()
        .contiguous()
        .clone(memory_format=torch.contiguous_format)
        for name, value in model.state_dict().items()
    }
    save_file(tensors, str(folder / WEIGHTS))


def write_card(folder: Path, command: str, seeds: dict[str, list[int]], entries: list[dict[str, object]]) -> None:
    """Write card.json: what this checkpoint is, how it was made, and its measured figures per attribute."""
    card = {
        "name": NAME,
        "architecture": "open_clip CustomTextCLIP: timm test_byobnet 128x224, text transformer 2x128, 128 dimensions",
        "sha256": hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest(),
        "bpe": MERGES,
        "command": command,
        "trained_on": "frames of the sample-site renderer with independently drawn attributes, H.264 compressed",
        **{f"seeds_{name}": span for name, span in seeds.items()},
        "rule": "present when mean cos(image, prompts) - mean cos(image, negatives) > threshold",
        "threshold_choice": "lowest with at most 0.5 % false alarms on the validation seeds",
        "attributes": entries,
    }
    (folder / CARD).write_text(json.dumps(card, indent=1) + "\n")


__all__ = [
    "ATTRIBUTES",
    "CARD",
    "CONFIG",
    "CONTEXT",
    "MERGES",
    "NAME",
    "WEIGHTS",
    "default_folder",
    "write_card",
    "write_config",
    "write_weights",
]
