"""Which training to run next: the one that narrows the verdict most for a GPU hour, or none."""

from collections.abc import Callable
from dataclasses import dataclass

from synmix.answer.gains import SEEDS, Verdict, compare, seeds_a_side
from synmix.answer.table import Cell, Table
from synmix.minus import signed
from synmix.statistics import Estimate

#: Beyond so many seeds a side the difference is too small to be worth settling.
MOST_SEEDS = 30
_NEW_SEEDS = 1000  # looked through for one that is free

#: Whether a training can be run; a replay has only those that were finished.
Available = Callable[[Cell, int], bool]


@dataclass(frozen=True)
class NextRun:
    """A training, and why it is the next.

    >>> from synmix.answer import read_table
    >>> table = read_table("results.csv")
    >>> next_run(table.without(Cell(400, 1600, 1000)), Cell(400, 0, 1000), Cell(400, 1600, 1000), "open").cell
    Cell(real=400, synthetic=1600, iterations=1000)
    """

    cell: Cell
    seed: int
    gpu_hours: float | None
    why: str


@dataclass(frozen=True)
class Stop:
    """Nothing more to run, and why.

    >>> Stop("It is decided.").why
    'It is decided.'
    """

    why: str


def next_run(
    table: Table,
    control: Cell,
    mixture: Cell,
    verdict: Verdict,
    least_gain: float = 0.0,
    margin: float | None = None,
    confidence: float = 0.95,
    available: Available = lambda cell, seed: True,
) -> NextRun | Stop:
    """The next training of a mixture and its control.

    Trainings elsewhere sharpen the law, but only these two cells narrow the gain. Seeds are added in pairs, the side
    that lacks one first, since a pair's difference is free of what its seed does to both.

    >>> from synmix.answer import read_table
    >>> table = read_table("results.csv")
    >>> next_run(table.without(Cell(400, 1600, 1000)), Cell(400, 0, 1000), Cell(400, 1600, 1000), "open").cell
    Cell(real=400, synthetic=1600, iterations=1000)
    """
    have = [set(table.cells.get(cell, {})) for cell in (control, mixture)]
    pairs = seeds_a_side(have[0], have[1])
    if pairs >= SEEDS:
        estimate = compare(table, control, mixture)
        if verdict != "open":
            return Stop(f"It is decided: the gain is {_plus_minus(estimate, confidence)} AP with {pairs} seeds a side.")
        needed = seeds_needed(estimate, pairs, least_gain, margin, confidence)
        if needed is None:
            return Stop(
                f"The gain is {_plus_minus(estimate, confidence)} AP, too near to {least_gain:g} to be told from it "
                f"with {MOST_SEEDS} seeds a side. Give a --margin within which a difference does not matter, or "
                "evaluate on more images."
            )
        why = _narrowing(table, estimate, pairs, needed, (control, mixture), confidence)
    else:
        why = f"A verdict needs {SEEDS} seeds of both sides at equal compute, and has {pairs}."
    choice = _choose(control, mixture, have, available)
    if choice is None:
        return Stop("It stays open: no training of the mixture or its control is left to run.")
    cell, seed = choice
    hours = table.hours_per_iteration
    return NextRun(cell, seed, None if hours is None else hours * cell.iterations, why)


def _choose(control: Cell, mixture: Cell, have: list[set[int]], available: Available) -> tuple[Cell, int] | None:
    """A seed that one side has and the other lacks; else a new one, of the control first."""
    halves = [(mixture, seed) for seed in sorted(have[0] - have[1])]
    halves += [(control, seed) for seed in sorted(have[1] - have[0])]
    for cell, seed in halves:
        if available(cell, seed):
            return cell, seed
    both = (seed for seed in range(_NEW_SEEDS) if seed not in have[0] | have[1])
    return next(((control, seed) for seed in both if available(control, seed) and available(mixture, seed)), None)


def seeds_needed(
    estimate: Estimate, seeds: int, least_gain: float, margin: float | None, confidence: float
) -> int | None:
    """How many seeds a side are expected to tell the gain from the least gain, or to show that it lies within the
    margin, if it stays where it is; None where MOST_SEEDS do not."""
    for number in range(seeds + 1, MOST_SEEDS + 1):
        is_told = abs(estimate.value - least_gain) > _half_width(estimate, seeds, number, confidence)
        one_sided = _half_width(estimate, seeds, number, 2 * confidence - 1)
        if is_told or (margin is not None and abs(estimate.value) + one_sided < margin):
            return number
    return None


def _half_width(estimate: Estimate, seeds: int, number: int, confidence: float) -> float:
    """Expected half-width with another number of seeds, were all of the variance the seeds'."""
    variance = estimate.variance * seeds / number
    degrees = estimate.degrees_of_freedom * (number - 1) / max(seeds - 1, 1)
    low, high = Estimate(0.0, variance, degrees).interval(confidence)
    return (high - low) / 2


def _narrowing(
    table: Table, estimate: Estimate, seeds: int, needed: int, cells: tuple[Cell, Cell], confidence: float
) -> str:
    now, then = (_half_width(estimate, seeds, number, confidence) for number in (seeds, seeds + 1))
    hours = table.hours_per_iteration
    cost = f" for {hours * sum(cell.iterations for cell in cells):.3g} GPU hours" if hours else ""
    return (
        f"One more seed of both sides narrows the gain from ±{now:.1f} to about ±{then:.1f} AP{cost}; "
        f"if the gain stays at {signed(estimate.value)}, {needed} seeds a side decide it."
    )


def _plus_minus(estimate: Estimate, confidence: float) -> str:
    low, high = estimate.interval(confidence)
    return f"{signed(estimate.value)} [{signed(low)}, {signed(high)}]"
