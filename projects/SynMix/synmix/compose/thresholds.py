"""Removal thresholds chosen: from a removal sweep's results (paper 4.1, Figure 4), or, before any training, by
bringing the synthetic labels' sizes closest to the real ones'.

Shape legend: R real and S synthetic labels of a class, U distinct sizes among them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl

from synmix.compose.mixing import percentage_of
from synmix.compose.removal import class_order
from synmix.compose.removal_rules import PIXELS, RemovalRule
from synmix.data.table import InstanceTable
from synmix.errors import UserError
from synmix.statistics import Runs

Distance = Literal["kolmogorov-smirnov", "wasserstein"]
PERCENTS = tuple(range(0, 100))


@dataclass(frozen=True)
class Knee:
    """Up to where removal is harmless for a class."""

    percent: float
    best: float  # AP at the highest place of the smoothed curve
    value: float  # AP of the smoothed curve at ``percent``


def knee(curve: Mapping[float, Sequence[float] | np.ndarray], tolerance: float = 1.0) -> Knee:
    """The largest threshold at which a class's AP is within ``tolerance`` of its best.

    The paper sees two phases, "constant or even slightly increasing", then "a strong decrease". So the curve is first
    smoothed to the closest one that rises and then falls. Where it only falls, its best is that without removal.

    Args:
        curve: percentage removed -> AP of every run (seed) at it.
        tolerance: AP points.

    Raises:
        UserError: fewer than three thresholds, or none at 0.

    >>> knee({0: [30.0], 30: [31.0], 60: [30.5], 90: [12.0]}).percent
    60
    """
    percents = sorted(curve)
    if len(percents) < 3 or percents[0] != 0:
        raise UserError(
            f"a removal sweep needs results without removal (0) and at two thresholds or more; got {percents}."
        )
    means = np.array([np.mean(curve[percent]) for percent in percents])
    smooth = _rise_and_fall(means, np.array([len(curve[percent]) for percent in percents]))
    last = int(np.flatnonzero(smooth >= smooth.max() - tolerance)[-1])
    return Knee(percents[last], float(smooth.max()), float(smooth[last]))


def knee_interval(
    curve: Mapping[float, Runs], tolerance: float = 1.0, confidence: float = 0.95, draws: int = 200, seed: int = 0
) -> tuple[float, float]:
    """Between which thresholds the knee lies over other images, and over other seeds where there are several: a
    percentile interval, so that its ends are thresholds of the sweep.

    Args:
        curve: percentage removed -> the runs at it, with replicates of the same resamples of the images.
        draws: of images and seeds, at most as many as there are replicates.

    Returns:
        low and high; nan where no resample has the class.

    Raises:
        UserError: as :func:`knee`.
    """
    generator = np.random.default_rng(seed)
    rows = min([draws, *(len(runs.replicates) for runs in curve.values())])
    found = []
    for row in range(rows):
        drawn = {percent: _drawn(runs, row, generator) for percent, runs in curve.items()}
        if all(np.isfinite(values).all() for values in drawn.values()):
            found.append(knee(drawn, tolerance).percent)
    if not found:
        return float("nan"), float("nan")
    tail = 50 * (1 - confidence)
    low, high = np.percentile(found, [tail, 100 - tail], method="closest_observation")
    return float(low), float(high)


def _drawn(runs: Runs, row: int, generator: np.random.Generator) -> np.ndarray:
    """(S,) the runs on one resample of the images, moved together as other seeds would; the spread of a few seeds'
    mean is what Bessel's correction makes it."""
    number = len(runs)
    apart = runs.values - runs.values.mean()
    moved = apart[generator.integers(0, number, number)].mean() * np.sqrt(number / max(number - 1, 1))
    return np.full(number, runs.replicates[row].mean() + moved)


