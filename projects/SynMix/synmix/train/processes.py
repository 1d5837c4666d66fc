"""The ranks of a run as processes of this machine, seen from the one that starts them."""

import os
import pickle
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any

import torch
import torch.distributed as dist

from synmix.errors import UserError
from synmix.progress import available_cores, process_context
from synmix.train import ranks
from synmix.train.ranks import Seat, take_seat
from synmix.train.signals import SIGNALS, Stop, TrainingInterrupted, listening, shielded, unshield

_POLL = 0.25  # seconds between two looks at a request to stop
_PATIENCE = 120.0  # seconds for a rank to end when another has; it ends itself in a few, unless it is saving


@dataclass(frozen=True)
class Work:
    """What every rank does."""

    function: Callable[..., Any]
    args: tuple
    device: str
    visible: str | None


@dataclass(frozen=True)
class _Ending:
    """How a rank ended."""

    kind: str  # "done", "user error", "interrupted", "crashed"
    text: str = ""
    result: Any = None
    signal: int = 0


class Meeting:
    """Where the ranks meet: a store that this process serves, or the one of the first machine."""

    def __init__(self, address: tuple[str, int], serves: bool) -> None:
        self._store = ranks.meeting_store(*address, serves)
        self.address = address[0], self._store.port
        self._run = dist.PrefixStore(Seat.key, self._store)

    def __enter__(self) -> "Meeting":
        return self

    def __exit__(self, *_: object) -> None:
        del self._run, self._store

    def ask_to_stop(self, number: int) -> None:
        """Passes a signal on to all ranks, once however often it reached them already."""
        self._run.set("stop", str(number))

    def tell_failure(self) -> None:
        """Tells the ranks that one of them died without a word."""
        if self._run.add("ended", 1) == 1:
            self._run.set("failed", str(ranks.CRASHED))


class RankProcesses:
    """The ranks of this machine as processes."""

    def __init__(self, seats: Sequence[Seat], work: Work) -> None:
        context = process_context()
        self._processes, self._pipes = [], []
        with shielded():
            for seat in seats:
                reader, writer = context.Pipe(duplex=False)
                process = context.Process(target=_be_rank, args=(seat, work, writer), name=f"rank {seat.rank}")
                process.start()
                writer.close()  # the rank's end only: its death is the end of the pipe
                self._processes.append(process)
                self._pipes.append(reader)
        self._first = seats[0].rank
        self._endings: dict[int, _Ending] = {}

    def run(self, stop: Stop, meeting: Meeting) -> Any:
        """Waits for all, and returns or raises as :func:`launch` does."""
        asked, deadline = False, float("inf")
        try:
            while len(self._endings) < len(self._processes):
                self._collect()
                if stop.signal and not asked:
                    asked = True
                    meeting.ask_to_stop(stop.signal)
                if deadline == float("inf") and any(ending.kind != "done" for ending in self._endings.values()):
                    meeting.tell_failure()
                    deadline = time.monotonic() + _PATIENCE
                if time.monotonic() > deadline:
                    break
        finally:
            self._end_all()
        return self._conclude(stop)

    def _collect(self) -> None:
        waiting = [index for index in range(len(self._pipes)) if index not in self._endings]
        ready = wait([self._pipes[index] for index in waiting], _POLL)
        for index in waiting:
            pipe, process = self._pipes[index], self._processes[index]
            dead = process.exitcode is not None  # its loader's workers may keep its pipe open for a while
            if pipe not in ready and not (dead and not pipe.poll()):
                continue
            try:
                self._endings[index] = pipe.recv() if pipe in ready else _of_exit_code(process.exitcode)
            except EOFError:
                process.join()
                self._endings[index] = _of_exit_code(process.exitcode)

    def _end_all(self) -> None:
        for index, process in enumerate(self._processes):
            if index in self._endings:
                process.join(_PATIENCE)
            process.kill()
            process.join()

    def _conclude(self, stop: Stop) -> Any:
        for index in range(len(self._processes)):
            self._endings.setdefault(index, _Ending("crashed", "it did not end, and was killed"))
        ended = sorted(self._endings.items())
        if sentences := [ending.text for _, ending in ended if ending.kind == "user error"]:
            raise UserError(sentences[0])
        stopped = [ending for _, ending in ended if ending.kind == "interrupted"]
        if stopped or stop.signal:
            number = stop.signal or next((ending.signal for ending in stopped if ending.signal), 0)
            said = next((ending.text for ending in stopped if ending.text), "--resume goes on from what was saved")
            raise TrainingInterrupted(said, number)
        for index, ending in self._endings.items():  # in the order in which they ended: the first is the cause
            if ending.kind == "crashed":
                raise RuntimeError(f"rank {self._first + index} ended with an error: {ending.text}")
        return self._endings[0].result if self._first == 0 else None


def _of_exit_code(code: int | None) -> _Ending:
    """The ending of a rank that said nothing."""
    if code == ranks.INTERRUPTED or (code is not None and -code in SIGNALS):
        return _Ending("interrupted", signal=-code if code < 0 else 0)
    if code is not None and code < 0:
        return _Ending("crashed", f"it was killed by signal {-code} (9: out of memory?)")
    return _Ending("crashed", f"it ended with exit code {code}")


def _be_rank(seat: Seat, work: Work, pipe: Connection) -> None:
    """What a rank's process does; it tells how it ended through the pipe."""
    if work.visible is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = work.visible
    if not work.device.startswith("cuda") and "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(max(1, available_cores() // seat.local_ranks))
    with listening() as stop:
        try:
            unshield()
            ending = _Ending("done", result=take_seat(seat, work.device, work.function, work.args))
            pickle.dumps(ending)  # what cannot be sent is an error of this rank
        except UserError as error:
            ending = _Ending("user error", str(error))
        except KeyboardInterrupt as error:
            ending = _Ending("interrupted", str(error), signal=getattr(error, "signal", stop.signal))
        except BaseException:
            ending = _Ending("crashed", f"\n{traceback.format_exc()}")
        with stop.deferred():
            pipe.send(ending)
            if ending.kind != "done":  # an orderly exit may wait for ranks that are gone
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(ranks.CRASHED)
