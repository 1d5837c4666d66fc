"""Trains what the answer asks for next, pair by pair, until its verdict is decided or its looks or budget are used up.

A pair is one seed of the mixture and of its control. How often the verdict may be looked at is fixed beforehand, since
the intervals are widened for it: looking until it is decided must not make it wrong more often.
"""

from collections.abc import Callable, Sequence

from synmix.answer.answer import Question, answer
from synmix.answer.gains import SEEDS, seeds_a_side
from synmix.answer.planning import NextRun
from synmix.answer.table import Cell
from synmix.errors import UserError
from synmix.study.answering import table_of
from synmix.study.execute import Outcome
from synmix.study.experiments import REAL, Experiment, in_order, trained_for, training
from synmix.study.index import readable_records
from synmix.study.runs import Run
from synmix.study.scale import Scale
from synmix.study.store import Store

Train = Callable[[Sequence[Run]], list[Outcome]]
Say = Callable[[str], None]


def run_until_decided(
    experiment: Experiment, scale: Scale, store: Store, train: Train, looks: int, budget: float | None, say: Say = print
) -> list[Outcome]:
    """Trains until the answer says stop.

    Args:
        train: trains runs that stand in an order that respects dependencies.
        looks: how often the verdict may be asked for, the first time with three seeds a side.
        budget: GPU hours of the whole store; None: no limit.
        say: is told, in a sentence, what is next and why, and at last why it stops.

    Returns:
        what the runs of this call came to.

    Raises:
        UserError: the experiment is not the answer's.
    """
    if experiment.name != "answer":
        raise UserError(f"--until decided asks the experiment 'answer', not '{experiment.name}'.")
    outcomes: list[Outcome] = []
    while True:
        pair, why = _next_pair(scale, store, looks)
        cost = _hours(store, scale, pair)
        if budget is not None and pair and cost > budget:
            pair, why = [], f"the next pair would make it {cost:.1f} GPU hours, and the budget is {budget:g}. {why}"
        if not pair:
            say(f"Stop: {why}")
            return outcomes
        say(f"Next: {', '.join(run.id for run in pair)}. {why}")
        done = train(in_order(pair))
        outcomes += done
        if any(outcome.result not in ("finished", "skipped") for outcome in done):
            say("Stop: a training did not end; mend that and repeat.")
            return outcomes


def _next_pair(scale: Scale, store: Store, looks: int) -> tuple[list[Run], str]:
    """A seed of control and mixture with why; or no run, and why it ends."""
    best = training(scale, "mixture.yaml")
    facts = best.facts
    first = _pair(scale, Cell(facts["real"], facts["synthetic"], facts["iterations"]), 0)
    if any(store.status(run).state != "finished" for run in first):
        return first, "The store has no training of both sides yet."
    table = table_of(readable_records(store)[0], scale.data_set(REAL), str(store.root), best)
    found = answer(table, Question(looks=looks, checks_law=False))
    if not isinstance(found.next, NextRun):
        return [], found.next.why
    pairs = seeds_a_side(*(table.cells.get(cell, {}).keys() for cell in (found.control, found.mixture)))
    if pairs >= SEEDS + looks - 1:
        return [], f"It stays open after {looks} looks, {pairs} seeds a side, as was set beforehand. {found.next.why}"
    return _pair(scale, found.mixture, found.next.seed), found.next.why


def _pair(scale: Scale, mixture: Cell, seed: int) -> list[Run]:
    cells = (Cell(mixture.real, 0, mixture.iterations), mixture)
    return [trained_for(scale, *cell).with_seed(seed) for cell in cells]


def _hours(store: Store, scale: Scale, pair: Sequence[Run]) -> float:
    """What the store has taken and what the pair is planned to take."""
    taken = sum(record.gpu_hours for record in readable_records(store)[0])
    waiting = [run for run in in_order(pair) if store.status(run).state != "finished"]
    return taken + sum((run.iterations or 0) * scale.seconds_per_iteration * run.processes / 3600 for run in waiting)
