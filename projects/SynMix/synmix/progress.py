"""Progress of long work, on one process or on all cores."""

import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

Item = TypeVar("Item")
Result = TypeVar("Result")

#: Progress and messages go to standard error, so that standard output stays readable by scripts.
console = Console(stderr=True)


def available_cores() -> int:
    """The cores this process may use (a container's or SLURM's share, not the machine's)."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def track(items: Iterable[Item], description: str, total: int) -> Iterator[Item]:
    """Yields ``items`` and draws a progress bar; without a terminal, one line at the end."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console, transient=False) as progress:
        task = progress.add_task(description, total=total)
        for item in items:
            yield item
            progress.advance(task)


def parallel_map(
    function: Callable[[Item], Result], items: Sequence[Item], description: str, num_workers: int = 0
) -> Iterator[Result]:
    """``map(function, items)`` in order, on ``num_workers`` processes (0: all cores), with a progress bar.

    ``function`` and ``items`` are pickled. Few items, or one worker, run in this process.
    """
    workers = min(num_workers or available_cores(), max(1, len(items) // 8))
    if workers <= 1:
        yield from track(map(function, items), description, len(items))
        return
    # Not fork: Polars and torch hold threads and locks that a forked child would wait for for ever.
    context = multiprocessing.get_context("spawn")
    chunk = max(1, min(32, len(items) // (4 * workers)))
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        yield from track(pool.map(function, items, chunksize=chunk), description, len(items))
