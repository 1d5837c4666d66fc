"""An estimate with its uncertainty: trainings and images both vary, and few trainings say little of how much.

Random effects: the difference that seed s shows is the true one, plus what the seed does, plus what the evaluated
images do to all seeds, plus what they do to this one. With d_1..d_S the differences, s_d their standard deviation,
V_img the variance of their mean over images and V_e that of one seed's own part,

    V = s_d^2 / S + max(V_img - V_e / S, 0), and V_img at least

where V_e / S is taken off because s_d holds it already, and few seeds can lie closer together than their images allow.
The interval is Student's, with Satterthwaite's degrees of freedom (Biometrics Bulletin 2, 1946);
docs/benchmarks/statistics.md shows what it holds.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import stdtr, stdtrit  # scipy.stats takes seconds to import

Alternative = Literal["two-sided", "greater", "less"]


@dataclass(frozen=True)
class Estimate:
    """A mean over trainings and images, its variance, and how well that variance is known.

    It is *open* where one training stands for all: nobody can say how another would have come out. Its variance is then
    infinite, its interval has no ends and no test finds anything, so that no verdict can be built on it by mistake.

    >>> Estimate(2.0, variance=0.25, degrees_of_freedom=4).standard_error
    0.5
    """

    value: float
    variance: float
    degrees_of_freedom: float

    @property
    def is_open(self) -> bool:
        """Whether it rests on a single training."""
        return math.isinf(self.variance)

    @property
    def standard_error(self) -> float:
        """The square root of the variance."""
        return math.sqrt(self.variance)

    def interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """Low and high; without ends where it is open.

        >>> Estimate(1.0, variance=0.25, degrees_of_freedom=math.inf).interval(0.6827)
        (0.499..., 1.500...)
        """
        check_share(confidence, "confidence")
        if self.is_open:
            return -math.inf, math.inf
        half = self._quantile(0.5 + confidence / 2) * self.standard_error
        return self.value - half, self.value + half

    def p_value(self, against: float = 0.0, alternative: Alternative = "two-sided") -> float:
        """How often chance alone would bring the estimate this far from ``against``; 1 where it is open.

        Args:
            alternative: what the test is to show. A gain of at least 2 is ``p_value(2, "greater")``.

        >>> round(Estimate(2.0, variance=1.0, degrees_of_freedom=math.inf).p_value(), 4)
        0.0455
        """
        if math.isnan(self.value) or math.isnan(self.variance):
            return math.nan
        if self.is_open:
            return 1.0
        above, below = (self._tail(sign * (self.value - against)) for sign in (1, -1))
        return {"greater": above, "less": below, "two-sided": min(1.0, 2.0 * min(above, below))}[alternative]

    def _quantile(self, share: float) -> float:
        return float(stdtrit(self.degrees_of_freedom, share))  # infinite degrees: the normal's

    def _tail(self, distance: float) -> float:
        if self.variance == 0:
            return 0.0 if distance > 0 else 1.0
        return float(stdtr(self.degrees_of_freedom, -distance / self.standard_error))


def random_effects(
    per_seed: Sequence[float] | np.ndarray, image_variance: float, interaction_variance: float = 0.0
) -> Estimate:
    """The mean over seeds of paired differences, or of one side's figures.

    Args:
        per_seed: (S,) a difference (or figure) for each seed, all on the same images.
        image_variance: V_img, of their mean over images (:func:`synmix.statistics.image_variance`).
        interaction_variance: V_e, of one seed's own part over images; 0 counts it twice, on the safe side.

    Raises:
        ValueError: no seed, or a negative variance.

    >>> random_effects([1.0, 2.0, 3.0], image_variance=0.5, interaction_variance=0.3)
    Estimate(value=2.0, variance=0.73333..., degrees_of_freedom=9.68...)
    """
    seeds, spread, value = _spread(per_seed)
    _check_variances(image_variance, interaction_variance)
    return _combine(value, [(spread, seeds - 1)], image_variance, interaction_variance / seeds)


def unpaired_effects(
    first: Sequence[float] | np.ndarray,
    second: Sequence[float] | np.ndarray,
    image_variance: float,
    interaction_variances: tuple[float, float] = (0.0, 0.0),
) -> Estimate:
    """``second - first`` where the sides have seeds of their own, on the same images (Welch's test with images).

    Args:
        image_variance: V_img, of the difference of the two means over images.
        interaction_variances: V_e of one run of each side.

    Raises:
        ValueError: a side without a seed, or a negative variance.

    >>> unpaired_effects([1.0, 2.0, 3.0], [2.0, 4.0, 6.0], image_variance=0.0)  # Welch's
    Estimate(value=2.0, variance=1.66666..., degrees_of_freedom=2.94117...)
    """
    sides = [_spread(side) for side in (first, second)]
    _check_variances(image_variance, *interaction_variances)
    own = sum(variance / seeds for variance, (seeds, _, _) in zip(interaction_variances, sides, strict=True))
    parts = [(spread, seeds - 1) for seeds, spread, _ in sides]
    return _combine(sides[1][2] - sides[0][2], parts, image_variance, own)


def random_effects_interval(
    per_seed_differences: Sequence[float] | np.ndarray,
    image_variance: float,
    interaction_variance: float = 0.0,
    confidence: float = 0.95,
) -> tuple[float, float]:
    """The interval of :func:`random_effects`. With a single seed the answer is open: ``(-inf, inf)``.

    >>> low, high = random_effects_interval([1.0, 2.0, 3.0], image_variance=0.5, interaction_variance=0.3)
    >>> round(low, 2), round(high, 2)
    (0.08, 3.92)
    >>> random_effects_interval([2.0], image_variance=0.5)
    (-inf, inf)
    """
    return random_effects(per_seed_differences, image_variance, interaction_variance).interval(confidence)


def check_share(value: float, name: str) -> None:
    """Raises ValueError unless ``value`` lies between 0 and 1."""
    if not 0 < value < 1:
        raise ValueError(f"{name} is {value:g}; it must lie between 0 and 1")


def _spread(values: Sequence[float] | np.ndarray) -> tuple[int, float, float]:
    """How many values, the variance of their mean (infinite with one), and the mean."""
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 1 or not len(values):
        raise ValueError("an estimate needs at least one training")
    variance = float(values.var(ddof=1)) / len(values) if len(values) > 1 else math.inf
    return len(values), variance, float(values.mean())


def _check_variances(*variances: float) -> None:
    if any(variance < 0 for variance in variances):
        raise ValueError(f"a variance cannot be negative: {min(variances):g}")


def _combine(value: float, parts: Sequence[tuple[float, int]], images: float, own: float) -> Estimate:
    """Adds variances known with some degrees of freedom to that of the images, whose own noise is negligible.

    ``own`` is the part of the images' that the others hold already."""
    if not all(degrees for _, degrees in parts):
        return Estimate(value, math.inf, 0.0)
    total = sum(variance for variance, _ in parts) + max(images - own, 0.0)
    if total <= images:
        return Estimate(value, images, math.inf)
    noise = sum(variance**2 / degrees for variance, degrees in parts)
    return Estimate(value, total, total**2 / noise if noise > 0 else math.inf)
