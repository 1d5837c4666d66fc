"""The response surface: AP at any composition and length, with intervals that hold the choice of the law as well.

The law is the family's average. Its uncertainty comes from tables resampled around it (parametric: the cells' means
vary by what the fit leaves over), on each of which the family is fitted again and one law drawn by weight. A prediction
interval adds what one training varies by, and beyond the runs a doubt that grows with the distance.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy.special import stdtrit

from synmix.answer.fitting import Design, Fits
from synmix.answer.hull import Hull
from synmix.answer.laws import Floats, Laws, Points, Scale, points
from synmix.answer.noise import CellMeans, cell_means
from synmix.answer.polish import polish
from synmix.answer.table import Cell, Table

#: Two terms, one exponent and the noise need so many cells.
LEAST_CELLS = 6
RESAMPLES = 200
#: The standard deviation, in spans of the fitted AP, by which a law may be wrong as far beyond the runs as they span.
DOUBT_BEYOND = 0.15
#: Few seeds hardly tell what all trainings of one seed share (one tells nothing). Beforehand its variance is taken as
#: this share of what trainings differ by, and that counts as much as so many degrees of freedom.
SEED_SHARE, SEED_FREEDOM = 0.6, 3
_INSIDE = 0.01  # distances from the hull that do not count
_NOISES = 61  # stratified noises around each resampled law: many, since the tails are asked for


@dataclass(frozen=True)
class Interval:
    """A value with its interval; ``beyond`` is the distance from what was run (0 within).

    >>> Interval(30.0, low=28.5, high=31.5).beyond
    0.0
    """

    value: float
    low: float
    high: float
    beyond: float = 0.0


@dataclass(frozen=True)
class Noise:
    """The variances of one new training around the law."""

    misfit: float  # of its cell's true mean; with one training a cell it holds the training's own
    training: float
    seed: float  # of what all trainings of its seed share

    @property
    def variance(self) -> float:
        """All of it."""
        return self.misfit + self.training + self.seed


@dataclass(frozen=True)
class Surface:
    """A fitted family with its resampled laws.

    >>> from synmix.answer import Cell, Training, make_table
    >>> cells = [Cell(real, synthetic, 1000) for real in (100, 400, 1600) for synthetic in (0, 1600)]
    >>> table = make_table((Training(cell, 0, 20 + 4 * len(str(cell.real + cell.synthetic))) for cell in cells), "mine")
    >>> found = fit_surface(table, resamples=20).predict_cell(Cell(400, 400, 1000))
    >>> found.low <= found.value <= found.high
    True
    """

    means: CellMeans
    fits: Fits
    laws: Laws  # one drawn law for each resampled table
    noise: Noise  # of one new training around the law
    freedom: float  # degrees of freedom of the noise (Satterthwaite's)
    span: float  # of the fitted AP over the cells
    confidence: float = 0.95

    @cached_property
    def hull(self) -> Hull:
        """Of the cells."""
        return Hull(points(self.means.cells))

    def average(self, at: Points) -> Floats:
        """The law at each point: (P,)."""
        return self.fits.averaged(at)[0].clip(0, 100)

    def predict(self, at: Points) -> tuple[Floats, Floats, Floats, Floats]:
        """What one new training reaches at each point: value, low, high, and the distance beyond the runs, (P,)
        each."""
        beyond = self.hull.distance(at)
        beyond[beyond < _INSIDE] = 0.0
        noise = np.sqrt(self.noise.variance + (DOUBT_BEYOND * self.span * beyond) ** 2)
        drawn = self.laws.at(at)[:, None, :] + _student(self.freedom)[:, None] * noise
        tail = 50 * (1 - self.confidence)
        low, high = np.percentile(drawn.reshape(-1, len(at)), [tail, 100 - tail], axis=0)
        value = self.average(at)
        return value, np.minimum(low, value).clip(0, 100), np.maximum(high, value).clip(0, 100), beyond

    def predict_cell(self, cell: Cell) -> Interval:
        """What one new training of a cell reaches."""
        return Interval(*(float(numbers[0]) for numbers in self.predict(points([cell]))))

    def unknown(self, cell: Cell) -> str | None:
        """A sentence that names what the table would need to hold for this cell to be predicted; None if it can."""
        if cell.real == 0:
            return "The law speaks of real images, so a training without any cannot be predicted; run it."
        for name, place in (("real images", 0), ("synthetic images", 1), ("iterations", 2)):
            tried = sorted({known[place] for known in self.means.cells})
            if len(tried) == 1 and cell[place] != tried[0]:
                other = Cell(*(cell[place] if axis == place else tried_on(self.means.cells, axis) for axis in range(3)))
                return (
                    f"All trainings have {tried[0]:,} {name}, so nothing tells what {cell[place]:,} would do; "
                    f"run {other}."
                )
        return None


def tried_on(cells: Sequence[Cell], axis: int) -> int:
    """The largest number on an axis that was run."""
    return max(cell[axis] for cell in cells)


def _student(freedom: float) -> Floats:
    """Stratified draws of Student's t."""
    return stdtrit(freedom, (np.arange(_NOISES) + 0.5) / _NOISES)


