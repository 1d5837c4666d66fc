"""Does what is missing of a study on this machine, several runs at once, each after the run it starts from."""

import multiprocessing
import os
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing

from synmix.progress import console, process_context
from synmix.study.execute import DEFAULTS, Options, Outcome, execute
from synmix.study.runs import Run
from synmix.study.store import Store
from synmix.train.signals import listening


def run_all(runs: Sequence[Run], store: Store, workers: int = 1, options: Options = DEFAULTS) -> list[Outcome]:
    """Executes runs that stand in an order that respects dependencies (:func:`experiments.in_order`).

    A run that fails does not stop the others; what starts from it is not tried. A worker that dies fails the runs that
    were being worked on, and the rest goes on with new workers. A signal reaches the workers, whose runs are saved.

    Raises:
        UserError: another sweep holds the store.
        TrainingInterrupted: a signal came; the same call goes on where it ended.
    """
    outcomes: dict[Run, Outcome] = {}
    with store.sweep_lock(), listening() as stop, stop.deferred(), closing(_Workers(workers)) as pool:
        stop.listeners.append(pool.interrupt)
        waiting = list(runs)
        while (waiting and not stop.signal) or pool.running:
            for run in _ready(waiting, outcomes):
                if reason := _blocked(run, outcomes):
                    outcomes[run] = Outcome(run.id, "failed", reason)
                elif pool.idle and not stop.signal:
                    pool.submit(run, store, options)
                else:
                    continue
                waiting.remove(run)
            for run, outcome in pool.results():
                outcomes[run] = outcome
                minutes = f" after {outcome.seconds / 60:.1f} minutes" if outcome.seconds else ""
                console.print(f"{len(outcomes)} of {len(runs)}: {run.id} {outcome.result}{minutes} {outcome.reason}")
        stop.check()
    return [outcomes[run] for run in runs]


def _ready(waiting: Sequence[Run], outcomes: dict[Run, Outcome]) -> list[Run]:
    return [run for run in waiting if run.init is None or run.init in outcomes]


def _blocked(run: Run, outcomes: dict[Run, Outcome]) -> str:
    start = outcomes.get(run.init) if run.init else None
    if start is None or start.result in ("finished", "skipped"):
        return ""
    return f"its pre-training '{start.run}' did not end ({start.result}: {start.reason})"


def _outcome(run: Run, future: Future[Outcome]) -> Outcome:
    error = future.exception()
    if error is None:
        return future.result()
    if isinstance(error, BrokenProcessPool):
        return Outcome(run.id, "stopped", "a worker process died (out of memory?); repeat to resume the run")
    if isinstance(error, Exception):
        return Outcome(run.id, "failed", str(error))  # a run that was edited, a store that cannot be read
    return Outcome(run.id, "stopped", "a signal came; repeat to resume the run")


class _Workers:
    """Processes that execute runs, made anew when one of them dies."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._pool = self._new_pool()
        self.running: dict[Future[Outcome], Run] = {}

    def _new_pool(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(self._count, mp_context=process_context())

    @property
    def idle(self) -> bool:
        """Whether a worker has nothing to do; runs queued beyond that would die with another run's worker."""
        return len(self.running) < self._count

    def submit(self, run: Run, store: Store, options: Options) -> None:
        try:
            future = self._pool.submit(execute, run, store, options)
        except BrokenProcessPool:
            self._pool = self._new_pool()
            future = self._pool.submit(execute, run, store, options)
        self.running[future] = run

    def interrupt(self) -> None:
        """Asks the workers to stop; one that has had the same signal already takes this for its echo."""
        for process in multiprocessing.active_children():
            if process.pid:
                os.kill(process.pid, signal.SIGTERM)

    def results(self) -> Iterator[tuple[Run, Outcome]]:
        """Waits for at least one run to end, if any is running."""
        if not self.running:
            return
        for future in wait(self.running, return_when=FIRST_COMPLETED).done:
            run = self.running.pop(future)
            yield run, _outcome(run, future)

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)
