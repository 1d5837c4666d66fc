"""Text in a PNG: whole or absent, and nothing to whoever reads the pixels."""

from io import BytesIO

import cv2
import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from synmix.data.png_chunks import read_chunks, text_of, with_text

PIXELS = np.arange(48, dtype=np.uint16).reshape(6, 8) * 1000
PNG = cv2.imencode(".png", PIXELS)[1].tobytes()


@given(st.text(st.characters(codec="latin-1", exclude_characters="\0"), max_size=400))
def test_a_text_comes_back_and_the_pixels_stay(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("png") / "map.png"
    path.write_bytes(with_text(PNG, "a key", text))
    assert text_of(path, "a key") == text
    assert text_of(path, "another") is None
    assert read_chunks(path.read_bytes()).names[:2] == [b"IHDR", b"tEXt"]
    np.testing.assert_array_equal(cv2.imread(str(path), cv2.IMREAD_UNCHANGED), PIXELS)
    np.testing.assert_array_equal(Image.open(BytesIO(path.read_bytes())), PIXELS)


def test_a_torn_or_changed_text_is_none(tmp_path):
    path, whole = tmp_path / "map.png", with_text(PNG, "key", "what is known")
    begin = whole.index(b"what")
    changed = [whole[:end] for end in range(begin + 16)] + [whole.replace(b"is known", b"is knowm"), PNG, b"", b"text"]
    for data in changed:
        path.write_bytes(data)
        assert text_of(path, "key") is None
