"""ConSE's concepts, framing and mixing; the classifier itself is tested on real pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from retrieval.adapters import conse

WHITE, RED = (255, 255, 255), (180, 20, 20)


def test_the_concepts_that_ship_are_sound() -> None:
    concepts = conse.read_concepts(conse._CONCEPTS.read_text())
    assert len(concepts) > 200
    names = [name for each in concepts for name in each.names]
    assert all(names) and all(name == name.strip() for name in names)
    by_name = {each.names[0]: set(each.classes) for each in concepts}
    assert by_name["dog"] < by_name["mammal"] < by_name["animal"] == set(range(398))


@pytest.mark.parametrize(
    ("line", "names", "classes"),
    [
        ("bird: 7-9 24", ("bird",), (7, 8, 9, 24)),
        ("cat, kitten: 281", ("cat", "kitten"), (281,)),
        ("x: 3 1-3 2", ("x",), (1, 2, 3)),
    ],
)
def test_a_line_is_names_and_classes(line: str, names: tuple[str, ...], classes: tuple[int, ...]) -> None:
    assert conse.read_concepts(f"# a comment\n\n{line}\n") == [conse.Concept(names, classes)]


@pytest.mark.parametrize("line", ["bird", "bird:", ": 1", "bird: 1000", "bird: 9-7", "bird: one"])
def test_a_line_that_is_wrong_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match=r"bird|: 1|one"):
        conse.read_concepts(line)


SIDES = st.integers(1, 60)


@given(SIDES, SIDES, st.integers(0, 30), st.integers(0, 30))
def test_a_plain_border_is_cut_and_what_it_frames_is_centred_in_a_square(
    width: int, height: int, x: int, y: int
) -> None:
    picture = Image.new("RGB", (width + x + 5, height + y + 5), WHITE)
    picture.paste(RED, (x + 1, y + 1, x + 1 + width, y + 1 + height))
    square = conse.framed(picture)
    assert square.width == square.height == round(max(width, height) * 1.12)
    left, top, right, bottom = Image.eval(square.convert("L"), lambda grey: 255 - grey).getbbox() or (0, 0, 0, 0)
    assert (right - left, bottom - top) == (width, height)
    assert abs(left - (square.width - right)) <= 1 and abs(top - (square.height - bottom)) <= 1


def test_a_picture_of_one_colour_is_kept_whole() -> None:
    assert conse.framed(Image.new("RGB", (50, 20), RED)).getcolors() == [(56 * 56, RED)]


def test_labels_are_named_by_their_parts_and_as_a_whole() -> None:
    assert conse.label_text("robin, American robin, Turdus migratorius") == "robin, American robin"
    assert conse._names("robin, American robin") == ("robin", "American robin", "robin, American robin")
    assert conse._names("crane") == ("crane",)


def test_kept_vectors_come_back_for_the_same_space_and_phrases_only(tmp_path: Path) -> None:
    vectors = np.random.default_rng(5).standard_normal((3, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    path, phrases = tmp_path / "kept.npz", ["a", "b", "c"]
    assert conse.kept_vectors("text:x@1", phrases, path) is None
    conse.keep_vectors("text:x@1", phrases, vectors, path)
    kept = conse.kept_vectors("text:x@1", phrases, path)
    assert kept is not None and kept.dtype == np.float32
    np.testing.assert_allclose(kept, vectors, atol=1e-3)
    assert conse.kept_vectors("text:x@2", phrases, path) is None
    assert conse.kept_vectors("text:x@1", ["a", "c", "b"], path) is None
