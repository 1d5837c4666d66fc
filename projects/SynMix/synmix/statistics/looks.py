"""Looking before the end without fooling oneself: the error is spent over looks that were declared beforehand.

Source: Lan and DeMets, Discrete sequential boundaries for clinical trials, Biometrika 70, 1983; the boundaries by
integrating from look to look (Armitage, McPherson and Rowe, 1969).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import optimize
from scipy.special import ndtr, ndtri

from synmix.statistics.estimate import check_share

Spending = Literal["obrien-fleming", "pocock"]
_POINTS, _REACH = 2001, 8.0  # of the grid of statistics that go on, in standard deviations


@dataclass(frozen=True)
class Look:
    """What holds at one look.

    >>> [look.fraction for look in planned_looks([0.5, 1.0])]
    [0.5, 1.0]
    """

    fraction: float  # of the final information
    boundary: float  # of the standardised difference, either way
    level: float  # two-sided: judge this look by an interval of confidence 1 - level
    spent: float  # error spent up to and with it


def planned_looks(
    fractions: Sequence[float], spending: Spending = "obrien-fleming", level: float = 0.05
) -> tuple[Look, ...]:
    """The boundaries of two-sided looks whose errors add up to ``level``.

    Args:
        fractions: information at each look as a share of that at the last, ascending to 1. Information is one over the
            variance of the difference (:func:`information_fractions`).
        spending: O'Brien and Fleming's asks for much early and costs little at the end; Pocock's asks for the same at
            each look.

    Raises:
        ValueError: fractions do not ascend from above 0 to 1, an unknown spending, or a level outside 0..1.

    >>> [round(look.boundary, 2) for look in planned_looks([0.5, 1.0])]
    [2.96, 1.97]
    """
    check_share(level, "level")
    shares = [float(fraction) for fraction in fractions]
    if not shares or shares[0] <= 0 or not math.isclose(shares[-1], 1.0) or sorted(set(shares)) != shares:
        raise ValueError(f"information ascends from above 0 to 1, not {shares}")
    looks: list[Look] = []
    density, before = _Going(), 0.0
    for share in shares:
        spent = spent_error(share, spending, level)
        boundary = density.step(share, max(spent - before, 1e-12))
        looks.append(Look(share, boundary, float(2 * ndtr(-boundary)), spent))
        before = spent
    return tuple(looks)


def spent_error(fraction: float, spending: Spending, level: float = 0.05) -> float:
    """How much of a two-sided level may be spent up to an information fraction.

    >>> round(spent_error(0.5, "obrien-fleming"), 4), round(spent_error(1.0, "pocock"), 4)
    (0.0031, 0.05)
    """
    if spending == "obrien-fleming":  # each side spends its half
        return float(4 * ndtr(ndtri(level / 4) / math.sqrt(fraction)))
    if spending == "pocock":
        return level * math.log(1 + (math.e - 1) * fraction)
    raise ValueError(f"unknown spending '{spending}'; known: obrien-fleming, pocock")


def information_fractions(seeds: Sequence[int], seed_sd: float, image_se: float) -> list[float]:
    """The information at looks after so many seeds, the last the final one.

    Images add the same error at each look, so that information grows more slowly than seeds do.

    >>> [round(fraction, 2) for fraction in information_fractions([3, 6], seed_sd=0.7, image_se=0.4)]
    [0.75, 1.0]
    """
    if not seeds or min(seeds) < 1 or seed_sd <= 0 or image_se < 0:
        raise ValueError("information needs seeds, and a spread over them")
    variances = [seed_sd**2 / number + image_se**2 for number in seeds]
    return [variances[-1] / variance for variance in variances]


def _normal_density(distance: np.ndarray) -> np.ndarray:
    return np.exp(-(distance**2) / 2) / math.sqrt(2 * math.pi)


class _Going:
    """The density of the sum of what was seen so far, where no look has ended it."""

    def __init__(self) -> None:
        self._share = 0.0
        self._grid: np.ndarray = np.zeros(1)
        self._mass: np.ndarray = np.ones(1)  # all of it at 0

    def step(self, share: float, error: float) -> float:
        """Goes on to a share of the information; returns the boundary whose crossing costs ``error``, both sides."""
        scale, root = math.sqrt(share - self._share), math.sqrt(share)

        def crossing(boundary: float) -> float:
            edge = boundary * root
            tails = ndtr((self._grid - edge) / scale) + ndtr((-edge - self._grid) / scale)
            return float(self._mass @ tails) - error

        boundary = float(optimize.brentq(crossing, 0.0, 12.0, xtol=1e-10)) if crossing(0.0) > 0 else 0.0
        edge = min(boundary, _REACH) * root
        grid = np.linspace(-edge, edge, _POINTS)
        density = _normal_density((grid[:, None] - self._grid) / scale) / scale @ self._mass
        width = np.full(_POINTS, grid[1] - grid[0])
        width[[0, -1]] /= 2
        self._share, self._grid, self._mass = share, grid, density * width
        return boundary
