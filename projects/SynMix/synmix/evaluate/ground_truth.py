"""What predictions of one image are compared with: regions of an instance map, or masks that may overlap.

Shape legend: U regions of one image, M predicted masks, H, W the image's height and width.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np

from synmix.data.run_lengths import runs_of
from synmix.errors import UserError
from synmix.evaluate.masks import MaskSet
from synmix.labels import CLASS_NAMES, INSTANCE_FACTOR, LABEL_IDS, MIN_PIXELS, VOID_LABEL_IDS, label_of

_NUM_LABELS = 34  # cityscapesScripts knows the labels 0..33
_NUM_VALUES = 1 << 16
_VOID = np.zeros(_NUM_VALUES, dtype=bool)
_VOID[list(VOID_LABEL_IDS)] = True


@dataclass(frozen=True)
class Regions:
    """The regions of one image's ground truth."""

    ids: np.ndarray  # (U,) int64
    categories: np.ndarray  # (U,) int64, 0..C-1; -1 for what is not evaluated
    pixels: np.ndarray  # (U,) int64
    group: np.ndarray  # (U,) bool: several objects in one region; its own class may predict what it likes there
    void: np.ndarray  # (U,) bool: every class may predict what it likes there

    @property
    def small(self) -> np.ndarray:
        """(U,) bool: too small to be asked for; its own class may predict what it likes there."""
        return self.pixels < MIN_PIXELS

    @property
    def evaluated(self) -> np.ndarray:
        """(U,) bool: the regions that must be found."""
        return (self.categories >= 0) & ~self.group & ~self.small


class GroundTruth(Protocol):
    """One image's ground truth: its regions, and how many pixels of each a predicted mask covers."""

    regions: Regions
    shape: tuple[int, int]
    may_overlap: bool  # whether two regions may share pixels

    def intersections(self, masks: MaskSet) -> np.ndarray:
        """(M, U) int64, the pixels that a mask and a region share."""
        ...

    def region_mask(self, region_id: int) -> np.ndarray:
        """(H, W) bool, one region in full."""
        ...


class MapGroundTruth:
    """Ground truth from a Cityscapes instance map, as runs of equal id.

    >>> labels = np.zeros((20, 20), dtype=np.uint16)
    >>> labels[:, :10] = 26_000  # a car
    >>> MapGroundTruth(labels).region_mask(26_000).sum()
    np.int64(200)
    """

    may_overlap = False

    def __init__(
        self, instance_map: np.ndarray, file: str = "the instance map", classes: Sequence[str] = CLASS_NAMES
    ) -> None:
        """
        Args:
            instance_map: (H, W) uint16, Cityscapes instanceIds.
            file: what to call it in a message.
            classes: the evaluated ones, in the order of categories. Others are to them what a road is: neither asked
                for nor void, so that a class has the same figures whichever others are evaluated beside it.

        Raises:
            UserError: the map holds an id that belongs to no label.
        """
        runs = runs_of(instance_map)
        ids, index = _unique(runs.values)
        unknown = ids[label_of(ids) >= _NUM_LABELS]
        if len(unknown):
            raise UserError(
                f"'{file}' holds the id {unknown[0]}, which belongs to no Cityscapes label; write it again."
            )
        lengths = np.bincount(index, weights=runs.lengths, minlength=len(ids)).astype(np.int64)
        group = ids < INSTANCE_FACTOR
        self.shape = runs.shape
        self.regions = Regions(ids, _categories(tuple(classes))[label_of(ids)], lengths, group, _VOID[ids])
        self._starts, self._index = runs.starts, index

    def intersections(self, masks: MaskSet) -> np.ndarray:
        """(M, U) int64, the pixels that a mask and a region share."""
        _check_size(self.shape, masks)
        first = np.searchsorted(self._starts, masks.starts, side="right") - 1
        last = np.searchsorted(self._starts, masks.ends, side="left") - 1
        # A stretch that meets k runs becomes k pieces, each inside one run.
        count = last - first + 1
        stretch = np.repeat(np.arange(len(count)), count)
        run = np.arange(len(stretch)) - np.repeat(np.cumsum(count) - count - first, count)
        piece_start = np.maximum(masks.starts[stretch], self._starts[run])
        piece_end = np.append(piece_start[1:], 0)  # a piece ends where the next one starts, but for a stretch's last
        piece_end[np.cumsum(count) - 1] = masks.ends
        num_regions = len(self.regions.ids)
        key = masks.owners[stretch] * num_regions + self._index[run]
        shared = np.bincount(key, weights=piece_end - piece_start, minlength=masks.num_masks * num_regions)
        return shared.astype(np.int64).reshape(masks.num_masks, num_regions)

    def region_mask(self, region_id: int) -> np.ndarray:
        """(H, W) bool, one region in full."""
        lengths = np.diff(np.append(self._starts, self.shape[0] * self.shape[1]))
        return np.repeat(self.regions.ids[self._index] == region_id, lengths).reshape(self.shape)


