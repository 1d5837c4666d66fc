"""AP by true size: of the objects within a range of pixels alone.

As COCO does for areas (pycocotools, ``cocoeval.py: evaluateImg``): outside the range, truths are not asked for and
predictions that found them are neither right nor wrong; a false positive counts where its own size is within. The
matching is that of all sizes together: where truths overlap, COCO lets a prediction prefer one within the range.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from synmix.errors import UserError
from synmix.evaluate.average_precision import MatchTable, average_precision, figure_names, figures_of
from synmix.evaluate.details import details_of
from synmix.evaluate.matching import DROPPED, FALSE_POSITIVE, TRUE_POSITIVE
from synmix.labels import MIN_PIXELS

#: COCO's borders between small, medium and large (32 x 32 and 96 x 96 pixels).
COCO_EDGES = (1024.0, 9216.0)
Edges = Sequence[float] | Sequence[Sequence[float]]


@dataclass(frozen=True)
class SizeBin:
    """The objects of a range of sizes."""

    low: tuple[float, ...]  # pixels, of each class
    high: tuple[float, ...]  # not within any more
    objects: tuple[int, ...]  # of each class
    figures: dict[str, float]  # by the names of ``figure_names``, percent; nan without objects


def by_size(table: MatchTable, edges: Edges = COCO_EDGES) -> list[SizeBin]:
    """The figures of each range of sizes: from the metric's 100 pixels to the first edge, .., from the last edge on.

    Args:
        edges: rising, in pixels: for all classes, or for each class (such as percentiles of its labels' sizes).

    Raises:
        UserError: edges do not rise from 100 on, or the table comes from a result of format 1.
    """
    details, count = details_of(table, "AP by size"), len(table.classes)
    borders = _borders(edges, count)
    taken = details.taken(table.image)
    names, bins = figure_names(table.classes), []
    for low, high in pairwise(borders):
        within = _within(details.truth_pixels, details.truth_category, low, high)
        truths = np.zeros_like(table.truths)
        np.add.at(truths, (details.truth_image[within], details.truth_category[within]), 1)
        outcome = table.outcome.copy()
        outcome[(outcome == TRUE_POSITIVE) & ~np.append(within, False)[taken]] = DROPPED
        outcome[(outcome == FALSE_POSITIVE) & ~_within(details.pixels, table.category, low, high)[:, None]] = DROPPED
        values = figures_of(average_precision(replace(table, truths=truths, outcome=outcome, details=None)))
        figures = dict(zip(names, values.tolist(), strict=True))
        bins.append(SizeBin(tuple(low.tolist()), tuple(high.tolist()), tuple(truths.sum(axis=0).tolist()), figures))
    return bins


def _within(pixels: np.ndarray, category: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    return (pixels >= low[category]) & (pixels < high[category])


def _borders(edges: Edges, count: int) -> np.ndarray:
    """(bins + 1, C) from the metric's minimum to infinity."""
    given = np.asarray(edges, dtype=np.float64)
    inner = np.repeat(given[:, None], count, axis=1) if given.ndim < 2 else given.T
    ends = np.full((1, count), float(MIN_PIXELS)), np.full((1, count), np.inf)
    if inner.shape[1] != count:
        raise UserError(f"edges of sizes are given for {inner.shape[1]} classes, but there are {count}.")
    borders = np.concatenate([ends[0], inner, ends[1]])
    if not (np.diff(borders, axis=0) >= 0).all():  # nan does not rise either
        raise UserError(f"edges of sizes must rise, from the metric's {MIN_PIXELS} pixels on, not {given.tolist()}.")
    return borders
