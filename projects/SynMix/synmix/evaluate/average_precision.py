"""Average precision of a set of images, from what the matching found in each; of any part or resample in milliseconds.

The definition is cityscapesScripts' (``evaluation/evalInstanceLevelSemanticLabeling.py: evaluateMatches``). Its sum of
``precision * 0.5 * (recall[i - 1] - recall[i + 1])`` is the area under the straight lines between the points of the
precision-recall curve, from recall 0 and precision 1 on, without making precision monotone. Recall changes only at true
positives, so that only the points beside those are needed.

Shape legend: I images, C classes, T = 10 IoU thresholds, P predictions in all images, B resamples, F figures
(AP, AP50, and both per class).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from synmix.evaluate.details import Details, details_of_images
from synmix.evaluate.matching import IOU_THRESHOLDS, TRUE_POSITIVE, ImageMatches
from synmix.labels import CLASS_NAMES

_BLOCK = 1 << 16  # values at a time: stays in the processor's cache


@dataclass(frozen=True)
class MatchTable:
    """What the matching found in a set of images; images are sorted by name, whatever order they came in.

    >>> from synmix.evaluate import match_folders
    >>> table = match_folders("predictions", "gtFine")
    >>> len(table.images), table.truths[:, table.classes.index("car")].tolist()
    (4, [1, 1, 1, 1])
    >>> table.subset(table.images[:1]).images
    ('aachen_000000_000000',)
    """

    classes: tuple[str, ...]
    images: tuple[str, ...]
    truths: np.ndarray  # (I, C) int64, the regions that must be found
    image: np.ndarray  # (P,) int64, index into ``images``, ascending
    category: np.ndarray  # (P,) int64
    score: np.ndarray  # (P,) float64
    outcome: np.ndarray  # (P, T) int8, see ``matching``
    details: Details | None = None  # results of format 1 have none

    def subset(self, images: Sequence[str]) -> "MatchTable":
        """The same table for some of the images.

        Raises:
            KeyError: an image is not in the table.
        """
        place = {name: index for index, name in enumerate(self.images)}
        wanted = np.array(sorted(place[name] for name in set(images)), dtype=np.int64)
        keep = np.isin(self.image, wanted)
        image = np.searchsorted(wanted, self.image[keep])
        names = tuple(self.images[index] for index in wanted)
        columns = (self.category[keep], self.score[keep], self.outcome[keep])
        details = self.details and self.details.subset(keep, wanted)
        return MatchTable(self.classes, names, self.truths[wanted], image, *columns, details)


def match_table(matches: Mapping[str, ImageMatches], classes: Sequence[str] = CLASS_NAMES) -> MatchTable:
    """Puts the matches of all images, by image name, into one table.

    >>> from synmix.evaluate import MapGroundTruth, from_masks, match_image
    >>> labels = np.zeros((20, 20), dtype=np.uint16)
    >>> labels[:, :10] = 26_000  # a car
    >>> found = match_image(MapGroundTruth(labels), from_masks(labels[None] > 0), np.array([2]), np.array([0.9]))
    >>> table = match_table({"one": found})
    >>> float(average_precision(table)[table.classes.index("car"), 0])
    1.0
    """
    names = sorted(matches)
    parts = [matches[name] for name in names]
    counts = [np.bincount(part.truth_categories, minlength=len(classes)) for part in parts]
    return MatchTable(
        tuple(classes),
        tuple(names),
        np.array(counts, dtype=np.int64).reshape(len(names), len(classes)),
        np.repeat(np.arange(len(names)), [len(part.scores) for part in parts]),
        _concatenate([part.categories for part in parts], np.zeros(0, dtype=np.int64)),
        _concatenate([part.scores for part in parts], np.zeros(0)),
        _concatenate([part.outcomes for part in parts], np.zeros((0, len(IOU_THRESHOLDS)), dtype=np.int8)),
        details_of_images(parts),
    )


def average_precision(table: MatchTable) -> np.ndarray:
    """(C, T) average precision in 0..1; nan for a class without ground truth.

    Where the script raises IndexError (a class has ground truth and predictions, none of which survives the ignore
    rule; its issue 89) this is 0.
    """
    return resampled_average_precision(table, np.ones((len(table.images), 1)))[0]


def resampled_average_precision(table: MatchTable, weights: np.ndarray) -> np.ndarray:
    """Average precision as if each image were there as many times as its weight says.

    Args:
        weights: (I, B) how often an image is in a resample.

    Returns:
        (B, C, T) in 0..1; nan where a resample has no ground truth of a class.
    """
    num_classes, num_thresholds = len(table.classes), table.outcome.shape[1]
    areas = np.full((weights.shape[1], num_classes, num_thresholds), np.nan)
    order = np.argsort(-table.score, kind="stable")
    for category in range(num_classes):
        truths = weights.T @ table.truths[:, category]
        mine = order[table.category[order] == category]
        for threshold in range(num_thresholds):
            counted = mine[table.outcome[mine, threshold] > 0]
            hits = table.outcome[counted, threshold] == TRUE_POSITIVE
            area = _area(table.score[counted], hits, table.image[counted], weights)
            np.divide(area, truths, out=areas[:, category, threshold], where=truths > 0)
    return areas


def _area(scores: np.ndarray, hits: np.ndarray, images: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(B,) area under the precision-recall curve times the number of true regions.

    Args:
        scores: (P,) descending.
        hits: (P,) bool, true or false positives.
    """
    # Predictions of one score enter the curve together.
    tie = np.concatenate([[0], np.cumsum(scores[1:] != scores[:-1])])[: len(scores)]
    # A step is a score at which there is a true positive; a false positive belongs to the first step not above it.
    steps = np.unique(tie[hits])
    step = np.searchsorted(steps, tie)
    before = ~hits & (step < len(steps))  # below the last true positive nothing adds to the area
    tied = ~hits & np.isin(tie, steps)
    sums = [_Sums(step[part], images[part], len(steps), weights) for part in (hits, before, tied)]
    area = np.zeros(weights.shape[1])
    true_total, false_total = (np.zeros(weights.shape[1], weights.dtype) for _ in range(2))
    size = max(_BLOCK // weights.shape[1], 16)
    for first in range(0, len(steps), size):
        gained, false_gained, false_tied = (part.rows(first, first + size) for part in sums)
        true_after, false_after = _running(gained.copy(), true_total), _running(false_gained, false_total)
        true_total, false_total = true_after[-1].copy(), false_after[-1].copy()
        true_before, false_before = true_after - gained, false_after - false_tied
        precision = _ratio(true_before, true_before + false_before, at_zero=1.0)  # the curve starts at precision 1
        precision += _ratio(true_after, true_after + false_after, at_zero=0.0)
        area += 0.5 * np.einsum("sb,sb->b", gained, precision)
    return area


class _Sums:
    """For each step of a curve, the sum of the weights of the images that belong to it."""

    def __init__(self, step: np.ndarray, images: np.ndarray, num_steps: int, weights: np.ndarray) -> None:
        if weights.shape[1] == 1:  # a sparse matrix costs more to set up than these sums
            counts = np.bincount(step, weights=weights[images, 0], minlength=num_steps)
            self._all: np.ndarray | None = counts.astype(weights.dtype)[:, None]
            return
        ones = np.ones(len(step), dtype=weights.dtype)
        self._all = None
        self._matrix = sparse.csr_matrix((ones, (step, images)), shape=(num_steps, len(weights)))
        self._weights = weights

    def rows(self, first: int, last: int) -> np.ndarray:
        """(steps, B) the sums of some steps."""
        return self._matrix[first:last] @ self._weights if self._all is None else self._all[first:last]


def _running(rows: np.ndarray, start: np.ndarray) -> np.ndarray:
    """(steps, B) running totals down the columns from ``start`` on, in place."""
    rows[0] += start
    if rows.shape[1] < 256:
        return np.cumsum(rows, axis=0, out=rows)
    for index in range(1, len(rows)):  # three times as fast as NumPy's cumsum, which strides down each column
        np.add(rows[index - 1], rows[index], out=rows[index])
    return rows


def _ratio(part: np.ndarray, total: np.ndarray, at_zero: float) -> np.ndarray:
    """``part / total``, and ``at_zero`` where there is nothing; ``total`` is overwritten."""
    nothing = total == 0
    ratio = np.divide(part, np.maximum(total, np.finfo(total.dtype).tiny, out=total), out=total)
    if at_zero:
        ratio += at_zero * nothing
    return ratio


def _concatenate(parts: list[np.ndarray], nothing: np.ndarray) -> np.ndarray:
    return np.concatenate([nothing, *parts])


def figure_names(classes: Sequence[str]) -> list[str]:
    """The F figures by Detectron2's names: ``AP``, ``AP50``, ``AP-person``, .., ``AP50-person``, .."""
    return ["AP", "AP50", *(f"AP-{name}" for name in classes), *(f"AP50-{name}" for name in classes)]


def figures_of(areas: np.ndarray) -> np.ndarray:
    """The F figures in percent.

    Args:
        areas: (..., C, T) average precision in 0..1; a class that is nan is left out of the means.

    Returns:
        (..., F) in the order of :func:`figure_names`.
    """
    per_class = np.stack([areas.mean(axis=-1), areas[..., 0]], axis=-2)  # (..., 2, C)
    present = ~np.isnan(per_class)
    count = present.sum(axis=-1)
    total = np.where(present, per_class, 0.0).sum(axis=-1)
    means = np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
    return 100.0 * np.concatenate([means, per_class.reshape(*per_class.shape[:-2], -1)], axis=-1)
