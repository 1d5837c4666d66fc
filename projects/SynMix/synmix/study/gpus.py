"""The GPUs of this machine, shared by all runs on it: each run holds its own while it is trained.

A GPU is held by the lock of a file in the system's temporary folder, so that runs of a study, of Hydra's launchers and
of other stores keep out of each other's way, and the system frees the GPUs of a process that dies.
"""

import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from synmix.locks import BusyError, lock_file

_POLL_SECONDS = 2.0


def visible_gpus() -> list[str]:
    """The GPUs that this process may use, as ``CUDA_VISIBLE_DEVICES`` names them."""
    import synmix.before_detectron2  # noqa: F401

    import torch

    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is None:
        return [str(index) for index in range(torch.cuda.device_count())]
    return [name for name in named.split(",") if name.strip()] if torch.cuda.is_available() else []


@contextmanager
def hold_gpus(count: int, gpus: Sequence[str] | None = None) -> Iterator[tuple[int, ...]]:
    """Waits until so many GPUs are free, and holds them; all there are where there are fewer.

    Args:
        gpus: the names of the GPUs to choose from; None: :func:`visible_gpus`.

    Returns:
        their indices in that list.
    """
    known = list(visible_gpus() if gpus is None else gpus)
    wanted = min(count, len(known))
    while True:
        with ExitStack() as held:
            taken = _take(known, wanted, held)
            if len(taken) == wanted:
                yield tuple(taken)
                return
        time.sleep(_POLL_SECONDS)


def _take(known: Sequence[str], wanted: int, held: ExitStack) -> list[int]:
    """Those of the wanted GPUs that are free; whoever looks is alone in looking, so that two never take halves."""
    taken: list[int] = []
    if not wanted:
        return taken
    with lock_file(_folder() / "looking.lock", wait=True):
        for index, gpu in enumerate(known):
            if len(taken) == wanted:
                break
            try:
                held.enter_context(lock_file(_folder() / f"{gpu.replace('/', '-')}.lock"))
            except BusyError:
                continue
            taken.append(index)
    return taken


def _folder() -> Path:
    folder = Path(tempfile.gettempdir()) / f"synmix-gpus-{os.getuid()}"
    folder.mkdir(exist_ok=True)
    return folder
