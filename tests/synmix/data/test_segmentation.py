"""A mask is the same, however COCO writes it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pycocotools import mask as mask_util

from synmix.data.segmentation import mask_of, rle_of

MASKS = arrays(bool, st.tuples(st.integers(1, 12), st.integers(1, 12)))


def uncompressed(mask):
    """COCO's counts: runs down the columns, the first one of background."""
    column = mask.ravel(order="F")
    ends = np.flatnonzero(np.diff(column)) + 1
    counts = np.diff(np.concatenate([[0], ends, [len(column)]])).tolist()
    return {"size": list(mask.shape), "counts": [0, *counts] if column[0] else counts}


@given(MASKS)
def test_run_lengths_hold_the_mask_compressed_or_not(mask):
    compressed = mask_util.encode(np.asfortranarray(mask.view(np.uint8)))
    assert rle_of(uncompressed(mask), *mask.shape) == compressed == rle_of(compressed, *mask.shape)
    assert np.array_equal(mask_of(uncompressed(mask), *mask.shape), mask)


@pytest.mark.parametrize("kind", [list, np.array])
def test_polygons_are_one_mask_together(kind):
    boxes = [kind([2.0, 1.0, 6.0, 1.0, 6.0, 4.0, 2.0, 4.0]), kind([7.0, 5.0, 9.0, 5.0, 9.0, 7.0, 7.0, 7.0])]
    expected = np.zeros((8, 10), bool)
    expected[1:4, 2:6] = expected[5:7, 7:9] = True
    assert np.array_equal(mask_of(boxes, 8, 10), expected)
