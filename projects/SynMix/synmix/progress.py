"""Progress of long work, on one process or on all cores."""

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from importlib import import_module
from multiprocessing.connection import wait
from typing import Any, TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from synmix.errors import UserError

_BEFORE_DETECTRON2 = "synmix.before_detectron2"
Item = TypeVar("Item")
Result = TypeVar("Result")

#: Progress and messages go to standard error, so that standard output stays readable by scripts.
console = Console(stderr=True)


def available_cores() -> int:
    """The cores this process may use (a container's or SLURM's share, not the machine's)."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def process_context(method: str = "spawn") -> Any:
    """How processes are started: not by fork, which copies locks that other threads hold.

    A worker of joblib's (loky) has a default method that its children do not know and would die of; it is forgotten.
    """
    if multiprocessing.get_start_method(allow_none=True) not in (None, *multiprocessing.get_all_start_methods()):
        multiprocessing.set_start_method(None, force=True)
    return multiprocessing.get_context(method)


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

    ``function`` and ``items`` are pickled. Few items, or one worker, run in this process. Where this process is
    interrupted or killed, its workers end too.

    Raises:
        UserError: a worker was killed.
    """
    workers = min(num_workers or available_cores(), max(1, len(items) // 8))
    if workers <= 1:
        yield from track(map(function, items), description, len(items))
        return
    context = process_context()
    chunk = max(1, min(32, len(items) // (4 * workers)))
    others = set(multiprocessing.active_children())
    prepared = _BEFORE_DETECTRON2 in sys.modules
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_begin, initargs=(prepared,))
    try:
        with _signals_kept():
            results = pool.map(function, items, chunksize=chunk)
        yield from track(results, description, len(items))
    except BrokenProcessPool:
        raise UserError(
            f"a process of '{description}' was killed, perhaps for want of memory; what was finished is kept: call it "
            "again, with fewer workers."
        ) from None
    except (KeyboardInterrupt, GeneratorExit):  # nobody waits for the results any more
        pool.shutdown(wait=False, cancel_futures=True)
        for process in set(multiprocessing.active_children()) - others:
            process.kill()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def _signals_kept() -> Iterator[None]:
    """Processes that are started within do not get Ctrl-C and SIGTERM, which are sent to a whole group: this process
    decides, and ends them."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin(with_detectron2: bool) -> None:
    """A pool's initializer. What the pool is given may be of Detectron2's: what that needs comes first."""
    end_with_parent()
    if with_detectron2:
        import_module(_BEFORE_DETECTRON2)


def end_with_parent() -> None:
    """A pool's initializer: ends a worker when the process that started it was killed; it would wait for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=lambda: (wait([parent.sentinel]), os._exit(1)), daemon=True).start()
