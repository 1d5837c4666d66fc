"""Fits the family of laws to the means of the cells, on many tables at once.

The exponents are on a grid and the coefficients solved exactly (variable projection), so a fit is the grid's best and
no start can miss it. Where a coefficient would be negative the law drops that term, which is another member of the
family: together that is non-negative least squares.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from synmix.answer.laws import (
    EPOCH_POWERS,
    IMAGE_VARIANTS,
    STEP_VARIANTS,
    Floats,
    Laws,
    Points,
    Scale,
    epoch_column,
    exponents_of,
    image_columns,
    join,
    step_columns,
)

_ROUNDING = 0.05  # AP is printed to a tenth: no fit is better than that
_DEGENERATE = 1e-7  # what is left of a column's square where it says nothing that the others do not
_TABLES_AT_ONCE = 32  # so that the intermediate arrays stay in the processor's cache
_EXPONENT = 0.5  # an exponent is bounded by its grid, and so counts as half a parameter
_WITHOUT_IMAGES = 0.1  # the odds, beforehand, that data do not matter


@dataclass(frozen=True)
class Fits:
    """The members of the family, each at its best exponents, on each of T tables."""

    laws: Laws  # (members * T,), member by member
    weights: Floats  # (members, T): by Akaike's corrected criterion; columns sum to 1
    squares: Floats  # (members, T): weighted residual sums of squares
    parameters: Floats  # (members,)

    def drawn(self, generator: np.random.Generator) -> Laws:
        """One law for each table, by the weights."""
        tables = self.weights.shape[1]
        heaped = np.cumsum(self.weights, axis=0)
        member = (heaped <= generator.random(tables) * heaped[-1]).sum(axis=0)
        return self.laws[member * tables + np.arange(tables)]

    def averaged(self, where: Points) -> Floats:
        """The laws' mean by weight at each point: (T, P)."""
        members, tables = self.weights.shape
        every = self.laws.at(where).reshape(members, tables, -1)
        return (self.weights[:, :, None] * every).sum(axis=0)


@dataclass(frozen=True)
class Design:
    """The cells that are fitted, their weights, and the grid's columns at them."""

    at: Points
    weights: Floats  # (n,), of mean 1
    scale: Scale

    @cached_property
    def _root(self) -> Floats:
        return np.sqrt(self.weights)[:, None]

    @cached_property
    def _solvers(self) -> list["_Solver"]:
        steps = self._root * step_columns(self.at, self.scale)
        images = self._root * image_columns(self.at, self.scale)
        solvers, is_one_size = [], len(np.unique(self.at.real)) == 1
        for power in EPOCH_POWERS:
            base = [np.ones(len(self.at))] + ([] if power is None else [epoch_column(self.at, self.scale, power)])
            solver = _Solver(self._root * np.stack(base, axis=1), steps, images, self.scale, power, is_one_size)
            solvers += [solver] if solver.is_regular else []
        return solvers

    def fit(self, values: Floats) -> Fits:
        """Fits the family to each of T tables, whose means are ``values`` (n, T)."""
        parts = [
            self._fit_some(values[:, first : first + _TABLES_AT_ONCE])
            for first in range(0, values.shape[1], _TABLES_AT_ONCE)
        ]
        if len(parts) == 1:
            return parts[0]
        squares = np.concatenate([part.squares for part in parts], axis=1)
        members = len(squares)
        laws = join([part.laws for part in parts])
        tables = [part.squares.shape[1] for part in parts]
        starts = np.cumsum([0] + [members * count for count in tables[:-1]])
        order = [s + m * t + np.arange(t) for m in range(members) for s, t in zip(starts, tables, strict=True)]
        weights = np.concatenate([part.weights for part in parts], axis=1)
        return Fits(laws[np.concatenate(order)], weights, squares, parts[0].parameters)

    def _fit_some(self, values: Floats) -> Fits:
        fitted = [member for solver in self._solvers for member in solver.members(self._root * values)]
        squares = np.stack([member[1] for member in fitted])
        parameters = np.array([member[2] for member in fitted])
        prior = np.array([member[3] for member in fitted])
        weights = _akaike_weights(squares, parameters, prior, len(self.at))
        return Fits(join([member[0] for member in fitted]), weights, squares, parameters)


def _akaike_weights(squares: Floats, parameters: Floats, prior: Floats, cells: int) -> Floats:
    """The members' weights; those with too many parameters for so few cells get none."""
    count = parameters + 1  # and the variance
    spare = cells - count - 1
    penalty = np.where(spare > 0, 2 * count + 2 * count * (count + 1) / np.maximum(spare, 1), np.inf)
    floor = np.maximum(squares, cells * _ROUNDING**2)
    criterion = cells * np.log(floor / cells) + penalty[:, None]
    weights = prior[:, None] * np.exp(-0.5 * (criterion - criterion.min(axis=0)))
    return weights / weights.sum(axis=0)


