"""Errors by cause, in points of AP: how much higher AP were without the errors of one kind.

The kinds are TIDE's (Bolya et al., "TIDE: A General Toolbox for Identifying Object Detection Errors", ECCV 2020,
section 2; its code ``tidecv/quantify.py`` where the paper leaves the order open), carried to the Cityscapes metric. At
each threshold t a false positive has one cause, the first that fits:

- *localisation*: its IoU with a truth of its class is at least 0.1 and at most t. Mended, it finds that truth.
- *classification*: its IoU with a truth of another class is above t. Mended, it finds that truth as one of its class.
- *duplicate*: its IoU with a truth of its class is above t, which a surer prediction has taken. Mended, it is gone.
- *background*: its IoU with any truth is below 0.1. Mended, it is gone.
- *both* (class and place are wrong): all others. Mended, it is gone.

A truth that nothing takes at t, and no localisation or classification error would, is *missed*. Mended, it is not asked
for. Where several mended predictions would find one truth the surest does and the others are gone; so are those whose
truth is taken already.

What the metric ignores stays ignored, whatever is mended: a prediction it drops (on void, on groups or small objects of
its class) is no error, and groups and small objects are no truths, so that a false positive on a group of another class
is a *background* error where nothing else is near. A class whose truths are all missed has AP 100 once they are not
asked for, and 0 as long as a false positive of it remains. Causes do not add up to 100 - AP: mending two kinds at once
may bring more, or less, than each alone.

Shape legend: P predictions and G truths in all images, T IoU thresholds, C classes.
"""

from dataclasses import dataclass, replace

import numpy as np

from synmix.evaluate.average_precision import MatchTable, average_precision, figure_names, figures_of
from synmix.evaluate.details import Details, details_of
from synmix.evaluate.matching import DROPPED, FALSE_POSITIVE, IOU_THRESHOLDS, TRUE_POSITIVE

CAUSES = ("classification", "localisation", "both", "duplicate", "background", "missed")
_CLASSIFICATION, _LOCALISATION, _BOTH, _DUPLICATE, _BACKGROUND, _MISSED = range(len(CAUSES))
BACKGROUND_IOU = 0.1


@dataclass(frozen=True)
class Causes:
    """The cause of each error at each threshold."""

    cause: np.ndarray  # (P, T) int8, index into CAUSES; -1 for what is no false positive
    target: np.ndarray  # (P, T) int64, the truth that a mended localisation or classification error finds, else -1
    missed: np.ndarray  # (G, T) bool


def causes_of(table: MatchTable) -> Causes:
    """What each false positive and each missed truth is due to.

    Raises:
        UserError: the table comes from a result of format 1.
    """
    details = details_of(table, "why an AP is what it is")
    own_row = details.truth_rows(table.image, details.own_truth)
    other_row = details.truth_rows(table.image, details.other_truth)
    own = details.ious(own_row, details.own_shared)[:, None]
    other = details.ious(other_row, details.other_shared)[:, None]
    checks = {
        _LOCALISATION: (own >= BACKGROUND_IOU) & (own <= IOU_THRESHOLDS),
        _CLASSIFICATION: other > IOU_THRESHOLDS,
        _DUPLICATE: own > IOU_THRESHOLDS,
        _BACKGROUND: (np.maximum(own, other) < BACKGROUND_IOU).repeat(len(IOU_THRESHOLDS), axis=1),
    }
    cause = np.select(list(checks.values()), list(checks), _BOTH).astype(np.int8)
    cause[table.outcome != FALSE_POSITIVE] = -1
    target = np.select([cause == _LOCALISATION, cause == _CLASSIFICATION], [own_row[:, None], other_row[:, None]], -1)
    return Causes(cause, target, (details.taker < 0) & ~_aimed_at(target, len(details.taker)))


def _aimed_at(target: np.ndarray, num_truths: int) -> np.ndarray:
    """(G, T) whether any mended prediction would find a truth."""
    found = np.zeros((num_truths, target.shape[1]), dtype=bool)
    prediction, threshold = np.nonzero(target >= 0)
    found[target[prediction, threshold], threshold] = True
    return found


def mended_precision(table: MatchTable, causes: Causes, *mended: str) -> np.ndarray:
    """(C, T) average precision in 0..1 without the errors of some :data:`CAUSES`; nan for a class without truth."""
    details = details_of(table, "why an AP is what it is")
    kinds = [CAUSES.index(name) for name in mended]
    order = np.argsort(-table.score, kind="stable")
    columns = [_mend(table, details, causes, kinds, order, threshold) for threshold in range(table.outcome.shape[1])]
    areas = np.concatenate([average_precision(column) for column in columns], axis=1)
    present = table.truths.sum(axis=0) > 0
    for threshold, column in enumerate(
        columns
    ):  # nothing is left to be found: all is well unless something is invented
        invented = np.bincount(column.category[column.outcome[:, 0] > 0], minlength=len(table.classes)) > 0
        areas[:, threshold] = np.where(present & np.isnan(areas[:, threshold]), ~invented, areas[:, threshold])
    return areas


def _mend(
    table: MatchTable, details: Details, causes: Causes, kinds: list[int], order: np.ndarray, threshold: int
) -> MatchTable:
    """The table at one threshold, without the errors of some kinds.

    Args:
        order: (P,) predictions, the surest first.
    """
    category, outcome = table.category.copy(), table.outcome[:, threshold].copy()
    wrong = np.isin(causes.cause[:, threshold], kinds)
    outcome[wrong] = DROPPED
    target = causes.target[order, threshold]
    free = np.append(details.taker[:, threshold] < 0, False)[target]
    rows, targets = order[wrong[order] & free], target[wrong[order] & free]
    targets, first = np.unique(targets, return_index=True)
    outcome[rows[first]], category[rows[first]] = TRUE_POSITIVE, details.truth_category[targets]
    truths = table.truths.copy()
    if _MISSED in kinds:
        missed = causes.missed[:, threshold]
        np.subtract.at(truths, (details.truth_image[missed], details.truth_category[missed]), 1)
    return replace(table, category=category, outcome=outcome[:, None], truths=truths, details=None)


def error_points(table: MatchTable) -> dict[str, dict[str, float]]:
    """For each of :data:`CAUSES` what every figure (``AP``, ``AP50``, ``AP-person``, ..) gains without its errors, in
    percentage points, at least 0; nan for a class without truth.

    Raises:
        UserError: the table comes from a result of format 1.

    >>> from synmix.evaluate import match_folders
    >>> points = error_points(match_folders("predictions", "gtFine"))
    >>> {cause: round(gain["AP-car"], 1) for cause, gain in points.items() if gain["AP-car"]}
    {'localisation': 20.0}
    """
    causes, names = causes_of(table), figure_names(table.classes)
    before = figures_of(average_precision(table))
    gains = {name: figures_of(mended_precision(table, causes, name)) - before for name in CAUSES}
    return {cause: dict(zip(names, gain.tolist(), strict=True)) for cause, gain in gains.items()}
