"""Masks as stretches of pixels hold the same pixels, wherever they come from."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from pycocotools import mask as mask_util

from synmix.evaluate.masks import crop_of, from_coco_rle, from_crops, from_masks

masks = st.tuples(st.integers(0, 4), st.integers(1, 12), st.sampled_from((1, 5, 8, 16))).flatmap(
    lambda shape: arrays.arrays(bool, shape, elements=st.booleans(), fill=st.booleans())
)


def full(mask_set) -> np.ndarray:
    return np.array([mask_set.mask(index) for index in range(mask_set.num_masks)]).reshape(-1, *mask_set.shape)


@settings(deadline=None)
@given(masks)
def test_full_masks_survive(frames):
    mask_set = from_masks(frames)
    np.testing.assert_array_equal(full(mask_set), frames)
    np.testing.assert_array_equal(mask_set.pixels, frames.sum(axis=(1, 2)))


@settings(deadline=None)
@given(masks, st.booleans())
def test_coco_rle_is_read_as_pycocotools_wrote_it(frames, compressed):
    rles = [mask_util.encode(np.asfortranarray(frame)) for frame in frames]
    if not compressed:
        rles = [{"size": list(frame.shape), "counts": counts_of(frame)} for frame in frames]
    np.testing.assert_array_equal(full(from_coco_rle(rles, frames.shape[1:])), frames)


def counts_of(frame: np.ndarray) -> list[int]:
    """COCO's uncompressed counts: down the columns, empty pixels first."""
    flat = frame.T.ravel()
    edges = np.flatnonzero(np.diff(flat)) + 1
    counts = np.diff([0, *edges, flat.size]).tolist()
    return [0, *counts] if flat[0] else counts


def test_large_counts_survive_compression():
    frame = np.zeros((700, 900), dtype=bool)
    frame[300:650, 4:820] = True
    rle = mask_util.encode(np.asfortranarray(frame))
    for counts in (rle["counts"], rle["counts"].decode("ascii")):  # as bytes, and as JSON has it
        np.testing.assert_array_equal(from_coco_rle([{**rle, "counts": counts}], frame.shape).mask(0), frame)


@settings(deadline=None)
@given(masks)
def test_a_crop_holds_all_pixels(frames):
    for frame in frames:
        x, y, crop = crop_of(frame)
        assert crop.sum() == frame.sum()
        np.testing.assert_array_equal(frame[y : y + crop.shape[0], x : x + crop.shape[1]], crop)


def test_crop_of_a_view_that_is_not_contiguous():
    frame = np.zeros((16, 8), dtype=bool)
    frame[3:5, 2:4] = True
    x, y, crop = crop_of(frame.T)
    assert crop.sum() == 4
    np.testing.assert_array_equal(frame.T[y : y + crop.shape[0], x : x + crop.shape[1]], crop)


@pytest.mark.parametrize("x, y", [(-1, 0), (0, -1), (3, 0), (0, 4)])
def test_a_crop_over_the_edge_is_refused(x, y):
    with pytest.raises(ValueError, match="over the edge"):
        from_crops([(x, y, np.ones((2, 3), dtype=bool))], (5, 5))


def test_rle_of_another_size_is_refused():
    rle = mask_util.encode(np.asfortranarray(np.ones((4, 6), dtype=bool)))
    with pytest.raises(ValueError, match="6 x 4 pixels, but its image is 5 x 4"):
        from_coco_rle([rle], (4, 5))