def _rise_and_fall(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Unimodal regression: of all splits into a rising and a falling part the one with the least weighted error."""
    fits = [
        np.concatenate(
            [-_never_rising(-values[:split], weights[:split]), _never_rising(values[split:], weights[split:])]
        )
        for split in range(len(values))
    ]
    return min(fits, key=lambda fit: float(weights @ (fit - values) ** 2))


def _never_rising(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Isotonic regression, falling: min over i <= k of max over j >= k of the weighted mean of values[i..j]."""
    total, weight = np.cumsum(np.append(0, values * weights)), np.cumsum(np.append(0, weights))
    size = len(values)
    means = np.full((size, size), -np.inf)
    for i in range(size):
        means[i, i:] = (total[i + 1 :] - total[i]) / (weight[i + 1 :] - weight[i])
    from_j = np.maximum.accumulate(means[:, ::-1], axis=1)[:, ::-1]  # max over j >= k
    return np.array([from_j[: k + 1, k].min() for k in range(size)])


@dataclass(frozen=True)
class Match:
    """The percentage that brings the sizes of a class closest to the real ones."""

    category: str
    percent: int
    threshold: float | None  # value of the last label removed; of sizes, in pixels of the real frames
    num_real: int
    num_synthetic: int  # before the removal
    before: float  # distance without removal
    after: float


def match_sizes(
    real: Mapping[str, np.ndarray],
    synthetic: Mapping[str, np.ndarray],
    distance: Distance,
    rule: RemovalRule = PIXELS,
) -> tuple[list[Match], int]:
    """Thresholds that bring the distributions of sizes, or of another rule's values, closest, without any training.

    Args:
        real: class -> (R,) values of :func:`label_sizes`, by the rule.
        synthetic: class -> (S,) such values.

    Returns:
        A match for each class that both have, in the order of ``real``; and the one percentage for all classes with
        the least distance, averaged over the synthetic labels.

    Raises:
        UserError: no class has labels in both.

    >>> real, synthetic = {"car": np.array([400.0, 900.0])}, {"car": np.array([10.0, 20.0, 400.0, 900.0])}
    >>> matches, percent = match_sizes(real, synthetic, "wasserstein")
    >>> matches[0].percent, percent
    (38, 38)
    """
    shared = [category for category in real if len(real[category]) and len(synthetic.get(category, ()))]
    curves = {category: distances(real[category], synthetic[category], distance, rule) for category in shared}
    if not shared:
        raise UserError("the two data sets share no class with labels; there is nothing to match.")
    matches = [_match(category, real[category], synthetic[category], curves[category], rule) for category in shared]
    together = sum(len(synthetic[category]) * curves[category] for category in shared)
    return matches, PERCENTS[int(np.argmin(together))]


def _match(category: str, real: np.ndarray, synthetic: np.ndarray, curve: np.ndarray, rule: RemovalRule) -> Match:
    best = int(np.argmin(curve))  # of equals, the one that removes least
    count = percentage_of(PERCENTS[best], len(synthetic))
    threshold = float(rule.in_order(synthetic)[count - 1]) if count else None
    before, after = float(curve[0]), float(curve[best])
    return Match(category, PERCENTS[best], threshold, len(real), len(synthetic), before, after)


def distances(real: np.ndarray, synthetic: np.ndarray, distance: Distance, rule: RemovalRule = PIXELS) -> np.ndarray:
    """Distance between the values after removing each of ``PERCENTS`` of the synthetic ones, in the rule's order.

    Kolmogorov-Smirnov is the largest gap between the two cumulative curves (0..1). Wasserstein is the area between
    them: over log2 of sizes, in how many doublings the labels differ on average; over the values themselves where they
    are no sizes, in the rule's unit.

    Args:
        real, synthetic: (R,), (S,) values; sizes are above 0.

    Returns:
        (len(PERCENTS),)
    """
    turned = real if rule.first == "low" else -real, synthetic if rule.first == "low" else -synthetic
    sizes = np.unique(np.concatenate(turned))  # (U,)
    cumulative_real = np.searchsorted(np.sort(turned[0]), sizes, side="right") / len(real)
    count = np.searchsorted(np.sort(turned[1]), sizes, side="right")
    width = np.diff(np.log2(sizes) if rule.is_size else sizes)
    result = np.empty(len(PERCENTS))
    for index, percent in enumerate(PERCENTS):
        removed = percentage_of(percent, len(synthetic))
        kept = max(1, len(synthetic) - removed)
        gap = np.abs(np.maximum(count - removed, 0) / kept - cumulative_real)
        result[index] = gap.max() if distance == "kolmogorov-smirnov" else (gap[:-1] * width).sum()
    return result


def label_sizes(
    table: InstanceTable, frame_pixels: int | None = None, rule: RemovalRule = PIXELS
) -> dict[str, np.ndarray]:
    """Sizes of the labels (groups left out) by class, in pixels, or another rule's values, without the labels that have
    none; classes in the paper's order.

    Args:
        frame_pixels: scale sizes to frames of so many pixels, so that sets of different resolution compare; None
            leaves them.

    Raises:
        UserError: the data set lacks what the rule asks for.

    >>> from synmix.data import source
    >>> sizes = label_sizes(source("mini_synscapes_instance_train").table())
    >>> bool(min(sizes["car"]) > 0)
    True
    """
    rule.check(table)
    size = rule.value.cast(pl.Float64)
    rows = table.instances.filter(~pl.col("crowd"))
    if frame_pixels and rule.is_size:
        area = (pl.col("height").cast(pl.Int64) * pl.col("width")).alias("area")
        rows = rows.join(table.frames.select("frame", area), on="frame", how="left")
        larger = frame_pixels / pl.col("area")  # in area
        size = size * (larger if rule.side_power == 2 else larger.sqrt())
    groups = rows.select("category", size.alias("size")).drop_nulls().group_by("category").agg("size")
    sizes = dict(zip(groups["category"].to_list(), groups["size"], strict=True))
    return {category: sizes[category].to_numpy() for category in sorted(sizes, key=class_order)}


def median_frame_pixels(table: InstanceTable) -> int:
    """Pixels of the set's median frame."""
    area = table.frames.select((pl.col("height").cast(pl.Int64) * pl.col("width")).median()).item()
    return int(area or 0)