class _Solver:
    """Least squares of the members that have one form of the epochs' term, in the space that the constant and that
    term leave free."""

    def __init__(
        self, base: Floats, steps: Floats, images: Floats, scale: Scale, power: float | None, is_one_size: bool
    ) -> None:
        self._orthonormal, self._triangle = np.linalg.qr(base)
        self.is_regular = abs(self._triangle[-1, -1]) > np.sqrt(_DEGENERATE) * np.linalg.norm(base[:, -1])
        self._scale, self._power, self._is_one_size = scale, power, is_one_size
        if self.is_regular:
            self._steps, self._images = self._project(steps), self._project(images)
            self._cross = self._steps.free.T @ self._images.free

    def members(self, values: Floats) -> Iterator[tuple[Laws, Floats, float, float]]:
        """Laws (T,), squares (T,), number of parameters and prior odds of each member.

        Args:
            values: (n, T), weighted as the columns are.
        """
        target = self._project(values)
        on_steps, on_images = self._steps.free.T @ target.free, self._images.free.T @ target.free
        base = 1 if self._power is None else 2
        odds = _WITHOUT_IMAGES if self._images.is_regular.any() else 1.0
        yield *self._member(target, target.squares, None, None), base, odds
        for step in STEP_VARIANTS:
            fitted = self._one(target, self._steps, on_steps, step.columns, True)
            yield *fitted, base + 1 + _EXPONENT * step.exponents, odds
        for image in IMAGE_VARIANTS:
            exponents = image.exponents - (1 if self._is_one_size and image.shares_alpha else 0)
            fitted = self._one(target, self._images, on_images, image.columns, False)
            yield *fitted, base + 1 + _EXPONENT * exponents, 1.0
            for step in STEP_VARIANTS:
                count = base + 2 + _EXPONENT * (exponents + step.exponents)
                yield *self._both(target, on_steps, on_images, step.columns, image.columns), count, 1.0

    def _project(self, columns: Floats) -> "_Projected":
        along = self._orthonormal.T @ columns
        free = columns - self._orthonormal @ along
        squares = np.einsum("ng,ng->g", free, free)
        is_regular = squares > _DEGENERATE * np.einsum("ng,ng->g", columns, columns)
        return _Projected(free, squares, np.linalg.solve(self._triangle, along), is_regular)

    def _one(
        self, target: "_Projected", columns: "_Projected", products: Floats, entries: slice, is_step: bool
    ) -> tuple[Laws, Floats]:
        """The member with one term: the best entry of the grid for each table."""
        regular = columns.is_regular[entries, None]
        slope = products[entries] / np.where(regular, columns.squares[entries, None], 1)
        squares = target.squares - slope * products[entries]
        base = target.base[-1] - slope * columns.base[-1, entries, None]
        squares = np.where(regular & (slope > 0) & self._keeps(base), squares, np.inf)
        best, tables = squares.argmin(axis=0), np.arange(squares.shape[1])
        term = (slope[best, tables], best + entries.start)
        return self._member(target, squares[best, tables], term if is_step else None, None if is_step else term)

    def _both(
        self, target: "_Projected", on_steps: Floats, on_images: Floats, steps: slice, images: slice
    ) -> tuple[Laws, Floats]:
        """The member with both terms: the best pair of entries for each table."""
        a, b, cross = self._steps.squares[steps, None], self._images.squares[images], self._cross[steps, images]
        determinant = a * b - cross**2
        regular = determinant > _DEGENERATE * a * b
        regular &= self._steps.is_regular[steps, None] & self._images.is_regular[images]
        inverse = np.where(regular, 1 / np.where(regular, determinant, 1), 0)[:, :, None]
        y_steps, y_images = on_steps[steps, None], on_images[None, images]
        step = (b[None, :, None] * y_steps - cross[:, :, None] * y_images) * inverse
        image = (a[:, :, None] * y_images - cross[:, :, None] * y_steps) * inverse
        squares = target.squares - step * y_steps - image * y_images
        allowed = (step > 0) & (image > 0)
        if self._power is not None:
            base = self._steps.base[-1, steps, None, None] * step + self._images.base[-1, None, images, None] * image
            allowed &= target.base[-1] - base > 0
        flat = np.where(allowed, squares, np.inf).reshape(-1, squares.shape[2])
        best, tables = flat.argmin(axis=0), np.arange(flat.shape[1])
        first, second = np.unravel_index(best, squares.shape[:2])
        of_steps = (step[first, second, tables], first + steps.start)
        return self._member(target, flat[best, tables], of_steps, (image[first, second, tables], second + images.start))

    def _keeps(self, coefficient: Floats) -> NDArray[np.bool_] | bool:
        """Whether the epochs' term does harm, as it must."""
        return True if self._power is None else coefficient > 0

    def _member(
        self, target: "_Projected", squares: Floats, step: tuple | None, image: tuple | None
    ) -> tuple[Laws, Floats]:
        tables = target.squares.shape[0]
        none = (np.zeros(tables), np.zeros(tables, dtype=np.intp))
        (b, at_b), (c, at_c) = step or none, image or none
        base = target.base - b * self._steps.base[:, at_b] - c * self._images.base[:, at_c]
        epochs = np.zeros(tables) if self._power is None else base[-1]
        if self._power is not None and step is None and image is None:
            squares = np.where(epochs > 0, squares, np.inf)
        powers = np.full(tables, 1.0 if self._power is None else self._power)
        coefficients = np.stack([base[0], b, c, epochs], axis=1)
        return Laws(self._scale, coefficients, exponents_of(at_b, at_c), powers), squares


@dataclass(frozen=True)
class _Projected:
    """Columns less their part in the base's space."""

    free: Floats  # (n, G)
    squares: Floats  # (G,)
    base: Floats  # (k, G) the base's coefficients that make up the rest
    is_regular: NDArray[np.bool_]  # (G,)
