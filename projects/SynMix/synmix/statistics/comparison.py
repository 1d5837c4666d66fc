"""From runs to estimates: an arm's mean, the difference of two arms, their ratio.

Shape legend: S runs (trainings), B resamples of the images, which all runs share.
"""

import math
from dataclasses import dataclass

import numpy as np

from synmix.statistics.estimate import Estimate, random_effects, unpaired_effects
from synmix.statistics.resampling import image_variance, interaction_variance, known_replicates


@dataclass(frozen=True)
class Runs:
    """One figure of the trainings of one arm.

    Raises:
        ValueError: as many columns as values, or none.

    >>> len(Runs(np.array([30.0, 32.0]), np.array([[29.0, 31.5], [31.0, 32.5]])))
    2
    """

    values: np.ndarray  # (S,) on all images
    replicates: np.ndarray  # (B, S) on each resample, bootstrap or jackknife, the same images for all runs

    def __post_init__(self) -> None:
        if self.replicates.ndim != 2 or self.values.shape != self.replicates.shape[1:] or not len(self.values):
            raise ValueError(f"{self.values.shape} values do not go with {self.replicates.shape} replicates")

    def __len__(self) -> int:
        return len(self.values)


def mean(runs: Runs) -> Estimate:
    """An arm's figure, over other trainings and other images of the same kind; open with one training.

    >>> arm = Runs(np.array([30.0, 32.0, 31.0]), np.array([[29.0, 31.0, 30.0], [31.0, 33.0, 32.0]]))
    >>> mean(arm).value
    31.0
    """
    return random_effects(runs.values, image_variance(runs.replicates), interaction_variance(runs.replicates))


def difference(first: Runs, second: Runs, paired: bool) -> Estimate:
    """``second - first``; open where a side has one training.

    Args:
        paired: run i of both sides has the same seed, so that what the seed does to both cancels.

    Raises:
        ValueError: sides that are to pair have different lengths, or resamples differ in number.

    >>> first = Runs(np.array([30.0, 32.0]), np.array([[29.0, 31.5], [31.0, 32.5]]))
    >>> second = Runs(np.array([33.0, 35.5]), np.array([[32.0, 35.0], [34.0, 36.0]]))
    >>> difference(first, second, paired=True)
    Estimate(value=3.25, variance=0.0625, degrees_of_freedom=1.0)
    """
    before, after = _shared_resamples(first, second)
    if not paired:
        images = image_variance(after.mean(axis=1) - before.mean(axis=1))
        own = (interaction_variance(before), interaction_variance(after))
        return unpaired_effects(first.values, second.values, images, own)
    if len(first) != len(second):
        raise ValueError(f"{len(first)} and {len(second)} runs do not pair")
    change = after - before
    return random_effects(second.values - first.values, image_variance(change), interaction_variance(change))


@dataclass(frozen=True)
class Ratio:
    """``second / first``, by its logarithm, whose distribution is nearer to Student's.

    >>> Ratio(Estimate(0.0, variance=0.01, degrees_of_freedom=9)).value
    1.0
    """

    log: Estimate

    @property
    def value(self) -> float:
        """The ratio of the means."""
        return math.exp(self.log.value)

    def interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """Low and high; 0 and infinity where it is open."""
        low, high = self.log.interval(confidence)
        return math.exp(low), math.exp(high)

    def p_value(self, against: float = 1.0) -> float:
        """Two-sided."""
        return self.log.p_value(math.log(against))


def ratio(first: Runs, second: Runs, paired: bool) -> Ratio:
    """The ratio of the sides' means (delta method: each run's share of its side's mean).

    Raises:
        ValueError: a mean is not positive, or as :func:`difference`.

    >>> first = Runs(np.array([30.0, 32.0]), np.array([[29.0, 31.5], [31.0, 32.5]]))
    >>> ratio(first, Runs(2 * first.values, 2 * first.replicates), paired=True).interval()
    (2.0, 2.0)
    """
    means = [float(side.values.mean()) for side in (first, second)]
    if min(means) <= 0:
        raise ValueError(f"a ratio needs positive means, not {means[0]:g} and {means[1]:g}")
    return Ratio(difference(_relative(first, means[0]), _relative(second, means[1]), paired))


def _relative(runs: Runs, middle: float) -> Runs:
    """Runs as logarithms, in a straight line through the mean."""
    return Runs(math.log(middle) + runs.values / middle - 1, runs.replicates / middle)


def _shared_resamples(first: Runs, second: Runs) -> tuple[np.ndarray, np.ndarray]:
    """The replicates of both sides in which every run has the figure."""
    if len(first.replicates) != len(second.replicates):
        raise ValueError(f"{len(first.replicates)} and {len(second.replicates)} resamples are not of the same images")
    known = known_replicates(np.concatenate([first.replicates, second.replicates], axis=1))
    return known[:, : len(first)], known[:, len(first) :]
