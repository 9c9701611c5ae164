"""Train the sample site's small open_clip checkpoint: once, on rendered frames, on a processor.

    python -m eval.site.train_clip --steps 3000 --data DIR --threads 1

from random weights, or on from an earlier folder after a change to the drawings (`--start FOLDER --rate 1.5e-3`). The
command that made the committed checkpoint stands in its card.

Load it as any open_clip checkpoint, with the cut merge list given by its path (the config names no path, so that the
folder can be moved)::

    name = "local-dir:/path/to/sample-site-clip"
    model, _, preprocess = open_clip.create_model_and_transforms(name)
    tokenizer = open_clip.get_tokenizer(name, bpe_path="/path/to/sample-site-clip/merges.txt.gz")

Frames are sampled with independent attributes (`sampling`), compressed like the clips and shrunk like the product shrinks
them (`dataset`). The renderer knows which statements hold in a frame, so the contrastive loss is a sigmoid over the whole
frame x text matrix with exact labels: a caption that also fits another frame is no false negative there. Beside it run a
loss on the decision rule itself (prompt against negative) and, to start the image tower, a linear attribute head that is
thrown away.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import open_clip
import torch
from torch.nn import functional

from eval.site import checkpoint_folder as folder_of
from eval.site.captions import LABELS, caption, choose_facts, phrases
from eval.site.dataset import CHUNK, build
from eval.site.measure import directions, embed_pictures, figures, threshold_for, to_input, truth_of

TRAIN_SEED, VALIDATION_SEED, HELD_OUT_SEED = 1000, 5000, 9000
TRAIN_FRAMES, VALIDATION_FRAMES, HELD_OUT_FRAMES = 6_000, 2_000, 3_000
WARM_UP = 100
# What hangs on a few pixels learns last; it weighs more in the loss on the decision rule.
HARD = {"person with hard hat": 3.0, "person without hard hat": 3.0, "smoke": 2.0, "spill": 2.0}


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long to train: batches, frames a batch, and the highest learning rate."""

    steps: int
    batch: int
    rate: float


@dataclass(slots=True)
class Learner:
    """The model under training with what only training needs: the attribute head and the bias of the match logits."""

    model: Any
    tokenizer: Any
    head: torch.nn.Linear
    bias: torch.nn.Parameter

    def parameters(self) -> list[torch.nn.Parameter]:
        """Every parameter that learns."""
        return [*self.model.parameters(), *self.head.parameters(), self.bias]


def main(arguments: Sequence[str] | None = None) -> int:
    """Train, measure and write the checkpoint folder."""
    parser = argparse.ArgumentParser(description="train the sample site's open_clip checkpoint")
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rate", type=float, default=2e-3, help="highest learning rate")
    parser.add_argument("--data", type=Path, required=True, help="folder that keeps the rendered frames between runs")
    parser.add_argument("--out", type=Path, default=folder_of.default_folder())
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--start", type=Path, help="checkpoint folder to go on from instead of random weights")
    given = parser.parse_args(arguments)
    torch.set_num_threads(given.threads)
    torch.manual_seed(1)
    pictures, held = build(given.data, TRAIN_SEED, TRAIN_FRAMES, given.threads)
    folder_of.write_config(given.out)
    learner = _learner(given.out, given.start)
    schedule = Schedule(given.steps, given.batch, given.rate)
    train(learner, pictures, held, schedule, lambda line: print(line, file=sys.stderr, flush=True))
    entries = measure(learner, given.data, given.threads)
    command = f"python -m eval.site.train_clip --steps {given.steps} --batch {given.batch} --rate {given.rate:g}"
    command += f" --data DIR --threads {given.threads}" + (f" --start {given.start.name}" if given.start else "")
    folder_of.write_weights(given.out, learner.model)
    folder_of.write_card(given.out, command, _seeds(), entries)
    for entry in entries:
        print(json.dumps({key: entry[key] for key in entry if key not in ("aliases", "prompts", "negatives")}))
    return 0


