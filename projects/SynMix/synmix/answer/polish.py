"""Moves laws from the grid's best exponents to the best ones: Levenberg-Marquardt, many laws at once."""

import numpy as np
from numpy.typing import NDArray

from synmix.answer.laws import EXPONENTS, HIGHEST, LOWEST, Floats, Laws, Points

_ROUNDS = 6
_FIRST_DAMPING = 1e-2


def polish(laws: Laws, at: Points, weights: Floats, values: Floats) -> Laws:
    """The laws with coefficients and exponents that fit better or as well, within their bounds; terms that a law leaves
    out, and variants it does not have, stay out.

    Args:
        laws: N, from the grid.
        weights: (n,) of the cells.
        values: (N, n), the cells' means that each law is to fit.
    """
    root = np.sqrt(weights)
    free = _free(laws)
    damping: Floats = np.full(len(laws), _FIRST_DAMPING)
    residuals: Floats = root * (values - laws.at(at))
    for _ in range(_ROUNDS):
        moved = _moved(laws, at, root, residuals, free, damping)
        trial = root * (values - moved.at(at))
        is_better = (trial**2).sum(axis=1) < (residuals**2).sum(axis=1)
        laws = Laws(
            laws.scale,
            np.where(is_better[:, None], moved.coefficients, laws.coefficients),
            np.where(is_better[:, None], moved.exponents, laws.exponents),
            laws.epoch_power,
        )
        residuals = np.where(is_better[:, None], trial, residuals)
        damping = np.where(is_better, damping / 5, damping * 8)
    return laws


def _free(laws: Laws) -> NDArray[np.bool_]:
    """(N, 4 + 6): which coefficients and exponents a law has."""
    has = laws.coefficients > 0
    has[:, 0] = True
    _, _, _, gamma, kappa, _ = (laws.exponents > 0).T
    steps, images = has[:, 1], has[:, 2]
    is_diluted = steps & (laws.exponents[:, EXPONENTS.index("worth")] < 1)
    exponents = [is_diluted, steps, images, images & gamma, images & kappa, images & kappa]
    return np.concatenate([has, np.stack(exponents, axis=1)], axis=1)


def _moved(laws: Laws, at: Points, root: Floats, residuals: Floats, free: NDArray, damping: Floats) -> Laws:
    """One damped step for each law."""
    slopes = np.concatenate([laws.terms(at), _by_exponents(laws, at)], axis=2) * root[:, None] * free[:, None, :]
    normal = np.einsum("npi,npj->nij", slopes, slopes)
    diagonal = np.einsum("nii->ni", normal)
    size = len(EXPONENTS) + laws.coefficients.shape[1]
    ridge = damping[:, None] * diagonal + np.where(free, 1e-9, 1.0)
    normal = normal + ridge[:, :, None] * np.eye(size)
    step = np.linalg.solve(normal, np.einsum("npi,np->ni", slopes, residuals)[:, :, None])[:, :, 0]
    coefficients = laws.coefficients + step[:, :4]
    coefficients[:, 1:] = np.maximum(coefficients[:, 1:], 0)
    exponents = np.where(free[:, 4:], (laws.exponents + step[:, 4:]).clip(LOWEST, HIGHEST), laws.exponents)
    return Laws(laws.scale, coefficients, exponents, laws.epoch_power)


def _by_exponents(laws: Laws, at: Points) -> Floats:
    """Derivatives by the exponents: (N, P, 6)."""
    worth, beta, alpha, _, kappa, sigma = laws.exponents.T[:, :, None]
    terms = laws.terms(at)
    of_steps = terms[:, :, 1] * laws.coefficients[:, 1, None]
    of_images = terms[:, :, 2] * laws.coefficients[:, 2, None]
    share, ratio = at.real / (at.real + at.synthetic), at.synthetic / at.real
    counted = np.maximum(share + worth * (1 - share), 1e-9)
    saturation = 1 + ratio / sigma
    images = 1 + kappa * ratio / saturation
    by_images = -alpha * of_images / images
    slopes = [
        -beta * of_steps * (1 - share) / counted,
        -of_steps * np.log(counted * at.iterations / laws.scale.iterations),
        -of_images * np.log(images * at.real / laws.scale.real),
        -of_images * np.log1p(ratio),
        by_images * ratio / saturation,
        by_images * kappa * (ratio / saturation / sigma) ** 2,
    ]
    return np.stack(slopes, axis=2)