def fit_surface(
    table: Table, resamples: int = RESAMPLES, confidence: float = 0.95, is_polished: bool = True
) -> Surface | None:
    """Fits the family to a table; None where there are fewer than six cells with real images.

    Args:
        is_polished: whether exponents leave their grid. Slopes need it, predictions hardly change.

    >>> from synmix.answer import Cell, Training, make_table
    >>> cells = [Cell(real, synthetic, 1000) for real in (100, 400, 1600) for synthetic in (0, 1600)]
    >>> table = make_table((Training(cell, 0, 20 + 4 * len(str(cell.real + cell.synthetic))) for cell in cells), "mine")
    >>> found = fit_surface(table, resamples=20).predict_cell(Cell(400, 400, 1000))
    >>> found.low <= found.value <= found.high
    True
    """
    means = cell_means(table) if any(cell.real for cell in table.cells) else None
    if means is None or len(means.cells) < LEAST_CELLS:
        return None
    at = points(means.cells)
    # Cells vary by the law's misfit too, so that a cell of many trainings does not outweigh the others.
    weights = 1 / (0.5 + 1 / means.counts)
    weights /= weights.mean()
    design = Design(at, weights, _scale(at))
    fits = design.fit(means.values[:, None])
    if is_polished:
        fits = replace(fits, laws=polish(fits.laws, at, weights, np.tile(means.values, (len(fits.laws), 1))))
    fitted = fits.averaged(at)[0]
    parameters = float(fits.weights[:, 0] @ fits.parameters)
    spare = max(len(at) - parameters, 1.0)
    pure = means.training_variance
    left = float((weights * (means.values - fitted) ** 2).sum() / spare)
    known = 0.0 if np.isnan(pure) else pure * float((weights / means.counts).mean())
    left = max(left, known, 1e-6)
    generator = np.random.default_rng(0)
    seeds = len({run.seed for run in table.trainings})
    shift = np.sqrt(means.seed_variance / seeds) * generator.standard_normal(resamples)
    noise = np.sqrt(left / weights)[:, None] * generator.standard_normal((len(at), resamples))
    resampled = fitted[:, None] + shift + noise
    laws = design.fit(resampled).drawn(generator)
    laws = polish(laws, at, weights, resampled.T) if is_polished else laws
    misfit, training = left - known, 0.0 if np.isnan(pure) else pure
    usual = SEED_SHARE * (misfit + training)
    shared = ((seeds - 1) * means.seed_variance + SEED_FREEDOM * usual) / (seeds - 1 + SEED_FREEDOM)
    parts = ((misfit, spare), (training, means.freedom), (shared, seeds - 1 + SEED_FREEDOM))
    freedom = sum(part for part, _ in parts) ** 2 / sum(part**2 / known for part, known in parts if part > 0)
    return Surface(means, fits, laws, Noise(misfit, training, shared), freedom, float(np.ptp(fitted)), confidence)


def _scale(at: Points) -> Scale:
    epochs = at.iterations / (at.real + at.synthetic)
    return Scale(float(at.real.max()), float(at.iterations.max()), float(epochs.max()))
