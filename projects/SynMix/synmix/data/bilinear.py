"""Pillow's bilinear resizing of 8-bit images (``libImaging/Resample.c``), bit for bit, into planes.

Pillow sums up neighbouring pixels of a row first, then of a column. Here both are sums of whole rows: a piece of the
image lies on its side for the first, so that the processor works on many pixels at once.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from types import ModuleType

import cv2
import numpy as np

#: Rows of the image that are resized at once: those of a photograph stay in the cache, the few done twice cost little.
_ROWS = 192


@dataclass(frozen=True)
class Taps:
    """Which of a line's pixels each of N new ones is the weighted sum of."""

    firsts: np.ndarray  # (N,) int32
    counts: np.ndarray  # (N,) int32
    weights: np.ndarray  # (N, K) int32, zeros after a pixel's count

    @property
    def ends(self) -> np.ndarray:
        """(N,) the pixels after the last ones; they never decrease."""
        return self.firsts + self.counts

    def part(self, start: int, stop: int, first: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Firsts, counts and weights of some new pixels, where the line begins at the pixel ``first``."""
        return self.firsts[start:stop] - np.int32(first), self.counts[start:stop], self.weights[start:stop]


@lru_cache(maxsize=32)
def taps_of(size: int, new: int, bits: int) -> Taps:
    """A triangle as wide as two old or two new pixels, whichever is more (``precompute_coeffs``), in Pillow's order of
    roundings.

    Args:
        size: of a line.
        new: size that it is to have.
        bits: weights are whole numbers that sum up to 2 to the power of this.
    """
    scale = size / new
    support = max(scale, 1.0)
    centers = (np.arange(new) + 0.5) * scale
    firsts = np.maximum((centers - support + 0.5).astype(np.int64), 0)
    ends = np.minimum((centers + support + 0.5).astype(np.int64), size)
    pixels = firsts[:, None] + np.arange((ends - firsts).max())
    heights = 1.0 - np.abs((pixels - centers[:, None] + 0.5) * (1.0 / support))
    heights[(heights < 0) | (pixels >= ends[:, None])] = 0
    heights /= np.add.accumulate(heights, axis=1)[:, -1:]  # one after the other, as Pillow adds
    weights = (0.5 + heights * (1 << bits)).astype(np.int32)
    counts = weights.shape[1] - np.argmax(weights[:, ::-1] > 0, axis=1)
    return Taps(firsts.astype(np.int32), counts.astype(np.int32), weights)


def rows_are_first(size: tuple[int, int], new: tuple[int, int]) -> bool:
    """Whether Pillow sums up along the rows first, whatever its version: 12.3 begins with the columns of images a
    hundred times as high as wide, later ones may where the height shrinks much more than the width.

    Args:
        size: height and width of the image.
        new: those that it is to have.
    """
    return size[0] <= 100 * size[1] and size[0] * new[1] <= 2 * size[1] * new[0]


def resized(image: np.ndarray, height: int, width: int, code: ModuleType) -> np.ndarray:
    """What ``Image.resize((width, height), Image.BILINEAR)`` gives where :func:`rows_are_first`.

    Args:
        image: (H, W, 3) uint8.
        height: of the result.
        width: of the result.
        code: the compiled module ``row_sums``.

    Returns:
        (height, width, 3) uint8, a view of contiguous (3, height, width).
    """
    across, down = taps_of(image.shape[1], width, code.BITS), taps_of(image.shape[0], height, code.BITS)
    rows = np.ascontiguousarray(image).reshape(len(image), -1)
    planes = np.empty((3, height, width), dtype=np.uint8)
    buffers = [np.empty(3 * size * max(_ROWS, down.counts.max()), np.uint8) for size in (image.shape[1], width, width)]
    for start, stop in _pieces(down):
        first = int(down.firsts[start])
        lines = _narrowed(rows[first : max(first + _ROWS, down.ends[start])], across, buffers, code)
        for channel, plane in zip(lines, planes, strict=True):
            code.row_sums(channel, *down.part(start, stop, first), plane[start:stop])
    return planes.transpose(1, 2, 0)


def _pieces(down: Taps) -> Iterator[tuple[int, int]]:
    """The new rows that some ``_ROWS`` old ones suffice for, at least one."""
    start = 0
    while start < len(down.firsts):
        stop = int(np.searchsorted(down.ends, down.firsts[start] + _ROWS, side="right"))
        yield start, max(stop, start + 1)
        start = max(stop, start + 1)


def _narrowed(rows: np.ndarray, across: Taps, buffers: list[np.ndarray], code: ModuleType) -> np.ndarray:
    """(R, 3 W) pixels of new width: (3, R, width) uint8, which lie in the last buffer."""
    count, width = len(rows), len(across.firsts)
    shapes = ((rows.shape[1], count), (width, 3 * count), (3 * count, width))
    turned, narrow, lines = (buffer[: np.prod(s)].reshape(s) for buffer, s in zip(buffers, shapes, strict=True))
    cv2.transpose(rows, dst=turned)
    code.row_sums(turned.reshape(-1, 3 * count), across.firsts, across.counts, across.weights, narrow)
    cv2.transpose(narrow, dst=lines)
    return lines.reshape(3, count, width)
