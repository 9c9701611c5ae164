"""Encoders on a GPU: text beside plain sentence-transformers, pictures from JPEG bytes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from os import cpu_count
from pathlib import Path
from typing import Any

import numpy as np

from eval.bench.children import tell
from eval.bench.gpu_work import Bar, Goal, Work, timed, torch_device
from retrieval.adapters.minilm import SentenceTransformerEncoder, bundled_model
from retrieval.adapters.openclip import CARD, CONFIG, WEIGHTS, OpenClipEncoder
from retrieval.pictures import decoded, jpeg

_MODEL = "ViT-B-32"
_SIZE = (640, 480)
_BATCH = 256
_SEED = 5


def text(work: Work) -> Goal:
    """Short texts in no order: ours (batches of like length, bfloat16) against encode() of the library in float32, both on the GPU."""
    device, texts = torch_device(work), _texts(work.texts)
    ours = SentenceTransformerEncoder(None, device)
    plain = _plain(device)
    tell(0, 2, f"{len(texts)} texts, plain")
    right, plain_s = timed(lambda: plain.encode(texts, normalize_embeddings=True, show_progress_bar=False), work.rounds)
    tell(1, 2, f"{len(texts)} texts, ours")
    found, ours_s = timed(lambda: ours.encode(texts), work.rounds)
    cosine = float(np.einsum("ij,ij->i", np.asarray(right), found).min())
    figures = {"texts": len(texts), "plain_per_s": len(texts) / plain_s, "ours_per_s": len(texts) / ours_s}
    return Goal(
        figures, {"text over plain fp32, times": Bar(3, plain_s / ours_s), "text, worst cosine": Bar(0.999, cosine)}
    )


def clip(work: Work) -> Goal:
    """CLIP ViT-B/32 as ingest uses it: JPEG bytes are decoded by as many threads as there are cores, batches are encoded meanwhile."""
    device, blobs = torch_device(work), _jpegs(work.images)
    encoder = _encoder(work, device)
    encoder.encode_images([decoded(blobs[0])])
    tell(0, 2, f"{len(blobs)} pictures")
    began = time.perf_counter()
    _through(encoder, blobs)
    whole_s = time.perf_counter() - began
    tell(1, 2, "decoding alone")
    began = time.perf_counter()
    with ThreadPoolExecutor(cpu_count()) as pool:
        for _ in pool.map(decoded, blobs):
            pass
    decode_s = time.perf_counter() - began
    rate = len(blobs) / whole_s
    figures = {
        "pictures": len(blobs),
        "per_s": rate,
        "decode_only_per_s": len(blobs) / decode_s,
        "decoding_s_share": decode_s / whole_s,
        "weights": work.clip or "random: speed only",
    }
    return Goal(figures, {"CLIP ViT-B/32 from JPEG, pictures/s": Bar(4500, rate)})


def _through(encoder: OpenClipEncoder, blobs: Sequence[bytes]) -> None:
    batches = [blobs[at : at + _BATCH] for at in range(0, len(blobs), _BATCH)]
    with ThreadPoolExecutor(cpu_count()) as pool:
        coming = [[pool.submit(decoded, blob) for blob in batch] for batch in batches]
        for batch in coming:
            encoder.encode_images([future.result() for future in batch])


def _texts(count: int) -> list[str]:
    """3 to 40 words, in no order of length."""
    rng = np.random.default_rng(_SEED)
    words = "pump valve pressure rose tripped bearing vibration alarm shift report seal leak crane dock gate forklift bar".split()
    return [f"{n} " + " ".join(rng.choice(words, rng.integers(3, 40))) for n in range(count)]


def _plain(device: str) -> Any:
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(str(bundled_model()), device=device)


def _jpegs(count: int) -> list[bytes]:
    """Pictures of which none is another: half texture, half smooth, as camera frames are."""
    from PIL import Image

    rng = np.random.default_rng(_SEED)
    base = rng.integers(0, 255, (_SIZE[1] // 8, _SIZE[0] // 8, 3), np.uint8).repeat(8, 0).repeat(8, 1)

    def made(n: int) -> bytes:
        picture = np.roll(base, n, axis=1)
        picture[: _SIZE[1] // 2] = n % 255
        return jpeg(Image.fromarray(picture))

    with ThreadPoolExecutor(cpu_count()) as pool:
        return list(pool.map(made, range(count)))


def _encoder(work: Work, device: str) -> OpenClipEncoder:
    """The weights that were given; else random ones, which take as long. In a dry run the small model that the sample site has."""
    if work.dry:
        from eval.site.checkpoint_folder import default_folder

        return OpenClipEncoder(str(default_folder()), None, device)
    if work.clip and not Path(work.clip).is_dir():
        return OpenClipEncoder(_MODEL, work.clip, device)
    return OpenClipEncoder(work.clip or str(_random(work.place / "clip")), None, device)


def _random(folder: Path) -> Path:
    """A checkpoint folder of the model as it is before training; kept for the next run."""
    import hashlib
    import json

    import open_clip
    from safetensors.torch import save_file

    if (folder / CARD).is_file():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    model = open_clip.create_model(_MODEL)
    save_file({name: value.contiguous() for name, value in model.state_dict().items()}, folder / WEIGHTS)
    preprocess = {
        key: value for key, value in open_clip.get_model_preprocess_cfg(model).items() if key in ("mean", "std")
    }
    config = {"model_cfg": open_clip.get_model_config(_MODEL), "preprocess_cfg": preprocess}
    (folder / CONFIG).write_text(json.dumps(config), encoding="utf-8")
    digest = hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest()
    (folder / CARD).write_text(json.dumps({"name": "random-vit-b-32", "sha256": digest}), encoding="utf-8")
    return folder
