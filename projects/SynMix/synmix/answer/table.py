"""A table of results: one row per training, checked, and grouped into cells of equal composition and length."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple, Protocol

import numpy as np

from synmix.errors import UserError

#: Lengths that differ by less count as equal compute: a mixture of whole epochs seldom has its control's very length.
EQUAL_COMPUTE = 0.01
_SAME_AP = 1e-6  # what two rows of one training may differ by


class Cell(NamedTuple):
    """What is trained on and for how long: numbers of images, and of iterations.

    >>> str(Cell(400, 1600, iterations=1000))
    '400 real + 1,600 synthetic images for 1,000 iterations'
    """

    real: int
    synthetic: int
    iterations: int

    def __str__(self) -> str:
        return f"{self.images} for {self.iterations:,} iterations"

    @property
    def images(self) -> str:
        """The composition in words."""
        if not self.synthetic:
            return f"{self.real:,} real images alone"
        if not self.real:
            return f"{self.synthetic:,} synthetic images alone"
        return f"{self.real:,} real + {self.synthetic:,} synthetic images"


@dataclass(frozen=True)
class Training:
    """A row of the table.

    >>> Training(Cell(400, 0, 1000), seed=0, average_precision=30.1).cell.real
    400
    """

    cell: Cell
    seed: int
    average_precision: float  # in points, 0 to 100
    image_se: float | None = None  # the standard error of the AP that the choice of evaluated images makes
    gpu_hours: float | None = None
    place: str = ""  # where it was read, for error sentences
    further: Mapping[str, str] = field(default_factory=dict)  # the table's other columns


class ImageVariance(Protocol):
    """What the choice of the evaluated images does to a mean difference of trainings; a store has match tables that
    tell it, a plain table has standard errors at most."""

    def __call__(self, first: Sequence[Training], second: Sequence[Training]) -> tuple[float, float]:
        """The variance of the mean of ``second - first`` over images, and that of one training's interaction with
        the images (0 where unknown), both in points squared."""


def variance_of_standard_errors(first: Sequence[Training], second: Sequence[Training]) -> tuple[float, float]:
    """From the column ``image_se``: as if both sides were evaluated on different images. Equal images make
    differences steadier than that, so intervals are too wide rather than too narrow. 0 without the column."""
    sides = [[run.image_se for run in side if run.image_se is not None] for side in (first, second)]
    return sum(float(np.mean(np.square(side))) for side in sides if side), 0.0


@dataclass(frozen=True)
class Table:
    """All trainings; rows that repeat one another are left out.

    >>> from synmix.answer import read_table
    >>> table = read_table("results.csv")
    >>> mixture = table.mixtures[0]
    >>> round(table.mean(mixture) - table.mean(table.control_of(mixture)), 1)
    2.0
    """

    trainings: tuple[Training, ...]
    image_variance: ImageVariance = variance_of_standard_errors

    @cached_property
    def cells(self) -> dict[Cell, dict[int, Training]]:
        """The trainings of each cell, by seed; cells in ascending order."""
        cells: dict[Cell, dict[int, Training]] = {}
        for training in sorted(self.trainings, key=lambda run: (run.cell, run.seed)):
            cells.setdefault(training.cell, {})[training.seed] = training
        return cells

    def mean(self, cell: Cell) -> float:
        """The mean AP of a cell."""
        return float(np.mean([training.average_precision for training in self.cells[cell].values()]))

    def control_of(self, mixture: Cell) -> Cell | None:
        """The cell of the same real images alone whose length comes closest to the mixture's, within 1 %."""
        alone = [cell for cell in self.cells if cell.real == mixture.real and not cell.synthetic]
        close = [cell for cell in alone if abs(cell.iterations / mixture.iterations - 1) <= EQUAL_COMPUTE]
        return min(close, key=lambda cell: abs(cell.iterations - mixture.iterations), default=None)

    @cached_property
    def mixtures(self) -> list[Cell]:
        """The cells that hold images of both kinds."""
        return [cell for cell in self.cells if cell.real and cell.synthetic]

    @cached_property
    def hours_per_iteration(self) -> float | None:
        """GPU hours of one iteration, the median over the trainings that tell theirs."""
        shares = [run.gpu_hours / run.cell.iterations for run in self.trainings if run.gpu_hours]
        return float(np.median(shares)) if shares else None

    def without(self, cell: Cell) -> "Table":
        """The table less one cell."""
        return Table(tuple(run for run in self.trainings if run.cell != cell), self.image_variance)


def make_table(trainings: Iterable[Training], source: str) -> Table:
    """Checks that the trainings can be one table.

    Raises:
        UserError: a training stands there twice with different AP, or there are fewer than two.

    >>> rows = [Training(Cell(400, synthetic, 1000), 0, ap) for synthetic, ap in ((0, 30.0), (1600, 32.0))]
    >>> len(make_table(rows, "my results").mixtures)
    1
    """
    kept: dict[tuple[Cell, int], Training] = {}
    for training in trainings:
        known = kept.setdefault((training.cell, training.seed), training)
        if abs(known.average_precision - training.average_precision) > _SAME_AP:
            raise UserError(_disagreement(source, known, training))
    if len(kept) < 2:
        count = "one training" if kept else "no training"
        raise UserError(
            f"'{source}' holds {count}; an answer compares, so give at least two, one of real images alone."
        )
    return Table(tuple(kept.values()))


def _disagreement(source: str, first: Training, second: Training) -> str:
    differing = sorted(
        name for name in first.further if first.further[name] != second.further.get(name) and first.further[name]
    )
    hint = f"; they differ in {', '.join(map(repr, differing))}, so give one table for each" if differing else ""
    return (
        f"'{source}': {first.place} and {second.place} are the same training ({first.cell}, seed {first.seed}) with "
        f"different AP, {first.average_precision:g} and {second.average_precision:g}; keep one, or give each its own "
        f"seed{hint}."
    )
