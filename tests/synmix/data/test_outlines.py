"""Masks as polygons and run lengths: what pycocotools fills is the mask, hole for hole."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pycocotools import mask as mask_util

from synmix.data.outlines import polygons_of_crop, rle_of_crop

SHAPES = st.tuples(st.integers(1, 14), st.integers(1, 14))
MASKS = SHAPES.flatmap(lambda shape: arrays(bool, shape))
MARGINS = st.tuples(*4 * [st.integers(0, 3)])


def placed(crop, margins):
    """The whole frame around a crop: left, top, right and bottom are empty."""
    left, top, right, bottom = margins
    return np.pad(crop, ((top, bottom), (left, right)))


@given(MASKS, MARGINS)
def test_run_lengths_are_pycocotools_own(crop, margins):
    frame = placed(crop, margins)
    found = rle_of_crop(crop, *margins[:2], *frame.shape)
    assert found["size"] == list(frame.shape)
    assert found["counts"].encode() == mask_util.encode(np.asfortranarray(frame.astype(np.uint8)))["counts"]


@settings(max_examples=400)
@given(MASKS.filter(np.any), MARGINS)
def test_polygons_fill_exactly_the_mask(crop, margins):
    frame = placed(crop, margins)
    polygons = polygons_of_crop(crop, *margins[:2])
    assert all(len(polygon) >= 8 for polygon in polygons)
    filled = mask_util.decode(mask_util.merge(mask_util.frPyObjects(polygons, *frame.shape)))
    assert np.array_equal(filled.astype(bool), frame)


def test_a_rectangle_has_four_corners_and_a_ring_is_one_polygon():
    assert sorted(polygons_of_crop(np.ones((2, 3), bool), 5, 7)[0][::2]) == [5, 5, 8, 8]
    ring = np.ones((5, 5), bool)
    ring[2, 2] = False
    [polygon] = polygons_of_crop(ring)
    assert {(2.0, 2.0), (3.0, 3.0), (0.0, 0.0), (5.0, 5.0)} <= set(zip(polygon[::2], polygon[1::2], strict=True))


@pytest.mark.parametrize("shape", [(0, 0), (3, 0), (3, 4)])
def test_an_empty_mask(shape):
    crop = np.zeros(shape, bool)
    assert rle_of_crop(crop, 1, 1, 6, 7) == {"size": [6, 7], "counts": "Z1"}
    assert polygons_of_crop(crop) == []
