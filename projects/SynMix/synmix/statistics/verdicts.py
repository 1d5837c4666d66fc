"""What an estimate says of a least gain and of a margin of equivalence: one rule for gates and for planning them."""

import math
from dataclasses import dataclass
from typing import Literal

from synmix.statistics.estimate import Estimate, check_share

Answer = Literal["pass", "fail", "equivalent", "inconclusive"]


@dataclass(frozen=True)
class Equivalence:
    """The answer of two one-sided tests.

    >>> Equivalence(p_value=0.01, holds=True).holds
    True
    """

    p_value: float  # the larger of the two
    holds: bool  # the difference is smaller than the margin, either way


def equivalent(estimate: Estimate, margin: float, level: float = 0.05) -> Equivalence:
    """Whether a difference is too small to matter: "no difference worth having" is shown, not merely not refuted.

    Two one-sided tests (Schuirmann 1987): of at most ``-margin`` and of at least ``margin``, each at ``level``; the
    same as asking whether the interval of confidence ``1 - 2 * level`` lies within. An open one is never equivalent.

    Raises:
        ValueError: the margin is not positive, or the level lies outside 0..1.

    >>> from synmix.statistics import random_effects
    >>> equivalent(random_effects([0.1, -0.1, 0.2], image_variance=0.01), margin=1.0)
    Equivalence(p_value=1.48...e-05, holds=True)
    >>> equivalent(random_effects([0.1], image_variance=0.01), margin=1.0).holds
    False
    """
    check_share(level, "level")
    if not margin > 0:
        raise ValueError(f"a margin of equivalence is positive, not {margin:g}")
    p_value = max(estimate.p_value(-margin, "greater"), estimate.p_value(margin, "less"))
    return Equivalence(p_value, p_value <= level)


def answer(estimate: Estimate, least_gain: float, margin: float | None = None, confidence: float = 0.95) -> Answer:
    """The verdict on a gain.

    ``pass``: the whole interval is at or above the least gain. ``equivalent``: two one-sided tests at
    ``1 - confidence`` find the gain within the margin. ``fail``: the whole interval is below the least gain. Otherwise,
    and always where the estimate is open or unknown, ``inconclusive``.

    Raises:
        ValueError: as :func:`equivalent`.

    >>> from synmix.statistics import random_effects
    >>> answer(random_effects([3.1, 2.9, 3.2], image_variance=0.02), least_gain=2.0)
    'pass'
    >>> answer(random_effects([3.1], image_variance=0.02), least_gain=2.0)
    'inconclusive'
    """
    low, high = estimate.interval(confidence)
    if math.isnan(low):
        return "inconclusive"
    if low >= least_gain:
        return "pass"
    if margin is not None and equivalent(estimate, margin, 1 - confidence).holds:
        return "equivalent"
    return "fail" if high < least_gain else "inconclusive"
