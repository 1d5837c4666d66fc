"""What a study consists of, what of it is done, and what the rest costs."""

from collections.abc import Mapping, Sequence

from rich.console import Group
from rich.table import Table

from synmix.study.experiments import Experiment, all_runs
from synmix.study.runs import Run
from synmix.study.scale import Scale
from synmix.study.store import Store


def listing(experiments: Sequence[Experiment], scale: Scale, store: Store, seconds_per_iteration: float) -> Group:
    """Three tables: the experiments, the distinct runs with what each waits for, and the cost in all."""
    runs = all_runs(experiments)
    states = {run: _state(run, scale, store) for run in runs}
    hours = seconds_per_iteration / 3600
    return Group(_experiments(experiments, states, hours), _runs(runs, states, hours), _total(runs, states, hours))


def _state(run: Run, scale: Scale, store: Store) -> str:
    state = store.status(run).state
    lacks = state == "finished" and store.unevaluated(run, scale.evaluated.values())
    return "to evaluate" if lacks else state


def _experiments(experiments: Sequence[Experiment], states: Mapping[Run, str], hours: float) -> Table:
    table = _table("experiments", "experiment", "paper", "what", "cells", "runs", "done", "iterations", "hours")
    for item in experiments:
        runs = all_runs([item])
        done = sum(states[run] == "finished" for run in runs)
        length = sum(run.iterations for run in runs)
        counts = (str(len(item.cells)), str(len(runs)), str(done), f"{length:,}", f"{length * hours:.1f}")
        table.add_row(item.name, item.section, item.title, *counts)
    return table


def _runs(runs: Sequence[Run], states: Mapping[Run, str], hours: float) -> Table:
    number = {run: index for index, run in enumerate(runs, 1)}
    table = _table(
        "runs, each once however many experiments need it", "#", "run", "after", "state", "iterations", "hours"
    )
    for run in runs:
        after = f"#{number[run.init]}" if run.init else ""
        table.add_row(
            str(number[run]), run.id, after, states[run], f"{run.iterations:,}", f"{run.iterations * hours:.2f}"
        )
    return table


def _total(runs: Sequence[Run], states: Mapping[Run, str], hours: float) -> str:
    left = [run for run in runs if states[run] not in ("finished", "to evaluate")]
    total, remaining = (sum(run.iterations for run in group) for group in (runs, left))
    return (
        f"{len(runs)} runs, {total:,} iterations, {total * hours:.1f} hours at {hours * 3600:g} s an iteration; "
        f"left: {len(left)} runs, {remaining:,} iterations, {remaining * hours:.1f} hours."
    )


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left")
    right = ("cells", "runs", "done", "iterations", "hours", "#")
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", no_wrap=column == "experiment")
    return table
