"""Resizing by compiled code is Pillow's to the bit."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from synmix.data import bilinear, compiled, row_sums
from synmix.data.resizing import PillowResize

pytestmark = pytest.mark.usefixtures("code")
SIDES = st.one_of(st.integers(1, 12), st.integers(1, 70), st.integers(100, 700))


@pytest.fixture(scope="module")
def code():
    compiled.load()


def drawn(random, height, width, kind):
    """Noise, extremes only, or next to nothing but white."""
    shape = (height, width, 3)
    if kind == "noise":
        return random.integers(0, 256, shape, dtype=np.uint8)
    return np.where(random.random(shape) < (0.5 if kind == "extremes" else 1e-3), 0, 255).astype(np.uint8)


def pillows(image, height, width):
    """The two sums in the order that :func:`bilinear.resized` has, whichever Pillow chooses for the whole."""
    for size in ((width, len(image)), (width, height)):
        image = np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BILINEAR))
    return image


def assert_as_pillow(image, height, width):
    found = bilinear.resized(image, height, width, row_sums)
    assert found.dtype == np.uint8 and np.array_equal(found, pillows(image, height, width))
    assert found.transpose(2, 0, 1).flags.c_contiguous
    at_once = np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR))
    if bilinear.rows_are_first(image.shape[:2], (height, width)):
        assert np.array_equal(found, at_once)
    transform = PillowResize(*image.shape[:2], height, width)
    assert np.array_equal(transform.apply_image(image), at_once)


@settings(max_examples=300, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    old=st.tuples(SIDES, SIDES),
    new=st.tuples(SIDES, SIDES),
    same=st.sampled_from(["", "", "", "height", "width", "both"]),
    kind=st.sampled_from(["noise", "extremes", "white"]),
)
@example(seed=0, old=(201, 2), new=(1, 1), same="", kind="white")  # Pillow 12.3 begins with the columns
@example(seed=0, old=(1, 1), new=(1, 1), same="", kind="noise")
@example(seed=0, old=(1, 1), new=(300, 500), same="", kind="noise")
@example(seed=0, old=(300, 500), new=(1, 1), same="", kind="extremes")
@example(seed=0, old=(500, 300), new=(499, 299), same="", kind="extremes")
def test_every_size(seed, old, new, same, kind):
    height = old[0] if same in ("height", "both") else new[0]
    width = old[1] if same in ("width", "both") else new[1]
    assert_as_pillow(drawn(np.random.default_rng(seed), *old, kind), height, width)


@pytest.mark.parametrize("sizes", [(30_000, 1), (30_000, 7), (70_000, 3), (1, 30_000), (30_000, 29_999)])
@pytest.mark.parametrize("kind", ["noise", "white"])
def test_very_long_lines(sizes, kind):
    """Where the rounding of thousands of weights adds up, or images are white all over."""
    old, new = sizes
    image = drawn(np.random.default_rng(0), old, 2, kind)
    assert_as_pillow(image, new, 2)
    assert_as_pillow(np.ascontiguousarray(image.transpose(1, 0, 2)), 2, new)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), flipped=st.booleans())
def test_views(seed, flipped):
    """What crops and flips leave."""
    image = drawn(np.random.default_rng(seed), 40, 60, "noise")[3:31, 7:52]
    assert_as_pillow(image[:, ::-1] if flipped else image, 17, 33)


def test_whole_and_half_pixels():
    """Photographs' usual sizes, whose weights are often zero or equal."""
    image = drawn(np.random.default_rng(0), 256, 512, "noise")
    for height in (64, 128, 192, 200, 255, 257, 384, 512):
        assert_as_pillow(image, height, 2 * height)


def test_sums_that_weights_round_above_white():
    rows, one = np.full((2, 9), 255, dtype=np.uint8), np.array([[1 << 22, 1 << 15]], dtype=np.int32)
    totals = np.zeros((1, 9), dtype=np.uint8)
    row_sums.row_sums(rows, np.zeros(1, np.int32), np.full(1, 2, np.int32), one, totals)
    assert (totals == 255).all()


def test_loaded_when_told():
    compiled.load.cache_clear()
    assert compiled.loaded() is None
    compiled.take_over()
    assert compiled.pays() and compiled.loaded().row_sums is row_sums
