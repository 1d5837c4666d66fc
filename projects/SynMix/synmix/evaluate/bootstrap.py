"""Error bars: how much AP would vary with other images of the same kind, and whether two models differ.

Images are resampled with replacement (Efron's percentile bootstrap). Over several trainings of each model, images and
trainings are resampled together: the images of a replicate are the same for all trainings, since they were scored on
the same ones.

Shape legend: I images, C classes, T IoU thresholds, B resamples, F figures (AP, AP50, and both per class).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from synmix.errors import UserError
from synmix.evaluate.average_precision import (
    MatchTable,
    average_precision,
    figure_names,
    figures_of,
    resampled_average_precision,
)

_CHUNK = 1000  # resamples at a time: bounds the memory


@dataclass(frozen=True)
class Interval:
    """A figure in percent with its confidence interval; nan throughout where the class has no ground truth."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Difference(Interval):
    """``b - a`` in percentage points; ``p_value`` is two-sided: how often chance alone would do as much."""

    p_value: float


def image_weights(num_images: int, resamples: int, seed: int) -> np.ndarray:
    """(I, B) float32, how often each image is drawn in each resample; equal seeds draw alike on every machine."""
    generator = np.random.default_rng(seed)
    draws = generator.integers(0, num_images, size=(resamples, num_images))
    keys = draws + num_images * np.arange(resamples)[:, None]
    counts = np.bincount(keys.ravel(), minlength=resamples * num_images)
    return counts.reshape(resamples, num_images).T.astype(np.float32)


def resampled_figures(table: MatchTable, resamples: int = 1000, seed: int = 0) -> np.ndarray:
    """(B, F) the figures of each resample of the table's images, in percent."""
    weights = image_weights(len(table.images), resamples, seed)
    chunks = [weights[:, first : first + _CHUNK] for first in range(0, resamples, _CHUNK)]
    return figures_of(np.concatenate([resampled_average_precision(table, np.ascontiguousarray(c)) for c in chunks]))


def confidence_intervals(
    table: MatchTable, resamples: int = 1000, confidence: float = 0.95, seed: int = 0
) -> dict[str, Interval]:
    """Percentile intervals of every figure over resamples of the images.

    Raises:
        UserError: the table has no image.
    """
    _check(table)
    values = figures_of(average_precision(table))
    low, high = _percentiles(resampled_figures(table, resamples, seed), confidence)
    columns = zip(figure_names(table.classes), values.tolist(), low.tolist(), high.tolist(), strict=True)
    return {name: Interval(*numbers) for name, *numbers in columns}


def paired_difference(
    a: Sequence[MatchTable],
    b: Sequence[MatchTable],
    resamples: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
    paired_trainings: bool = False,
) -> dict[str, Difference]:
    """How much better model ``b`` is than model ``a`` on the same images, with a paired bootstrap interval.

    Args:
        a, b: one table for each training (seed) of a model, all of the same images. With one each, only images are
            resampled; with more, trainings are too, those of ``a`` and of ``b`` independently.
        paired_trainings: ``a[i]`` and ``b[i]`` belong together, as with equal seeds: they are drawn together.

    Returns:
        for each figure the difference of the means ``b - a`` in percentage points.

    Raises:
        UserError: no tables, or tables of different images or classes.
    """
    tables = [*a, *b]
    if not a or not b:
        raise UserError("a comparison needs at least one result on each side.")
    for table in tables:
        _check(table)
        _check_same(tables[0], table)
    value = _mean_of(b) - _mean_of(a)
    streams = [1, 1] if paired_trainings else [1, 2]  # 0 is that of the images
    replicates = [
        _mean_over_trainings([resampled_figures(table, resamples, seed) for table in side], [seed, stream])
        for side, stream in zip((a, b), streams, strict=True)
    ]
    differences = replicates[1] - replicates[0]
    low, high = _percentiles(differences, confidence)
    p_values = _p_values(differences)
    columns = zip(
        figure_names(tables[0].classes), value.tolist(), low.tolist(), high.tolist(), p_values.tolist(), strict=True
    )
    return {name: Difference(*numbers) for name, *numbers in columns}


def _mean_of(tables: Sequence[MatchTable]) -> np.ndarray:
    return np.mean([figures_of(average_precision(table)) for table in tables], axis=0)


def _mean_over_trainings(replicates: list[np.ndarray], seed: list[int]) -> np.ndarray:
    """(B, F) mean over a resample of the trainings, drawn anew for each resample of the images."""
    stacked = np.stack(replicates)  # (trainings, B, F)
    if len(stacked) == 1:
        return stacked[0]
    draws = np.random.default_rng(seed).integers(0, len(stacked), size=stacked.shape[:2])
    return np.take_along_axis(stacked, draws[:, :, None], axis=0).mean(axis=0)


def _percentiles(replicates: np.ndarray, confidence: float) -> tuple[np.ndarray, np.ndarray]:
    """(F,) lower and (F,) upper ends; resamples without ground truth of a class are left out of that class."""
    tail = 50.0 * (1.0 - confidence)
    ends = np.full((2, replicates.shape[1]), np.nan)
    for column, values in enumerate(replicates.T):
        known = values[~np.isnan(values)]
        if len(known):
            ends[:, column] = np.percentile(known, [tail, 100.0 - tail])
    return ends[0], ends[1]


def _p_values(differences: np.ndarray) -> np.ndarray:
    """(F,) twice the smaller share of resamples on one side of zero, zero included; never 0, since more resamples might
    have held a contrary one."""
    known = (~np.isnan(differences)).sum(axis=0)
    tail = 1 + np.minimum((differences <= 0).sum(axis=0), (differences >= 0).sum(axis=0))
    return np.where(known > 0, np.minimum(1.0, 2.0 * tail / (known + 1)), np.nan)


def _check(table: MatchTable) -> None:
    if not table.images:
        raise UserError("there is no image to resample: the results are of an empty set.")


def _check_same(first: MatchTable, other: MatchTable) -> None:
    if first.classes != other.classes:
        raise UserError(f"results of different classes cannot be compared: {first.classes} and {other.classes}.")
    if first.images != other.images:
        differing = sorted(set(first.images) ^ set(other.images))
        raise UserError(
            f"a paired comparison needs results on the same images, but {len(differing)} are in one only, the first is "
            f"'{differing[0]}'; evaluate both on one data set."
        )
    if not np.array_equal(first.truths, other.truths):
        raise UserError("the two results were scored against different ground truth; evaluate both again.")
