"""Trainings at the same time, each a process with a thread of its own, under one progress display."""

import json
import multiprocessing
import os
import signal
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from synmix.demo.arms import Arm
from synmix.errors import UserError
from synmix.files import make_folder
from synmix.progress import console, end_with_parent
from synmix.train import run
from synmix.train.signals import listening, shielded, unshield

_POLL = 0.5  # seconds between two looks at the trainings
_LINES = 30.0  # seconds between two lines where there is no terminal
_COLUMNS = (TextColumn("{task.description:>16}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())


def train_side_by_side(arms: Sequence[Arm]) -> None:
    """Trains and evaluates, or goes on where a stopped call ended; a training's own words go to ``console.txt``.

    Raises:
        UserError: one cannot be trained, or was killed; the others are saved and ended.
        TrainingInterrupted: a signal came; all are saved.
    """
    with listening() as stop, stop.deferred():
        processes = [_Process(arm) for arm in arms]
        try:
            with _display(arms) as show:
                while running := [process for process in processes if process.ending is None]:
                    if stop.signal or any(process.failed for process in processes):
                        for process in running:
                            process.ask_to_stop()
                    for pipe in wait([process.pipe for process in running], _POLL):
                        next(process for process in running if process.pipe is pipe).collect()
                    show()
        finally:
            for process in processes:
                process.end()
        stop.check()
    _raise_first([process.ending for process in processes])


class _Process:
    """One training, seen from the demo."""

    def __init__(self, arm: Arm) -> None:
        context = multiprocessing.get_context("forkserver")  # torch is imported once; a plain fork copies others' locks
        context.set_forkserver_preload(["synmix.demo"])
        self.pipe, writer = context.Pipe(duplex=False)
        self._process: BaseProcess = context.Process(target=_train, args=(arm, writer), name=arm.side)
        with shielded():
            self._process.start()
        writer.close()  # the training's end only: its death is the end of the pipe
        self._asked = False
        #: How it ended: what it raised, True where it is done; None while it runs.
        self.ending: BaseException | bool | None = None

    @property
    def failed(self) -> bool:
        """Whether it has ended before its end."""
        return isinstance(self.ending, BaseException)

    def ask_to_stop(self) -> None:
        """Once: it saves and ends. Where it has had a signal already, it takes this for the echo."""
        if not self._asked and self._process.pid:
            self._asked = True
            with suppress(ProcessLookupError):
                os.kill(self._process.pid, signal.SIGTERM)

    def collect(self) -> None:
        """Its last word."""
        try:
            self.ending = self.pipe.recv()
        except EOFError:
            self.ending = UserError(_KILLED)

    def end(self) -> None:
        """Waits for one that has said its last word, kills one that has not."""
        if self.ending is None:
            self._process.kill()
        self._process.join()


_KILLED = "a training's process was killed, perhaps for want of memory; the next call goes on from its last checkpoint."


def _train(arm: Arm, pipe: Connection) -> None:
    """In a process of its own."""
    end_with_parent()
    torch.set_num_threads(1)  # so small a model gains 5 % by a second one, and loses 40 % where a core is busy
    with listening() as stop:
        try:
            unshield()
            _write_to_file(arm)
            run.train(arm.cfg, resume=True)
            ending: BaseException | bool = True
        except UserError as error:
            ending = UserError(str(error))
        except KeyboardInterrupt as error:
            ending = error
        except BaseException:  # by its words: what any library raises need not survive the pipe
            ending = RuntimeError(f"the training '{arm.side}' crashed\n{traceback.format_exc()}")
        with stop.deferred():
            pipe.send(ending)


def _write_to_file(arm: Arm) -> None:
    make_folder(arm.output, f"'{arm.output}'")
    file = os.open(arm.output / "console.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for stream in (1, 2):
        os.dup2(file, stream)


@contextmanager
def _display(arms: Sequence[Arm]) -> Iterator[Callable[[], None]]:
    """A bar for each training in a terminal, else a line for all now and then; gives what brings it up to date."""
    columns = (*_COLUMNS, TimeRemainingColumn(), TextColumn("{task.fields[state]}"))
    said = time.monotonic()
    with Progress(*columns, console=console, refresh_per_second=2) as bars:
        tasks = {arm: bars.add_task(arm.side, total=arm.cfg.SOLVER.MAX_ITER, state="") for arm in arms}

        def show() -> None:
            nonlocal said
            states = {arm: _state(arm) for arm in arms}
            for arm, (iteration, words) in states.items():
                bars.update(tasks[arm], completed=iteration, state=words)
            if not console.is_terminal and time.monotonic() - said > _LINES:
                said = time.monotonic()
                console.print(_line(states), highlight=False)

        yield show


def _line(states: Mapping[Arm, tuple[int, str]]) -> str:
    return ", ".join(f"{arm.side} {done}/{arm.cfg.SOLVER.MAX_ITER} {words}" for arm, (done, words) in states.items())


def _state(arm: Arm) -> tuple[int, str]:
    """How many iterations it has done, and what it does, as its files say."""
    if arm.weights.is_file():
        return arm.cfg.SOLVER.MAX_ITER, "done" if arm.is_finished else "scoring"
    with suppress(OSError, ValueError, KeyError, IndexError):  # no line yet, or half a one
        last = json.loads((arm.output / "metrics.json").read_text().splitlines()[-1])
        return int(last["iteration"]) + 1, f"loss {last['total_loss']:.2f}"
    return 0, "starting"


def _raise_first(endings: Sequence[BaseException | bool | None]) -> None:
    """What a person can mend first, then what went wrong; that the others were stopped is its consequence."""
    failures = [ending for ending in endings if isinstance(ending, BaseException)]
    for kind in (UserError, Exception, BaseException):
        for failure in failures:
            if isinstance(failure, kind):
                raise failure
