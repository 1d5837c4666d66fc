"""How far a composition and length lie beyond those that were run."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from synmix.answer.laws import Points

Floats = NDArray[np.float64]

_SUM_WEIGHT = 100.0  # of the condition that the hull's weights add up to 1


class Hull:
    """The convex hull of the runs, in the logarithms of real images, of 1 + synthetic / real, and of length, each
    scaled to 0..1 over the runs. An axis on which all runs agree says nothing and is left out."""

    def __init__(self, at: Points) -> None:
        rows = _logarithms(at)
        self._low, span = rows.min(axis=0), np.ptp(rows, axis=0)
        self._varies = span > 1e-9
        self._span = np.where(self._varies, span, 1.0)
        corners = self._scaled(at)
        self._system = np.concatenate([corners.T, np.full((1, len(corners)), _SUM_WEIGHT)])

    def distance(self, at: Points) -> Floats:
        """(P,): 0 within the hull, 1 where a point lies as far beyond it as the runs themselves span."""
        return np.array([nnls(self._system, np.append(row, _SUM_WEIGHT))[1] for row in self._scaled(at)])

    def _scaled(self, at: Points) -> Floats:
        return ((_logarithms(at) - self._low) / self._span)[:, self._varies]


def _logarithms(at: Points) -> Floats:
    return np.stack([np.log(at.real), np.log1p(at.synthetic / at.real), np.log(at.iterations)], axis=1)
