"""What images and trainings cost, and the best composition that a budget buys."""

import math
import os
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from synmix.answer.laws import points
from synmix.answer.surface import Interval, Surface
from synmix.answer.table import Cell, Table
from synmix.errors import UserError
from synmix.files import read_yaml

_STEPS = 12  # of each axis of the candidates
_SAME_AP = 0.1  # AP is printed to a tenth: of equals the cheapest is taken


@dataclass(frozen=True)
class Costs:
    """Prices, all in one unit.

    >>> Costs("EUR", real_image=8.5, synthetic_image=0.04, gpu_hour=2.2).of([(100, 1000, 2000)], 0.001).tolist()
    [894.4]
    """

    unit: str  # EUR, GPU hours, ...
    real_image: float  # taking and labelling one
    synthetic_image: float  # rendering one
    gpu_hour: float
    gpu_hours_per_iteration: float | None = None  # where the table has no column gpu_hours
    real_at_hand: int = 0  # images that cost nothing more
    synthetic_at_hand: int = 0

    def of(self, cells: "np.ndarray", hours_per_iteration: float) -> np.ndarray:
        """The cost of each row of (real, synthetic, iterations): (P,)."""
        real, synthetic, iterations = np.asarray(cells, dtype=np.float64).T
        images = self.real_image * np.maximum(real - self.real_at_hand, 0)
        images += self.synthetic_image * np.maximum(synthetic - self.synthetic_at_hand, 0)
        return images + self.gpu_hour * hours_per_iteration * iterations


@dataclass(frozen=True)
class Recommendation:
    """The composition and length to buy, what to expect of one training, and the cost."""

    cell: Cell
    expected: Interval
    cost: float
    unit: str


def read_costs(path: str | os.PathLike[str]) -> Costs:
    """Reads a YAML such as ``{unit: EUR, real_image: 8.5, synthetic_image: 0.04, gpu_hour: 2.2}``.

    Raises:
        UserError: no such file, an unknown or missing key (the unit above all), or a price that is none.

    >>> read_costs("costs.yaml").unit
    'EUR'
    """
    content, known = read_yaml(path), [field.name for field in fields(Costs)]
    if not isinstance(content.get("unit"), str) or not content["unit"].strip():
        raise UserError(f"'{path}' names no unit; add 'unit: EUR', or whatever its prices and --budget are counted in.")
    unknown = [str(key) for key in content if key not in known]
    missing = [key for key in known[:4] if key not in content]
    if unknown or missing:
        said = f"does not know {', '.join(unknown)}" if unknown else f"lacks {', '.join(missing)}"
        raise UserError(f"'{path}' {said}; its keys are {', '.join(known)}.")
    prices = {key: _price(value, key, path) for key, value in content.items() if key != "unit"}
    for key in ("real_at_hand", "synthetic_at_hand"):
        if key in prices:
            prices[key] = int(prices[key])
    return Costs(content["unit"].strip(), **prices)


def _price(value: Any, key: str, path: str | os.PathLike[str]) -> Any:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not 0 <= value < math.inf:
        raise UserError(f"'{path}': {key} is {value!r}; give a number, 0 or more, without its unit.")
    return value


def recommend(table: Table, surface: Surface, costs: Costs, budget: float) -> Recommendation:
    """The composition and length of the highest expected AP within the budget, between those that were run: a law is
    no ground to buy what nothing like it was tried.

    Raises:
        UserError: nothing tells how long an iteration takes, or the budget does not reach for the cheapest training.
    """
    hours = costs.gpu_hours_per_iteration or table.hours_per_iteration
    if hours is None:
        raise UserError(
            "Nothing tells what an iteration costs: give the table a column gpu_hours, or the costs "
            "gpu_hours_per_iteration."
        )
    cells = _candidates(surface)
    prices = costs.of(cells, hours)
    if prices.min() > budget:
        cheapest = Cell(*(int(number) for number in cells[prices.argmin()]))
        raise UserError(
            f"--budget {budget:g} {costs.unit} is below the cheapest training like those of the table, {cheapest}, "
            f"which costs {prices.min():,.6g} {costs.unit}."
        )
    affordable, prices = cells[prices <= budget], prices[prices <= budget]
    expected = surface.average(points(affordable))
    good = np.flatnonzero(expected >= expected.max() - _SAME_AP)
    best = good[np.lexsort((-expected[good], prices[good]))[0]]
    cell = Cell(*(int(number) for number in affordable[best]))
    return Recommendation(cell, surface.predict_cell(cell), float(prices[best]), costs.unit)


def _candidates(surface: Surface) -> np.ndarray:
    """Compositions and lengths within the hull of those that were run, and these themselves: (P, 3)."""
    run = np.array(surface.means.cells, dtype=np.float64)
    axes = [np.geomspace(run[:, axis].min(), run[:, axis].max(), _STEPS) for axis in (0, 2)]
    amounts = run[:, 1][run[:, 1] > 0]
    synthetic = np.append(0, np.geomspace(amounts.min(), amounts.max(), _STEPS)) if len(amounts) else np.zeros(1)
    grid = np.stack(np.meshgrid(axes[0], synthetic, axes[1], indexing="ij"), axis=-1).reshape(-1, 3).round()
    grid = np.unique(grid, axis=0)
    inside = grid[surface.hull.distance(points(grid)) < 0.01]
    return np.unique(np.concatenate([run, inside]), axis=0)
