"""Matches the predictions of one image with its ground truth.

Ground truth that cannot overlap is matched as cityscapesScripts does
(``evaluation/evalInstanceLevelSemanticLabeling.py``: ``assignGt2Preds``, ``evaluateMatches``). Where true masks may
overlap, a prediction can reach several of them, so each takes one at most, by score, as in pycocotools
(``cocoeval.py: evaluateImg``).

Shape legend: P predictions of an image, U regions of its ground truth, G of them to be found, T = 10 IoU thresholds.
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
    overlaps: "Overlaps"


@dataclass(frozen=True)
class Overlaps:
    """What an analysis of errors needs of an image, in pixels: an IoU is ``shared / (own + other - shared)``.

    Truths are those that must be found, by their place among those of the image; predictions likewise.
    """

    pixels: np.ndarray  # (P,) int64
    own_truth: np.ndarray  # (P,) int64, the truth of the prediction's class with the highest IoU; -1: it meets none
    own_shared: np.ndarray  # (P,) int64, pixels shared with it
    other_truth: np.ndarray  # (P,) int64, the same among truths of any other class
    other_shared: np.ndarray  # (P,) int64
    taker: np.ndarray  # (G, T) int64, the prediction that is the truth's true positive; -1: missed


def match_image(truth: GroundTruth, masks: MaskSet, categories: np.ndarray, scores: np.ndarray) -> ImageMatches:
    """Decides for each prediction of an image and each threshold whether it is a true or a false positive or neither.

    Args:
        masks: M predicted masks of the ground truth's size.
        categories: (M,) classes 0..C-1; -1 for a class that is not evaluated, whose prediction is skipped.
        scores: (M,) the higher the surer.

    Raises:
        ValueError: the masks are of another size than the ground truth, or a score is nan.

    >>> from synmix.evaluate import MaskGroundTruth, from_masks
    >>> mask = from_masks(np.ones((1, 20, 20), dtype=bool))
    >>> truth = MaskGroundTruth(mask, categories=[2], crowd=[False])
    >>> found = match_image(truth, mask, categories=np.array([2]), scores=np.array([0.9]))
    >>> bool((found.outcomes == TRUE_POSITIVE).all())
    True
    """
    categories, scores = np.asarray(categories, dtype=np.int64), np.asarray(scores, dtype=np.float64)
    if np.isnan(scores).any():
        raise ValueError("a score is not a number")
    regions, shared, pixels = truth.regions, truth.intersections(masks), masks.pixels
    index = np.flatnonzero((pixels > 0) & (categories >= 0))
    shared, pixels, categories, scores = shared[index], pixels[index], categories[index], scores[index]

    same = categories[:, None] == regions.categories
    own = shared * same  # with regions of the prediction's class only
    ious = shared / (regions.pixels + pixels[:, None] - shared)
    own_ious = ious * same
    region, best = _highest(own_ious)
    reached = best[:, None] > IOU_THRESHOLDS
    # As in the script, a group below the minimum size counts as both: the share may exceed 1.
    ignored = shared @ regions.void + own @ (regions.group.astype(np.int64) + regions.small)
    outcomes = np.where((ignored / pixels)[:, None] <= IOU_THRESHOLDS, FALSE_POSITIVE, DROPPED).astype(np.int8)
    evaluated = regions.evaluated
    asked = np.flatnonzero(evaluated)
    own_asked, other_asked = own_ious[:, asked], (ious * ~same)[:, asked]
    if truth.may_overlap:
        taker = _take_by_score(own_asked, scores)
        outcomes[_highest(own_ious * ~evaluated)[1][:, None] > IOU_THRESHOLDS] = DROPPED
    else:
        # One region at most is reached: regions do not overlap, and thresholds are at least 0.5.
        outcomes[reached] = DROPPED  # what reaches a group or a small region vanishes
        reached &= np.append(evaluated, False)[region][:, None]  # the last for "no region"
        outcomes[reached] = FALSE_POSITIVE
        taker = _take_where_reached(region, scores, reached, asked)
    found, threshold = np.nonzero(taker >= 0)
    outcomes[taker[found, threshold], threshold] = TRUE_POSITIVE
    closest, highest = _highest(own_asked.T)
    truth_columns = (regions.ids[asked], regions.categories[asked], regions.pixels[asked], highest)
    best_prediction = np.where(highest > 0, np.append(index, -1)[closest], -1)
    overlapped = np.where(best > 0, np.append(regions.ids, -1)[region], -1)
    matched = (index, categories, scores, outcomes, best, overlapped)
    shared = shared[:, asked]
    overlaps = Overlaps(pixels, *_closest(own_asked, shared), *_closest(other_asked, shared), taker)
    return ImageMatches(*matched, *truth_columns, best_prediction, overlaps)


def _closest(ious: np.ndarray, shared: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(P,) the truth with the highest IoU, -1 where there is none, and (P,) the pixels shared with it."""
    truth, highest = _highest(ious)
    if not ious.shape[1]:
        return truth, np.zeros(len(ious), dtype=np.int64)
    meets = highest > 0
    return np.where(meets, truth, -1), shared[np.arange(len(ious)), truth] * meets


def _highest(ious: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Index and value of the highest IoU in each row; -1 and 0 where there is no column."""
    if not ious.shape[1]:
        return np.full(len(ious), -1), np.zeros(len(ious))
    return ious.argmax(axis=1), ious.max(axis=1)


def _take_where_reached(region: np.ndarray, scores: np.ndarray, reached: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """(G, T) the prediction with the highest score of all that reach a truth, -1 where none does.

    Args:
        region: (P,) the region that each prediction could reach.
        reached: (P, T) whether it does.
        asked: (G,) the regions that must be found.
    """
    order = np.lexsort((-scores, region))
    hits = reached[order]
    taker = np.full((len(asked), hits.shape[1]), -1)
    rows, thresholds = np.nonzero(hits[::-1])  # from the lowest score on: the highest writes last
    takers = order[::-1][rows]
    taker[np.searchsorted(asked, region[takers]), thresholds] = takers
    return taker


def _take_by_score(ious: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """(G, T) which prediction takes each truth: the surest chooses first, the free one with the highest IoU.

    Args:
        ious: (P, G) with truths of the prediction's class, else 0.
    """
    taker = np.full((ious.shape[1], len(IOU_THRESHOLDS)), -1)
    if not ious.size:
        return taker
    thresholds = np.arange(len(IOU_THRESHOLDS))
    for row in np.argsort(-scores, kind="stable"):
        (truths,) = np.nonzero(ious[row] > IOU_THRESHOLDS[0])
        if not len(truths):
            continue
        truths = truths[::-1]  # of equal ones pycocotools takes the last
        free = ious[row, truths][:, None] * (taker[truths] < 0)
        chosen, highest = free.argmax(axis=0), free.max(axis=0)
        takes = highest > IOU_THRESHOLDS
        taker[truths[chosen[takes]], thresholds[takes]] = row
    return taker
