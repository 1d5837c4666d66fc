"""How wrong the surface is about a cell that it has not seen."""

from dataclasses import dataclass

import numpy as np

from synmix.answer.surface import LEAST_CELLS, fit_surface
from synmix.answer.table import Cell, Table

_RESAMPLES = 40  # a fit for each cell: fewer than for the answer


@dataclass(frozen=True)
class LeaveOut:
    """Each cell predicted from all others."""

    rms: float  # of the law against the cells' means, in AP
    coverage: float  # the share of trainings within the interval predicted for one
    cells: int
    worst: Cell
    worst_error: float  # predicted less measured


def leave_one_cell_out(table: Table, confidence: float = 0.95) -> LeaveOut | None:
    """None where what is left would be too little to fit."""
    cells = [cell for cell in table.cells if cell.real]
    if len(cells) <= LEAST_CELLS:
        return None
    errors: dict[Cell, float] = {}
    covered: list[bool] = []
    for cell in cells:
        surface = fit_surface(table.without(cell), _RESAMPLES, confidence, is_polished=False)
        if surface is None or surface.unknown(cell):
            continue
        predicted = surface.predict_cell(cell)
        errors[cell] = predicted.value - table.mean(cell)
        values = [run.average_precision for run in table.cells[cell].values()]
        covered += [predicted.low <= value <= predicted.high for value in values]
    if not errors:
        return None
    worst = max(errors, key=lambda cell: abs(errors[cell]))
    rms = float(np.sqrt(np.mean(np.square(list(errors.values())))))
    return LeaveOut(rms, float(np.mean(covered)), len(errors), worst, errors[worst])