class MaskGroundTruth:
    """Ground truth from masks that may overlap, as in COCO: no void, and a crowd is a group.

    >>> from synmix.evaluate import from_masks
    >>> truth = MaskGroundTruth(from_masks(np.ones((1, 20, 20), dtype=bool)), categories=[2], crowd=[False])
    >>> truth.regions.pixels.tolist()
    [400]
    """

    may_overlap = True

    def __init__(self, masks: MaskSet, categories: Sequence[int], crowd: Sequence[bool]) -> None:
        """
        Args:
            categories: (U,) class of each mask, 0..C-1.
            crowd: (U,) whether a mask covers several objects.
        """
        nothing = np.zeros(masks.num_masks, dtype=bool)
        ids = np.arange(masks.num_masks, dtype=np.int64)
        group, category = np.asarray(crowd, dtype=bool), np.asarray(categories, dtype=np.int64)
        self.shape = masks.shape
        self.regions = Regions(ids, category.reshape(-1), masks.pixels, group.reshape(-1), nothing)
        self._masks = masks

    def intersections(self, masks: MaskSet) -> np.ndarray:
        """(M, U) int64, the pixels that a mask and a region share."""
        _check_size(self.shape, masks)
        shared = np.zeros((masks.num_masks, self._masks.num_masks), dtype=np.int64)
        for region in range(self._masks.num_masks):
            mine = self._masks.owners == region
            starts, ends = self._masks.starts[mine], self._masks.ends[mine]
            if len(starts):
                covered = _pixels_before(masks.ends, starts, ends) - _pixels_before(masks.starts, starts, ends)
                shared[:, region] = np.bincount(masks.owners, weights=covered, minlength=masks.num_masks)
        return shared

    def region_mask(self, region_id: int) -> np.ndarray:
        """(H, W) bool, one region in full."""
        return self._masks.mask(region_id)


@lru_cache(maxsize=16)
def _categories(classes: tuple[str, ...]) -> np.ndarray:
    """(34,) int64: the category of each label id, -1 for what is not evaluated."""
    categories = np.full(_NUM_LABELS, -1, dtype=np.int64)
    for label, name in zip(LABEL_IDS, CLASS_NAMES, strict=True):
        if name in classes:
            categories[label] = classes.index(name)
    return categories


def _unique(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """``np.unique(values, return_inverse=True)`` of 16-bit values by a table of all of them, without sorting."""
    table = np.zeros(_NUM_VALUES, dtype=np.int64)
    table[values] = 1
    ids = np.flatnonzero(table)
    table[ids] = np.arange(len(ids))
    return ids, table[values]


def _pixels_before(positions: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """How many pixels of the ascending stretches ``starts``..``ends`` lie before each flat position."""
    before = np.concatenate([[0], np.cumsum(ends - starts)])
    stretch = np.searchsorted(starts, positions, side="right") - 1
    inside = np.minimum(positions, ends[stretch]) - starts[stretch]
    return np.where(stretch >= 0, before[stretch] + inside, 0)


def _check_size(shape: tuple[int, int], masks: MaskSet) -> None:
    if tuple(shape) != tuple(masks.shape):
        raise ValueError(
            f"the masks are {masks.shape[1]} x {masks.shape[0]} pixels, the ground truth {shape[1]} x {shape[0]}"
        )
