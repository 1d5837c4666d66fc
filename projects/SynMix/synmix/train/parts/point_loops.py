"""Features between pixels (``grid_sample``, linear, zeros around the map), compiled by numba: a pixel's channels lie
side by side.

Shape legend: N images of H x W pixels with C channels, R boxes of P points.
"""

from typing import Any

import numpy as np
from numba import njit, types

_ONE = np.float32(1)
_FEATURES = types.Array(types.float32, 4, "C")
_POINTS = types.Array(types.float32, 3, "C")
_TYPES = types.void(_FEATURES, types.Array(types.int64, 1, "C"), _POINTS, _POINTS, types.boolean)


@njit(error_model="numpy", nogil=True)
def _corners(x: Any, y: Any, places: np.ndarray, weights: np.ndarray, height: int, width: int) -> int:
    """Fills the numbers of up to four pixels around a point and their weights; how many there are."""
    left, top = np.floor(x), np.floor(y)
    count = 0
    for below in range(2):
        for right in range(2):
            column, row = np.int64(left) + right, np.int64(top) + below
            if 0 <= column < width and 0 <= row < height:
                across = x - left if right else left + _ONE - x
                down = y - top if below else top + _ONE - y
                places[count], weights[count] = row * width + column, across * down
                count += 1
    return count


@njit(_TYPES, error_model="numpy", nogil=True, cache=True)
def sample(pixels: np.ndarray, images: np.ndarray, points: np.ndarray, sampled: np.ndarray, back: bool) -> None:
    """Fills ``sampled``, or goes back.

    Args:
        pixels: (N, H, W, C); going back their gradients, which are added to.
        images: (R,), the image of each box.
        points: (R, P, 2), x and y; the first pixel's centre is at 0.
        sampled: (R, C, P), written to; going back gradients.
        back: from gradients to gradients.
    """
    height, width, channels = pixels.shape[1:]
    places, weights = np.empty(4, dtype=np.int64), np.empty(4, dtype=np.float32)
    values = np.zeros(channels, dtype=np.float32)
    for r in range(len(points)):
        image = pixels[images[r]].reshape(height * width, channels)
        for p in range(points.shape[1]):
            count = _corners(points[r, p, 0], points[r, p, 1], places, weights, height, width)
            if back:
                values[:] = sampled[r, :, p]
            else:
                values[:] = 0
            for c in range(count):
                pixel, weight = image[places[c]], weights[c]
                for k in range(channels):
                    if back:
                        pixel[k] += values[k] * weight
                    else:
                        values[k] += pixel[k] * weight
            if not back:
                sampled[r, :, p] = values
