"""Peak memory of the processes, by stage: the GPU's where there is one, else the process's own."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from detectron2.utils import comm
from detectron2.utils.events import get_event_storage

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def peak() -> float:
    """Peak GiB of this process since the last :func:`reset`; 0 where the system does not tell."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 2**30
    return process_peak()


def process_peak() -> float:
    """Peak GiB of main memory of this process, without its loader's workers."""
    if not _STATUS.is_file():
        return 0.0
    lines = dict(line.split(":", 1) for line in _STATUS.read_text().splitlines())
    return int(lines["VmHWM"].split()[0]) / 2**20


def reset() -> None:
    """Begins a new stage: the peak becomes what is in use now."""
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    elif _CLEAR.exists():
        _CLEAR.write_text("5")  # proc(5): resets the peak resident set size


def of_all(value: float) -> list[float]:
    """The figure of every process, on all of them."""
    return comm.all_gather(value)


@contextmanager
def stage(name: str) -> Iterator[None]:
    """A part of a run with a peak of its own, the greatest of all processes: ``memory/<name>`` in the event storage."""
    reset()
    yield
    peaks = of_all(peak())
    if comm.is_main_process():
        get_event_storage().put_scalar(f"memory/{name}", max(peaks), smoothing_hint=False)
    reset()
