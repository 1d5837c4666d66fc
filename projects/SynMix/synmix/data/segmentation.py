"""COCO's ``segmentation`` (polygons, or run lengths, compressed or not) as compressed run lengths and as masks."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from pycocotools import mask as mask_util


def rle_of(segmentation: Any, height: int, width: int) -> dict[str, Any]:
    """COCO's compressed run lengths of a segmentation of an image of this size; compressed ones stay as they are."""
    if isinstance(segmentation, Mapping):
        uncompressed = isinstance(segmentation["counts"], list)
        return mask_util.frPyObjects(dict(segmentation), height, width) if uncompressed else dict(segmentation)
    polygons = [np.asarray(polygon, dtype=np.float64).ravel().tolist() for polygon in segmentation]
    return mask_util.merge(mask_util.frPyObjects(polygons, height, width))


def mask_of(segmentation: Any, height: int, width: int) -> np.ndarray:
    """(H, W) bool, a segmentation in full."""
    return mask_util.decode(rle_of(segmentation, height, width)).astype(bool)
