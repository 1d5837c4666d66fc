"""How many synthetic images are worth one more real one: the ratio of the surface's slopes."""

import numpy as np
from scipy.special import ndtri

from synmix.answer.laws import Floats, Laws, points
from synmix.answer.surface import Interval, Surface
from synmix.answer.table import Cell, Table

#: The standard deviation of the rate's logarithm that comes from the laws' form: families that fit equally well have
#: slopes that differ by this much (docs/answer.md).
FORM = 0.55
_STEP = 0.02  # relative, of the numerical slopes
_DRAWS = 60  # of the form's doubt for each resampled law


def exchange_rate(table: Table, surface: Surface | None, place: Cell) -> tuple[Interval | None, str]:
    """The rate at the largest real set, in the middle of the synthetic amounts that ``place`` spans, at its length.

    Returns:
        The rate (infinite where synthetic images are worth nothing), or None and what would settle it.
    """
    missing = _missing(table, surface, place)
    if surface is None or missing:
        return None, missing
    where = Cell(place.real, max(1, round(place.synthetic / 2)), place.iterations)
    average = _rate((surface.fits.weights[:, :1] * _slopes(surface.fits.laws, where)).sum(axis=0, keepdims=True))
    rates = _rate(_slopes(surface.laws, where))
    quantiles = (np.arange(_DRAWS) + 0.5) / _DRAWS
    doubted = np.outer(rates, np.exp(FORM * ndtri(quantiles))).ravel()
    tail = 50 * (1 - surface.confidence)
    low, high = np.percentile(doubted, [tail, 100 - tail], method="inverted_cdf")
    value = float(average[0])
    return Interval(value, min(float(low), value), max(float(high), value)), ""


def _slopes(laws: Laws, where: Cell) -> Floats:
    """What one more real, and one more synthetic image add: (N, 2)."""
    real, synthetic, iterations = where
    up, down = 1 + _STEP, 1 - _STEP
    corners: list[tuple[float, float, float]]
    corners = [(real * up, synthetic, iterations), (real * down, synthetic, iterations)]
    corners += [(real, synthetic * up, iterations), (real, synthetic * down, iterations)]
    values = laws.at(points(corners))
    return np.stack([values[:, 0] - values[:, 1], values[:, 2] - values[:, 3]], axis=1) / (
        2 * _STEP * np.array([real, synthetic])
    )


def _rate(slopes: Floats) -> Floats:
    """(N,): infinite where a synthetic image adds nothing, 0 where only it does."""
    of_real, of_synthetic = np.maximum(slopes, 0).T
    return np.where(of_synthetic > 1e-12, of_real / np.where(of_synthetic > 1e-12, of_synthetic, 1), np.inf)


def _missing(table: Table, surface: Surface | None, place: Cell) -> str:
    """What the table lacks to tell the two slopes apart, and the runs that would settle it."""
    cells = [cell for cell in table.cells if cell.real]
    sizes, longest = sorted({cell.real for cell in cells}), place.iterations
    if len(sizes) < 2:
        size = sizes[0] if sizes else 0
        fewer = [Cell(max(1, round(size * share)), 0, longest) for share in (0.25, 0.5)]
        return (
            f"All trainings hold {size:,} real images, so nothing tells what one more is worth; "
            f"run {fewer[0]} and {fewer[1]}."
        )
    if len({cell.synthetic for cell in cells}) < 2:
        extra = Cell(sizes[-1], sizes[-1], longest)
        return (
            f"All trainings hold equally many synthetic images, so nothing tells what one more is worth; run {extra}."
        )
    if surface is None:
        return f"{len(cells)} cells are too few to fit a law to; see the design of docs/answer.md."
    if _is_tied(cells):
        control = Cell(sizes[-1], 0, max(cell.iterations for cell in cells))
        return (
            "Real images, synthetic images and lengths all change together, so their worth cannot be told; "
            f"run {control}."
        )
    return ""


def _is_tied(cells: list[Cell]) -> bool:
    """Whether the logarithms of real images, mixture and length lie in a plane."""
    at = points(cells)
    rows = np.stack([np.log(at.real), np.log1p(at.synthetic / at.real), np.log(at.iterations)])
    varying = rows[np.ptp(rows, axis=1) > 0.01]
    scaled = (varying - varying.mean(axis=1, keepdims=True)) / varying.std(axis=1, keepdims=True)
    return bool(np.linalg.svd(scaled, compute_uv=False)[-1] < 0.05 * np.sqrt(len(cells)))
