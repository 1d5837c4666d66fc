"""Drawing in both miniatures: on a canvas some times finer than the picture, averaged down in the end."""

import cv2
import numpy as np

_FAR = 16_000  # pixels: what OpenCV's polygons bear


def corners(pixels: np.ndarray) -> np.ndarray:
    """(..., 2) int32, pixel coordinates as OpenCV's drawing takes them."""
    return np.clip(np.round(pixels), -_FAR, _FAR).astype(np.int32)


def average_down(canvas: np.ndarray, height: int, width: int) -> np.ndarray:
    """The canvas at the picture's size, every pixel the mean of those it covers."""
    return cv2.resize(canvas, (width, height), interpolation=cv2.INTER_AREA)
