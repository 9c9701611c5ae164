"""Open-vocabulary detectors over tiny models with random weights, saved to a folder and loaded from it: wiring, not judgement."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from ingest.vision.open_vocabulary import Given, OpenVocabulary
from retrieval.errors import EncoderUnavailable

LABELS = ["person", "hard hat", "spilled oil"]


def noise(width: int, height: int, seed: int) -> Image.Image:
    """No two places of it look the same: among places that do, which one is told is chance."""
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8))


WIDE, TALL = noise(96, 48, 1), noise(48, 96, 2)
WORDS = "person hard hat spilled oil a photo of . worker".split()


def _clip_tokenizer() -> Any:
    from transformers import CLIPTokenizer

    signs = sorted(set("".join(WORDS)))
    tokens = [*signs, *(f"{sign}</w>" for sign in signs), "<|startoftext|>", "<|endoftext|>", "!"]
    vocab = {token: at for at, token in enumerate(dict.fromkeys(tokens))}
    return CLIPTokenizer(vocab=vocab, merges=[], pad_token="!", model_max_length=16)


def _owl(folder: Path, family: str) -> None:
    import transformers as t

    name = {"owlv2": "Owlv2", "owlvit": "OwlViT"}[family]
    tokenizer = _clip_tokenizer()
    text = {"vocab_size": 64, "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
            "max_position_embeddings": 16, "bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id,
            "pad_token_id": tokenizer.pad_token_id}  # fmt: skip
    vision = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "image_size": 32,
              "patch_size": 8}  # fmt: skip
    config = getattr(t, f"{name}Config")(text_config=text, vision_config=vision, projection_dim=16)
    model = getattr(t, f"{name}ForObjectDetection")(config)
    # as they are drawn, the boxes are as flat as a line
    model.box_head.dense2.weight.data *= 0.02
    model.save_pretrained(folder)
    images = getattr(t, f"{name}ImageProcessor")(
        size={"height": 32, "width": 32}, crop_size={"height": 32, "width": 32}
    )
    getattr(t, f"{name}Processor")(image_processor=images, tokenizer=tokenizer).save_pretrained(folder)


def _dino(folder: Path) -> None:
    import transformers as t

    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *dict.fromkeys(WORDS), "?"]
    tokenizer = t.BertTokenizer(vocab={piece: at for at, piece in enumerate(pieces)}, model_max_length=64)
    backbone = t.SwinConfig(image_size=32, patch_size=4, embed_dim=8, depths=[1, 1, 1], num_heads=[1, 1, 1], window_size=2,
                            out_features=["stage2", "stage3"])  # fmt: skip
    text = {"vocab_size": len(pieces), "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16,
            "max_position_embeddings": 64, "model_type": "bert"}  # fmt: skip
    config = t.GroundingDinoConfig(
        backbone_config=backbone, text_config=text, d_model=32, encoder_layers=1, decoder_layers=2, encoder_attention_heads=2,
        decoder_attention_heads=2, encoder_ffn_dim=16, decoder_ffn_dim=16, num_queries=12, num_feature_levels=3, max_text_len=32,
    )  # fmt: skip
    t.GroundingDinoForObjectDetection(config).save_pretrained(folder)
    images = t.GroundingDinoImageProcessor(size={"shortest_edge": 32, "longest_edge": 64})
    t.GroundingDinoProcessor(image_processor=images, tokenizer=tokenizer).save_pretrained(folder)


@pytest.fixture(scope="module", params=["owlv2", "owlvit", "grounding-dino"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(4)
    made = tmp_path_factory.mktemp(request.param) / "tiny"
    if request.param == "grounding-dino":
        _dino(made)
    else:
        _owl(made, request.param)
    return made


def eyes(folder: Path, labels: list[str] = LABELS, score: float | None = 0.0) -> OpenVocabulary:
    return OpenVocabulary(Given(str(folder), device="cpu"), labels, score)


def by_hand(folder: Path, image: Image.Image) -> tuple[np.ndarray, np.ndarray]:
    """The model's own scores (queries, labels), and boxes as corners in fractions of the picture, by its own processor's scaling."""
    from transformers import AutoModelForZeroShotObjectDetection, AutoProcessor

    processor = AutoProcessor.from_pretrained(folder)
    model = AutoModelForZeroShotObjectDetection.from_pretrained(folder).eval()
    owl = model.config.model_type != "grounding-dino"
    text: Any = [LABELS] if owl else "person. hard hat. spilled oil."
    inputs = processor(text=text, images=image, return_tensors="pt")
    with torch.inference_mode():
        out = model(**inputs)
    sizes = torch.tensor([[image.height, image.width]])
    found = processor.post_process_grounded_object_detection(
        **({} if owl else {"input_ids": inputs.input_ids, "text_threshold": 0.0}),
        outputs=out,
        threshold=-1.0,
        target_sizes=sizes,
    )[0]
    logits = out.logits[0].sigmoid()
    # [CLS] person . hard hat . spilled oil . [SEP]
    scores = (
        logits
        if owl
        else torch.stack([logits[:, [1]].amax(1), logits[:, [3, 4]].amax(1), logits[:, [6, 7]].amax(1)], 1)
    )
    return scores.numpy(), (found["boxes"] / torch.tensor([image.width, image.height] * 2)).clamp(0, 1).numpy()


@pytest.mark.parametrize("image", [WIDE, TALL], ids=["wide", "tall"])
def test_labels_scores_and_boxes_are_the_models_own(folder: Path, image: Image.Image) -> None:
    scores, boxes = by_hand(folder, image)
    (found,) = eyes(folder).detect([image])
    assert found and [each.score for each in found] == sorted((each.score for each in found), reverse=True)
    for each in found:
        row = int(np.abs(scores.max(axis=1) - each.score).argmin())
        assert each.label == LABELS[int(scores[row].argmax())]
        assert each.score == pytest.approx(float(scores[row].max()), abs=1e-4)
        assert each.box == pytest.approx(boxes[row].tolist(), abs=1e-3)


def test_each_picture_of_a_batch_gets_its_own(folder: Path) -> None:
    detector = eyes(folder)
    pictures = [WIDE, *(noise(*WIDE.size, seed) for seed in range(3, 7))]
    together = detector.detect(pictures)
    for picture, found in zip(pictures, together, strict=True):
        (alone,) = detector.detect([picture])
        assert len(alone) == len(found)
        # where scores are alike, the order is not told
        places = {(each.label, each.box) for each in found}
        assert all(
            any(one.label == label and one.box == pytest.approx(box, abs=1e-3) for label, box in places)
            for one in alone
        )
    assert detector.detect([]) == []


def test_what_scores_less_is_left_out(folder: Path) -> None:
    (found,) = eyes(folder).detect([WIDE])
    least = found[0].score - 1e-6
    assert [each.score for each in eyes(folder, score=least).detect([WIDE])[0]] == [found[0].score]
    assert eyes(folder, score=1.0).detect([WIDE]) == [[]]


def test_the_name_says_what_is_asked_and_that_nothing_was_measured(folder: Path) -> None:
    detector, other = eyes(folder), eyes(folder, ["person", "worker"])
    assert detector.able == dict.fromkeys(LABELS, 1.0)
    assert "3 labels" in detector.name and "miss rates not measured" in detector.name and detector.name != other.name
    assert eyes(folder, ["person", " person ", ""]).able == {"person": 1.0}


def test_a_card_in_the_folder_says_what_was_measured(folder: Path) -> None:
    digest = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    measured = [{"label": "hard hat", "miss_rate": 0.2, "aliases": ["helmet"]}]
    card = folder / "card.json"
    card.write_text(json.dumps({"sha256": digest, "score": 0.25, "attributes": measured}))
    try:
        detector = eyes(folder, score=None)
        assert detector.able == {"person": 1.0, "hard hat": 0.2, "spilled oil": 1.0}
        assert detector.aliases == {"helmet": "hard hat"} and detector._score == 0.25
    finally:
        card.unlink()


def test_without_weights_or_words_it_says_why_and_what_to_do(folder: Path, tmp_path: Path) -> None:
    for model in (str(tmp_path / "nowhere"), "google/owlv2-base-patch16-ensemble"):
        with pytest.raises(EncoderUnavailable, match=r"cannot be loaded .*set detection.open_vocabulary to a folder"):
            OpenVocabulary(Given(model), LABELS)
    with pytest.raises(EncoderUnavailable, match=r"nothing to look for; set detection.labels"):
        eyes(folder, [" "])


def test_pickled_weights_are_not_loaded(folder: Path, tmp_path: Path) -> None:
    for path in folder.iterdir():
        if path.suffix != ".safetensors":
            (tmp_path / path.name).write_bytes(path.read_bytes())
    torch.save({}, tmp_path / "pytorch_model.bin")
    with pytest.raises(EncoderUnavailable, match="cannot be loaded"):
        eyes(tmp_path)
