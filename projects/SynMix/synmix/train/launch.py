"""Processes: Detectron2's ``launch`` on GPUs, the same with gloo on CPUs, and those that torchrun has started."""

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

import torch
import torch.distributed as dist
from detectron2.engine import launch as detectron2_launch
from detectron2.utils import comm
from torch.multiprocessing.spawn import ProcessExitedException, start_processes

from synmix.errors import UserError

_USER_ERROR = 2  # the exit code of a user's mistake, as in errors.run_tool


def check_processes(num_processes: int, device: str) -> None:
    """Checks ``--num-gpus`` against what this machine has.

    Raises:
        UserError: fewer GPUs than asked for, or none at all.
    """
    if num_processes < 1:
        raise UserError(f"--num-gpus is {num_processes}, but at least one process must work; give 1 or more.")
    available = torch.cuda.device_count()
    if device.startswith("cuda") and num_processes > available:
        cure = f"give --num-gpus {available}" if available else "add MODEL.DEVICE cpu to train on the CPU"
        raise UserError(f"--num-gpus is {num_processes}, but this machine has {available} usable GPU(s); {cure}.")


def launch(
    function: Callable[..., Any],
    num_processes: int,
    num_machines: int = 1,
    machine_rank: int = 0,
    dist_url: str = "auto",
    device: str = "cuda",
    args: tuple = (),
) -> Any:
    """Runs ``function(*args)`` in every process of a training; see ``detectron2.engine.launch``.

    Args:
        num_processes: on this machine; ignored under torchrun, which says it itself.
        dist_url: where they meet; ``"auto"`` takes a free port of this machine.
        device: ``MODEL.DEVICE``; gloo connects processes on the CPU, NCCL those on GPUs.

    Returns:
        what the function returned, where it ran in this process.
    """
    if "TORCHELASTIC_RUN_ID" in os.environ:
        return _under_torchrun(function, device, args)
    if num_processes * num_machines == 1:
        return function(*args)
    if num_machines > 1 and dist_url == "auto":
        raise UserError("--dist-url is 'auto', which serves one machine only; give tcp://<first machine>:<port>.")
    previous = signal.signal(signal.SIGTERM, _pass_on)
    try:
        if device.startswith("cuda"):
            wrapped = (function, *args)
            detectron2_launch(_exit_on_user_error, num_processes, num_machines, machine_rank, dist_url, wrapped)
        else:
            _launch_on_cpu(function, num_processes, num_machines, machine_rank, dist_url, args)
    except ProcessExitedException as error:
        sys.exit(error.exit_code)  # the process has said why
    finally:
        signal.signal(signal.SIGTERM, previous)
    return None


def _pass_on(number: int, frame: Any) -> None:
    """A signal to the parent is meant for the processes that train: they save, end, and so end the parent."""
    for process in multiprocessing.active_children():
        if process.pid:
            os.kill(process.pid, number)


def _exit_on_user_error(function: Callable[..., Any], *args: Any) -> None:
    """A worker's ending as an exit code: the sentence of a user's mistake, printed once."""
    try:
        function(*args)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        os._exit(_USER_ERROR)  # not sys.exit: other ranks may never come to a collective that an exit waits for
    except KeyboardInterrupt as error:
        print(f"interrupted; {error}", file=sys.stderr, flush=True)
        os._exit(130)


def _launch_on_cpu(
    function: Callable[..., Any], num_processes: int, num_machines: int, machine_rank: int, dist_url: str, args: tuple
) -> None:
    url = f"tcp://127.0.0.1:{_free_port()}" if dist_url == "auto" else dist_url
    worker_args = (function, num_processes, num_machines, machine_rank, url, args)
    start_processes(_cpu_worker, worker_args, nprocs=num_processes, start_method="spawn")


def _cpu_worker(
    local_rank: int,
    function: Callable[..., Any],
    num_processes: int,
    num_machines: int,
    machine_rank: int,
    url: str,
    args: tuple,
) -> None:
    rank = machine_rank * num_processes + local_rank
    dist.init_process_group("gloo", url, world_size=num_machines * num_processes, rank=rank)
    _make_local_groups(num_machines, num_processes, machine_rank)
    _exit_on_user_error(function, *args)
    dist.destroy_process_group()


def _under_torchrun(function: Callable[..., Any], device: str, args: tuple) -> Any:
    on_gpu = device.startswith("cuda")
    local_size, local_rank = int(os.environ["LOCAL_WORLD_SIZE"]), int(os.environ["LOCAL_RANK"])
    check_processes(local_size, device)
    if on_gpu:
        torch.cuda.set_device(local_rank)
    dist.init_process_group("nccl" if on_gpu else "gloo")
    machines = int(os.environ["WORLD_SIZE"]) // local_size
    _make_local_groups(machines, local_size, int(os.environ["RANK"]) // local_size)
    result = function(*args)
    dist.destroy_process_group()
    return result


def _make_local_groups(num_machines: int, num_processes: int, machine_rank: int) -> None:
    """Detectron2 asks for the group of the processes on one machine; every process must make all groups."""
    for machine in range(num_machines):
        group = dist.new_group(list(range(machine * num_processes, (machine + 1) * num_processes)))
        if machine == machine_rank:
            comm._LOCAL_PROCESS_GROUP = group


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("", 0))
        return probe.getsockname()[1]
