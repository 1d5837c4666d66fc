"""What a study consists of, what of it is done, and what the rest costs."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

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


@dataclass(frozen=True)
class Plan:
    """What a study consists of: rows by the columns that people see; None is what only the data can tell."""

    seconds_per_iteration: float
    experiments: list[dict[str, Any]]
    runs: list[dict[str, Any]]  # each once, with the number of the run that it waits for


def planned(experiments: Sequence[Experiment], store: Store, seconds_per_iteration: float) -> Plan:
    """The experiments, their distinct runs, and how far each is."""
    runs = all_runs(experiments)
    states = {run: _state(run, store) for run in runs}
    hours, number = seconds_per_iteration / 3600, {run: index for index, run in enumerate(runs, 1)}
    rows = [
        {
            "#": number[run],
            "run": run.id,
            "after": number[run.init] if run.init else None,
            "state": states[run],
            "iterations": run.iterations,
            "hours": None if run.iterations is None else run.iterations * hours,
        }
        for run in runs
    ]
    return Plan(seconds_per_iteration, [_experiment(item, states, hours) for item in experiments], rows)


def listing(plan: Plan) -> Group:
    """Three tables: the experiments, the distinct runs with what each waits for, and the cost in all."""
    runs = "runs, each once however many experiments need it"
    return Group(_table("experiments", plan.experiments), _table(runs, plan.runs), _total(plan))


def _state(run: Run, store: Store) -> str:
    state = store.status(run).state
    return "to evaluate" if state == "finished" and store.unevaluated(run) else state


def _experiment(item: Experiment, states: Mapping[Run, str], hours: float) -> dict[str, Any]:
    runs = all_runs([item])
    length = sum(run.iterations or 0 for run in runs)
    return {
        "experiment": item.name,
        "paper": item.section,
        "what": item.title,
        "cells": len(item.cells),
        "runs": len(runs),
        "done": sum(states[run] == "finished" for run in runs),
        "iterations": length,
        "hours": length * hours,
    }


def _total(plan: Plan) -> str:
    left = [row for row in plan.runs if row["state"] not in ("finished", "to evaluate")]
    total, remaining = (sum(row["iterations"] or 0 for row in rows) for rows in (plan.runs, left))
    open_ended, hours = sum(row["iterations"] is None for row in plan.runs), plan.seconds_per_iteration / 3600
    unknown = f" and {open_ended} runs whose epochs only the data can count" if open_ended else ""
    return (
        f"{len(plan.runs)} runs, {total:,} iterations{unknown}, {total * hours:.1f} hours at "
        f"{plan.seconds_per_iteration:g} s an iteration; left: {len(left)} runs, {remaining:,} iterations, "
        f"{remaining * hours:.1f} hours."
    )


def _table(title: str, rows: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(title=title, title_justify="left")
    for column in next(iter(rows), ()):
        numeric = column in ("cells", "runs", "done", "iterations", "hours", "#")
        table.add_column(column, justify="right" if numeric else "left", no_wrap=column == "experiment")
    for row in rows:
        table.add_row(*(_cell(column, value) for column, value in row.items()))
    return table


def _cell(column: str, value: Any) -> str:
    if column == "after":
        return f"#{value}" if value else ""
    if isinstance(value, float):
        return f"{value:.2f}"
    return "?" if value is None else f"{value:,}" if column == "iterations" else str(value)
