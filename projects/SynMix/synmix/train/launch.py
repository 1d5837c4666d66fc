"""The one place that starts the ranks of a run: in this process, as processes of this machine, or as what torchrun or
srun have started already."""

import itertools
import logging
import multiprocessing
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
from detectron2.config import CfgNode

from synmix.errors import UserError
from synmix.progress import available_cores
from synmix.train import ranks
from synmix.train.loader import check_shares
from synmix.train.ranks import Seat, take_seat
from synmix.train.signals import SIGNALS, Stop, TrainingInterrupted, listening, shielded, unshield
from synmix.train.slurm import parse_url, slurm_seat

logger = logging.getLogger(__name__)

_POLL = 0.25  # seconds between two looks at a request to stop
_PATIENCE = 120.0  # seconds for a rank to end when another has; it ends itself in a few, unless it is saving
_launches = itertools.count()  # a store that outlives a run tells the next one apart by it


def settle_processes(
    cfg: CfgNode, processes: int, gpus: Sequence[int] | None = None, *, machines: int = 1, training: bool = True
) -> tuple[CfgNode, int]:
    """How many ranks compute what ``processes`` ranks would: with fewer GPUs the product processes x
    ``SOLVER.ACCUMULATE`` is kept.

    Args:
        processes: asked for on each machine; how many torchrun or srun have started goes before it.
        gpus: indices of the GPUs to use; None: all of this machine.
        training: without it there is no product to keep.

    Returns:
        the config, a copy with another ``SOLVER.ACCUMULATE`` where it must be, and the ranks to start on this machine.

    Raises:
        UserError: no GPU although ``MODEL.DEVICE`` asks for one, more processes than images a step, or images a step
            that they cannot share equally.
    """
    if processes < 1:
        raise UserError(f"{processes} processes were asked for, but at least one must work; give 1 or more.")
    check_device(cfg.MODEL.DEVICE)
    seat = given_seat()
    if seat is not None:
        if training:
            check_shares(cfg, seat.ranks)
        return cfg, seat.local_ranks
    if training:
        check_shares(cfg, processes * machines)
    available = processes
    if cfg.MODEL.DEVICE.startswith("cuda"):
        available = len(gpus) if gpus is not None else torch.cuda.device_count()
        if not available:
            raise UserError("no GPU may be used, although MODEL.DEVICE is cuda; name one, or set MODEL.DEVICE cpu.")
    if processes <= available:
        return cfg, processes
    if not training:
        return cfg, available
    if machines > 1:
        raise UserError(f"{processes} processes were asked for on each machine, but this one has {available} GPU(s).")
    return _fewer(cfg, processes, available)


def _fewer(cfg: CfgNode, processes: int, available: int) -> tuple[CfgNode, int]:
    product = processes * cfg.SOLVER.ACCUMULATE
    fitting = max(number for number in range(1, available + 1) if product % number == 0)
    cfg = cfg.clone()
    cfg.defrost()
    cfg.SOLVER.ACCUMULATE = product // fitting
    logger.warning(
        "%d processes were asked for, but there are %d GPU(s): %d process(es) x SOLVER.ACCUMULATE %d compute the same",
        *(processes, available, fitting, cfg.SOLVER.ACCUMULATE),
    )
    return cfg, fitting


def check_device(device: str) -> None:
    """Checks ``MODEL.DEVICE`` against this machine.

    Raises:
        UserError: a GPU is asked for where none is, or a device that does not exist.
    """
    kind, _, number = device.partition(":")
    if kind == "cuda" and (number.isdigit() or not number):
        if not torch.cuda.is_available():
            raise UserError(
                f"MODEL.DEVICE is {device}, but no usable GPU is here; add MODEL.DEVICE cpu to work on the CPU."
            )
        if number and int(number) >= torch.cuda.device_count():
            raise UserError(f"MODEL.DEVICE is {device}, but there are {torch.cuda.device_count()} GPU(s) only.")
    elif kind != "cpu":
        raise UserError(f"MODEL.DEVICE is '{device}', but must be 'cpu' or 'cuda'.")