def _seeds() -> dict[str, list[int]]:
    """First and last seed of each set of frames."""
    sets = {
        "trained": (TRAIN_SEED, TRAIN_FRAMES),
        "validation": (VALIDATION_SEED, VALIDATION_FRAMES),
        "held_out": (HELD_OUT_SEED, HELD_OUT_FRAMES),
    }
    return {name: [seed, seed + count // CHUNK - 1] for name, (seed, count) in sets.items()}


def _learner(folder: Path, start: Path | None = None) -> Learner:
    name = f"local-dir:{folder}"
    model = open_clip.create_model(name, load_weights=False)
    if start is not None:
        open_clip.load_checkpoint(model, str(start / folder_of.WEIGHTS))
    tokenizer = open_clip.get_tokenizer(name, bpe_path=str(folder / folder_of.MERGES))
    width = model.text_projection.shape[1]
    return Learner(model, tokenizer, torch.nn.Linear(width, len(LABELS)), torch.nn.Parameter(torch.tensor(-2.0)))


def train(
    learner: Learner,
    pictures: npt.NDArray[np.uint8],
    held: Sequence[frozenset[str]],
    schedule: Schedule,
    report: Callable[[str], None],
) -> None:
    """Run the scheduled batches with a cosine learning rate."""
    steps = schedule.steps
    rng, text_rng = np.random.default_rng(17), random.Random(17)
    optimiser = torch.optim.AdamW(learner.parameters(), lr=schedule.rate, weight_decay=0.02)
    learner.model.to(memory_format=torch.channels_last)
    learner.model.train()
    started, losses = time.monotonic(), []
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = (
                schedule.rate * min(1.0, (step + 1) / WARM_UP) * (0.5 + 0.5 * math.cos(math.pi * step / steps))
            )
        chosen = rng.choice(len(pictures), schedule.batch, replace=False)
        loss = _loss(
            learner, _augment(pictures[chosen], rng), [held[index] for index in chosen], text_rng, step / steps
        )
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        torch.nn.utils.clip_grad_norm_(learner.parameters(), 1.0)
        optimiser.step()
        with torch.no_grad():
            learner.model.logit_scale.clamp_(max=math.log(40.0))
        losses.append(float(loss.detach()))
        if step % 100 == 99:
            report(f"step {step + 1} loss {np.mean(losses[-100:]):.4f} seconds {time.monotonic() - started:.0f}")


def _augment(pictures: npt.NDArray[np.uint8], rng: np.random.Generator) -> torch.Tensor:
    """Mirror half of the batch, shift each picture by up to six pixels and change its brightness a little."""
    rows, columns = (np.arange(size) for size in pictures.shape[1:3])
    shifted = np.empty_like(pictures)
    for index, picture in enumerate(pictures):
        down, right = rng.integers(-6, 7, 2)
        crop = picture[np.clip(rows + down, 0, rows[-1])][:, np.clip(columns + right, 0, columns[-1])]
        shifted[index] = crop[:, ::-1] if rng.random() < 0.5 else crop
    gain = torch.from_numpy(rng.uniform(0.9, 1.1, (len(pictures), 1, 1, 1)).astype(np.float32))
    return to_input(shifted) * gain


def _loss(
    learner: Learner, images: torch.Tensor, held: list[frozenset[str]], rng: random.Random, progress: float
) -> torch.Tensor:
    stated = [[label] for label in LABELS] + [[f"not {label}"] for label in LABELS]
    texts = [rng.choice(phrases(facts[0])) for facts in stated]
    for found in held[::2]:  # half of the frames get a caption of their own
        stated.append(choose_facts(rng, found))
        texts.append(caption(rng, stated[-1]))
    holds = torch.tensor([[float(found.issuperset(facts)) for facts in stated] for found in held])
    with torch.autocast("cpu", torch.bfloat16):
        raw = learner.model.encode_image(images)
    raw = raw.float()
    cosines = functional.normalize(raw, dim=-1) @ learner.model.encode_text(learner.tokenizer(texts), normalize=True).T
    scale = learner.model.logit_scale.exp()
    count = len(LABELS)
    truth = holds[:, :count]
    match = _balanced(scale * cosines + learner.bias, holds)
    weight = torch.tensor([HARD.get(label, 1.0) for label in LABELS])
    decided = scale * (cosines[:, :count] - cosines[:, count : 2 * count])
    rule = functional.binary_cross_entropy_with_logits(decided, truth, weight)
    head = functional.binary_cross_entropy_with_logits(learner.head(raw), truth, weight)
    return match + 2.0 * rule + (1.0 if progress < 0.5 else 0.2) * head


def _balanced(logits: torch.Tensor, holds: torch.Tensor) -> torch.Tensor:
    """Binary cross-entropy in which the frames for and against a text weigh the same in each column."""
    each = functional.binary_cross_entropy_with_logits(logits, holds, reduction="none")
    right, wrong = holds.sum(0).clamp(min=1), (1 - holds).sum(0).clamp(min=1)
    return ((each * holds).sum(0) / right + (each * (1 - holds)).sum(0) / wrong).mean() / 2


def measure(learner: Learner, data: Path, workers: int) -> list[dict[str, object]]:
    """Thresholds on the validation seeds, figures on the held-out seeds, one card entry per attribute."""
    towards = directions(learner.model, learner.tokenizer)
    parts = []
    for seed, count in ((VALIDATION_SEED, VALIDATION_FRAMES), (HELD_OUT_SEED, HELD_OUT_FRAMES)):
        pictures, held = build(data, seed, count, workers)
        parts.append((embed_pictures(learner.model, pictures) @ towards.T, truth_of(held)))
    (tuned, tuned_truth), (scores, truth) = parts
    return [
        figures(attribute, threshold_for(tuned[:, i], tuned_truth[:, i]), scores[:, i], truth[:, i])
        for i, attribute in enumerate(folder_of.ATTRIBUTES)
    ]


if __name__ == "__main__":
    sys.exit(main())
