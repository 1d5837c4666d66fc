"""RoIAlign's loops (torchvision's ``roi_align_kernel.cpp``), compiled by numba: a pixel's channels lie side by side.

Shape legend: N images of H x W pixels with C channels, R boxes, P bins along a side.
"""

from typing import Any

import numpy as np
from numba import njit, types

_ONE, _HALF = np.float32(1), np.float32(0.5)
_PIXELS = types.Array(types.float32, 4, "C")
_BOXES = types.Array(types.float32, 2, "C")
_LEVELS = types.Array(types.int64, 1, "C")
_TYPES = types.void(
    _PIXELS, _BOXES, _LEVELS, types.int64, types.float32, types.int64, types.float32, _PIXELS, types.boolean
)


@njit(error_model="numpy", nogil=True)
def _samples(start: Any, extent: Any, bins: int, count: int, size: int) -> Any:
    """Where a box is sampled along one axis: the pixels before and behind each of bins x count samples (-1: outside of
    the image) and the weights of both."""
    places = np.empty((bins * count, 2), dtype=np.int64)
    weights = np.empty((bins * count, 2), dtype=np.float32)
    step = extent / np.float32(bins)
    for i in range(bins * count):
        within = (np.float32(i % count) + _HALF) * step / np.float32(count)
        at = start + np.float32(i // count) * step + within
        if at < np.float32(-1) or at > np.float32(size):
            places[i], weights[i] = -1, 0
            continue
        at = at if at > np.float32(0) else np.float32(0)
        low: Any = np.int64(at)
        low = low if low < size else size - 1
        high = low + 1 if low + 1 < size else low
        rest = at - np.float32(low) if high > low else np.float32(0)
        places[i, 0], places[i, 1], weights[i, 0], weights[i, 1] = low, high, _ONE - rest, rest
    return places, weights


@njit(error_model="numpy", nogil=True)
def _extent(first: Any, last: Any, scale: Any, offset: Any) -> Any:
    """A box's start and length along one axis, in the map's pixels."""
    start = first * scale - offset
    length = last * scale - offset - start
    return start, length if offset else max(length, _ONE)


@njit(error_model="numpy", nogil=True)
def _grid(box: np.ndarray, shape: Any, bins: Any, scale: Any, ratio: int, offset: Any) -> Any:
    left, width = _extent(box[1], box[3], scale, offset)
    top, height = _extent(box[2], box[4], scale, offset)
    rows = ratio if ratio > 0 else np.int64(np.ceil(height / np.float32(bins[0])))
    columns = ratio if ratio > 0 else np.int64(np.ceil(width / np.float32(bins[1])))
    ys, y_weights = _samples(top, height, bins[0], max(rows, 0), shape[1])
    xs, x_weights = _samples(left, width, bins[1], max(columns, 0), shape[2])
    return rows, columns, ys, y_weights, xs, x_weights


@njit(error_model="numpy", nogil=True)
def _pool(image: np.ndarray, ys: Any, y_weights: Any, xs: Any, x_weights: Any, total: np.ndarray) -> None:
    for i in range(len(ys)):
        for j in range(len(xs)):
            if ys[i, 0] < 0 or xs[j, 0] < 0:
                continue
            a, b = image[ys[i, 0], xs[j, 0]], image[ys[i, 0], xs[j, 1]]
            c, d = image[ys[i, 1], xs[j, 0]], image[ys[i, 1], xs[j, 1]]
            wa, wb = y_weights[i, 0] * x_weights[j, 0], y_weights[i, 0] * x_weights[j, 1]
            wc, wd = y_weights[i, 1] * x_weights[j, 0], y_weights[i, 1] * x_weights[j, 1]
            for k in range(len(total)):
                total[k] += wa * a[k] + wb * b[k] + wc * c[k] + wd * d[k]


@njit(error_model="numpy", nogil=True)
def _spread(image: np.ndarray, ys: Any, y_weights: Any, xs: Any, x_weights: Any, grad: np.ndarray, count: Any) -> None:
    for i in range(len(ys)):
        for j in range(len(xs)):
            if ys[i, 0] < 0 or xs[j, 0] < 0:
                continue
            for m in range(2):
                for n in range(2):
                    weight = y_weights[i, m] * x_weights[j, n]
                    pixel = image[ys[i, m], xs[j, n]]
                    for k in range(len(grad)):
                        pixel[k] += grad[k] * weight / count


@njit(_TYPES, error_model="numpy", nogil=True, cache=True)
def pool(
    pixels: np.ndarray,
    boxes: np.ndarray,
    levels: np.ndarray,
    level: int,
    scale: float,
    ratio: int,
    offset: float,
    pooled: np.ndarray,
    back: bool,
) -> None:
    """Fills the rows of a level's boxes, or goes back.

    Args:
        pixels: (N, H, W, C), the level's features; going back their gradients, which are added to.
        boxes: (R, 5), number of the image, x_min, y_min, x_max, y_max.
        levels: (R,), which level each box belongs to.
        level: this one.
        scale: pixels of the level for one of the image.
        ratio: samples a bin along each axis; 0 for as many as it has pixels.
        offset: of a pixel's centre, 0.5 or 0.
        pooled: (R, C, P, P), written to; going back gradients.
        back: from gradients to gradients.
    """
    bins = pooled.shape[2:]
    values = np.empty(pixels.shape[3], dtype=np.float32)
    for r in range(len(boxes)):
        if levels[r] != level:
            continue
        rows, columns, ys, y_weights, xs, x_weights = _grid(boxes[r], pixels.shape, bins, scale, ratio, offset)
        count = np.float32(max(rows * columns, 1))
        image = pixels[np.int64(boxes[r, 0])]
        for i in range(bins[0]):
            up = slice(i * rows, (i + 1) * rows)
            for j in range(bins[1]):
                across = slice(j * columns, (j + 1) * columns)
                if back:
                    values[:] = pooled[r, :, i, j]
                    _spread(image, ys[up], y_weights[up], xs[across], x_weights[across], values, count)
                else:
                    values[:] = 0
                    _pool(image, ys[up], y_weights[up], xs[across], x_weights[across], values)
                    for k in range(len(values)):
                        pooled[r, k, i, j] = values[k] / count
