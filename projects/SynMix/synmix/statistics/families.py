"""Several comparisons on one page: Holm's adjustment, which keeps the chance of any false alarm at the level.

Source: Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 6, 1979.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from synmix.statistics.estimate import check_share


@dataclass(frozen=True)
class Family:
    """The answers of a family of tests, plain and adjusted; nan and False where there was nothing to test.

    >>> holm([0.01, 0.04, 0.03]).decided.tolist()
    [True, False, False]
    """

    p_values: np.ndarray
    adjusted: np.ndarray  # to be held against the same level
    level: float

    @property
    def plain(self) -> np.ndarray:
        """Which find something, taken alone."""
        return self.p_values <= self.level

    @property
    def decided(self) -> np.ndarray:
        """Which still find something in this company."""
        return self.adjusted <= self.level


def holm(p_values: Sequence[float] | np.ndarray, level: float = 0.05) -> Family:
    """Adjusts p-values; those that are nan are no members of the family.

    Raises:
        ValueError: a p-value or the level lies outside 0..1.

    >>> family = holm([0.01, 0.04, 0.03])
    >>> family.adjusted.tolist(), family.plain.tolist(), family.decided.tolist()
    ([0.03, 0.06, 0.06], [True, True, True], [True, False, False])
    """
    check_share(level, "level")
    plain = np.asarray(p_values, dtype=np.float64)
    if ((plain < 0) | (plain > 1)).any():
        raise ValueError("a p-value lies between 0 and 1")
    members = np.flatnonzero(~np.isnan(plain))
    order = members[np.argsort(plain[members], kind="stable")]
    adjusted = np.full(plain.shape, np.nan)
    factors = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(plain[order] * factors), 1.0)
    return Family(plain, adjusted, level)
