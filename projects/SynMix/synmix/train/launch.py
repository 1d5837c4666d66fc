"""The one place that starts the ranks of a run: in this process, as processes of this machine, or as what torchrun or
srun have started already."""

import itertools
import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch
from detectron2.config import CfgNode

from synmix.errors import UserError
from synmix.train.loader import check_shares
from synmix.train.processes import Meeting, RankProcesses, Work
from synmix.train.ranks import Seat, take_seat
from synmix.train.signals import listening
from synmix.train.slurm import parse_url, slurm_seat

logger = logging.getLogger(__name__)

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
        return take_seat(replace(seat, key=f"{seat.key}/{number}"), device, function, args)
    if processes * machines == 1:
        with listening(), torch.cuda.device(gpus[0] if gpus and device.startswith("cuda") else -1):
            return function(*args)
    if machines > 1 and dist_url == "auto":
        raise UserError("--dist-url is 'auto', which serves one machine only; give tcp://<first machine>:<port>.")
    address = ("127.0.0.1", 0) if dist_url == "auto" else parse_url(dist_url)
    with Meeting(address, machine_rank == 0) as meeting, listening() as stop, stop.deferred():
        first = machine_rank * processes
        seats = [
            Seat(first + local, processes * machines, local, processes, *meeting.address, own_parent=True)
            for local in range(processes)
        ]
        return RankProcesses(seats, Work(function, args, device, _visible(gpus, device))).run(stop, meeting)


def _visible(gpus: Sequence[int] | None, device: str) -> str | None:
    """``CUDA_VISIBLE_DEVICES`` for some of the GPUs that this process sees."""
    if gpus is None or not device.startswith("cuda"):
        return None
    own = [name for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name]
    return ",".join(own[gpu] if own else str(gpu) for gpu in gpus)
