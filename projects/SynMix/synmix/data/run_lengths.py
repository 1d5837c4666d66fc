"""Maps of ids as runs: maximal stretches of one value along a row. Nearly all that the project asks of an instance map
(pixel counts, boxes, masks, overlaps) is a sum over some thousand runs instead of two million pixels.

Shape legend: H, W are a map's height and width, R its number of runs.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Runs:
    """The runs of one map, in row-major order; a run never crosses the end of a row."""

    values: np.ndarray  # (R,) the map's dtype
    starts: np.ndarray  # (R,) int64, flat index of the first pixel
    ends: np.ndarray  # (R,) int64, flat index behind the last pixel
    shape: tuple[int, int]  # H, W

    @property
    def lengths(self) -> np.ndarray:
        """(R,) pixels in each run."""
        return self.ends - self.starts


def runs_of(id_map: np.ndarray) -> Runs:
    """The runs of a map of ids.

    Args:
        id_map: (H, W) of any integer type.
    """
    height, width = id_map.shape
    flat = np.ascontiguousarray(id_map).reshape(-1)
    change = np.empty(flat.size, dtype=bool)
    np.not_equal(flat[1:], flat[:-1], out=change[1:])
    change[::width] = True
    starts = np.flatnonzero(change)
    ends = np.append(starts[1:], flat.size)
    return Runs(flat[starts], starts, ends, (height, width))


@dataclass(frozen=True)
class Regions:
    """Size and box of every value of a map, sorted by value (U values)."""

    values: np.ndarray  # (U,)
    pixels: np.ndarray  # (U,) int64
    boxes: np.ndarray  # (U, 4) int64: x_min, y_min, x_max, y_max; the last two exclusive, in pixels


def regions_of(runs: Runs) -> Regions:
    """Pixel count and tight box of each value, from the runs alone."""
    width = runs.shape[1]
    values, index = np.unique(runs.values, return_inverse=True)
    pixels = np.bincount(index, weights=runs.lengths, minlength=len(values)).astype(np.int64)
    rows, columns = np.divmod(runs.starts, width)
    boxes = np.empty((len(values), 4), dtype=np.int64)
    boxes[:, :2], boxes[:, 2:] = np.iinfo(np.int64).max, -1
    np.minimum.at(boxes[:, 0], index, columns)
    np.minimum.at(boxes[:, 1], index, rows)
    np.maximum.at(boxes[:, 2], index, columns + runs.lengths)
    np.maximum.at(boxes[:, 3], index, rows + 1)
    return Regions(values, pixels, boxes)