def given_seat(dist_url: str = "auto") -> Seat | None:
    """This process's place among ranks that torchrun or srun have started; None where nothing has.

    Raises:
        UserError: srun has started several, but they cannot be one run.
    """
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        return slurm_seat(dist_url)
    rank, size, local_rank, local_size = (
        int(os.environ[name]) for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")
    )
    serves = rank == 0 and os.environ.get("TORCHELASTIC_USE_AGENT_STORE") != "True"
    attempt = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
    address = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
    return Seat(rank, size, local_rank, local_size, *address, serves=serves, key=f"synmix/{attempt}")


def launch(
    function: Callable[..., Any],
    processes: int = 1,
    *,
    machines: int = 1,
    machine_rank: int = 0,
    dist_url: str = "auto",
    device: str = "cuda",
    gpus: Sequence[int] | None = None,
    args: tuple = (),
) -> Any:
    """Runs ``function(*args)`` in every rank of a run; one process on one machine is this process. Works in the worker
    of a process pool, of joblib, and of submitit.

    Args:
        function: importable by name, since ranks are processes of their own; its arguments and result are pickled.
        processes: on this machine. Under torchrun, and in a SLURM step of several tasks, the ranks are there already.
        machine_rank: this machine's number, from 0.
        dist_url: where they meet, ``tcp://<first machine>:<port>``; ``"auto"`` takes a free port of this machine.
        device: ``MODEL.DEVICE``; gloo connects ranks on the CPU, NCCL those on GPUs.
        gpus: indices of the GPUs they may use, one each; None: all.

    Returns:
        what the function returned on rank 0; on further machines None.

    Raises:
        UserError: the first rank's that raised one.
        TrainingInterrupted: a signal came; all ranks have ended, what they could save is saved.
        RuntimeError: a rank crashed; the message has its number and traceback.
    """
    if processes < 1 or (gpus is not None and device.startswith("cuda") and len(gpus) < processes):
        raise UserError(f"{processes} processes cannot work on {len(gpus or ())} GPU(s); give each its own.")
    number = next(_launches)
    seat = given_seat(dist_url)
    if seat is not None:
        unlike_before = {"key": f"{seat.key}/{number}"}
        return take_seat(Seat(**{**vars(seat), **unlike_before}), device, function, args)
    if processes * machines == 1:
        with listening(), torch.cuda.device(gpus[0] if gpus and device.startswith("cuda") else -1):
            return function(*args)
    if machines > 1 and dist_url == "auto":
        raise UserError("--dist-url is 'auto', which serves one machine only; give tcp://<first machine>:<port>.")
    address = ("127.0.0.1", 0) if dist_url == "auto" else parse_url(dist_url)
    with _Meeting(address, machine_rank == 0) as meeting, listening() as stop, stop.deferred():
        first = machine_rank * processes
        seats = [
            Seat(first + local, processes * machines, local, processes, *meeting.address, own_parent=True)
            for local in range(processes)
        ]
        return _Ranks(seats, _Work(function, args, device, _visible(gpus, device))).run(stop, meeting)


def _visible(gpus: Sequence[int] | None, device: str) -> str | None:
    """``CUDA_VISIBLE_DEVICES`` for some of the GPUs that this process sees."""
    if gpus is None or not device.startswith("cuda"):
        return None
    own = [name for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name]
    return ",".join(own[gpu] if own else str(gpu) for gpu in gpus)


@dataclass(frozen=True)
class _Work:
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


class _Meeting:
    """Where the ranks meet: a store that this process serves, or the one of the first machine."""

    def __init__(self, address: tuple[str, int], serves: bool) -> None:
        self._store = ranks.meeting_store(*address, serves)
        self.address = address[0], self._store.port
        self._run = dist.PrefixStore(Seat.key, self._store)

    def __enter__(self) -> "_Meeting":
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


class _Ranks:
    """The ranks of this machine as processes."""

    def __init__(self, seats: Sequence[Seat], work: _Work) -> None:
        # Not the default context: fork copies locks that other threads hold, loky's is for its own workers only.
        context = multiprocessing.get_context("spawn")
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

    def run(self, stop: Stop, meeting: _Meeting) -> Any:
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


def _be_rank(seat: Seat, work: _Work, pipe: Connection) -> None:
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
