"""``srun -n4 train_net.py``: the tasks of a SLURM step as the ranks of one run."""

import os
import re
import zlib
from collections.abc import Mapping

from synmix.errors import UserError
from synmix.train.ranks import Seat

_PORTS = range(20000, 32000)  # below those that systems give to outgoing connections


def slurm_seat(dist_url: str = "auto", environment: Mapping[str, str] = os.environ) -> Seat | None:
    """This process's place among the tasks of a SLURM step; None outside one, or where it is the only task. A mere
    allocation (``salloc``, a batch script) is no step: what starts ranks there does so itself.

    Raises:
        UserError: the tasks cannot find each other, or are not spread evenly.
    """
    tasks = _number(environment, "SLURM_STEP_NUM_TASKS")
    rank = _number(environment, "SLURM_PROCID")
    if tasks is None and ("SLURM_STEP_ID" in environment or (rank or 0) > 0):
        tasks = _number(environment, "SLURM_NTASKS")
    if tasks is None or tasks < 2:
        return None
    nodes = _number(environment, "SLURM_STEP_NUM_NODES") or _number(environment, "SLURM_NNODES") or 1
    layout = environment.get("SLURM_STEP_TASKS_PER_NODE", environment.get("SLURM_TASKS_PER_NODE", ""))
    if rank is None or rank >= tasks or tasks % nodes or (nodes > 1 and not re.fullmatch(r"\d+(\(x\d+\))?", layout)):
        raise UserError(
            f"SLURM started {tasks} tasks of this on {nodes} node(s) ({layout or 'their layout is not told'}), which "
            "cannot be ranks of one run; start equally many on each (srun --ntasks-per-node), or one with --num-gpus."
        )
    local_ranks = tasks // nodes
    local_rank = _number(environment, "SLURM_LOCALID")
    if local_rank is None:
        local_rank = rank % local_ranks
    step = _step(environment)
    address = _address(dist_url, nodes, step, environment)
    # The key: another step that was given the same port must not take seats here.
    return Seat(rank, tasks, local_rank, local_ranks, *address, serves=rank == 0, key=f"synmix/{step}")


def _step(environment: Mapping[str, str]) -> str:
    """What its tasks, and no others, call a step: job and number; without a job's id they agree on an address only."""
    return f"{environment.get('SLURM_JOB_ID', '')}.{environment.get('SLURM_STEP_ID', '0')}"


def _number(environment: Mapping[str, str], name: str) -> int | None:
    text = environment.get(name, "")
    return int(text) if text.isdigit() else None


def _address(dist_url: str, nodes: int, step: str, environment: Mapping[str, str]) -> tuple[str, int]:
    if dist_url != "auto":
        return parse_url(dist_url)
    listed = environment.get("SLURM_STEP_NODELIST", environment.get("SLURM_NODELIST", ""))
    if not environment.get("SLURM_JOB_ID") or (nodes > 1 and not listed):
        raise UserError(
            "SLURM started several tasks of this, but its environment does not say where they could meet "
            "(SLURM_JOB_ID, SLURM_STEP_NODELIST); give --dist-url tcp://<first node>:<port>."
        )
    port = _PORTS[zlib.crc32(step.encode()) % len(_PORTS)]
    return ("127.0.0.1" if nodes == 1 else first_node(listed)), port


def first_node(listed: str) -> str:
    """The first of SLURM's list of nodes: ``gpu[03-05,9],x1`` begins with ``gpu03``."""
    first = re.split(r",(?![^\[]*\])", listed)[0]
    return re.sub(r"\[(\w+)[^\]]*\]", r"\1", first)


def parse_url(url: str) -> tuple[str, int]:
    """Host and port of ``tcp://host:port``.

    Raises:
        UserError: it is something else.
    """
    match = re.fullmatch(r"tcp://(.+):(\d+)", url)
    if not match:
        raise UserError(f"--dist-url is '{url}', but must be 'auto' or tcp://<first machine>:<port>.")
    return match[1].strip("[]"), int(match[2])
