"""Does the planner pay? Finished trainings are replayed: GPU hours until the verdict is decided and right, by the
planner's choice, in the order of the grid, and in random order.

  python benchmarks/answer_replay.py --draws 200                        # tables drawn from known laws
  python benchmarks/answer_replay.py --table results.csv --least-gain 1   # a finished study
  python benchmarks/answer_replay.py --store runs/mini --dataset mini_val

Right is what all trainings together say, or, of a known law, its truth. A replay that is never decided counts with all
of its hours. Where trainings tell no GPU hours, iterations stand for them.
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from synmix.answer import Cell, NextRun, Table, Training, next_run, read_table
from synmix.answer.gains import SEEDS, Verdict, compare, equal_compute, judge, seeds_a_side
from synmix.answer.known_laws import LAWS, draw_table, full_design
from synmix.cli.parser import argument_parser
from synmix.errors import UserError, run_tool
from synmix.study.answering import read_store

Order = Callable[["Replay"], Iterator[Training]]


@dataclass
class Replay:
    """A finished table whose trainings are shown one by one."""

    finished: Table
    control: Cell
    mixture: Cell
    least_gain: float = 0.0
    margin: float | None = None
    confidence: float = 0.95

    def __post_init__(self) -> None:
        self.shown: list[Training] = []

    @property
    def table(self) -> Table:
        """What has been shown."""
        return Table(tuple(self.shown), self.finished.image_variance)

    def verdict(self) -> Verdict:
        """By what has been shown; open below three seeds a side."""
        table = self.table
        sides = [table.cells.get(cell, {}) for cell in (self.control, self.mixture)]
        if seeds_a_side(sides[0].keys(), sides[1].keys()) < SEEDS:
            return "open"
        estimate = compare(table, self.control, self.mixture)
        return judge(estimate, self.least_gain, self.margin, self.confidence)

    def run(self, order: Order) -> tuple[float, Verdict]:
        """Hours (or iterations) until the verdict is decided, and the verdict."""
        self.shown = []
        spent = 0.0
        for training in order(self):
            self.shown.append(training)
            spent += hours_of(training)
            if training.cell in (self.control, self.mixture) and (verdict := self.verdict()) != "open":
                return spent, verdict
        return sum(map(hours_of, self.finished.trainings)), "open"


def hours_of(training: Training) -> float:
    """A training's GPU hours, or its iterations where it tells none."""
    return training.gpu_hours or float(training.cell.iterations)


def by_planner(replay: Replay) -> Iterator[Training]:
    """What :func:`synmix.answer.next_run` names, among the finished trainings."""
    cells = replay.finished.cells
    while isinstance(
        chosen := next_run(
            replay.table,
            replay.control,
            replay.mixture,
            replay.verdict(),
            replay.least_gain,
            replay.margin,
            replay.confidence,
            lambda cell, seed: seed in cells.get(cell, {}),
        ),
        NextRun,
    ):
        yield cells[chosen.cell][chosen.seed]


def by_grid(replay: Replay) -> Iterator[Training]:
    """Seed by seed, each through all cells in order, as a study trains a table."""
    yield from sorted(replay.finished.trainings, key=lambda run: (run.seed, run.cell))


def at_random(generator: np.random.Generator) -> Order:
    """All trainings in random order."""

    def order(replay: Replay) -> Iterator[Training]:
        yield from (replay.finished.trainings[place] for place in generator.permutation(len(replay.finished.trainings)))

    return order


def replay_of(table: Table, least_gain: float, margin: float | None, confidence: float) -> Replay:
    """A replay of the comparison that the whole table answers.

    Raises:
        UserError: the table itself has no comparison of three seeds a side.
    """
    comparison = equal_compute(table)
    if comparison is None or comparison.seeds < SEEDS:
        raise UserError(f"A replay needs a table with {SEEDS} seeds of a mixture and its control of equal length.")
    return Replay(table, comparison.control, comparison.mixture, least_gain, margin, confidence)


def compared(
    replay: Replay, right: set[Verdict], generator: np.random.Generator, times: int
) -> dict[str, tuple[float, float]]:
    """For each order the mean hours until decided, and the share of replays that were decided and right."""
    orders: dict[str, list[Order]] = {
        "planner": [by_planner],
        "grid in order": [by_grid],
        "random order": [at_random(generator) for _ in range(times)],
    }
    found = {}
    for name, repeated in orders.items():
        runs = [replay.run(order) for order in repeated]
        found[name] = float(np.mean([hours for hours, _ in runs])), float(np.mean([v in right for _, v in runs]))
    return found


def main() -> None:
    """Prints a row for each order, and law."""
    arguments = _arguments()
    generator = np.random.default_rng(0)
    print("| table | order | cost until decided | of the grid's | decided and right |\n|---|---|---|---|---|")
    if arguments.table or arguments.store:
        table = read_table(arguments.table) if arguments.table else read_store(arguments.store, arguments.dataset)
        replay = replay_of(table, arguments.least_gain, arguments.margin, 1 - 0.05 / arguments.looks)
        right = judge(compare(table, replay.control, replay.mixture), arguments.least_gain, arguments.margin)
        _print(str(arguments.table or arguments.store), [compared(replay, {right}, generator, 50)])
        return
    for law in LAWS:
        found = []
        for _ in range(arguments.draws):
            table = draw_table(law, full_design(), arguments.num_seeds, generator)
            replay = replay_of(table, arguments.least_gain, arguments.margin, 1 - 0.05 / arguments.looks)
            gain = law.ap(*replay.mixture) - law.ap(*replay.control)
            found.append(compared(replay, _right(gain, arguments.least_gain, arguments.margin), generator, 5))
        _print(law.name, found)


def _right(gain: float, least_gain: float, margin: float) -> set[Verdict]:
    """The verdicts that are right of a true gain; both where it is above the least gain, yet within the margin."""
    right: set[Verdict] = {"helps" if gain > least_gain else "does not help"}
    return right | {"does not help"} if abs(gain) < margin else right


def _print(name: str, found: list[dict[str, tuple[float, float]]]) -> None:
    grid = np.mean([one["grid in order"][0] for one in found])
    for order in found[0]:
        hours, right = np.mean([one[order] for one in found], axis=0)
        print(f"| {name} | {order} | {hours:,.6g} | {100 * hours / grid:.0f} % | {100 * right:.0f} % |", flush=True)


def _arguments() -> argparse.Namespace:
    parser = argument_parser(__doc__)
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--table", type=Path)
    source.add_argument("--store", type=Path)
    parser.add_argument("--dataset")
    parser.add_argument("--draws", type=int, default=200)
    parser.add_argument("--num-seeds", type=int, default=5)
    parser.add_argument("--least-gain", type=float, default=0.0)
    parser.add_argument("--margin", type=float, default=1.0)
    parser.add_argument("--looks", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    run_tool(main)
