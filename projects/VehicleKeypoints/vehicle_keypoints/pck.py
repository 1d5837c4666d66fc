"""The percentage of correct keypoints, one to one with what was missed, and as Phase 0 computed it.

A point is correct when it lies closer to the labelled one than 0.05 of the true box's diagonal; labelled points count
whether visible or hidden.

Shape legend: N vehicles, M predictions, K points.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from vehicle_keypoints.average_precision import Predictions, Truth

THRESHOLD = 0.05
_MIN_OVERLAP = 0.5  # a prediction stands for a vehicle when their boxes overlap at least so much


@dataclass(frozen=True)
class PointCounts:
    """Of one image."""

    correct: np.ndarray  # (K,)
    labelled: np.ndarray  # (K,)


def count_points(truth: Truth, predictions: Predictions) -> PointCounts:
    """PCK@0.05 one to one: each prediction stands for at most one vehicle (the assignment of the greatest total box
    overlap), and every labelled point of a vehicle that was missed is wrong."""
    vehicles, found = assign(truth.boxes, predictions.boxes)
    labelled = truth.keypoints[..., 2] > 0
    correct = np.zeros_like(labelled)
    if len(vehicles):
        close = _close(truth, vehicles, predictions.keypoints[found])
        correct[vehicles] = close & labelled[vehicles]
    return PointCounts(correct.sum(axis=0), labelled.sum(axis=0))


def count_points_as_seed(truth: Truth, predictions: Predictions) -> PointCounts:
    """PCK@0.05 as Phase 0's ``evaluate.py`` has it: each vehicle takes the prediction whose *first keypoint* lies
    nearest to the true box's centre, the same one as often as it likes; an image without a prediction is left out."""
    labelled = truth.keypoints[..., 2] > 0
    if not len(predictions.scores) or not len(truth.boxes):
        nothing = np.zeros(truth.keypoints.shape[1], dtype=np.int64)
        return PointCounts(nothing, nothing)
    centres = (truth.boxes[:, :2] + truth.boxes[:, 2:]) / 2
    distances = np.linalg.norm(predictions.keypoints[None, :, 0, :2] - centres[:, None], axis=2)  # (N, M)
    chosen = predictions.keypoints[distances.argmin(axis=1)]
    close = _close(truth, np.arange(len(truth.boxes)), chosen)
    return PointCounts((close & labelled).sum(axis=0), labelled.sum(axis=0))


def assign(truths: np.ndarray, predictions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The one-to-one assignment of greatest total overlap between (N, 4) and (M, 4) boxes.

    Returns:
        indices of the vehicles found, and of the prediction for each.
    """
    overlap = box_overlap(truths, predictions)
    overlap[overlap < _MIN_OVERLAP] = 0
    vehicles, found = linear_sum_assignment(-overlap)
    kept = overlap[vehicles, found] > 0
    return vehicles[kept], found[kept]


def box_overlap(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(N, M) intersection over union of (N, 4) and (M, 4) boxes."""
    low, high = np.maximum(a[:, None, :2], b[None, :, :2]), np.minimum(a[:, None, 2:], b[None, :, 2:])
    shared = np.prod(np.clip(high - low, 0, None), axis=2)
    areas = [np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) for boxes in (a, b)]
    union = areas[0][:, None] + areas[1][None] - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


def _close(truth: Truth, vehicles: np.ndarray, keypoints: np.ndarray) -> np.ndarray:
    """(n, K) whether predicted points lie close enough to those of the given vehicles."""
    boxes = truth.boxes[vehicles]
    diagonal = np.linalg.norm(boxes[:, 2:] - boxes[:, :2], axis=1)
    error = np.linalg.norm(keypoints[..., :2] - truth.keypoints[vehicles][..., :2], axis=2)
    return error < THRESHOLD * diagonal[:, None]
