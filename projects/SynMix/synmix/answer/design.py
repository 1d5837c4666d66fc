"""Which trainings to run: a D-optimal fraction of real sizes x synthetic amounts x lengths.

A determinant measures how much all coefficients of a model are pinned down together (Fedorov, Theory of Optimal
Experiments, 1972). The model here is a second-order one in the logarithms: any of the family's laws bends no more than
that between the lengths and amounts of one study.
"""

import math
from collections.abc import Sequence

import numpy as np

from synmix.answer.table import Cell
from synmix.errors import UserError

_RIDGE = 1e-6  # lets the first cells be compared before they determine the model


def design_runs(
    real: Sequence[int], synthetic: Sequence[int], lengths: Sequence[int], budget: float = math.inf, seeds: int = 1
) -> list[Cell]:
    """The cells to train, in the order of their worth: corners and centre first, then what adds most to the determinant
    for its iterations. A mixture comes after its control, real images alone for the same iterations.

    Args:
        real: sizes of the real set.
        synthetic: amounts beside them; 0 is always among them.
        lengths: in iterations.
        budget: iterations for all cells and seeds together.
        seeds: trainings of each cell.

    Raises:
        UserError: numbers that cannot be meant, or a budget below a control and its mixture.

    >>> [tuple(cell) for cell in design_runs([100, 400], [400], [1000], budget=2000)]
    [(400, 0, 1000), (400, 400, 1000)]
    """
    _check(real, synthetic, lengths, seeds)
    cells = [Cell(r, s, n) for r in sorted(set(real)) for s in sorted({0, *synthetic}) for n in sorted(set(lengths))]
    chosen: list[Cell] = []
    spent = 0
    for cell in _in_order(cells):
        bundle = [part for part in _with_control(cell) if part not in chosen]
        cost = seeds * sum(part.iterations for part in bundle)
        if spent + cost <= budget:
            chosen += bundle
            spent += cost
    if not any(cell.synthetic for cell in chosen):
        least = 2 * seeds * min(lengths)
        raise UserError(
            f"A budget of {budget:,.0f} iterations does not reach for a mixture and its control with {seeds} seed(s); "
            f"give at least {least:,}, or fewer seeds."
        )
    return chosen


def _with_control(cell: Cell) -> list[Cell]:
    return [Cell(cell.real, 0, cell.iterations), cell] if cell.synthetic else [cell]


def _in_order(cells: list[Cell]) -> list[Cell]:
    """Corners (the largest first, where the verdict is), the centre, then by determinant for the iterations."""
    rows = _coordinates(cells)
    at_corner = [cell for cell, row in zip(cells, rows, strict=True) if np.all(np.isin(row, (-1.0, 1.0)))]
    corners = sorted(at_corner, key=lambda cell: (-cell.real, -cell.iterations, -cell.synthetic))
    distance = (rows**2).sum(axis=1)
    start = list(dict.fromkeys([*corners, cells[int(distance.argmin())]]))
    return start + _greedy(cells, start, _terms(rows))


def _greedy(cells: list[Cell], start: list[Cell], terms: np.ndarray) -> list[Cell]:
    """The rest, each time the cell whose bundle raises the logarithm of the determinant most for its iterations."""
    index = {cell: place for place, cell in enumerate(cells)}
    chosen = list(dict.fromkeys(part for cell in start for part in _with_control(cell)))
    rest = [cell for cell in cells if cell not in chosen]
    information = _RIDGE * np.eye(terms.shape[1])
    for cell in chosen:
        information += np.outer(terms[index[cell]], terms[index[cell]])
    order = []
    while rest:
        inverse = np.linalg.inv(information)
        worth = []
        for cell in rest:
            bundle = [part for part in _with_control(cell) if part in rest]
            rows = terms[[index[part] for part in bundle]]
            gained = np.linalg.slogdet(np.eye(len(bundle)) + rows @ inverse @ rows.T)[1]
            worth.append(gained / sum(part.iterations for part in bundle))
        best = rest[int(np.argmax(worth))]
        for part in [part for part in _with_control(best) if part in rest]:
            information += np.outer(terms[index[part]], terms[index[part]])
            order.append(part)
            rest.remove(part)
    return order


def _coordinates(cells: list[Cell]) -> np.ndarray:
    """Logarithms of real images, 1 + synthetic / smallest amount, and length, each scaled to -1..1: (P, 3)."""
    rows = np.array(cells, dtype=np.float64)
    amounts = rows[:, 1][rows[:, 1] > 0]
    unit = amounts.min() if len(amounts) else 1.0
    logs = np.stack([np.log(rows[:, 0]), np.log1p(rows[:, 1] / unit), np.log(rows[:, 2])], axis=1)
    span = np.ptp(logs, axis=0)
    scaled = 2 * (logs - logs.min(axis=0)) / np.where(span > 0, span, 1) - 1
    return np.where(span > 0, scaled, 1.0)


def _terms(rows: np.ndarray) -> np.ndarray:
    """The second-order model: constant, linear, products and squares; axes that do not vary drop out: (P, K)."""
    varying = rows[:, np.ptp(rows, axis=0) > 0]
    count = varying.shape[1]
    columns = [np.ones(len(rows)), *varying.T]
    columns += [varying[:, i] * varying[:, j] for i in range(count) for j in range(i, count)]
    return np.stack(columns, axis=1)


def _check(real: Sequence[int], synthetic: Sequence[int], lengths: Sequence[int], seeds: int) -> None:
    for name, values, least in (("real sizes", real, 1), ("synthetic amounts", synthetic, 0), ("lengths", lengths, 1)):
        if not values or min(values) < least:
            raise UserError(f"The design's {name} are {list(values)}; give at least one, each {least} or more.")
    if not any(synthetic):
        raise UserError("The design has no synthetic amount above 0, so there is nothing to compare.")
    if seeds < 1:
        raise UserError(f"The design has {seeds} seeds; give 1 or more.")
