"""The encoders without weights: unit vectors, the same each time, near for what is alike."""

import numpy as np
import pytest
from PIL import Image

from retrieval.fakes import HashImageEncoder, HashTextEncoder


def test_texts_that_share_words_are_near():
    encoder = HashTextEncoder()
    near, far, query = encoder.encode(["pump seal leaking", "door left open", "leaking pump"])
    assert query @ near > query @ far + 0.3
    assert near.shape == (encoder.dim,)
    assert near.dtype == np.float32
    assert np.linalg.norm(near) == pytest.approx(1, abs=1e-5)
    np.testing.assert_array_equal(HashTextEncoder().encode(["leaking pump"])[0], query)


def test_one_vector_a_word():
    encoder = HashTextEncoder(16)
    two, none = encoder.encode_tokens(["Pump pump", "?"])
    np.testing.assert_array_equal(two[0], two[1])
    assert (two.shape, none.shape) == ((2, 16), (0, 16))
    assert encoder.encode([]).shape == (0, 16)
    assert not encoder.encode(["?"]).any()


def test_pictures_of_like_colours_are_near_and_words_find_them():
    encoder = HashImageEncoder()
    red, dark_red, blue = encoder.encode_images(
        [Image.new("RGB", (80, 40), colour) for colour in ((200, 30, 30), (210, 20, 50), (30, 60, 200))]
    )
    words = encoder.encode_texts(["a red valve", "the blue drum", "a valve"])
    assert red @ dark_red > red @ blue
    assert words[0] @ red > words[0] @ blue
    assert words[1] @ blue > words[1] @ red
    assert not words[2].any()
    assert encoder.encode_images([]).shape == encoder.encode_texts([]).shape == (0, encoder.dim)
