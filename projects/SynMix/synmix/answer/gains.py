"""What synthetic images change: at equal compute, at each side's own best length, and of an unequal comparison."""

from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Literal

import numpy as np

from synmix.answer.table import EQUAL_COMPUTE, Cell, Table, Training
from synmix.statistics import Estimate, equivalent, random_effects, unpaired_effects

Verdict = Literal["helps", "does not help", "open"]

#: Seeds of each side that an interval should stand on; with two, Student's t has a single degree of freedom.
SEEDS = 3
_NOTHING = 0.05  # AP that prints as 0.0


@dataclass(frozen=True)
class Comparison:
    """A mixture and its control, real images alone."""

    control: Cell
    mixture: Cell
    estimate: Estimate  # mixture less control; open with one training on a side
    seeds: int  # of the side with fewer, or pairs


@dataclass(frozen=True)
class Split:
    """A difference of unequal lengths, taken apart by way of the control that has the mixture's length."""

    short: Cell  # real images alone, the shorter length
    control: Cell
    mixture: Cell
    total: Estimate
    length: Estimate
    data: Estimate


@dataclass(frozen=True)
class GainAtBest:
    """The difference of a mixture and real images alone, each at the length that other seeds chose for it."""

    estimate: Estimate
    control: Cell  # the lengths that all seeds together choose
    mixture: Cell


def compare(table: Table, first: Cell, second: Cell) -> Estimate:
    """``second - first`` over seeds: paired where both sides share at least two, else as sides of their own (Welch)."""
    one, other = table.cells[first], table.cells[second]
    shared = sorted(one.keys() & other.keys())
    if len(shared) > 1 or min(len(one), len(other)) == 1:
        pairs = [(one[seed], other[seed]) for seed in shared] or [
            (next(iter(one.values())), next(iter(other.values())))
        ]
        return _paired(table, pairs[: len(shared) or 1])
    sides = list(one.values()), list(other.values())
    images, own = table.image_variance(*sides)
    before, after = ([run.average_precision for run in side] for side in sides)
    return unpaired_effects(before, after, images, (own / 2, own / 2))


def _paired(table: Table, pairs: list[tuple[Training, Training]]) -> Estimate:
    images, own = table.image_variance([pair[0] for pair in pairs], [pair[1] for pair in pairs])
    return random_effects([b.average_precision - a.average_precision for a, b in pairs], images, own)


def equal_compute(table: Table) -> Comparison | None:
    """The comparison that answers the question: the largest real set that a mixture and its control of equal length
    share, of these the longest with two seeds or more, of these the most synthetic images. Nothing of it is chosen by
    AP. Where no pair has two seeds, the longest with one, whose estimate is open."""
    pairs = [(mixture, table.control_of(mixture)) for mixture in table.mixtures]
    found = [
        Comparison(
            control,
            mixture,
            compare(table, control, mixture),
            seeds_a_side(table.cells[control].keys(), table.cells[mixture].keys()),
        )
        for mixture, control in pairs
        if control is not None
    ]
    return max(found, key=_rank, default=None)


def _rank(comparison: Comparison) -> tuple[int, bool, int, int]:
    mixture = comparison.mixture
    return mixture.real, not comparison.estimate.is_open, mixture.iterations, mixture.synthetic


def learned_nothing(table: Table, comparison: Comparison) -> bool:
    """Whether both sides have no AP, so that their difference, surely 0, says nothing."""
    return max(table.mean(comparison.control), table.mean(comparison.mixture)) < _NOTHING


def seeds_a_side(first: Set[int], second: Set[int]) -> int:
    """How many seeds a comparison stands on: pairs where two or more are shared, else the side with fewer."""
    return len(first & second) if len(first & second) > 1 else min(len(first), len(second))


def gain_at_best(table: Table, real: int, synthetic: int) -> GainAtBest | None:
    """The gain with each side at its own best length, cross-fitted: for each seed the lengths are chosen by the mean of
    the others and judged on it alone, so that no lucky draw is chosen and shown at once.

    None where fewer than two seeds can be judged so.
    """
    sides = [_lengths(table, real, amount) for amount in (0, synthetic)]
    seeds = sorted(set.intersection(*({seed for runs in side.values() for seed in runs} for side in sides)))
    pairs = []
    for seed in seeds:
        best = [_best(side, without=seed) for side in sides]
        if all(cell is not None and seed in side[cell] for cell, side in zip(best, sides, strict=True)):
            pairs.append(tuple(side[cell][seed] for cell, side in zip(best, sides, strict=True) if cell is not None))
    control, mixture = (_best(side, without=None) for side in sides)
    if len(pairs) < 2 or control is None or mixture is None:
        return None
    return GainAtBest(_paired(table, pairs), control, mixture)  # type: ignore[arg-type]


def _lengths(table: Table, real: int, synthetic: int) -> dict[Cell, Mapping[int, Training]]:
    return {
        cell: runs
        for cell, runs in table.cells.items()
        if (cell.real, cell.synthetic) == (real, synthetic) and len(runs) > 1
    }


def _best(side: Mapping[Cell, Mapping[int, Training]], without: int | None) -> Cell | None:
    """The cell of the highest mean over all seeds but one; the shorter of equals."""
    means = {
        cell: float(np.mean([run.average_precision for seed, run in runs.items() if seed != without]))
        for cell, runs in side.items()
    }
    return max(means, key=lambda cell: (means[cell], -cell.iterations), default=None)


def largest_split(table: Table) -> Split | None:
    """Of the comparisons of unequal length that have a control of the mixture's length, the most unequal one at the
    largest real set: the shortest training on real images alone against the longest mixture, of the most synthetic
    images. It is chosen by design, not by AP. None where there is none, or only with single seeds."""
    found = []
    for mixture in table.mixtures:
        control = table.control_of(mixture)
        alone = [cell for cell in table.cells if cell.real == mixture.real and not cell.synthetic]
        short = min(alone, key=lambda cell: cell.iterations, default=None)
        if control is None or short is None or short.iterations > (1 - EQUAL_COMPUTE) * mixture.iterations:
            continue
        parts = [compare(table, *pair) for pair in ((short, mixture), (short, control), (control, mixture))]
        if short != control and not any(part.is_open for part in parts):
            found.append(Split(short, control, mixture, *parts))
    return max(found, key=lambda s: (s.mixture.real, s.mixture.iterations, s.mixture.synthetic), default=None)


def published_comparison(table: Table) -> tuple[Cell, Cell] | None:
    """What papers print: the best training on real images alone and the best mixture, at the largest real set that has
    both. Both are chosen by their AP, so that their difference flatters; it is only for naming what is missing."""
    sizes = {cell.real for cell in table.mixtures} & {cell.real for cell in table.cells if not cell.synthetic}
    if not sizes:
        return None
    sides = [[cell for cell in table.cells if cell.real == max(sizes) and bool(cell.synthetic) == m] for m in (0, 1)]
    control, mixture = (max(side, key=table.mean) for side in sides)
    return control, mixture


def judge(
    estimate: Estimate, least_gain: float = 0.0, margin: float | None = None, confidence: float = 0.95
) -> Verdict:
    """*Helps* where the interval lies above the least gain, *does not help* where it lies below or the gain is
    equivalent to none within the margin (two one-sided tests), else *open*; always open with one training a side."""
    if estimate.is_open:
        return "open"
    low, high = estimate.interval(confidence)
    if low > least_gain:
        return "helps"
    if high <= least_gain or (margin is not None and equivalent(estimate, margin, 1 - confidence).holds):
        return "does not help"
    return "open"
