"""Boxes compared with boxes, compiled by numba: Detectron2's ``pairwise_iou`` and ``Matcher`` in one pass, and
torchvision's ``nms``, to the bit.

Shape legend: G labelled boxes, R others.
"""

from typing import Any

import numpy as np
from numba import njit, types

_ZERO = np.float32(0)
_BOXES = types.Array(types.float32, 2, "C")
_VALUES, _IDS, _FLAGS = (types.Array(kind, 1, "C") for kind in (types.float32, types.int64, types.uint8))


@njit(error_model="numpy", nogil=True)
def _overlaps(box: np.ndarray, others: np.ndarray, row: np.ndarray) -> Any:
    """Fills ``row`` (R,) with the intersections over unions of one box (4,) and others (4, R); the highest."""
    left, top, right, bottom = box[0], box[1], box[2], box[3]
    area = (right - left) * (bottom - top)
    lefts, tops, rights, bottoms = others[0], others[1], others[2], others[3]
    highest = _ZERO
    for r in range(len(row)):
        width = (right if right < rights[r] else rights[r]) - (left if left > lefts[r] else lefts[r])
        height = (bottom if bottom < bottoms[r] else bottoms[r]) - (top if top > tops[r] else tops[r])
        inter = (width if width > _ZERO else _ZERO) * (height if height > _ZERO else _ZERO)
        union = area + (rights[r] - lefts[r]) * (bottoms[r] - tops[r]) - inter
        row[r] = inter / union if inter > _ZERO else _ZERO
    for r in range(len(row)):
        highest = row[r] if row[r] > highest else highest
    return highest


@njit(
    types.void(
        _BOXES, _BOXES, types.boolean, types.Array(types.float32, 1, "C"), _IDS, types.Array(types.uint8, 1, "C")
    ),
    error_model="numpy",
    nogil=True,
    cache=True,
)
def match(
    boxes: np.ndarray, others: np.ndarray, lows: bool, values: np.ndarray, indices: np.ndarray, low_quality: np.ndarray
) -> None:
    """Finds the labelled box of the highest overlap.

    Args:
        boxes: (G, 4) labelled boxes.
        others: (4, R) coordinates of the others.
        lows: whether to look for the others that have some labelled box's highest overlap.
        values: (R,), zeros; filled with the highest overlaps.
        indices: (R,), zeros; filled with the first labelled box that has it.
        low_quality: (R,), zeros; 1 for those that ``lows`` asks for.
    """
    row = np.empty(others.shape[1], dtype=np.float32)
    for g in range(len(boxes)):
        highest = _overlaps(boxes[g], others, row)
        for r in range(len(row)):
            indices[r] = g if row[r] > values[r] else indices[r]
            values[r] = row[r] if row[r] > values[r] else values[r]
        if lows:
            for r in range(len(row)):
                low_quality[r] |= row[r] == highest


@njit(types.void(_BOXES, _IDS, types.float32, _FLAGS), error_model="numpy", nogil=True, cache=True)
def nms(boxes: np.ndarray, groups: np.ndarray, threshold: float, dropped: np.ndarray) -> None:
    """Drops boxes that overlap a better one of their group by more than a threshold.

    Args:
        boxes: (4, R) coordinates, best first.
        groups: (R,) a number each.
        threshold: of intersection over union.
        dropped: (R,), zeros; 1 for the boxes that go.
    """
    lefts, tops, rights, bottoms = boxes[0], boxes[1], boxes[2], boxes[3]
    for i in range(len(groups)):
        if dropped[i]:
            continue
        left, top, right, bottom = lefts[i], tops[i], rights[i], bottoms[i]
        area = (right - left) * (bottom - top)
        for j in range(i + 1, len(groups)):
            width = (right if right < rights[j] else rights[j]) - (left if left > lefts[j] else lefts[j])
            height = (bottom if bottom < bottoms[j] else bottoms[j]) - (top if top > tops[j] else tops[j])
            inter = (width if width > _ZERO else _ZERO) * (height if height > _ZERO else _ZERO)
            union = area + (rights[j] - lefts[j]) * (bottoms[j] - tops[j]) - inter
            dropped[j] |= (inter / union > threshold) & (groups[i] == groups[j])
