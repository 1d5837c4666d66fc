"""The family of laws that AP is thought to follow, as grids of their exponents.

    AP(R, S, L) = A - b * steps^-beta - c * images^-alpha - e * epochs

A person's R real and S synthetic images are trained on for L iterations; b, c and e are not negative. The variants:

- steps: all L count, or a step on a synthetic image counts as w < 1 steps (with equal compute, synthetic images take
  steps away from real ones): ``L * (R + w S) / (R + S)``. Or length does not matter.
- images: synthetic ones count nothing; they count by a power of their share that fades, ``R * (1 + S/R)^(gamma/alpha)``
  (the law that fits the paper's Table 3); or each counts kappa real ones at first and all together never more than
  ``kappa * sigma * R`` (a transfer gap that more of them cannot close: Mikami et al., arXiv 2108.11018). Or the data do
  not matter.
- epochs: too many do harm, ``L / (R + S)`` or its root, or do not.

Mahmood et al. (arXiv 2207.01725) fit such a family too and find single laws too sure of themselves.
"""

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_BETA = (0.1, 0.25, 0.5, 0.8, 1.2, 2.0, 3.0, 5.0)
_STEP_WORTH = (1.0, 0.5, 0.2, 0.0)  # w; the first is the plain variant
_ALPHA = (0.1, 0.3, 0.7, 1.2, 2.0)
_GAMMA = (0.02, 0.1, 0.2, 0.35, 0.6, 1.0, 1.5, 2.5)
_KAPPA = (0.04, 0.12, 0.35, 1.0)
_SIGMA = (0.5, 1.5, 5.0)
#: Powers of the number of epochs that may do harm; None is no harm.
EPOCH_POWERS: tuple[float | None, ...] = (None, 0.5, 1.0)


@dataclass(frozen=True)
class Points:
    """Compositions and lengths, each an array of the same shape (P,)."""

    real: Floats
    synthetic: Floats
    iterations: Floats

    def __len__(self) -> int:
        return len(self.real)


def points(cells: "np.typing.ArrayLike") -> Points:
    """From rows of (real images, synthetic images, iterations)."""
    rows = np.asarray(cells, dtype=np.float64).reshape(-1, 3)
    return Points(rows[:, 0], rows[:, 1], rows[:, 2])


@dataclass(frozen=True)
class Scale:
    """What counts as 1, so that coefficients are points of AP: the table's largest real set, length and epochs."""

    real: float
    iterations: float
    epochs: float


@dataclass(frozen=True)
class Variant:
    """One variant of a term: its name, how many exponents were chosen for it, and its columns in the grid."""

    name: str
    exponents: int
    columns: slice
    shares_alpha: bool = False  # with one real size alpha does nothing that the coefficient does not


#: exponents of the grid's entries: (w, beta) of steps; (alpha, gamma, kappa, sigma) of images, gap laws with gamma 0,
#: power laws with kappa 0
_STEPS = np.array(list(product(_STEP_WORTH, _BETA)))
_POWER = np.array([(alpha, gamma, 0.0, 1.0) for gamma, alpha in product((0.0, *_GAMMA), _ALPHA)])
_GAP = np.array([(alpha, 0.0, kappa, sigma) for alpha, kappa, sigma in product(_ALPHA, _KAPPA, _SIGMA)])
_IMAGES = np.concatenate([_POWER, _GAP])

STEP_VARIANTS = (
    Variant("every step counts", 1, slice(0, len(_BETA))),
    Variant("synthetic steps count less", 2, slice(len(_BETA), len(_STEPS))),
)
IMAGE_VARIANTS = (
    Variant("synthetic images count nothing", 1, slice(0, len(_ALPHA))),
    Variant("synthetic images count by a power of their share", 2, slice(len(_ALPHA), len(_POWER)), shares_alpha=True),
    Variant("synthetic images count up to a gap", 3, slice(len(_POWER), len(_IMAGES))),
)
#: The exponents of :class:`Laws`, in order, and their bounds.
EXPONENTS = ("worth", "beta", "alpha", "gamma", "kappa", "sigma")
LOWEST = np.array([0.0, 0.05, 0.05, 0.01, 0.01, 0.2])
HIGHEST = np.array([1.0, 6.0, 3.0, 4.0, 2.0, 20.0])


def step_columns(at: Points, scale: Scale) -> Floats:
    """``-steps^-beta`` at each point and for each entry of the grid: (P, grid)."""
    return _steps(at, scale, _STEPS[:, :1], _STEPS[:, 1:]).T


def image_columns(at: Points, scale: Scale) -> Floats:
    """``-images^-alpha`` at each point and for each entry of the grid: (P, grid)."""
    return _images(at, scale, *_IMAGES.T[:, :, None]).T


def epoch_column(at: Points, scale: Scale, power: float) -> Floats:
    """``-epochs^power`` at each point: (P,)."""
    return -((at.iterations / (at.real + at.synthetic) / scale.epochs) ** power)


def exponents_of(step_entry: NDArray[np.intp], image_entry: NDArray[np.intp]) -> Floats:
    """The exponents of entries of the two grids: (N, 6), as EXPONENTS."""
    return np.concatenate([_STEPS[step_entry], _IMAGES[image_entry]], axis=1)


def _steps(at: Points, scale: Scale, worth: Floats, beta: Floats) -> Floats:
    share = at.real / (at.real + at.synthetic)
    steps = at.iterations / scale.iterations * (share + worth * (1 - share))
    return -(np.maximum(steps, 1e-9) ** -beta)


def _images(at: Points, scale: Scale, alpha: Floats, gamma: Floats, kappa: Floats, sigma: Floats) -> Floats:
    real, ratio = at.real / scale.real, at.synthetic / at.real
    worth = 1 + kappa * ratio / (1 + ratio / sigma)
    return -((real * worth) ** -alpha) * (1 + ratio) ** -gamma


@dataclass(frozen=True)
class Laws:
    """Many laws at once, N of them; a coefficient of 0 leaves its term out."""

    scale: Scale
    coefficients: Floats  # (N, 4): A, b, c, e
    exponents: Floats  # (N, 6): as EXPONENTS
    epoch_power: Floats  # (N,)

    def __len__(self) -> int:
        return len(self.coefficients)

    def __getitem__(self, index: NDArray) -> "Laws":
        return Laws(self.scale, self.coefficients[index], self.exponents[index], self.epoch_power[index])

    def terms(self, where: Points) -> Floats:
        """What each coefficient is multiplied by, at each point: (N, P, 4)."""
        worth, beta, *images = self.exponents.T[:, :, None]
        relative = where.iterations / (where.real + where.synthetic) / self.scale.epochs
        columns = [
            np.ones((len(self), len(where))),
            _steps(where, self.scale, worth, beta),
            _images(where, self.scale, *images),
            -(relative ** self.epoch_power[:, None]),
        ]
        return np.stack(columns, axis=2)

    def at(self, where: Points) -> Floats:
        """Each law's AP at each point: (N, P), not cut to 0..100."""
        return np.einsum("npk,nk->np", self.terms(where), self.coefficients)


def join(laws: "list[Laws]") -> Laws:
    """All laws of a list, in order."""
    names = ("coefficients", "exponents", "epoch_power")
    return Laws(laws[0].scale, *(np.concatenate([getattr(law, name) for law in laws]) for name in names))
