"""What trainings differ by beyond their composition and length: the seed that cells share, and the rest."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synmix.answer.table import Cell, Table

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class CellMeans:
    """The cells' mean AP, less what the seeds have in common over cells, and the variances behind them."""

    cells: tuple[Cell, ...]
    values: Floats  # (n,)
    counts: Floats  # (n,) trainings
    seed_variance: float  # of what a seed adds to every cell
    training_variance: float  # of one training around its cell and seed; nan where no cell has two trainings
    freedom: int  # degrees of freedom of the training variance


def cell_means(table: Table) -> CellMeans:
    """The means of the cells that hold real images, by a two-way analysis of variance (cells fixed, seeds random).

    A seed's effect is shrunk by how well it is known, so that a seed that stands in few cells moves them little.
    """
    cells = tuple(cell for cell in table.cells if cell.real > 0)
    rows = [(index, seed, run) for index, cell in enumerate(cells) for seed, run in table.cells[cell].items()]
    cell = np.array([index for index, _, _ in rows])
    values = np.array([run.average_precision for _, _, run in rows])
    names, seed = np.unique([seed for _, seed, _ in rows], return_inverse=True)
    counts = np.bincount(cell, minlength=len(cells)).astype(float)
    effects, between, within, freedom = _seed_effects(cell, seed, values, len(cells), len(names))
    means = np.bincount(cell, values - effects[seed], minlength=len(cells)) / counts
    return CellMeans(cells, means, counts, between, within, freedom)


def _seed_effects(
    cell: NDArray, seed: NDArray, values: Floats, cells: int, seeds: int
) -> tuple[Floats, float, float, int]:
    """The seeds' shrunken effects, their variance, the trainings' variance and its degrees of freedom."""
    of_cell, of_seed = np.eye(cells)[cell], np.eye(seeds)[seed]
    both = np.concatenate([of_cell, of_seed], axis=1)
    solution, _, rank, _ = np.linalg.lstsq(both, values, rcond=None)
    freedom = len(values) - rank
    if freedom <= 0:
        return _without_seeds(cell, values, cells, seeds)
    within = float(((values - both @ solution) ** 2).sum() / freedom)
    only_cells = values - of_cell @ (of_cell.T @ values / of_cell.sum(axis=0))
    explained = float((only_cells**2).sum()) - within * freedom
    spread = of_seed - of_cell @ ((of_cell.T @ of_seed) / of_cell.sum(axis=0)[:, None])
    trace = float((spread**2).sum())  # what one unit of seed variance adds to the seeds' sum of squares
    between = max(0.0, (explained - (rank - cells) * within) / trace) if trace > 0 else 0.0
    ridge = within / between if between > 0 else np.inf
    if not np.isfinite(ridge):
        return np.zeros(seeds), 0.0, within, int(freedom)
    normal = spread.T @ spread + ridge * np.eye(seeds)  # singular where trainings differ by their seeds alone
    effects = np.linalg.pinv(normal, hermitian=True) @ (spread.T @ only_cells)
    return effects, between, within, int(freedom)


def _without_seeds(cell: NDArray, values: Floats, cells: int, seeds: int) -> tuple[Floats, float, float, int]:
    """Where seeds and cells cannot be told apart: all of the spread within cells is the trainings'."""
    freedom = len(values) - cells
    means = np.bincount(cell, values, minlength=cells) / np.bincount(cell, minlength=cells)
    within = float(((values - means[cell]) ** 2).sum() / freedom) if freedom > 0 else float("nan")
    return np.zeros(seeds), 0.0, within, max(freedom, 0)
