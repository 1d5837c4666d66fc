"""Matches the predictions of one image with its ground truth, as cityscapesScripts does
(``evaluation/evalInstanceLevelSemanticLabeling.py``: ``assignGt2Preds``, ``evaluateMatches``).

Shape legend: P predictions of an image, U regions of its ground truth, T = 10 IoU thresholds.
"""

from dataclasses import dataclass

import numpy as np

from synmix.evaluate.ground_truth import GroundTruth
from synmix.evaluate.masks import MaskSet

#: The script's own expression: its third value is 0.6000000000000001, and a match needs an IoU strictly greater.
IOU_THRESHOLDS: np.ndarray = np.arange(0.5, 1.0, 0.05)
#: What becomes of a prediction at a threshold.
DROPPED, TRUE_POSITIVE, FALSE_POSITIVE = 0, 1, 2


@dataclass(frozen=True)
class ImageMatches:
    """What the matching found in one image."""

    index: np.ndarray  # (P,) int64, which of the given predictions this is; empty and unknown ones are left out
    categories: np.ndarray  # (P,) int64
    scores: np.ndarray  # (P,) float64
    outcomes: np.ndarray  # (P, T) int8: DROPPED, TRUE_POSITIVE or FALSE_POSITIVE
    ious: np.ndarray  # (P,) float64, with the region of its class that it overlaps most
    regions: np.ndarray  # (P,) int64, the id of that region, -1 where it overlaps none
    truth_ids: np.ndarray  # (G,) int64, the regions that must be found
    truth_categories: np.ndarray  # (G,) int64
    truth_pixels: np.ndarray  # (G,) int64
    truth_ious: np.ndarray  # (G,) float64, the highest IoU of a prediction of its class, 0 without one
    truth_best: np.ndarray  # (G,) int64, which of the given predictions has that IoU, -1 without one


def match_image(truth: GroundTruth, masks: MaskSet, categories: np.ndarray, scores: np.ndarray) -> ImageMatches:
    """Decides for each prediction of an image and each threshold whether it is a true or a false positive or neither.

    Args:
        masks: M predicted masks of the ground truth's size.
        categories: (M,) classes 0..C-1; -1 for a class that is not evaluated, whose prediction is skipped.
        scores: (M,) the higher the surer.

    Raises:
        ValueError: the masks are of another size than the ground truth, or a score is nan.
    """
    categories, scores = np.asarray(categories, dtype=np.int64), np.asarray(scores, dtype=np.float64)
    if np.isnan(scores).any():
        raise ValueError("a score is not a number")
    regions, shared, pixels = truth.regions, truth.intersections(masks), masks.pixels
    index = np.flatnonzero((pixels > 0) & (categories >= 0))
    shared, pixels, categories, scores = shared[index], pixels[index], categories[index], scores[index]

    own = shared * (categories[:, None] == regions.categories)  # with regions of the prediction's class only
    ious = own / (regions.pixels + pixels[:, None] - own)
    # Regions do not overlap and thresholds are at least 0.5, so that a prediction reaches one region at most.
    region, best = _highest(ious)
    reached = best[:, None] > IOU_THRESHOLDS
    evaluated = np.append(regions.evaluated, False)  # the last for "no region", where there is none at all
    # As in the script, a group below the minimum size counts as both: the share may exceed 1.
    ignored = shared @ regions.void + own @ regions.group + own @ regions.small
    outcomes = np.where((ignored / pixels)[:, None] <= IOU_THRESHOLDS, FALSE_POSITIVE, DROPPED).astype(np.int8)
    outcomes[reached] = DROPPED  # what reaches a group or a small region vanishes
    reached &= evaluated[region][:, None]
    outcomes[reached] = FALSE_POSITIVE
    outcomes[_first_in_region(region, scores, reached)] = TRUE_POSITIVE
    asked = regions.evaluated
    closest, found = _highest(ious[:, asked].T)
    truth_columns = (regions.ids[asked], regions.categories[asked], regions.pixels[asked], found)
    best_prediction = np.where(found > 0, np.append(index, -1)[closest], -1)
    overlapped = np.where(best > 0, np.append(regions.ids, -1)[region], -1)
    return ImageMatches(index, categories, scores, outcomes, best, overlapped, *truth_columns, best_prediction)


def _highest(ious: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Index and value of the highest IoU in each row; -1 and 0 where there is no column."""
    if not ious.shape[1]:
        return np.full(len(ious), -1), np.zeros(len(ious))
    return ious.argmax(axis=1), ious.max(axis=1)


def _first_in_region(region: np.ndarray, scores: np.ndarray, reached: np.ndarray) -> np.ndarray:
    """(P, T) whether a prediction has the highest score of all that reach its region."""
    order = np.lexsort((-scores, region))
    hits = reached[order]
    starts = np.flatnonzero(np.diff(region[order], prepend=-2))
    rank = np.cumsum(hits, axis=0)
    before = np.repeat(rank[starts] - hits[starts], np.diff(np.append(starts, len(order))), axis=0)
    first = np.zeros_like(reached)
    first[order] = hits & (rank - before == 1)
    return first
