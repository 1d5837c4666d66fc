"""What a study consists of, what of it is done, and what the rest costs."""

import math
from collections.abc import Mapping, Sequence

from rich.console import Group
from rich.table import Table

from synmix.study.experiments import Experiment, all_runs
from synmix.study.runs import Run
from synmix.study.scale import Scale
from synmix.study.store import Store

_MARGIN, _LEAST_MINUTES = 1.5, 60  # of a time limit: evaluation, slower machines, queues of a file system


def planned_minutes(run: Run, scale: Scale) -> int:
    """A time limit for a run and what it starts from; a day where only the data say how long it is."""
    if run.iterations is None:
        return 1440
    return max(_LEAST_MINUTES, math.ceil(_MARGIN * run.total_iterations * scale.seconds_per_iteration / 60))


def listing(experiments: Sequence[Experiment], store: Store, seconds_per_iteration: float) -> Group:
    """Three tables: the experiments, the distinct runs with what each waits for, and the cost in all."""
    runs = all_runs(experiments)
    states = {run: _state(run, store) for run in runs}
    hours = seconds_per_iteration / 3600
    return Group(_experiments(experiments, states, hours), _runs(runs, states, hours), _total(runs, states, hours))


def _state(run: Run, store: Store) -> str:
    state = store.status(run).state
    return "to evaluate" if state == "finished" and store.unevaluated(run) else state


def _experiments(experiments: Sequence[Experiment], states: Mapping[Run, str], hours: float) -> Table:
    table = _table("experiments", "experiment", "paper", "what", "cells", "runs", "done", "iterations", "hours")
    for item in experiments:
        runs = all_runs([item])
        done = sum(states[run] == "finished" for run in runs)
        length = _length(runs)
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
        known = ("?", "?") if run.iterations is None else (f"{run.iterations:,}", f"{run.iterations * hours:.2f}")
        table.add_row(str(number[run]), run.id, after, states[run], *known)
    return table


def _total(runs: Sequence[Run], states: Mapping[Run, str], hours: float) -> str:
    left = [run for run in runs if states[run] not in ("finished", "to evaluate")]
    total, remaining, open_ended = _length(runs), _length(left), sum(run.iterations is None for run in runs)
    unknown = f" and {open_ended} runs whose epochs only the data can count" if open_ended else ""
    return (
        f"{len(runs)} runs, {total:,} iterations{unknown}, {total * hours:.1f} hours at {hours * 3600:g} s an "
        f"iteration; left: {len(left)} runs, {remaining:,} iterations, {remaining * hours:.1f} hours."
    )


def _length(runs: Sequence[Run]) -> int:
    return sum(run.iterations or 0 for run in runs)


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left")
    right = ("cells", "runs", "done", "iterations", "hours", "#")
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", no_wrap=column == "experiment")
    return table
