"""Masks as COCO's polygons along the edges of their pixels, and as run lengths, from a crop of the frame.

Shape legend: h, w are a crop's height and width, P a polygon's points.
"""

from typing import Any

import cv2
import numpy as np
from pycocotools import mask as mask_util


def rle_of_crop(crop: np.ndarray, left: int, top: int, height: int, width: int) -> dict[str, Any]:
    """COCO's compressed run lengths of a mask of a whole frame, of which only a part is given.

    Args:
        crop: (h, w) bool; what lies outside of it is empty.
        left, top: the frame's column and row of its upper left corner.
        height, width: of the frame.

    Returns:
        ``size`` and ``counts`` (text), as JSON has them.
    """
    padded = np.zeros((crop.shape[1], crop.shape[0] + 1), dtype=np.int8)  # COCO counts down the columns
    padded[:, :-1] = crop.T
    changes = np.flatnonzero(np.diff(padded.ravel(), prepend=np.int8(0)))
    column, row = np.divmod(changes, crop.shape[0] + 1)
    edges = (left + column) * height + top + row
    # A stretch that ends at the foot of the frame goes on at the head of the next column.
    starts, ends = edges[::2], edges[1::2]
    apart = np.concatenate([[True], starts[1:] > ends[:-1]]) if len(starts) else np.zeros(0, dtype=bool)
    edges = np.stack([starts[apart], ends[np.roll(apart, -1)]], axis=1).ravel()
    counts = np.diff(edges, prepend=0, append=height * width).tolist()
    counts = counts if counts[-1] or len(counts) == 1 else counts[:-1]
    rle = mask_util.frPyObjects({"size": [height, width], "counts": counts}, height, width)
    return {"size": [height, width], "counts": rle["counts"].decode("ascii")}


def polygons_of_crop(crop: np.ndarray, left: int = 0, top: int = 0) -> list[list[float]]:
    """The outlines of a mask as COCO's polygons: along the edges of its pixels, so that pycocotools fills exactly the
    mask again. A hole is reached by a slit from its surroundings, since COCO's polygons have none.

    Args:
        crop, left, top: as of :func:`rle_of_crop`.

    Returns:
        for each connected part (8 neighbours) x, y, x, y, ... in the frame's pixels.
    """
    # Pixel corners become points of a grid: a pixel covers 3 x 3 of them and shares its edges with its neighbours.
    grid = np.zeros((2 * crop.shape[0] + 1, 2 * crop.shape[1] + 1), dtype=np.uint8)
    for row in range(3):
        for column in range(3):
            grid[row : row + 2 * crop.shape[0] : 2, column : column + 2 * crop.shape[1] : 2][crop] = 1
    contours, hierarchy = cv2.findContours(grid, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    polygons = []
    for index, contour in enumerate(contours):
        if hierarchy[0, index, 3] < 0:  # an outer outline, not a hole's
            holes = [contours[child] for child in _children(hierarchy[0], index)]
            joined = _joined(_corners(contour), [_corners(hole) for hole in holes])
            polygons.append((joined + np.array([left, top])).astype(float).ravel().tolist())
    return polygons


def _children(hierarchy: np.ndarray, parent: int) -> list[int]:
    """The contours of a part's holes; ``hierarchy`` is next, previous, first child and parent of each contour."""
    found, child = [], int(hierarchy[parent, 2])
    while child >= 0:
        found.append(child)
        child = int(hierarchy[child, 0])
    return found


def _corners(contour: np.ndarray) -> np.ndarray:
    """(P, 2) whole pixels: the corners of an outline on the grid. OpenCV goes across inner corners, which are put back.

    Args:
        contour: (N, 1, 2) every point of it, in the grid's units: half pixels.
    """
    points = contour[:, 0]
    following = np.roll(points, -1, axis=0)
    across = (points != following).all(axis=1)
    # Of the two corners beside a diagonal step, the one that is even in both is the pixels' own.
    corner = np.where(points % 2 == 0, points, following)
    points = np.stack([points, corner], axis=1)[np.stack([np.ones_like(across), across], axis=1)]
    before, behind = points - np.roll(points, 1, axis=0), np.roll(points, -1, axis=0) - points
    turns = before[:, 0] * behind[:, 1] != before[:, 1] * behind[:, 0]
    back = (before * behind).sum(axis=1) < 0
    return points[turns | back] // 2


def _joined(outer: np.ndarray, holes: list[np.ndarray]) -> np.ndarray:
    """One outline that goes around a part and, by slits that have no width, around each of its holes."""
    walk = [outer, outer[:1]]
    for hole in holes:
        walk += [hole, hole[:1], outer[:1]]
    return np.concatenate(walk) if holes else outer
