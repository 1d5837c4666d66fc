"""Predicted masks as stretches of pixels: all that the metric asks of a mask is then a sum over some hundred stretches.

Shape legend: M masks of one image, H, W its height and width, S stretches in all.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from synmix.data.segmentation import counts_of

Crop = tuple[int, int, np.ndarray]  # x and y of the upper left corner, (h, w) bool


@dataclass(frozen=True)
class MaskSet:
    """The masks of one image; a stretch is a part of one row, and a mask's stretches do not overlap.

    >>> masks = from_masks(np.eye(3, dtype=bool)[None])
    >>> masks.pixels.tolist(), masks.mask(0).tolist()[0]
    ([3], [True, False, False])
    """

    starts: np.ndarray  # (S,) int64, flat index (row-major) of a stretch's first pixel
    ends: np.ndarray  # (S,) int64, flat index behind its last pixel
    owners: np.ndarray  # (S,) int64, the mask a stretch belongs to, ascending
    num_masks: int
    shape: tuple[int, int]  # H, W

    @property
    def pixels(self) -> np.ndarray:
        """(M,) int64, the size of each mask."""
        before = np.concatenate([[0], np.cumsum(self.ends - self.starts)])
        return np.diff(before[np.searchsorted(self.owners, np.arange(self.num_masks + 1))])

    def mask(self, index: int) -> np.ndarray:
        """(H, W) bool, one mask in full."""
        mine = self.owners == index
        change = np.zeros(self.shape[0] * self.shape[1] + 1, dtype=np.int8)
        # Two stretches of one mask may touch, at the end of a row: add, do not set.
        np.add.at(change, self.starts[mine], 1)
        np.add.at(change, self.ends[mine], -1)
        return np.cumsum(change[:-1], dtype=np.int8).astype(bool).reshape(self.shape)


def from_crops(crops: Sequence[Crop], shape: tuple[int, int]) -> MaskSet:
    """Masks given as box crops.

    Args:
        crops: x, y and the (h, w) bool mask inside a box; what lies outside the box is empty.
        shape: H, W of the image.

    Raises:
        ValueError: a crop reaches over the image's edge.
    """
    if not crops:
        empty = np.zeros(0, dtype=np.int64)
        return MaskSet(empty, empty, empty, 0, shape)
    boxes = np.array([(x, y, *crop.shape) for x, y, crop in crops], dtype=np.int64)
    x, y, height, width = boxes.T
    if (x < 0).any() or (y < 0).any() or (x + width > shape[1]).any() or (y + height > shape[0]).any():
        raise ValueError("a crop reaches over the edge of its image")
    # All crops in one buffer, each row followed by one empty pixel, so that a change of value ends every stretch.
    offsets = np.concatenate([[1], 1 + np.cumsum(height * (width + 1))])
    buffer = np.zeros(offsets[-1], dtype=bool)
    for (_, _, crop), offset, rows, columns in zip(crops, offsets[:-1], height, width, strict=True):
        buffer[offset : offset + rows * (columns + 1)].reshape(rows, columns + 1)[:, :-1] = crop
    changes = np.flatnonzero(buffer[1:] != buffer[:-1])
    starts, ends = changes[::2], changes[1::2]
    owners = np.searchsorted(offsets - 1, starts, side="right") - 1
    row, column = np.divmod(starts - (offsets[owners] - 1), width[owners] + 1)
    first = (y[owners] + row) * shape[1] + x[owners] + column
    return MaskSet(first, first + (ends - starts), owners, len(crops), shape)


def from_masks(masks: np.ndarray) -> MaskSet:
    """Full-frame masks.

    Args:
        masks: (M, H, W) bool, or any integer type where everything but 0 belongs to the mask.

    >>> from_masks(np.ones((2, 4, 4), dtype=np.uint8)).pixels.tolist()
    [16, 16]
    """
    _, height, width = masks.shape
    return from_crops([crop_of(mask if mask.dtype == bool else mask != 0) for mask in masks], (height, width))


def crop_of(mask: np.ndarray) -> Crop:
    """The part of a (H, W) bool mask that holds all its pixels, loosely: to the next eight columns."""
    if mask.shape[1] % 8 or not mask.flags.c_contiguous:
        rows = np.flatnonzero(mask.any(axis=1))
        top, bottom = (rows[0], rows[-1] + 1) if len(rows) else (0, 0)
        return 0, int(top), mask[top:bottom]
    # Eight pixels at once: most of a frame is empty.
    words = mask.view(np.uint64)
    rows = np.flatnonzero(np.bitwise_or.reduce(words, axis=1))
    if not len(rows):
        return 0, 0, mask[:0, :0]
    top, bottom = int(rows[0]), int(rows[-1]) + 1
    columns = np.flatnonzero(np.bitwise_or.reduce(words[top:bottom], axis=0))
    left, right = int(columns[0]) * 8, int(columns[-1]) * 8 + 8
    return left, top, mask[top:bottom, left:right]


def from_coco_rle(segmentations: Sequence[Mapping[str, Any]], shape: tuple[int, int]) -> MaskSet:
    """Masks in COCO's run-length encoding, compressed (``counts`` str or bytes) or not (a list).

    Raises:
        ValueError: a segmentation is of another size than ``shape`` (H, W).
    """
    return from_crops([_rle_crop(segmentation, shape) for segmentation in segmentations], shape)


def _rle_crop(segmentation: Mapping[str, Any], shape: tuple[int, int]) -> Crop:
    height, width = (int(length) for length in segmentation["size"])
    if (height, width) != tuple(shape):
        raise ValueError(f"a segmentation is {width} x {height} pixels, but its image is {shape[1]} x {shape[0]}")
    edges = np.cumsum(counts_of(segmentation["counts"]))
    if edges[-1:].sum() > height * width:
        raise ValueError(f"a segmentation has {edges[-1]} pixels, but its image {height * width}")
    starts, ends = edges[:-1:2], edges[1::2]  # COCO counts down the columns, empty pixels first
    keep = ends > starts
    starts, ends = starts[keep], ends[keep]
    if not len(starts):
        return 0, 0, np.zeros((0, 0), dtype=bool)
    first_column, top_row = np.divmod(starts, height)
    last_column, bottom_row = np.divmod(ends - 1, height)
    if (first_column != last_column).any():  # a stretch goes on from the foot of a column to the head of the next
        top, rows = 0, height
    else:
        top, rows = int(top_row.min()), int(bottom_row.max() - top_row.min()) + 1
    left, columns = int(first_column[0]), int(last_column[-1] - first_column[0]) + 1
    change = np.zeros(rows * columns + 1, dtype=np.int8)
    change[(first_column - left) * rows + top_row - top] = 1
    change[(last_column - left) * rows + bottom_row - top + 1] -= 1
    return left, top, np.cumsum(change[:-1], dtype=np.int8).view(bool).reshape(columns, rows).T
